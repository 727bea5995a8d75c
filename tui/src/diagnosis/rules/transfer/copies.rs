//! Packets that a hook sees twice.

use probe_common::Direction;

use crate::diagnosis::claims::Claim;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::text::plural;

/// Copies before that is more than chance, and of all packets.
const COPIES: u32 = 3;
const COPIED: f64 = 0.01;

/// Packets that come twice at a hook. Where several see it, the first on the way is
/// nearest to the cause.
pub(super) fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    for ((device, direction, from, to), copied) in view.evidence.copies.iter() {
        let Some((first, last)) = copied.seen else {
            continue;
        };
        if copied.copies < COPIES || f64::from(copied.copies) < f64::from(copied.packets) * COPIED {
            continue;
        }
        let name = view.device(*device);
        let way = match direction {
            Direction::In => "come in",
            Direction::Out => "go out",
        };
        claims.push(Claim {
            kind: Kind::DUPLICATE_PACKETS,
            key: format!("{from}>{to}"),
            about: vec![*from, *to],
            sentence: format!(
                "packets from {from} to {to} {way} twice on {name}: {} of {} that were captured",
                plural(copied.copies.into(), "copy"),
                copied.packets
            ),
            since: first,
            last,
            count: copied.copies.into(),
            subjects: [
                Some(Subject::Host { address: *from }),
                Some(Subject::Host { address: *to }),
                view.device_subject(*device),
            ]
            .into_iter()
            .flatten()
            .collect(),
            evidence: vec![
                "the copies have the same IP identification and sequence number: their sender has \
                 sent them once"
                    .to_owned(),
            ],
            not_looked_at: vec!["packets that were not captured".to_owned()],
            advice: format!(
                "look for two ways from {from} to {name}: bridges without spanning tree, a bond, a \
                 mirrored port"
            ),
        });
    }
}
