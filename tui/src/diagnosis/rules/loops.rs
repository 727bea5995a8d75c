//! Packets that go around in a circle.

use crate::diagnosis::claims::Claim;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::text::plural;

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    for (destination, found) in view.evidence.hops.loops() {
        let device = view.device(found.device);
        claims.push(Claim {
            kind: Kind::ROUTING_LOOP,
            key: destination.to_string(),
            about: vec![destination],
            sentence: format!(
                "routing loop: packets from {} to {destination} pass {device} again and again, \
                 each time with a smaller TTL",
                found.source
            ),
            since: found.first,
            last: found.last,
            count: found.packets.into(),
            subjects: [
                Some(Subject::Host {
                    address: destination,
                }),
                Some(Subject::Host {
                    address: found.source,
                }),
                view.device_subject(found.device),
            ]
            .into_iter()
            .flatten()
            .collect(),
            evidence: vec![format!(
                "{} came by up to {} times with falling TTL",
                plural(found.packets.into(), "packet"),
                found.rounds + 1
            )],
            not_looked_at: Vec::new(),
            advice: format!(
                "`ip route get {destination}` on both routers: each sends it to the other"
            ),
        });
    }
}
