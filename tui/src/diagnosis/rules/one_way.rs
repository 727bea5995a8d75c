//! UDP that gets no answer where one is to be expected.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use hashbrown::HashSet;
use probe_common::parse::number::{ip, port};

use super::span;
use super::target::Target;
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::datagrams::{Exchange, ends};
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::text::plural;

/// Packets without an answer, and for how long.
const PACKETS: u64 = 3;
const LASTING: Duration = Duration::from_secs(3);
/// A pause after which silence is no longer a question that was not answered.
const RECENT: Duration = Duration::from_secs(5);

/// Flows towards a service.
#[derive(Default)]
struct Service<'a> {
    answered: Vec<Endpoint>,
    silent: Vec<(Endpoint, u32, &'a Exchange, u64)>,
}

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    // Only the services that some client gets no answer from are looked at.
    let doubtful: HashSet<Endpoint> = view
        .evidence
        .datagrams
        .iter()
        .filter(|(_, exchange)| is_silent(view, exchange))
        .flat_map(|(key, exchange)| {
            let [local, remote] = ends(key);
            // In is sent by the remote end, out by the local one.
            [
                (local, exchange.unanswered[0]),
                (remote, exchange.unanswered[1]),
            ]
        })
        .filter(|(to, packets)| *packets >= PACKETS && !is_one_way_by_nature(*to))
        .map(|(to, _)| to)
        .collect();
    if doubtful.is_empty() {
        return;
    }
    let mut services: BTreeMap<Endpoint, Service<'_>> = BTreeMap::new();
    for (key, exchange) in view.evidence.datagrams.iter() {
        let [local, remote] = ends(key);
        match exchange.sent {
            [Some(_), Some(_)] if exchange.unanswered == [0, 0] => {
                for (server, client) in [(remote, local), (local, remote)] {
                    if doubtful.contains(&server) {
                        services.entry(server).or_default().answered.push(client);
                    }
                }
            }
            _ => {
                // In is sent by the remote end, out by the local one.
                for (from, to, packets) in [
                    (remote, local, exchange.unanswered[0]),
                    (local, remote, exchange.unanswered[1]),
                ] {
                    if packets > 0 && doubtful.contains(&to) {
                        let service = services.entry(to).or_default();
                        service.silent.push((from, key.device, exchange, packets));
                    }
                }
            }
        }
    }
    for (server, service) in &services {
        for (client, device, exchange, packets) in &service.silent {
            let others = service
                .answered
                .iter()
                .any(|it| it.address != client.address);
            let before = exchange.sent.iter().all(Option::is_some);
            let time = view.now.saturating_sub(exchange.one_way_since);
            if *packets < PACKETS || !is_silent(view, exchange) || !(others || before) {
                continue;
            }
            let why = if others {
                "others are answered"
            } else {
                "it was answered before"
            };
            let target = Target::of(view, ip::UDP, *server);
            let mut evidence = vec![format!(
                "{} from {client} to {server} on {}, none back",
                plural(*packets, "packet"),
                view.device(*device)
            )];
            evidence.extend(target.evidence());
            let mut about = target.addresses();
            about.push(client.address);
            claims.push(Claim {
                kind: Kind::ONE_WAY_UDP,
                key: format!("{}/{server}", client.address),
                about,
                sentence: format!(
                    "{} gets no answer from {target} (UDP): {} in {}, while {why}",
                    client.address,
                    plural(*packets, "packet"),
                    span(time)
                ),
                since: exchange.one_way_since,
                last: exchange.last(),
                count: *packets,
                subjects: [
                    Some(Subject::udp(*server)),
                    Some(Subject::Host {
                        address: client.address,
                    }),
                    view.device_subject(*device),
                ]
                .into_iter()
                .flatten()
                .collect(),
                evidence,
                not_looked_at: Vec::new(),
                advice: format!(
                    "check firewall rules and routes back from {} to {}",
                    target.end().address,
                    client.address
                ),
            });
        }
    }
}

/// Whether only one end has been sending for long, and still does.
fn is_silent(view: &View<'_>, exchange: &Exchange) -> bool {
    exchange.unanswered != [0, 0]
        && view.now.saturating_sub(exchange.one_way_since) >= LASTING
        && view.now.saturating_sub(exchange.last()) < RECENT
}

/// Multicast, and services that do not answer or have a rule of their own.
pub fn is_one_way_by_nature(server: Endpoint) -> bool {
    // DHCP, syslog, StatsD, sFlow, NetFlow and IPFIX.
    const ONE_WAY: [u16; 9] = [67, 68, 514, 546, 547, 8125, 6343, 2055, 4739];
    is_for_many(server.address)
        || [port::DNS, port::MDNS].contains(&server.port)
        || ONE_WAY.contains(&server.port)
}

/// Whether an address is that of a group, or of everybody.
pub fn is_for_many(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            // The broadcast address of a network of another size cannot be told.
            address.is_multicast() || address.octets()[3] == 255
        }
        IpAddr::V6(address) => address.is_multicast(),
    }
}
