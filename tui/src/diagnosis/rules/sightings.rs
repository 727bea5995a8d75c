//! Flows that somebody watches for, and peers that were not there before.

use std::net::IpAddr;

use probe_common::parse::number::ip;

use crate::diagnosis::claims::Claim;
use crate::diagnosis::evidence::datagrams::ends;
use crate::diagnosis::evidence::sightings::Sighting;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::text::plural;

/// Findings of each kind, at most: more of them are no help.
const MOST: usize = 50;

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    let sightings = &view.evidence.sightings;
    for (what, (local, remote), seen) in sightings.watched_since(view.now).take(MOST) {
        let device = view.device(seen.key.device);
        claims.push(Claim {
            kind: Kind::WATCHED_FOR,
            key: format!("{what}/{local}/{remote}"),
            about: Vec::new(),
            sentence: format!("{} appeared on {device}: {what}", flow(seen)),
            subjects: subjects(view, seen, [*local, *remote]),
            advice: "`nkview block` drops such packets for a while, if they do harm".to_owned(),
            ..claim(seen)
        });
    }
    for (slot, peer, seen) in sightings.new_since(view.now).take(MOST) {
        let device = view.device(slot);
        let [local, _] = ends(&seen.key).map(|it| it.address);
        claims.push(Claim {
            kind: Kind::NEW_PEER,
            key: format!("{device}/{peer}"),
            about: Vec::new(),
            sentence: format!("{device} talks to {peer}, which it did not in the baseline"),
            subjects: subjects(view, seen, [peer, local]),
            advice: format!("find out who {peer} is; if it belongs there, record a new baseline"),
            ..claim(seen)
        });
    }
}

/// What all of them have in common.
fn claim(seen: &Sighting) -> Claim {
    Claim {
        kind: Kind::WATCHED_FOR,
        key: String::new(),
        about: Vec::new(),
        sentence: String::new(),
        since: seen.first,
        last: seen.last,
        count: seen.packets,
        subjects: Vec::new(),
        evidence: vec![format!(
            "{} of {}",
            plural(seen.packets, "packet"),
            flow(seen)
        )],
        not_looked_at: Vec::new(),
        advice: String::new(),
    }
}

fn subjects(view: &View<'_>, seen: &Sighting, hosts: [IpAddr; 2]) -> Vec<Subject> {
    let hosts = hosts.map(|address| Subject::Host { address });
    let device = view.device_subject(seen.key.device);
    hosts.into_iter().chain(device).collect()
}

/// The first of its flows.
fn flow(seen: &Sighting) -> String {
    let [local, remote] = ends(&seen.key);
    let protocol = match seen.key.protocol {
        ip::TCP => "tcp".to_owned(),
        ip::UDP => "udp".to_owned(),
        ip::ICMP => "icmp".to_owned(),
        ip::ICMPV6 => "icmp6".to_owned(),
        number => format!("protocol {number}"),
    };
    if matches!(seen.key.protocol, ip::TCP | ip::UDP) {
        format!("{protocol} {local} ↔ {remote}")
    } else {
        format!("{protocol} {} ↔ {}", local.address, remote.address)
    }
}
