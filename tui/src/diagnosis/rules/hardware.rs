//! Packets that are sent to a hardware address which the host at the other end of the
//! device does not have: a neighbor entry that is wrong, or stale.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use probe_common::Direction;

use super::drops::Failing;
use super::{hardware, list};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::evidence::frames::SentTo;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::text::plural;

/// Packets before that is more than the change of an address.
const PACKETS: u64 = 3;
/// For so long: an address that moves is announced, or asked for again, sooner.
const LASTING: Duration = Duration::from_secs(2);

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    let lost: Vec<_> = view
        .evidence
        .frames
        .iter()
        .filter(|(_, _, _, sent)| {
            sent.packets >= PACKETS && sent.last.saturating_sub(sent.first) >= LASTING
        })
        .filter_map(|(slot, direction, mac, sent)| {
            let expected = receiver(view, slot, direction)?;
            // Who sends from it has it: a virtual machine, or what a bridge leads to.
            let mut answers = view.evidence.frames.sources(slot, other(direction));
            let is_known = answers.any(|source| source == mac || source != expected);
            (mac != expected && !is_known).then_some((slot, direction, mac, expected, sent))
        })
        .collect();
    if lost.is_empty() {
        return;
    }
    let failing = Failing::of(view);
    for (slot, direction, mac, expected, sent) in lost {
        let pairs: BTreeSet<(IpAddr, IpAddr)> = sent
            .pairs
            .iter()
            .filter(|(from, to)| failing.between(*from, *to))
            .copied()
            .collect();
        if !pairs.is_empty() {
            claims.push(claim(
                view,
                (slot, direction),
                (mac, expected),
                sent,
                &pairs,
            ));
        }
    }
}

const fn other(direction: Direction) -> Direction {
    match direction {
        Direction::In => Direction::Out,
        Direction::Out => Direction::In,
    }
}

/// The hardware address of who receives a direction of a device: its own end, or the
/// other one, where that is known.
fn receiver(view: &View<'_>, slot: u32, direction: Direction) -> Option<[u8; 6]> {
    let device = view.devices.get(&slot)?;
    let peer = device.peer.as_ref()?.device.as_ref()?;
    let mac = if view.is_sent(slot, direction as usize) {
        &peer.mac
    } else {
        &device.mac
    };
    mac.as_slice().try_into().ok()
}

fn claim(
    view: &View<'_>,
    (slot, direction): (u32, Direction),
    (mac, expected): ([u8; 6], [u8; 6]),
    sent: &SentTo,
    pairs: &BTreeSet<(IpAddr, IpAddr)>,
) -> Claim {
    let sources: BTreeSet<IpAddr> = pairs.iter().map(|(from, _)| *from).collect();
    let destinations: BTreeSet<IpAddr> = pairs.iter().map(|(_, to)| *to).collect();
    let name = view.device(slot);
    let (mac, expected) = (hardware(mac), hardware(expected));
    let (sender, receiver) = if view.is_sent(slot, direction as usize) {
        (
            "this node".to_owned(),
            format!("the host behind {name} has {expected}"),
        )
    } else {
        (
            format!("the host behind {name}"),
            format!("{name} has {expected}"),
        )
    };
    Claim {
        kind: Kind::NEIGHBOR_STALE,
        key: format!("{name}/{mac}"),
        about: sources.iter().chain(&destinations).copied().collect(),
        sentence: format!(
            "packets from {} to {} are sent on {name} to the hardware address {mac}, which nobody \
             has ({receiver}): the neighbor entry of {sender} for {} or its gateway is wrong or \
             stale",
            list(&sources),
            list(&destinations),
            list(&destinations),
        ),
        since: sent.first,
        last: sent.last,
        count: sent.packets,
        subjects: Subject::hosts(destinations.iter().chain(&sources))
            .chain(view.device_subject(slot))
            .collect(),
        evidence: vec![format!(
            "{} to {mac} captured on {name}, none from it",
            plural(sent.packets, "packet")
        )],
        not_looked_at: Vec::new(),
        advice: format!(
            "`ip neigh show` on {sender}: delete the entry with lladdr {mac} (`ip neigh del`), and \
             look for who made it permanent"
        ),
    }
}
