//! Addresses for which no host answers, or more than one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use probe_common::parse::number::ip;

use super::{hardware, span};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::neighbors::Asked;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::text::plural;

/// Questions without an answer: Linux asks three times, a second apart, before it
/// gives up (`mcast_solicit`, arp(7)).
const QUESTIONS: u32 = 3;
/// One ping to nobody is no problem: the kernel asks three times for it. Who
/// still asks after that needs the address.
const LASTING: Duration = Duration::from_millis(3200);
/// A question this long ago is over.
const RECENT: Duration = Duration::from_secs(10);

/// Changes of a hardware address before it is more than a failover and its end.
const MOVES: u32 = 4;

/// Addresses that one host asks for in vain before that is one finding and not
/// one for each.
const MANY: usize = 4;

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    // The same question may be seen on several devices, as behind a bridge.
    let mut by_address: BTreeMap<IpAddr, Vec<(u32, &Asked)>> = BTreeMap::new();
    for (device, address, asked) in view.evidence.neighbors.iter() {
        by_address.entry(address).or_default().push((device, asked));
    }
    duplicates(view, claims);
    moves(view, claims);
    let mut by_asker: BTreeMap<IpAddr, Vec<Claim>> = BTreeMap::new();
    for (address, seen) in &by_address {
        if seen.iter().any(|(_, asked)| asked.unanswered == 0) {
            continue;
        }
        let Some((device, asked)) = seen.iter().max_by_key(|(_, asked)| asked.unanswered) else {
            continue;
        };
        if let Some(claim) = unanswered(view, *address, *device, asked, &by_address) {
            by_asker.entry(asked.by).or_default().push(claim);
        }
    }
    for (asker, found) in by_asker {
        if found.len() <= MANY {
            claims.extend(found);
        } else {
            claims.extend(together(asker, found));
        }
    }
}

/// One finding for a host that asks for many addresses in vain.
fn together(asker: IpAddr, found: Vec<Claim>) -> Option<Claim> {
    let addresses: Vec<IpAddr> = found.iter().flat_map(|it| it.about.clone()).collect();
    let times: u64 = found.iter().map(|it| it.count).sum();
    let since = found.iter().map(|it| it.since).min()?;
    let last = found.iter().map(|it| it.last).max()?;
    let first = found.into_iter().next()?;
    Some(Claim {
        kind: Kind::NEIGHBOR_UNREACHABLE,
        key: format!("by/{asker}"),
        sentence: format!(
            "{asker} asks for {} addresses that nobody answers for: {}; it scans, or it answers \
             packets with forged sources",
            addresses.len(),
            super::list(&addresses)
        ),
        since,
        last,
        count: times,
        subjects: vec![Subject::Host { address: asker }],
        evidence: vec![format!(
            "{} for {} addresses without an answer",
            plural(times, "request"),
            addresses.len()
        )],
        advice: format!(
            "find out what makes {asker} talk to them: `ip neigh show nud failed` there"
        ),
        about: addresses,
        ..first
    })
}

fn unanswered(
    view: &View<'_>,
    address: IpAddr,
    device: u32,
    asked: &Asked,
    all: &BTreeMap<IpAddr, Vec<(u32, &Asked)>>,
) -> Option<Claim> {
    let lasting = asked.last.saturating_sub(asked.since) > LASTING;
    let recent = view.now.saturating_sub(asked.last) < RECENT;
    if asked.unanswered <= QUESTIONS || !lasting || !recent {
        return None;
    }
    let (protocol, family) = match address {
        IpAddr::V4(_) => ("ARP", "IPv4"),
        IpAddr::V6(_) => ("neighbor discovery", "IPv6"),
    };
    // Someone on the same device answers in the other family, or for its other
    // addresses in this one.
    let answers = |v6: bool| {
        let neighbor = all.iter().find(|(other, seen)| {
            other.is_ipv6() == v6
                && **other != asked.by
                && seen
                    .iter()
                    .any(|(at, it)| *at == device && it.unanswered == 0 && it.answered.is_some())
        });
        // Neighbors that are known are not asked for; what is answered over the
        // device shows that they are there.
        let connection = || {
            let mut of = view.evidence.connections.iter();
            of.find(|it| {
                it.key.device == device
                    && it.established.is_some()
                    && it.server.address.is_ipv6() == v6
            })
        };
        neighbor
            .map(|(other, _)| *other)
            .or_else(|| connection().map(|it| it.server.address))
    };
    let elsewhere = answers(!address.is_ipv6());
    let here = answers(address.is_ipv6());
    let wanted = Wanted::of(view, address, asked.by);
    let name = view.device(device);
    let times = plural(asked.unanswered.into(), "request");
    let time = span(asked.last.saturating_sub(asked.since));
    let mut evidence = vec![format!(
        "{protocol}: {times} of {} for {address} on {name} in {time}, no answer",
        asked.by
    )];
    let (kind, sentence) = match (elsewhere, here) {
        (Some(other), None) if address.is_ipv6() => {
            evidence.push(format!("{other} on the same device answers over IPv4"));
            (
                Kind::NEIGHBOR_ONE_FAMILY,
                format!(
                    "{} cannot reach {address} on {name}: neighbor discovery gets no answer \
                     ({times} in {time}), while IPv4 works there ({other} answers): only {family} \
                     is broken{}",
                    asked.by,
                    wanted.waiting(address)
                ),
            )
        }
        _ => {
            let role = wanted.role();
            (
                Kind::NEIGHBOR_UNREACHABLE,
                format!(
                    "nobody answers {protocol} for {address}: {} sent {times} in {time} on \
                     {name}; {role}{}",
                    asked.by,
                    wanted.waiting(address)
                ),
            )
        }
    };
    let flag = if address.is_ipv6() { " -6" } else { "" };
    Some(Claim {
        kind,
        key: address.to_string(),
        about: std::iter::once(address)
            .chain(wanted.servers.iter().map(|it| it.address))
            .collect(),
        sentence,
        since: asked.since,
        last: asked.last,
        count: asked.unanswered.into(),
        subjects: [
            Some(Subject::Host { address }),
            Some(Subject::Host { address: asked.by }),
            view.device_subject(device),
        ]
        .into_iter()
        .flatten()
        .collect(),
        evidence,
        not_looked_at: Vec::new(),
        advice: format!(
            "`ip{flag} neigh show {address}` and `ip{flag} route get {address}` where {} lives; \
             check that {address} is right and its host is up",
            asked.by
        ),
    })
}

/// Who waits for the answer, as far as it is known: from the packets that the asker
/// gave up, and from connections to the address itself.
#[derive(Default)]
struct Wanted {
    clients: BTreeSet<IpAddr>,
    servers: BTreeSet<Endpoint>,
    /// Whether packets to the address itself wait.
    itself: bool,
    /// Whether packets to other addresses wait: it is their gateway.
    beyond: bool,
}

impl Wanted {
    fn of(view: &View<'_>, address: IpAddr, asker: IpAddr) -> Self {
        let mut wanted = Self::default();
        for it in view.evidence.connections.iter() {
            if it.server.address == address && it.established.is_none() {
                wanted.add(it.client.address, it.server, address);
            }
        }
        for (place, dropped) in view.evidence.kernel.drops() {
            let function = place.function.as_str();
            let is_neighbor = place.reason.starts_with("NEIGH_")
                || [
                    "neigh_invalidate",
                    "ip6_link_failure",
                    "ndisc_error_report",
                    "arp_error_report",
                ]
                .contains(&function);
            if !is_neighbor || view.evidence.kernel.namespace(place.namespace).is_none() {
                continue;
            }
            for tuple in dropped.flows.keys() {
                let has_ports = [ip::TCP, ip::UDP].contains(&tuple.protocol);
                let server = Endpoint {
                    address: tuple.destination(),
                    port: if has_ports { tuple.destination_port } else { 0 },
                };
                // Another destination may wait for another neighbor, unless the
                // asker itself sends.
                if server.address == address || tuple.source() == asker {
                    wanted.add(tuple.source(), server, address);
                }
            }
        }
        wanted
    }

    fn add(&mut self, client: IpAddr, server: Endpoint, address: IpAddr) {
        self.itself |= server.address == address;
        self.beyond |= server.address != address;
        self.clients.insert(client);
        self.servers.insert(server);
    }

    const fn role(&self) -> &'static str {
        match (self.itself, self.beyond) {
            (true, _) => "the host is down, or not on this network",
            (false, true) => "it is a gateway, which is down, or not on this network",
            (false, false) => {
                "the host or gateway with that address is down, or not on this network"
            }
        }
    }

    /// Which traffic waits, as an addition to a sentence.
    fn waiting(&self, address: IpAddr) -> String {
        if self.clients.is_empty() {
            return String::new();
        }
        let there: BTreeSet<String> = self
            .servers
            .iter()
            .filter(|it| self.itself == (it.address == address))
            .map(|it| {
                if self.itself {
                    it.to_string()
                } else {
                    it.address.to_string()
                }
            })
            .collect();
        format!(
            "; traffic of {} to {} waits for it",
            super::list(&self.clients),
            super::list(there)
        )
    }
}

fn duplicates(view: &View<'_>, claims: &mut Vec<Claim>) {
    for (address, asker, replies) in view.evidence.neighbors.conflicts() {
        let Some((at, times)) = replies.conflict else {
            continue;
        };
        // Once is a machine that was replaced; again and again they fight.
        if times < 2 {
            continue;
        }
        let macs: Vec<String> = replies.macs.iter().map(|(mac, _)| hardware(*mac)).collect();
        claims.push(Claim {
            kind: Kind::DUPLICATE_ADDRESS,
            key: address.to_string(),
            about: vec![address],
            sentence: format!(
                "two hosts use the address {address}: {} both answer the ARP requests of {asker}",
                macs.join(" and ")
            ),
            since: replies.macs.iter().map(|it| it.1).min().unwrap_or(at),
            last: at,
            count: times.into(),
            subjects: vec![Subject::Host { address }, Subject::Host { address: asker }],
            evidence: vec![format!(
                "answers from different hardware addresses came within seconds, {times} times"
            )],
            not_looked_at: Vec::new(),
            advice: format!("find both: `ip neigh show {address}`, `arping -D {address}`"),
        });
    }
}

/// Addresses that go from one hardware address to another and back. A failover
/// moves one once.
fn moves(view: &View<'_>, claims: &mut Vec<Claim>) {
    for (device, address, sender) in view.evidence.neighbors.moves() {
        let Some((first, last)) = sender.changed else {
            continue;
        };
        if sender.changes < MOVES || view.now.saturating_sub(last) > RECENT {
            continue;
        }
        let name = view.device(device);
        let macs = super::list(sender.macs.iter().map(|mac| hardware(*mac)));
        claims.push(Claim {
            kind: Kind::MAC_FLAPPING,
            key: address.to_string(),
            about: vec![address],
            sentence: format!(
                "the hardware address of {address} keeps changing on {name}: {} between {macs} in \
                 {}",
                plural(sender.changes.into(), "change"),
                span(last.saturating_sub(first))
            ),
            since: first,
            last,
            count: sender.changes.into(),
            subjects: std::iter::once(Subject::Host { address })
                .chain(view.device_subject(device))
                .collect(),
            evidence: vec![format!(
                "ARP of {address} on {name} came from {macs}, in turn"
            )],
            not_looked_at: Vec::new(),
            advice: format!(
                "find out who has {address}: two hosts, a pair of routers that fight (VRRP), or a \
                 bond without LACP; `ip monitor neigh`, `bridge monitor fdb`"
            ),
        });
    }
}
