//! What the network stacks of the node and of its pods report by themselves.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{list, stack_name};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::kernel::StackHistory;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::model::stack::StackCounters;
use crate::text::plural;

/// Events before that is more than an accident.
const EVENTS: u64 = 3;
/// Damaged packets: one in a million is normal, and a short look sees none.
const DAMAGED: u64 = 3;
/// Packets that a queueing discipline drops: TCP's own way to find the rate
/// drops one now and then.
const QDISC_DROPS: u64 = 10;
/// Packets that a CPU drops: a burst that ends at once is none that anybody notices.
const BACKLOG_DROPS: u64 = 10;
/// Addresses that a counter is about.
const HOSTS: usize = 16;

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    for stack in view.evidence.kernel.stacks() {
        accept_queue(view, stack, claims);
        counters(view, stack, claims);
        qdiscs(view, stack, claims);
        duplicates(view, stack, claims);
    }
    backlogs(view, claims);
}

/// CPUs whose backlog of incoming packets is full.
fn backlogs(view: &View<'_>, claims: &mut Vec<Claim>) {
    let drops = view.evidence.kernel.drops();
    let flows = drops
        .filter(|(place, _)| place.reason == "CPU_BACKLOG")
        .flat_map(|(_, dropped)| dropped.flows.keys());
    let hosts: BTreeSet<IpAddr> = flows
        .flat_map(|flow| [flow.source(), flow.destination()])
        .take(HOSTS)
        .collect();
    let whose = match hosts.is_empty() {
        true => String::new(),
        false => format!(", in traffic of {}", list(&hosts)),
    };
    for (cpu, (first, last, dropped)) in &view.evidence.kernel.softnet {
        if *dropped < BACKLOG_DROPS {
            continue;
        }
        claims.push(Claim {
            kind: Kind::CPU_OVERLOADED,
            key: format!("cpu{cpu}"),
            about: hosts.iter().copied().collect(),
            sentence: format!(
                "CPU {cpu} cannot keep up: its backlog is full, and it has dropped {}{whose}",
                plural(*dropped, "incoming packet")
            ),
            since: *first,
            last: *last,
            count: *dropped,
            subjects: Subject::hosts(&hosts).collect(),
            evidence: vec![format!(
                "/proc/net/softnet_stat: {dropped} drops on CPU {cpu}"
            )],
            not_looked_at: Vec::new(),
            advice: "spread the load (RSS, RPS) or raise `net.core.netdev_max_backlog`".to_owned(),
        });
    }
}

/// The watched devices that lead to a namespace, as slots.
fn slots(view: &View<'_>, stack: &StackHistory) -> BTreeSet<u32> {
    view.devices
        .iter()
        .filter(|(_, device)| stack.last.devices.contains(&device.index))
        .map(|(slot, _)| *slot)
        .collect()
}

/// Whom a claim about a namespace concerns: servers, of many only the first, their
/// clients, and the watched devices that lead there.
pub fn subjects(
    view: &View<'_>,
    stack: &StackHistory,
    servers: &BTreeSet<Endpoint>,
    clients: &BTreeSet<IpAddr>,
) -> Vec<Subject> {
    const SERVERS: usize = 4;
    let servers = servers.iter().take(SERVERS).map(|it| Subject::Host {
        address: it.address,
    });
    servers
        .chain(Subject::hosts(clients))
        .chain(devices(view, stack))
        .collect()
}

/// The addresses of servers and their clients.
pub fn addresses(servers: &BTreeSet<Endpoint>, clients: &BTreeSet<IpAddr>) -> Vec<IpAddr> {
    let servers = servers.iter().map(|it| it.address);
    servers.chain(clients.iter().copied()).collect()
}

/// The watched devices that lead to a namespace, to go to.
fn devices(view: &View<'_>, stack: &StackHistory) -> Vec<Subject> {
    view.devices
        .values()
        .filter(|device| stack.last.devices.contains(&device.index))
        .map(|device| Subject::Device {
            name: device.name.clone(),
        })
        .collect()
}

/// The ends of the flows that do badly on some of the watched devices.
pub fn troubled(view: &View<'_>, is_there: impl Fn(u32) -> bool) -> BTreeSet<IpAddr> {
    let flows = view.evidence.health.suspects().filter(|(key, health)| {
        is_there(key.device) && health.troubled(0) + health.troubled(1) > 0
    });
    flows
        .flat_map(|(key, _)| crate::diagnosis::evidence::datagrams::ends(key))
        .map(|it| it.address)
        .collect()
}

fn accept_queue(view: &View<'_>, stack: &StackHistory, claims: &mut Vec<Claim>) {
    let (overflows, since) = stack.sum(|it| it.tcp_listen_overflows);
    let (drops, _) = stack.sum(|it| it.tcp_listen_drops);
    if overflows < EVENTS {
        return;
    }
    let full: Vec<_> = stack
        .last
        .listeners
        .iter()
        .filter(|it| it.limit > 0 && it.queued >= it.limit)
        .collect();
    // Its addresses here are those of connections to its ports.
    let ports: BTreeSet<u16> = full.iter().map(|it| it.address.port()).collect();
    let slots = slots(view, stack);
    let servers: BTreeSet<_> = view
        .evidence
        .connections
        .iter()
        .filter(|it| it.established.is_none() && it.reset.is_none())
        .filter(|it| ports.is_empty() || ports.contains(&it.server.port))
        .filter(|it| stack.last.is_own || slots.contains(&it.key.device))
        .map(|it| it.server)
        .collect();
    let about: Vec<IpAddr> = servers.iter().map(|it| it.address).collect();
    let name = stack_name(view, &stack.last);
    let whose = if servers.is_empty() {
        match ports.len() {
            0 => "a listener".to_owned(),
            _ => format!("port {}", list(&ports)),
        }
    } else {
        list(&servers)
    };
    let mut evidence = vec![format!(
        "TcpExtListenOverflows grew by {overflows}, TcpExtListenDrops by {drops}"
    )];
    evidence.extend(full.iter().map(|it| {
        format!(
            "{}: {} connections wait to be accepted, {} fit",
            it.address, it.queued, it.limit
        )
    }));
    claims.push(Claim {
        kind: Kind::ACCEPT_QUEUE_FULL,
        key: format!("{}/{whose}", stack.last.namespace),
        about,
        sentence: format!(
            "the accept queue of {whose} on {name} is full: {} dropped; the application accepts too \
             slowly, or its backlog is too small",
            plural(overflows, "connection attempt")
        ),
        since,
        last: view.now,
        count: overflows,
        subjects: servers
            .iter()
            .map(|it| Subject::tcp(*it))
            .chain(devices(view, stack))
            .collect(),
        evidence,
        not_looked_at: Vec::new(),
        advice: match ports.first() {
            Some(port) => format!("`ss -ltnp 'sport = :{port}'` there: Recv-Q above Send-Q"),
            None => "`ss -ltnp` there: Recv-Q above Send-Q".to_owned(),
        },
    });
}

/// A counter that names its cause by itself.
struct Row {
    kind: Kind,
    counter: fn(&StackCounters) -> u64,
    least: u64,
    name: &'static str,
    /// Why the kernel drops what is counted, by which its flows are found.
    reasons: &'static [&'static str],
    sentence: &'static str,
    advice: &'static str,
}

const ROWS: &[Row] = &[
    Row {
        kind: Kind::CHECKSUM_ERRORS,
        counter: |it| it.tcp_checksum_errors + it.udp_checksum_errors + it.udp6_checksum_errors,
        least: DAMAGED,
        name: "InCsumErrors",
        reasons: &["TCP_CSUM", "UDP_CSUM"],
        sentence: "packets arrive damaged at",
        advice: "look at the link and its offloads: `ethtool -k`, `ethtool -S`",
    },
    Row {
        kind: Kind::SOCKET_BUFFER,
        counter: |it| it.udp_receive_buffer_errors + it.udp6_receive_buffer_errors,
        least: EVENTS,
        name: "RcvbufErrors",
        reasons: &["SOCKET_RCVBUFF"],
        sentence: "a UDP socket's receive buffer overflows at",
        advice: "`ss -unmp` there: the socket with drops (d…) in skmem reads too slowly",
    },
    Row {
        kind: Kind::FRAGMENTS,
        counter: |it| it.ip_reassembly_failures + it.ip6_reassembly_failures,
        least: EVENTS,
        name: "ReasmFails",
        reasons: &["FRAG_REASM_TIMEOUT", "FRAG_TOO_FAR", "DUP_FRAG"],
        sentence: "fragmented packets are never complete at",
        advice: "look for loss on the way, or a filter that drops fragments",
    },
];

fn counters(view: &View<'_>, stack: &StackHistory, claims: &mut Vec<Claim>) {
    for row in ROWS {
        let (sum, since) = stack.sum(row.counter);
        if sum < row.least {
            continue;
        }
        let name = stack_name(view, &stack.last);
        let slots = slots(view, stack);
        let mut about = troubled(view, |slot| slots.contains(&slot));
        let dropped = view.evidence.kernel.drops().filter(|(place, _)| {
            place.namespace == stack.last.namespace && row.reasons.contains(&place.reason.as_str())
        });
        let addresses = dropped
            .flat_map(|(_, dropped)| dropped.flows.keys())
            .flat_map(|flow| [flow.source(), flow.destination()]);
        about.extend(addresses.take(HOSTS));
        let hosts = match about.len() {
            0 => String::new(),
            _ => format!(", in traffic of {}", list(&about)),
        };
        claims.push(Claim {
            kind: row.kind,
            key: format!("{}", stack.last.namespace),
            sentence: format!("{} {name}{hosts}: {}", row.sentence, plural(sum, "packet")),
            since,
            last: view.now,
            count: sum,
            subjects: Subject::hosts(&about).chain(devices(view, stack)).collect(),
            about: about.into_iter().collect(),
            evidence: vec![format!("{} of {name} grew by {sum}", row.name)],
            not_looked_at: Vec::new(),
            advice: row.advice.to_owned(),
        });
    }
}

fn qdiscs(view: &View<'_>, stack: &StackHistory, claims: &mut Vec<Claim>) {
    for ((device, _), (since, drops, qdisc)) in &stack.qdiscs {
        if *drops < QDISC_DROPS {
            continue;
        }
        let name = stack_name(view, &stack.last);
        let link = stack.last.links.iter().find(|link| link.index == *device);
        let device = link.map_or_else(|| format!("device {device}"), |link| link.name.clone());
        // What does badly on the way through it.
        let about = troubled(view, |slot| {
            view.devices
                .get(&slot)
                .is_some_and(|it| it.name == device || stack.last.devices.contains(&it.index))
        });
        claims.push(Claim {
            kind: Kind::QDISC_DROPS,
            key: format!("{}/{device}", stack.last.namespace),
            sentence: format!(
                "the queueing discipline {} on {device} of {name} has dropped {}{}",
                qdisc.kind,
                plural(*drops, "packet"),
                match about.len() {
                    0 => String::new(),
                    _ => format!(", in traffic of {}", list(&about)),
                }
            ),
            since: *since,
            last: view.now,
            count: *drops,
            subjects: std::iter::once(Subject::Device {
                name: device.clone(),
            })
            .chain(Subject::hosts(&about))
            .collect(),
            about: about.into_iter().collect(),
            evidence: vec![format!(
                "{} dropped {drops}, {} over the limit, {} bytes wait",
                qdisc.kind, qdisc.overlimits, qdisc.backlog
            )],
            not_looked_at: Vec::new(),
            advice: format!("`tc -s qdisc show dev {device}` there: rate, limit and drops"),
        });
    }
}

fn duplicates(view: &View<'_>, stack: &StackHistory, claims: &mut Vec<Claim>) {
    for duplicate in &stack.last.duplicates {
        let name = stack_name(view, &stack.last);
        let address = duplicate.address;
        claims.push(Claim {
            kind: Kind::DUPLICATE_ADDRESS,
            key: address.to_string(),
            about: vec![address],
            sentence: format!(
                "another host uses the address {address} of {name} as well: duplicate address \
                 detection failed"
            ),
            since: view.now,
            last: view.now,
            count: 1,
            subjects: vec![Subject::Host { address }],
            evidence: vec!["the address is marked dadfailed".to_owned()],
            not_looked_at: Vec::new(),
            advice: format!("`ip -6 addr show to {address}` there; find the other host"),
        });
    }
}
