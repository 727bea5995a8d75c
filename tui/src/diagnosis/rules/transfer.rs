//! Connections that are established and do badly: loss, stalls, closed windows,
//! round-trip times that grow.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use hashbrown::HashMap;
use probe_common::{Direction, FlowKey};

use super::{list, span};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::datagrams::ends;
use crate::diagnosis::evidence::health::{Health, Side};
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::text::plural;

/// Of all bytes: tail loss probes alone make up to 0.5 % on a busy, healthy
/// machine.
const LOSS: f64 = 0.01;
/// Of all bytes, what no late timer explains.
const HEAVY_LOSS: f64 = 0.05;
/// Retransmissions that are more than chance, and intervals that have some.
const RETRANSMISSIONS: u64 = 8;
const INTERVALS: usize = 3;
/// How far back sums reach.
const WINDOW: Duration = Duration::from_secs(20);
/// Data that nothing comes back for: two retransmission timeouts or more.
const STALLED: Duration = Duration::from_millis(1800);
const SENT_AGAIN: u64 = 3;
/// Idle for this long before: shorter than any timeout of a middlebox that is worth
/// its name would be without a finding.
const IDLE: Duration = Duration::from_secs(3);
/// A payload that fills a packet, of the smallest MTU that IPv6 allows, rather
/// than a small one.
const FULL_SIZED: u64 = 1100;
/// A window that stays closed; a reader that is only slow opens it again.
const CLOSED: Duration = Duration::from_millis(1500);
/// What window probes add up to.
const PROBES: u64 = 2000;
/// Copies before that is more than chance, and of all packets.
const COPIES: u32 = 3;
const COPIED: f64 = 0.01;
/// Intervals with keep-alives that nobody answers.
const KEEPALIVES: u32 = 3;
/// Intervals in which the round-trip time has been far above the least.
const BLOATED: u32 = 3;

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    loss(view, claims);
    stalls(view, claims);
    windows(view, claims);
    bloat(view, claims);
    copies(view, claims);
    keepalives(view, claims);
}

/// The client and the server of a flow: by its SYN, or else by the ports.
fn roles(view: &View<'_>, key: &FlowKey) -> (Endpoint, Endpoint) {
    if let Some(connection) = view.evidence.connections.get(key) {
        return (connection.client, connection.server);
    }
    let [local, remote] = ends(key);
    if local.port < remote.port {
        (remote, local)
    } else {
        (local, remote)
    }
}

/// Who sends a direction, and who receives it: in is towards the local end.
fn sender(key: &FlowKey, direction: usize) -> (Endpoint, Endpoint) {
    let [local, remote] = ends(key);
    if direction == 0 {
        (remote, local)
    } else {
        (local, remote)
    }
}

/// The process that holds the socket of an end, if it is known.
fn owner(view: &View<'_>, health: &Health, direction: usize) -> Option<Subject> {
    let owner = view.evidence.kernel.owner(health.cookies[direction]?)?;
    Some(Subject::Process {
        pid: owner.pid,
        command: owner.command.clone(),
    })
}

/// A direction of a flow.
type Sending<'a> = (FlowKey, usize, &'a Health);

/// What one pair of hosts lost at one device.
#[derive(Default)]
struct Lost {
    sum: Side,
    /// Repeated acknowledgments of the other direction.
    asked_for: u64,
    troubled: usize,
}

/// The pairs of hosts that lose, worst first; what shares an end with a worse one
/// has the same cause, and is evidence of that.
fn loss(view: &View<'_>, claims: &mut Vec<Claim>) {
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

fn pairs_that_lose(view: &View<'_>, claims: &mut Vec<Claim>) {
    let since = view.now.saturating_sub(WINDOW);
    let mut pairs: BTreeMap<(IpAddr, IpAddr), BTreeMap<u32, Lost>> = BTreeMap::new();
    // The last device before the receiver, where it is watched.
    let mut last: HashMap<(IpAddr, IpAddr), u32> = HashMap::new();
    for (key, health) in view.evidence.health.iter() {
        let sums = health.sums(since);
        for (at, sum) in sums.iter().enumerate() {
            // A stall is a finding of its own.
            if health.stalls[at].is_some() || sum.packets == 0 {
                continue;
            }
            let (from, to) = sender(key, at);
            let lost = pairs
                .entry((from.address, to.address))
                .or_default()
                .entry(key.device)
                .or_default();
            if at == Direction::Out as usize {
                last.insert((from.address, to.address), key.device);
            }
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
        if again < RETRANSMISSIONS || share < LOSS || lost.troubled < INTERVALS {
            continue;
        }
        // A segment that is lost among others leaves a gap, or is asked for by
        // several acknowledgments (RFC 5681). What its sender repeats since the
        // answer was late has neither: once that is no more than what a machine that
        // is busy does to its own timers, it says nothing about the network.
        let asked_for = lost.sum.gaps * 2 + lost.asked_for >= again * 2;
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
            "{} of {from} to {to} sent again on {name} ({:.1} % of the bytes), {} in the sequence",
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
        let spurious = spurious(view);
        let (kind, sentence, advice) = if spurious * 3 > again {
            evidence.push(format!(
                "{} duplicate SACKs: what was sent again had arrived",
                spurious
            ));
            let place = if lost.sum.gaps * 2 > again || lost.sum.gaps > RETRANSMISSIONS {
                format!("before {name}")
            } else {
                format!("behind {name}")
            };
            (
                Kind::REORDERING,
                format!(
                    "segments from {from} to {to} are reordered or duplicated {place}: {again} sent \
                     again ({:.1} % of the bytes), although they had arrived",
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
                    "{:.1} % of what {from} sends to {to} is lost before {name}, or comes there out of \
                     order: {} in the sequence, {again} sent again",
                    share * 100.0,
                    plural(lost.sum.gaps, "gap"),
                ),
                format!(
                    "look at the path from {from} to {name}: `tc -s qdisc`, `ip -s link`, `nstat -az | grep Reorder`"
                ),
            )
        } else {
            (
                Kind::PACKET_LOSS,
                format!(
                    "{:.1} % of what {from} sends to {to} is lost behind {behind}: {} sent again",
                    share * 100.0,
                    plural(again, "segment"),
                ),
                format!(
                    "look at the path from {behind} to {to}: `tc -s qdisc`, `ip -s link`, and the devices beyond"
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

fn stalls(view: &View<'_>, claims: &mut Vec<Claim>) {
    let mut servers: BTreeMap<(Kind, Endpoint), Vec<Sending<'_>>> = BTreeMap::new();
    for (key, health) in view.evidence.health.iter() {
        for at in [0, 1] {
            let Some(stall) = health.stalls[at] else {
                continue;
            };
            let time = health.last.saturating_sub(stall.since);
            if stall.retransmitted < SENT_AGAIN || time < STALLED {
                continue;
            }
            let size = stall.retransmitted_bytes / stall.retransmitted.max(1);
            let kind = if stall.idle_before >= IDLE && size < FULL_SIZED {
                Kind::CONNECTION_LOST
            } else if size >= FULL_SIZED {
                Kind::MTU_BLACK_HOLE
            } else {
                Kind::STALLED
            };
            let (_, server) = roles(view, key);
            servers
                .entry((kind, server))
                .or_default()
                .push((*key, at, health));
        }
    }
    for ((kind, server), flows) in servers {
        let Some((key, at, health)) = flows.first() else {
            continue;
        };
        let Some(stall) = health.stalls[*at] else {
            continue;
        };
        let (from, to) = sender(key, *at);
        let clients: BTreeSet<IpAddr> = flows
            .iter()
            .map(|(key, ..)| roles(view, key).0.address)
            .collect();
        let again: u64 = flows
            .iter()
            .filter_map(|(_, at, health)| health.stalls[*at])
            .map(|it| it.retransmitted)
            .sum();
        let size = stall.retransmitted_bytes / stall.retransmitted.max(1);
        let time = span(health.last.saturating_sub(stall.since));
        // Whoever is asked now answers: the way is open, the old state is gone.
        let answers = view.evidence.connections.iter().any(|it| {
            it.server.address == server.address
                && it.established.is_some_and(|when| when >= stall.since)
        });
        let (sentence, advice) = match kind {
            Kind::CONNECTION_LOST => {
                let fresh = if answers {
                    ", while new connections are answered"
                } else {
                    ""
                };
                (
                    format!(
                        "a connection of {} to {server} is dead after {} of idleness{fresh}: something \
                         on the way has probably forgotten it",
                        list(&clients),
                        span(stall.idle_before),
                    ),
                    "let TCP keepalive be sent more often than the idle timeout of the firewall or \
                     NAT on the way"
                        .to_owned(),
                )
            }
            Kind::MTU_BLACK_HOLE => (
                format!(
                    "packets of full size from {} to {} vanish: segments of {size} bytes are sent \
                     again and again without an answer, small packets pass; probably an MTU black \
                     hole",
                    from.address, to.address
                ),
                format!(
                    "`tracepath -n {}` from {}; check the MTU on the way, and that ICMP \
                     \"fragmentation needed\" is not filtered; `sysctl net.ipv4.tcp_mtu_probing=1` \
                     works around it",
                    to.address, from.address
                ),
            ),
            _ => (
                format!(
                    "a connection between {} and {server} is stalled: {} of {} for {time} without an \
                     answer",
                    list(&clients),
                    plural(again, "retransmission"),
                    from
                ),
                format!("`ss -tio dst {}` on {}", to.address, from.address),
            ),
        };
        claims.push(Claim {
            kind,
            key: format!("{server}"),
            about: vec![server.address, from.address, to.address],
            sentence,
            since: stall.since,
            last: health.last,
            count: again,
            subjects: [
                Some(Subject::tcp(server)),
                view.device_subject(key.device),
                owner(view, health, *at),
            ]
            .into_iter()
            .flatten()
            .chain(
                clients
                    .iter()
                    .take(8)
                    .map(|address| Subject::Host { address: *address }),
            )
            .collect(),
            evidence: vec![format!(
                "{from} to {to}: {} ({size} bytes each) in {time}, nothing came back",
                plural(stall.retransmitted, "retransmission"),
            )],
            not_looked_at: Vec::new(),
            advice,
        });
    }
}

fn windows(view: &View<'_>, claims: &mut Vec<Claim>) {
    let mut seen = BTreeSet::new();
    for (key, health) in view.evidence.health.iter() {
        for at in [0, 1] {
            let Some((closed, since_then)) = health.closed[at] else {
                continue;
            };
            let (reader, writer) = sender(key, at);
            let time = view.now.saturating_sub(closed);
            // The writer still probes, and nothing else gets through.
            if time < CLOSED
                || since_then > PROBES
                || view.now.saturating_sub(health.last) > Duration::from_secs(15)
                || !seen.insert((reader, writer))
            {
                continue;
            }
            let process = owner(view, health, at);
            let who = match &process {
                Some(Subject::Process { pid, command }) => {
                    format!("{command} (pid {pid}) at {reader}")
                }
                _ => format!("{reader}"),
            };
            claims.push(Claim {
                kind: Kind::ZERO_WINDOW,
                key: format!("{reader}<{writer}"),
                about: vec![reader.address],
                sentence: format!(
                    "{who} does not read: its receive window is closed for {}, and {writer} waits to \
                     send",
                    span(time)
                ),
                since: closed,
                last: view.now,
                count: health.sums(Duration::ZERO)[at].zero_windows,
                subjects: [
                    Some(Subject::flow(writer, reader, "tcp")),
                    Some(Subject::Host { address: reader.address }),
                    process,
                    view.device_subject(key.device),
                ]
                .into_iter()
                .flatten()
                .collect(),
                evidence: vec![format!(
                    "{reader} sent window 0 {} ago; since then {writer} sent {since_then} bytes",
                    span(time)
                )],
                not_looked_at: Vec::new(),
                advice: format!("`ss -tmp dst {}` where {} lives: Recv-Q is full", writer.address, reader.address),
            });
        }
    }
}

/// Packets that come twice at a hook. Where several see it, the first on the way is
/// nearest to the cause.
fn copies(view: &View<'_>, claims: &mut Vec<Claim>) {
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

/// Idle connections whose keep-alives are not answered.
fn keepalives(view: &View<'_>, claims: &mut Vec<Claim>) {
    let mut servers: BTreeMap<Endpoint, Vec<Sending<'_>>> = BTreeMap::new();
    for (key, health) in view.evidence.health.iter() {
        for at in [0, 1] {
            let is_dead = health.probing[at].is_some_and(|it| {
                it.intervals >= KEEPALIVES
                    // More than a few a second are acknowledgments of data that goes
                    // another way.
                    && it.packets <= u64::from(it.intervals) * 2
            });
            if is_dead && health.stalls[at].is_none() {
                let (_, server) = roles(view, key);
                servers.entry(server).or_default().push((*key, at, health));
            }
        }
    }
    for (server, flows) in servers {
        let Some((key, at, health)) = flows.first() else {
            continue;
        };
        let Some(probing) = health.probing[*at] else {
            continue;
        };
        let (from, to) = sender(key, *at);
        let time = span(health.last.saturating_sub(probing.since));
        let clients: BTreeSet<IpAddr> = flows
            .iter()
            .map(|(key, ..)| roles(view, key).0.address)
            .collect();
        claims.push(Claim {
            kind: Kind::KEEPALIVE_UNANSWERED,
            key: format!("{server}"),
            about: vec![server.address, from.address, to.address],
            sentence: format!(
                "an idle connection of {} to {server} is dead: {to} answers none of {} of {from} in \
                 {time}",
                list(&clients),
                plural(probing.packets, "keep-alive"),
            ),
            since: probing.since,
            last: health.last,
            count: flows.len() as u64,
            subjects: [
                Some(Subject::tcp(server)),
                view.device_subject(key.device),
                owner(view, health, *at),
            ]
            .into_iter()
            .flatten()
            .chain(
                clients
                    .iter()
                    .take(8)
                    .map(|address| Subject::Host { address: *address }),
            )
            .collect(),
            evidence: vec![format!(
                "{} without data from {from} to {to}, nothing came back",
                plural(probing.packets, "packet")
            )],
            not_looked_at: Vec::new(),
            advice: format!(
                "`ss -to dst {}` on {}: timer:(keepalive…) counts them; check whether {} is up and \
                 whether a firewall on the way has forgotten the connection",
                to.address, from.address, to.address
            ),
        });
    }
}

fn bloat(view: &View<'_>, claims: &mut Vec<Claim>) {
    let mut hosts: BTreeMap<IpAddr, Vec<Sending<'_>>> = BTreeMap::new();
    for (key, health) in view.evidence.health.iter() {
        if health.bloated >= BLOATED
            && view.now.saturating_sub(health.last) < Duration::from_secs(5)
        {
            for at in [0, 1] {
                if health.sockets[at].is_some() {
                    let (_, to) = sender(key, at);
                    hosts
                        .entry(to.address)
                        .or_default()
                        .push((*key, at, health));
                }
            }
        }
    }
    for (to, flows) in hosts {
        let Some((key, at, health)) = flows.first() else {
            continue;
        };
        let Some(socket) = health.sockets[*at] else {
            continue;
        };
        let (from, _) = sender(key, *at);
        let micros = |time: u32| span(Duration::from_micros(time.into()));
        let least = socket.min_rtt.unwrap_or(socket.srtt);
        claims.push(Claim {
            kind: Kind::HIGH_LATENCY,
            key: to.to_string(),
            about: vec![to],
            sentence: format!(
                "the round trip from {} to {to} takes {}, at best {}: a queue on the way is full",
                from.address,
                micros(socket.srtt),
                micros(least)
            ),
            since: view.now.saturating_sub(Duration::from_secs(health.bloated.into())),
            last: view.now,
            count: flows.len() as u64,
            subjects: vec![Subject::Host { address: to }, Subject::Host { address: from.address }],
            evidence: vec![format!(
                "smoothed round-trip time {} against the least {} on {}",
                micros(socket.srtt),
                micros(least),
                plural(flows.len() as u64, "connection")
            )],
            not_looked_at: Vec::new(),
            advice: "`tc -s qdisc` on the way shows a backlog; fq_codel or a smaller queue keeps it short"
                .to_owned(),
        });
    }
}
