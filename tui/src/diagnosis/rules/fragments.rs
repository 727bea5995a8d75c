//! UDP datagrams that are sent in fragments and get no answer, where others do.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{list, span};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::evidence::datagrams::ends;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::text::plural;

/// Datagrams without an answer, and for how long.
const DATAGRAMS: u64 = 3;
const LASTING: Duration = Duration::from_secs(3);
/// A pause after which silence is no longer a question that was not answered.
const RECENT: Duration = Duration::from_secs(5);

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    let datagrams = &view.evidence.datagrams;
    if !datagrams.has_fragments() {
        return;
    }
    let mut found = BTreeSet::new();
    for (key, exchange) in datagrams.iter() {
        let [local, remote] = ends(key);
        // In is sent by the remote end, out by the local one.
        for (side, from, to) in [(0, remote, local), (1, local, remote)] {
            let packets = exchange.unanswered[side];
            let time = view.now.saturating_sub(exchange.one_way_since);
            let is_recent = view.now.saturating_sub(exchange.last()) < RECENT;
            if packets < DATAGRAMS
                || time < LASTING
                || !is_recent
                || super::one_way::is_one_way_by_nature(to)
            {
                continue;
            }
            let on = |slot: u32| datagrams.fragments(slot, from.address, to.address);
            if on(key.device) < packets {
                continue;
            }
            // What fits one packet is answered there.
            let is_answered = datagrams.iter().any(|(other, it)| {
                ends(other).contains(&to) && it.sent.iter().all(Option::is_some)
            });
            let is_first = found.insert((from.address, to));
            if !is_answered || !is_first {
                continue;
            }
            // The devices that the first fragments passed, with the rest and without.
            let devices: BTreeSet<u32> = datagrams
                .iter()
                .filter(|(other, _)| {
                    let ends = ends(other);
                    ends.contains(&from) && ends.contains(&to)
                })
                .map(|(other, _)| other.device)
                .collect();
            let (with, without): (BTreeSet<u32>, BTreeSet<u32>) =
                devices.into_iter().partition(|slot| on(*slot) > 0);
            let name = |slots: &BTreeSet<u32>| list(slots.iter().map(|it| view.device(*it)));
            let place = match without.is_empty() {
                true => format!("beyond {}", name(&with)),
                false => format!("between {} and {}", name(&with), name(&without)),
            };
            claims.push(Claim {
                kind: Kind::FRAGMENTS,
                key: format!("{}/{to}", from.address),
                about: vec![to.address, from.address],
                sentence: format!(
                    "{} gets no answer from {to} to UDP datagrams that are sent in fragments ({} in \
                     {}), while smaller ones are answered: fragments are lost {place}",
                    from.address,
                    plural(packets, "datagram"),
                    span(time)
                ),
                since: exchange.one_way_since,
                last: exchange.last(),
                count: packets,
                subjects: [
                    Some(Subject::udp(to)),
                    Some(Subject::Host {
                        address: from.address,
                    }),
                    view.device_subject(key.device),
                ]
                .into_iter()
                .flatten()
                .collect(),
                evidence: vec![format!(
                    "{} and {} behind them from {from} to {to} on {}, none back",
                    plural(packets, "first fragment"),
                    on(key.device),
                    view.device(key.device)
                )],
                not_looked_at: Vec::new(),
                advice: format!(
                    "look for a filter that drops fragments on the way to {}; or keep datagrams \
                     below the MTU",
                    to.address
                ),
            });
        }
    }
}
