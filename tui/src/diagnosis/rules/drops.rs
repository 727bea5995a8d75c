//! Drops by the kernel that explain flows which fail. A drop alone is no
//! finding: healthy traffic causes many.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hashbrown::HashMap;
use probe_common::parse::number::ip;

pub use self::failing::Failing;
use self::failing::endpoint;
use super::list;
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::kernel::{Dropped, Place};
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::model::Tuple;
use crate::text::plural;

mod failing;

/// Drops before that is more than chance.
const DROPS: u64 = 2;
/// Packets that never left before that is an application which tries again.
const UNSEEN: u64 = 3;

/// Drops at one place that explain the failing flows of a service.
struct Cause<'a> {
    clients: Vec<IpAddr>,
    packets: u64,
    protocol: u8,
    /// Whether a part of what is sent gets through.
    is_partial: bool,
    /// Whether it is fragments that are dropped.
    are_fragments: bool,
    /// Whether no device has seen a packet of these flows.
    never_left: bool,
    dropped: &'a Dropped,
}

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    if view.evidence.kernel.drops().next().is_none() {
        return;
    }
    let failing = Failing::of(view);
    let mut causes: BTreeMap<(Place, Endpoint), Cause<'_>> = BTreeMap::new();
    for (place, dropped) in view.evidence.kernel.drops() {
        // A TTL that is used up is reported by ICMP, and is what traceroute wants.
        if place.reason == "IP_INHDR" && place.function.ends_with("_forward") {
            continue;
        }
        // A closed port is answered, which is a finding of its own. Other namespaces of
        // this machine are not the node's.
        if place.reason == "NO_SOCKET" || is_of_tcp_itself(&place.reason) {
            continue;
        }
        if view.evidence.kernel.namespace(place.namespace).is_none() {
            continue;
        }
        let mut by_server: HashMap<Endpoint, Cause<'_>> = HashMap::new();
        for (tuple, packets) in &dropped.flows {
            let fragments = failing.in_fragments(tuple);
            let leaving = || leaving(place, tuple);
            let found = failing.find(tuple).or(fragments);
            if let Some((client, server)) = found.or_else(leaving) {
                let cause = by_server.entry(server).or_insert(Cause {
                    clients: Vec::new(),
                    packets: 0,
                    protocol: tuple.protocol,
                    is_partial: true,
                    are_fragments: fragments.is_some(),
                    never_left: true,
                    dropped,
                });
                cause.never_left &= found.is_none();
                cause.is_partial &= failing.is_partial(tuple.protocol, client, server);
                if !cause.clients.contains(&client) {
                    cause.clients.push(client);
                }
                cause.packets += packets;
            }
        }
        for (server, cause) in by_server {
            let least = if cause.never_left { UNSEEN } else { DROPS };
            if cause.packets >= least {
                causes.insert((place.clone(), server), cause);
            }
        }
    }
    for ((place, server), cause) in causes {
        let services = failing.services_of(server, cause.dropped);
        claims.push(claim(view, &place, server, &services, &cause));
    }
}

fn claim(
    view: &View<'_>,
    place: &Place,
    server: Endpoint,
    services: &BTreeSet<Endpoint>,
    cause: &Cause<'_>,
) -> Claim {
    let Cause {
        clients,
        packets,
        protocol,
        is_partial,
        are_fragments,
        never_left,
        dropped,
    } = cause;
    let (packets, protocol) = (*packets, *protocol);
    let name = match protocol {
        ip::TCP => "TCP",
        ip::UDP => "UDP",
        _ => "IP",
    };
    let node = place_name(view, place);
    let who = list(clients);
    let backend = match services.is_empty() {
        true => String::new(),
        false => format!(", a backend of {}", list(services)),
    };
    let what = format!("packets between {who} and {server} ({name}){backend}");
    let reason = &place.reason;
    let block = view.evidence.blocks.on(&place.device, dropped.last);
    let (kind, sentence, advice) = match reason.as_str() {
        _ if *are_fragments => (
            Kind::FRAGMENTS,
            format!(
                "fragments never complete: {node} drops fragments of {what} ({reason} in {})",
                place.function
            ),
            "`nft list ruleset` or `iptables-save -c` there: rules about fragments, or about ports, \
             which only the first fragment has"
                .to_owned(),
        ),
        "NETFILTER_DROP" if *never_left => (
            Kind::FIREWALL_DROP,
            format!(
                "a firewall of {node} drops what {who} sends to {server} ({name}) before it leaves"
            ),
            "`nft list ruleset` or `iptables-save -c` there: the output chain".to_owned(),
        ),
        "NETFILTER_DROP" if *is_partial => (
            Kind::PACKET_LOSS,
            format!("a firewall of {node} drops some of the {what}"),
            "`nft list ruleset` or `iptables-save -c` there: rules with limits or chance".to_owned(),
        ),
        "NETFILTER_DROP" => (
            Kind::FIREWALL_DROP,
            format!("a firewall of {node} drops {what}"),
            "`nft list ruleset` or `iptables-save -c` there".to_owned(),
        ),
        "IP_RPFILTER" => (
            Kind::REVERSE_PATH_FILTER,
            format!("the reverse-path filter of {node} drops {what}: the route back leads elsewhere"),
            format!("`ip route get {}` there, and `sysctl net.ipv4.conf.all.rp_filter`", who),
        ),
        "NEIGH_FAILED" | "NEIGH_QUEUEFULL" => (
            Kind::NEIGHBOR_UNREACHABLE,
            format!(
                "{node} cannot reach {server} for {who}: no neighbor answers for it or its \
                 gateway{}",
                match backend.is_empty() {
                    true => String::new(),
                    false => format!("; it is{}", backend.trim_start_matches(',')),
                }
            ),
            format!("`ip neigh` and `ip route get {}` there", server.address),
        ),
        "SOCKET_FILTER" => (
            Kind::POLICY_DROP,
            format!("a filter on the socket {server} on {node} drops {what}"),
            format!("`ss -lbn 'sport = :{}'` there shows it (SO_ATTACH_FILTER)", server.port),
        ),
        "TC_INGRESS" | "TC_EGRESS" if block.is_some() => (
            Kind::POLICY_DROP,
            format!("a tc program of {node}, probably nkview's block, drops {what}"),
            "`nkview block --list`; if it is not that, `bpftool net` there".to_owned(),
        ),
        "TC_INGRESS" | "TC_EGRESS" => (
            Kind::POLICY_DROP,
            format!("a tc program or filter of {node} drops {what}"),
            "`bpftool net` and `tc filter show dev DEVICE ingress` (and egress) there".to_owned(),
        ),
        "NOT_SPECIFIED" if place.function.starts_with("netkit") => (
            Kind::POLICY_DROP,
            format!("a program on the netkit pair to {node} drops {what}"),
            "`bpftool net` shows the programs; with Cilium: `cilium-dbg monitor -t drop`".to_owned(),
        ),
        "QDISC_DROP" | "QDISC_OVERLIMIT" | "QDISC_CONGESTED" | "FULL_RING" => (
            Kind::QDISC_DROPS,
            format!("a queueing discipline on {} drops {what}", queue_name(view, place, &node)),
            "`tc -s qdisc show` there: limit, rate and drops".to_owned(),
        ),
        "TCP_CSUM" | "UDP_CSUM" | "IP_CSUM" | "ICMP_CSUM" => (
            Kind::CHECKSUM_ERRORS,
            format!("{what} arrive damaged at {node}: their checksums are wrong"),
            "look at the link and its offloads: `ethtool -k`, `ethtool -S`".to_owned(),
        ),
        "IP_INNOROUTES" | "IP_OUTNOROUTES" | "IPV6_NOROUTES" => (
            Kind::NO_ROUTE,
            format!("{node} has no route for {what}"),
            format!("`ip route get {}` there", server.address),
        ),
        "NOT_SPECIFIED" if ["ip_error", "ip6_pkt_discard", "ip6_pkt_prohibit"].contains(&place.function.as_str()) => (
            Kind::NO_ROUTE,
            format!("a route of {node} rejects {what}: unreachable, prohibit or blackhole"),
            format!("`ip route get {}` there", server.address),
        ),
        "PKT_TOO_BIG" => (
            Kind::MTU_BLACK_HOLE,
            format!("{what} are too big for the next link of {node}, and the sender does not learn of it"),
            "`ip link` there shows the MTUs; ICMP \"fragmentation needed\" must reach the sender".to_owned(),
        ),
        "IP_INADDRERRORS" => (
            Kind::FORWARDING_OFF,
            format!("{node} does not forward {what}: they are not addressed to it"),
            "`sysctl net.ipv4.ip_forward` there".to_owned(),
        ),
        "SOCKET_RCVBUFF" | "PROTO_MEM" => (
            Kind::SOCKET_BUFFER,
            format!("the receive buffer of the UDP socket {server} on {node} overflows: it drops datagrams of {who}"),
            format!("`ss -unmp 'sport = :{}'` there: the application reads too slowly", server.port),
        ),
        "TCP_LISTEN_OVERFLOW" => (
            Kind::ACCEPT_QUEUE_FULL,
            format!("the accept queue of {server} on {node} is full: connection attempts of {who} are dropped"),
            format!("`ss -ltnp 'sport = :{}'` there: Recv-Q above Send-Q", server.port),
        ),
        "CPU_BACKLOG" => (
            Kind::CPU_OVERLOADED,
            format!("a CPU of {node} drops {what}: its backlog is full"),
            "`cat /proc/net/softnet_stat`; spread the load (RPS) or raise \
             `net.core.netdev_max_backlog`"
                .to_owned(),
        ),
        _ => (
            Kind::KERNEL_DROP,
            format!("the kernel of {node} drops {what}: {reason} in {}", place.function),
            "`nkview stream --json` lists drops by reason and place".to_owned(),
        ),
    };
    Claim {
        kind,
        key: format!("{}/{server}", place.function),
        about: std::iter::once(server.address)
            .chain(services.iter().map(|it| it.address))
            .chain(clients.iter().copied())
            .collect(),
        sentence: format!("{sentence} ({})", plural(packets, "packet")),
        since: dropped.first,
        last: dropped.last,
        count: packets,
        subjects: std::iter::once(match protocol {
            ip::UDP => Subject::udp(server),
            _ => Subject::tcp(server),
        })
        .chain(Subject::hosts(clients))
        .chain((!place.device.is_empty()).then(|| Subject::Device {
            name: place.device.clone(),
        }))
        .collect(),
        evidence: std::iter::once(format!(
            "the kernel dropped {} of these flows: {reason} in {}{}",
            plural(packets, "packet"),
            place.function,
            match place.device.as_str() {
                "" => String::new(),
                device => format!(", device {device}"),
            }
        ))
        .chain(
            block
                .filter(|_| kind == Kind::POLICY_DROP)
                .map(|own| format!("nkview blocks {}", own.block.rule)),
        )
        .collect(),
        not_looked_at: Vec::new(),
        advice,
    }
}

/// A packet that the firewall of its sender drops before it leaves, and who sends it
/// where: no device sees such a flow. Packets on their way out have no device yet; what
/// a firewall keeps from coming in may be meant.
fn leaving(place: &Place, tuple: &Tuple) -> Option<(IpAddr, Endpoint)> {
    let server = endpoint(tuple.destination(), tuple.destination_port);
    let is_request = [ip::TCP, ip::UDP].contains(&tuple.protocol)
        && tuple.destination_port < tuple.source_port
        && !super::one_way::is_for_many(server.address);
    (place.reason == "NETFILTER_DROP" && place.device.is_empty() && is_request)
        .then(|| (tuple.source(), server))
}

/// What TCP discards by its own rules, such as old data or segments of a connection
/// that is closed: consequences of what is wrong, never its cause.
pub(super) fn is_of_tcp_itself(reason: &str) -> bool {
    const CAUSES: [&str; 4] = ["TCP_CSUM", "TCP_LISTEN_OVERFLOW", "TCP_MD5", "TCP_AO"];
    reason.starts_with("TCP_") && !CAUSES.iter().any(|it| reason.starts_with(it))
}

/// Where a queueing discipline is, and its kind.
fn queue_name(view: &View<'_>, place: &Place, node: &str) -> String {
    let stack = view.evidence.kernel.namespace(place.namespace);
    let kind = stack.and_then(|stack| {
        let link = stack.last.links.iter().find(|it| it.name == place.device)?;
        let of = stack
            .last
            .qdiscs
            .iter()
            .filter(|it| it.device == link.index);
        of.max_by_key(|it| it.drops).map(|it| it.kind.clone())
    });
    match (place.device.as_str(), kind) {
        ("", _) => node.to_owned(),
        (device, None) => format!("{device} of {node}"),
        (device, Some(kind)) => format!("{device} of {node} ({kind})"),
    }
}

/// Whose namespace it is.
pub(super) fn place_name(view: &View<'_>, place: &Place) -> String {
    let Some(stack) = view.evidence.kernel.namespace(place.namespace) else {
        return "this machine".to_owned();
    };
    super::stack_name(view, &stack.last)
}
