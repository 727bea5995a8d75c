//! Drops by the kernel that explain flows which fail. A drop alone is no
//! finding: healthy traffic causes many.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use probe_common::parse::number::ip;

use super::{count, list};
use crate::diagnosis::View;
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::datagrams::ends;
use crate::diagnosis::evidence::kernel::{Dropped, Place};
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::model::signal::Tuple;

/// Drops before that is more than chance.
const DROPS: u64 = 2;
/// A SYN that has waited for so long fails.
const WAITING: Duration = Duration::from_millis(900);

/// Flows that fail: protocol, the end that began, the other end.
#[derive(Default)]
struct Failing {
    services: HashSet<(u8, IpAddr, Endpoint)>,
}

impl Failing {
    fn of(view: &View<'_>) -> Self {
        let mut services = HashSet::new();
        for it in view.evidence.connections.iter() {
            let waits = view.now.saturating_sub(it.syn.first) > WAITING;
            if waits && it.established.is_none() {
                services.insert((ip::TCP, it.client.address, it.server));
            }
        }
        for it in view.evidence.dns.iter() {
            if it.answer.is_none() && view.now.saturating_sub(it.asked) > WAITING {
                services.insert((ip::UDP, it.client.address, it.server));
            }
        }
        for (key, it) in view.evidence.datagrams.iter() {
            let [local, remote] = ends(key);
            if super::one_way::is_one_way_by_nature(local)
                || super::one_way::is_one_way_by_nature(remote)
            {
                continue;
            }
            if it.unanswered[0] > 1 {
                services.insert((ip::UDP, remote.address, local));
            }
            if it.unanswered[1] > 1 {
                services.insert((ip::UDP, local.address, remote));
            }
        }
        for (key, health) in view.evidence.health.iter() {
            let again = health.troubled(0) + health.troubled(1);
            if again > 1 || health.stalls.iter().any(Option::is_some) {
                let [local, remote] = ends(key);
                services.insert((ip::TCP, local.address, remote));
                services.insert((ip::TCP, remote.address, local));
            }
        }
        Self { services }
    }

    /// The failing flow that a dropped packet belongs to: who began it, and the
    /// other end.
    fn find(&self, tuple: &Tuple) -> Option<(IpAddr, Endpoint)> {
        let source = Endpoint {
            address: tuple.source(),
            port: tuple.source_port,
        };
        let destination = Endpoint {
            address: tuple.destination(),
            port: tuple.destination_port,
        };
        [(source, destination), (destination, source)]
            .into_iter()
            .map(|(client, server)| (client.address, server))
            .find(|(client, server)| self.services.contains(&(tuple.protocol, *client, *server)))
    }
}

/// Drops at one place that explain the failing flows of a service.
struct Cause<'a> {
    clients: Vec<IpAddr>,
    packets: u64,
    protocol: u8,
    dropped: &'a Dropped,
}

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    let failing = Failing::of(view);
    if failing.services.is_empty() {
        return;
    }
    let mut causes: BTreeMap<(Place, Endpoint), Cause<'_>> = BTreeMap::new();
    for (place, dropped) in view.evidence.kernel.drops() {
        // A closed port is answered, which is a finding of its own. Other namespaces of
        // this machine are not the node's.
        if place.reason == "NO_SOCKET" {
            continue;
        }
        if view.evidence.kernel.namespace(place.namespace).is_none() {
            continue;
        }
        let mut by_server: HashMap<Endpoint, Cause<'_>> = HashMap::new();
        for (tuple, packets) in &dropped.flows {
            if let Some((client, server)) = failing.find(tuple) {
                let cause = by_server.entry(server).or_insert(Cause {
                    clients: Vec::new(),
                    packets: 0,
                    protocol: tuple.protocol,
                    dropped,
                });
                if !cause.clients.contains(&client) {
                    cause.clients.push(client);
                }
                cause.packets += packets;
            }
        }
        for (server, cause) in by_server {
            if cause.packets >= DROPS {
                causes.insert((place.clone(), server), cause);
            }
        }
    }
    for ((place, server), cause) in causes {
        claims.push(claim(view, &place, server, &cause));
    }
}

fn claim(view: &View<'_>, place: &Place, server: Endpoint, cause: &Cause<'_>) -> Claim {
    let Cause {
        clients,
        packets,
        protocol,
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
    let what = format!("packets between {who} and {server} ({name})");
    let reason = &place.reason;
    let (kind, sentence, advice) = match reason.as_str() {
        "NETFILTER_DROP" => (
            Kind::FIREWALL_DROP,
            format!("a firewall on {node} drops {what}"),
            "`nft list ruleset` or `iptables-save -c` there".to_owned(),
        ),
        "IP_RPFILTER" => (
            Kind::REVERSE_PATH_FILTER,
            format!("the reverse-path filter of {node} drops {what}: the route back leads elsewhere"),
            format!("`ip route get {}` there, and `sysctl net.ipv4.conf.all.rp_filter`", who),
        ),
        "NEIGH_FAILED" | "NEIGH_QUEUEFULL" => (
            Kind::NEIGHBOR_UNREACHABLE,
            format!("{node} cannot reach {}: no neighbor answers for it or its gateway", server.address),
            format!("`ip neigh` and `ip route get {}` there", server.address),
        ),
        "TC_INGRESS" | "TC_EGRESS" => (
            Kind::POLICY_DROP,
            format!("a tc program or filter on {node} drops {what}"),
            "`bpftool net` and `tc filter show dev DEVICE ingress` (and egress) there".to_owned(),
        ),
        "NOT_SPECIFIED" if place.function.starts_with("netkit") => (
            Kind::POLICY_DROP,
            format!("a program on the netkit pair of {node} drops {what}"),
            "`bpftool net` shows the programs; with Cilium: `cilium-dbg monitor -t drop`".to_owned(),
        ),
        "QDISC_DROP" | "QDISC_OVERLIMIT" | "QDISC_CONGESTED" | "FULL_RING" => (
            Kind::QDISC_DROPS,
            format!("a queueing discipline on {node} drops {what}"),
            "`tc -s qdisc show` there: limit, rate and drops".to_owned(),
        ),
        "TCP_CSUM" | "UDP_CSUM" | "IP_CSUM" | "ICMP_CSUM" => (
            Kind::CHECKSUM_ERRORS,
            format!("{what} arrive damaged on {node}: wrong checksums"),
            "look at the link and its offloads: `ethtool -k`, `ethtool -S`".to_owned(),
        ),
        "IP_INNOROUTES" | "IP_OUTNOROUTES" | "IPV6_NOROUTES" => (
            Kind::NO_ROUTE,
            format!("{node} has no route for {what}"),
            format!("`ip route get {}` there", server.address),
        ),
        "IP_INADDRERRORS" => (
            Kind::FORWARDING_OFF,
            format!("{node} does not forward {what}: they are not addressed to it"),
            "`sysctl net.ipv4.ip_forward` there".to_owned(),
        ),
        "SOCKET_RCVBUFF" | "PROTO_MEM" => (
            Kind::SOCKET_BUFFER,
            format!("the receive buffer of the socket at {server} on {node} is full: it loses datagrams"),
            format!("`ss -unmp 'sport = :{}'` there: the application reads too slowly", server.port),
        ),
        "CPU_BACKLOG" => (
            Kind::CPU_OVERLOADED,
            format!("a CPU of {node} drops {what}: its backlog is full"),
            "`cat /proc/net/softnet_stat`; spread the load (RPS) or raise `net.core.netdev_max_backlog`"
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
            .chain(clients.iter().copied())
            .collect(),
        sentence: format!("{sentence} ({})", count(packets, "packet")),
        since: dropped.first,
        last: dropped.last,
        count: packets,
        subjects: std::iter::once(match protocol {
            ip::UDP => Subject::udp(server),
            _ => Subject::tcp(server),
        })
        .chain(
            clients
                .iter()
                .take(8)
                .map(|address| Subject::Host { address: *address }),
        )
        .chain((!place.device.is_empty()).then(|| Subject::Device {
            name: place.device.clone(),
        }))
        .collect(),
        evidence: vec![format!(
            "the kernel dropped {} of these flows: {reason} in {}{}",
            count(packets, "packet"),
            place.function,
            match place.device.as_str() {
                "" => String::new(),
                device => format!(", device {device}"),
            }
        )],
        not_looked_at: Vec::new(),
        advice,
    }
}

/// Whose namespace it is.
fn place_name(view: &View<'_>, place: &Place) -> String {
    let Some(stack) = view.evidence.kernel.namespace(place.namespace) else {
        return "this machine".to_owned();
    };
    super::stack_name(view, &stack.last)
}
