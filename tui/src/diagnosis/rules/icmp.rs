//! ICMP errors.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use hashbrown::HashSet;
use probe_common::parse::number::{ip, port};

use super::list;
use super::target::Target;
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::{Endpoint, IcmpKind};
use crate::diagnosis::evidence::icmp::{Reported, Subject as About};
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::text::plural;

/// Errors before that is more than one attempt. Senders limit their rate, one a
/// second and destination in Linux (`icmp_ratelimit`), so there are no more.
const ERRORS: u32 = 2;
/// Errors about UDP ports: late answers to a client that has gone cause some.
const PORT_ERRORS: u32 = 3;
/// Traceroute makes TTLs run out on purpose.
const TRACEROUTE: std::ops::RangeInclusive<u16> = 33434..=33534;

/// What errors of one cause have in common: what they report, who sends them, and
/// the protocol and destination of the packets that they speak of.
type Group = (IcmpKind, IpAddr, u8, Endpoint);

/// What is reported about which destination of which protocol.
type Matter = (IcmpKind, u8, Endpoint);

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    let behind = behind_services(view);
    // One cause: the same error by the same host about the same destination.
    let mut groups: BTreeMap<Group, Vec<(&About, &Reported)>> = BTreeMap::new();
    for (about, reported) in view.evidence.icmp.iter() {
        if behind.contains(&(about.kind, about.protocol, about.destination)) {
            continue;
        }
        let mut destination = about.destination;
        if about.kind != IcmpKind::PortUnreachable && about.kind != IcmpKind::Prohibited {
            // It is about the address; the ports of attempts differ.
            destination.port = 0;
        }
        groups
            .entry((about.kind, about.from, about.protocol, destination))
            .or_default()
            .push((about, reported));
    }
    for ((kind, from, protocol, destination), of) in groups {
        error(
            view,
            (kind, from, protocol, destination),
            &of,
            &behind,
            claims,
        );
    }
}

/// Errors about backends that are also reported about the service whose address is
/// translated to them: between its client and the translation.
fn behind_services(view: &View<'_>) -> HashSet<Matter> {
    let errors = || view.evidence.icmp.iter().map(|(about, _)| about);
    let all: HashSet<Matter> = errors()
        .map(|it| (it.kind, it.protocol, it.destination))
        .collect();
    let backends = errors().flat_map(|it| {
        let backends = view
            .evidence
            .translations
            .backends(it.protocol, it.destination);
        backends.map(|backend| (it.kind, it.protocol, backend))
    });
    backends.filter(|it| all.contains(it)).collect()
}

fn error(
    view: &View<'_>,
    (error, from, protocol, destination): (IcmpKind, IpAddr, u8, Endpoint),
    of: &[(&About, &Reported)],
    behind: &HashSet<Matter>,
    claims: &mut Vec<Claim>,
) {
    let times: u32 = of.iter().map(|(_, reported)| reported.count).sum();
    let sources: BTreeSet<IpAddr> = of.iter().map(|(it, _)| it.source).collect();
    let ports: BTreeSet<u16> = of.iter().map(|(it, _)| it.destination.port).collect();
    // Errors about one port of a host are about that.
    let mut destination = destination;
    if let [port] = ports.iter().collect::<Vec<_>>().as_slice()
        && [ip::TCP, ip::UDP].contains(&protocol)
        && !TRACEROUTE.contains(*port)
    {
        destination.port = **port;
    }
    // Backends that report nothing themselves are not those that fail.
    let failing: BTreeSet<Endpoint> = view
        .evidence
        .translations
        .backends(protocol, destination)
        .filter(|backend| behind.contains(&(error, protocol, *backend)))
        .collect();
    let target = match failing.is_empty() {
        true => Target::of(view, protocol, destination),
        false => Target::new(destination, failing, |backends| {
            format!(
                "connection tracking translates {destination} to {backends}, about which the same \
                 is reported"
            )
        }),
    };
    let firewall = firewall(view, protocol, &sources, destination);
    let last = of.iter().map(|(_, it)| it.last).max().unwrap_or(view.now);
    let first = of.iter().map(|(_, it)| it.first).min().unwrap_or(view.now);
    if view.now.saturating_sub(last) > Duration::from_secs(30) {
        return;
    }
    // Who was let through after that, is.
    let works_again = view.evidence.connections.iter().any(|it| {
        it.server.address == destination.address
            && ports.contains(&it.server.port)
            && sources.contains(&it.client.address)
            && it.established.is_some_and(|when| when > last)
    });
    if works_again && error != IcmpKind::TooBig {
        return;
    }
    let who = list(&sources);
    let what = match protocol {
        ip::TCP => "TCP",
        ip::UDP => "UDP",
        ip::ICMP | ip::ICMPV6 => "ICMP",
        _ => "IP",
    };
    let (kind, sentence, advice) = match error {
        // A closed port answers with RST.
        IcmpKind::PortUnreachable if protocol == ip::TCP => (
            Kind::PROHIBITED,
            format!(
                "a firewall at {from} does not let {who} reach {destination}: it rejects TCP with \
                 ICMP port unreachable"
            ),
            format!("check the firewall rules of {from}"),
        ),
        IcmpKind::PortUnreachable => {
            // What comes back to a client that no longer waits, of which DNS
            // makes some, and traceroute's end.
            let is_late = of.iter().all(|(_, it)| it.source_port == port::DNS)
                || TRACEROUTE.contains(&destination.port);
            if times < PORT_ERRORS || is_late {
                return;
            }
            (
                Kind::PORT_UNREACHABLE,
                match target.is_translated() {
                    true => format!(
                        "nothing listens behind {what} {target}: {who} gets ICMP port unreachable \
                         from {from}"
                    ),
                    false => format!(
                        "nothing listens on {what} port {} of {}: {who} gets ICMP port unreachable \
                         from {from}",
                        destination.port, destination.address
                    ),
                },
                format!(
                    "on {}: `ss -lun 'sport = :{}'` shows whether anything listens",
                    target.end().address,
                    target.end().port
                ),
            )
        }
        IcmpKind::Prohibited => (
            Kind::PROHIBITED,
            format!(
                "{from} does not let {who} reach {destination}: ICMP administratively prohibited"
            ),
            format!("check the firewall rules of {from}"),
        ),
        IcmpKind::NoRoute => (
            Kind::NO_ROUTE,
            match &firewall {
                Some(node) => format!(
                    "a firewall of {node} rejects packets from {who} to {destination} ({what}) with \
                     ICMP network unreachable from {from}"
                ),
                None => format!(
                    "{from} has no route to {destination}: {who} gets ICMP network unreachable"
                ),
            },
            format!("on {from}: `ip route get {}`", destination.address),
        ),
        IcmpKind::HostUnreachable => {
            if from == destination.address {
                return;
            }
            (
                Kind::HOST_UNREACHABLE,
                match &firewall {
                    Some(node) => format!(
                        "a firewall of {node} rejects packets from {who} to {destination} ({what}) \
                         with ICMP host unreachable from {from}"
                    ),
                    None => format!(
                        "{who} cannot reach {destination} ({what}): {from} reports host unreachable"
                    ),
                },
                format!("on {from}: `ip neigh show {}`", destination.address),
            )
        }
        IcmpKind::TimeExceeded => {
            let is_traceroute = ports
                .iter()
                .all(|port| TRACEROUTE.contains(port) || *port == 0)
                || protocol == ip::ICMP
                || protocol == ip::ICMPV6;
            if is_traceroute || times < PORT_ERRORS {
                return;
            }
            (
                Kind::TIME_EXCEEDED,
                format!(
                    "packets from {who} to {} exceed their TTL at {from}: probably a routing loop \
                     behind it",
                    destination.address
                ),
                format!(
                    "`mtr -n {}` shows where they go around",
                    destination.address
                ),
            )
        }
        IcmpKind::TooBig => {
            let mtu = of.iter().map(|(_, it)| it.mtu).min().unwrap_or(0);
            (
                Kind::PATH_MTU,
                format!(
                    "the path MTU from {who} to {} is {mtu} bytes, as {from} reports",
                    destination.address
                ),
                format!(
                    "nothing, as long as data flows; `tracepath -n {}` shows the MTU of the path",
                    destination.address
                ),
            )
        }
        IcmpKind::ReassemblyTimeout => (
            Kind::FRAGMENTS,
            format!(
                "fragmented packets from {who} to {} are never complete: {from} reports that \
                 reassembly timed out",
                destination.address
            ),
            "look for loss or a filter that drops fragments on the way".to_owned(),
        ),
        IcmpKind::ProtocolUnreachable | IcmpKind::ParameterProblem => return,
    };
    let enough = if error == IcmpKind::TooBig { 1 } else { ERRORS };
    if times < enough {
        return;
    }
    let subject = |end: Endpoint| match protocol {
        _ if end.port == 0 => Subject::Host {
            address: end.address,
        },
        ip::UDP => Subject::udp(end),
        _ => Subject::tcp(end),
    };
    let mut subjects = vec![subject(destination)];
    if target.end() != destination {
        subjects.push(subject(target.end()));
    }
    if from != destination.address {
        subjects.push(Subject::Host { address: from });
    }
    subjects.extend(Subject::hosts(&sources));
    let slot = of.iter().map(|(_, it)| it.device).min();
    subjects.extend(slot.and_then(|slot| view.device_subject(slot)));
    claims.push(Claim {
        kind,
        key: format!("{destination}/{from}"),
        about: target.addresses(),
        sentence,
        since: first,
        last,
        count: times.into(),
        subjects,
        evidence: [format!(
            "{} from {from} about {what} from {who} to {}{}",
            plural(times.into(), "ICMP error"),
            destination.address,
            match list(ports.iter().filter(|port| **port != 0)) {
                ports if ports.is_empty() => String::new(),
                ports => format!(", port {ports}"),
            }
        )]
        .into_iter()
        .chain(target.evidence())
        .collect(),
        not_looked_at: Vec::new(),
        advice,
    });
}

/// Whose firewall drops the packets that are reported as unreachable, where the kernel
/// shows it: it rejects them by that very report.
fn firewall(
    view: &View<'_>,
    protocol: u8,
    sources: &BTreeSet<IpAddr>,
    destination: Endpoint,
) -> Option<String> {
    let (place, _) = view.evidence.kernel.drops().find(|(place, dropped)| {
        place.reason == "NETFILTER_DROP"
            && dropped.flows.keys().any(|flow| {
                flow.protocol == protocol
                    && sources.contains(&flow.source())
                    && flow.destination() == destination.address
                    && flow.destination_port == destination.port
            })
    })?;
    let stack = view.evidence.kernel.namespace(place.namespace)?;
    Some(super::stack_name(view, &stack.last))
}
