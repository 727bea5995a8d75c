//! Segments that are sent again, and who lost the first.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};

use super::sender;
use crate::diagnosis::claims::Claim;
use crate::diagnosis::evidence::health::Side;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::text::plural;

/// Of all bytes, what no late timer explains.
const HEAVY_LOSS: f64 = 0.05;
/// Retransmissions that are more than chance, and intervals that have some.
const RETRANSMISSIONS: u64 = 8;
const INTERVALS: usize = 3;
/// How far back sums reach.
const WINDOW: Duration = Duration::from_secs(20);

/// The pairs of hosts that lose, worst first; what shares an end with a worse one
/// has the same cause, and is evidence of that.
pub(super) fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    let mut found = Vec::new();
    pairs_that_lose(view, &mut found);
    found.sort_by_key(|it| std::cmp::Reverse(it.count));
    let mut kept: Vec<Claim> = Vec::new();
    for claim in found {
        let same = kept
            .iter_mut()
            .find(|it| it.about.iter().any(|who| claim.about.contains(who)));
        match same {
            Some(worse) => worse.evidence.extend(claim.evidence),
            None => kept.push(claim),
        }
    }
    claims.extend(kept);
}

/// What one pair of hosts lost at one device.
#[derive(Default)]
struct Lost {
    sum: Side,
    /// Repeated acknowledgments of the other direction.
    asked_for: u64,
    troubled: usize,
}

fn pairs_that_lose(view: &View<'_>, claims: &mut Vec<Claim>) {
    let since = view.now.saturating_sub(WINDOW);
    let mut pairs: BTreeMap<(IpAddr, IpAddr), BTreeMap<u32, Lost>> = BTreeMap::new();
    let mut again: HashMap<(IpAddr, IpAddr, u32), u64> = HashMap::new();
    for (key, health) in view.evidence.health.suspects() {
        for at in [0, 1] {
            let retransmitted = health.retransmitted(at);
            if retransmitted > 0 {
                let (from, to) = sender(key, at);
                *again
                    .entry((from.address, to.address, key.device))
                    .or_default() += retransmitted;
            }
        }
    }
    // Most flows that had to send something again are none of a pair that loses.
    let lose: HashSet<(IpAddr, IpAddr)> = again
        .into_iter()
        .filter(|(_, retransmitted)| *retransmitted >= RETRANSMISSIONS)
        .map(|((from, to, _), _)| (from, to))
        .collect();
    if lose.is_empty() {
        return;
    }
    // The first device behind the sender and the last before the receiver, where they
    // are watched.
    let mut first: HashMap<(IpAddr, IpAddr), u32> = HashMap::new();
    let mut last: HashMap<(IpAddr, IpAddr), u32> = HashMap::new();
    for (key, health) in view.evidence.health.iter() {
        let ends = [0, 1].map(|at| sender(key, at));
        if !ends
            .iter()
            .any(|(from, to)| lose.contains(&(from.address, to.address)))
        {
            continue;
        }
        let sums = health.sums(since);
        for (at, sum) in sums.iter().enumerate() {
            // A stall is a finding of its own.
            if health.stalls[at].is_some() || sum.packets == 0 {
                continue;
            }
            let (from, to) = ends[at];
            let lost = pairs
                .entry((from.address, to.address))
                .or_default()
                .entry(key.device)
                .or_default();
            let of_way = if view.is_sent(key.device, at) {
                &mut last
            } else {
                &mut first
            };
            of_way.insert((from.address, to.address), key.device);
            lost.sum += *sum;
            lost.asked_for += sums[1 - at].duplicate_acks;
            lost.troubled += health.troubled(at);
        }
    }
    for ((from, to), devices) in pairs {
        // The device that shows most of it.
        let worst = devices
            .iter()
            .max_by_key(|(_, it)| it.sum.retransmitted.max(it.sum.gaps));
        let Some((device, lost)) = worst else {
            continue;
        };
        let share = lost.sum.retransmitted_bytes as f64 / lost.sum.bytes.max(1) as f64;
        let again = lost.sum.retransmitted;
        if again < RETRANSMISSIONS
            || share * 100.0 < view.thresholds.loss
            || lost.troubled < INTERVALS
        {
            continue;
        }
        // A segment that is lost among others leaves a gap, or is asked for by
        // several acknowledgments (RFC 5681). What its sender repeats since the
        // answer was late has neither: once that is no more than what a machine that
        // is busy does to its own timers, it says nothing about the network. Such a
        // repetition is answered once (RFC 2883), by a duplicate; what is lost is asked
        // for twice or more, where acknowledgments are not lost as well.
        let asked_for = (lost.sum.gaps * 2 + lost.asked_for) * 2 >= again * 3;
        let is_heavy = share >= HEAVY_LOSS && again >= RETRANSMISSIONS * 2;
        if !asked_for && !is_heavy {
            continue;
        }
        let name = view.device(*device);
        // Where a device nearer to the sender saw none of it again, what came
        // late here was overtaken, not lost.
        let others: Vec<_> = devices
            .iter()
            .filter(|(other, _)| *other != device)
            .collect();
        let overtaken = others.iter().find(|(_, it)| {
            it.sum.retransmitted * 4 < again && it.sum.packets * 2 > lost.sum.packets
        });
        let mut evidence = vec![format!(
            "{} from {from} to {to} retransmitted on {name} ({:.1} % of the bytes), {} in the \
             sequence numbers",
            plural(again, "segment"),
            share * 100.0,
            plural(lost.sum.gaps, "gap"),
        )];
        if let Some((other, it)) = overtaken {
            evidence.push(format!(
                "on {} only {} of them",
                view.device(**other),
                it.sum.retransmitted
            ));
        }
        // What a receiver on this host has received twice was not lost on its way:
        // the acknowledgment was late or lost.
        let gaps = devices.values().map(|it| it.sum.gaps).max().unwrap_or(0);
        let arrived = last.get(&(from, to)).filter(|slot| {
            devices
                .get(slot)
                .is_some_and(|it| it.sum.retransmitted * 4 >= again * 3)
                && received_twice(view, **slot) * 4 >= again
        });
        if arrived.is_some() && gaps * 4 < again {
            continue;
        }
        // Loss is behind the last device that saw what was sent again twice.
        let behind = last
            .get(&(from, to))
            .filter(|slot| {
                devices
                    .get(slot)
                    .is_some_and(|it| it.sum.retransmitted * 2 > again)
            })
            .map_or_else(|| name.clone(), |slot| view.device(*slot));
        // And before the first that saw the gaps.
        let before = first
            .get(&(from, to))
            .filter(|slot| {
                devices
                    .get(slot)
                    .is_some_and(|it| it.sum.gaps * 2 > lost.sum.gaps)
            })
            .map_or_else(|| name.clone(), |slot| view.device(*slot));
        let spurious = spurious(view);
        let (kind, sentence, advice) = if spurious * 3 > again {
            evidence.push(format!(
                "{} duplicate SACKs: what was retransmitted had arrived",
                spurious
            ));
            let place = if lost.sum.gaps * 2 > again || lost.sum.gaps > RETRANSMISSIONS {
                format!("before {before}")
            } else {
                format!("behind {behind}")
            };
            (
                Kind::REORDERING,
                format!(
                    "segments from {from} to {to} are reordered or duplicated {place}: {again} \
                     retransmitted ({:.1} % of the bytes) although they had arrived",
                    share * 100.0
                ),
                "look for parallel paths (bonds, ECMP, several queues) on the way".to_owned(),
            )
        } else if let Some((other, _)) = overtaken {
            (
                Kind::REORDERING,
                format!(
                    "segments from {from} to {to} are reordered between {} and {name}: {again} came \
                     late ({:.1} % of the bytes)",
                    view.device(**other),
                    share * 100.0
                ),
                "look for parallel paths (bonds, ECMP, several queues) in between".to_owned(),
            )
        } else if lost.sum.gaps * 2 > again {
            (
                Kind::PACKET_LOSS,
                format!(
                    "{:.1} % of what {from} sends to {to} is lost before {before}, or arrives there out \
                     of order: {} in the sequence numbers, {again} retransmitted",
                    share * 100.0,
                    plural(lost.sum.gaps, "gap"),
                ),
                format!(
                    "look at the path from {from} to {before}: `tc -s qdisc`, `ip -s link`, `nstat \
                     -az | grep Reorder`"
                ),
            )
        } else {
            (
                Kind::PACKET_LOSS,
                format!(
                    "{:.1} % of what {from} sends to {to} is lost behind {behind}: {} \
                     retransmitted",
                    share * 100.0,
                    plural(again, "segment"),
                ),
                format!(
                    "look at the path from {behind} to {to}: `tc -s qdisc`, `ip -s link`, and the \
                     devices beyond"
                ),
            )
        };
        claims.push(Claim {
            kind,
            key: format!("{from}>{to}"),
            about: vec![from, to],
            sentence,
            since,
            last: view.now,
            count: again,
            subjects: [
                Some(Subject::Host { address: to }),
                Some(Subject::Host { address: from }),
                view.device_subject(*device),
            ]
            .into_iter()
            .flatten()
            .collect(),
            evidence,
            not_looked_at: Vec::new(),
            advice,
        });
    }
}

/// How many segments the namespace behind a device has reported as received twice
/// (D-SACK, RFC 2883).
fn received_twice(view: &View<'_>, slot: u32) -> u64 {
    let index = view.devices.get(&slot).map(|it| it.index);
    let mut stacks = view.evidence.kernel.stacks();
    let behind = stacks
        .find(|it| !it.last.is_own && index.is_some_and(|index| it.last.devices.contains(&index)));
    behind.map_or(0, |it| it.sum(|it| it.tcp_duplicate_sacks_sent).0)
}

/// How often receivers in the namespaces of this host have reported, or received, that
/// a segment came twice.
fn spurious(view: &View<'_>) -> u64 {
    let sums = view.evidence.kernel.stacks().map(|stack| {
        let sent = stack.sum(|it| it.tcp_duplicate_sacks_sent).0;
        let received = stack.sum(|it| it.tcp_duplicate_sacks_received).0;
        sent.max(received)
    });
    sums.max().unwrap_or(0)
}
