//! Flows that fail, by what packets show: those that drops may explain.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use probe_common::parse::number::ip;

use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::datagrams::ends;
use crate::diagnosis::evidence::kernel::Dropped;
use crate::diagnosis::rules::one_way;
use crate::diagnosis::view::View;
use crate::model::Tuple;

/// A SYN that has waited for this long fails.
const WAITING: Duration = Duration::from_millis(900);

/// Flows that fail: protocol, the end that began, the other end.
#[derive(Default)]
pub struct Failing {
    services: HashSet<(u8, IpAddr, Endpoint)>,
    /// Those of which a part gets through.
    losing: HashSet<(u8, IpAddr, Endpoint)>,
    /// The servers of failing clients: behind an address translation that is what
    /// ties a dropped packet to the flow that the client knows.
    clients: HashMap<(u8, Endpoint), Endpoint>,
}

impl Failing {
    /// The flows of a host that fail.
    pub fn of(view: &View<'_>) -> Self {
        let mut services = HashSet::new();
        let mut losing = HashSet::new();
        let mut clients: HashMap<(u8, Endpoint), Endpoint> = HashMap::new();
        // The device nearest to the client has the address that it asked for.
        let mut connections: Vec<_> = view.evidence.connections.iter().collect();
        connections.sort_by_key(|it| it.syn.first);
        for it in connections {
            let waits = view.now.saturating_sub(it.syn.first) > WAITING;
            // One that got through at its second attempt failed at the first.
            if it.syn.count > 1 || waits && it.established.is_none() {
                services.insert((ip::TCP, it.client.address, it.server));
                clients.entry((ip::TCP, it.client)).or_insert(it.server);
            }
        }
        for it in view.evidence.dns.iter() {
            if it.answer.is_none() && view.now.saturating_sub(it.asked) > WAITING {
                services.insert((ip::UDP, it.client.address, it.server));
            }
        }
        for (key, it) in view.evidence.datagrams.iter() {
            let [local, remote] = ends(key);
            if one_way::is_one_way_by_nature(local) || one_way::is_one_way_by_nature(remote) {
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
            let is_stalled = health.stalls.iter().any(Option::is_some);
            if again > 1 || is_stalled {
                let [local, remote] = ends(key);
                let flows = if is_stalled {
                    &mut services
                } else {
                    &mut losing
                };
                flows.insert((ip::TCP, local.address, remote));
                flows.insert((ip::TCP, remote.address, local));
            }
        }
        Self {
            services,
            losing,
            clients,
        }
    }

    /// Whether a flow between two hosts fails, whichever of them began it.
    pub fn between(&self, one: IpAddr, other: IpAddr) -> bool {
        self.services.iter().any(|(_, client, server)| {
            [(one, other), (other, one)].contains(&(*client, server.address))
        })
    }

    /// The service that fragments between two hosts belong to: behind the first one
    /// they have no ports.
    pub(super) fn in_fragments(&self, tuple: &Tuple) -> Option<(IpAddr, Endpoint)> {
        if tuple.protocol != ip::UDP || tuple.source_port != 0 || tuple.destination_port != 0 {
            return None;
        }
        let hosts = (tuple.source(), tuple.destination());
        let is_between =
            |client: IpAddr, server: IpAddr| [(client, server), (server, client)].contains(&hosts);
        let mut services: Vec<_> = self
            .services
            .iter()
            .filter(|(protocol, client, server)| {
                *protocol == ip::UDP && is_between(*client, server.address)
            })
            .collect();
        services.sort_unstable();
        services
            .first()
            .map(|(_, client, server)| (*client, *server))
    }

    /// The failing flow that a dropped packet belongs to: who began it, and the
    /// other end.
    pub(super) fn find(&self, tuple: &Tuple) -> Option<(IpAddr, Endpoint)> {
        let source = endpoint(tuple.source(), tuple.source_port);
        let destination = endpoint(tuple.destination(), tuple.destination_port);
        [(source, destination), (destination, source)]
            .into_iter()
            .map(|(client, server)| (client.address, server))
            .find(|(client, server)| {
                let flow = (tuple.protocol, *client, *server);
                self.services.contains(&flow) || self.losing.contains(&flow)
            })
            .or_else(|| {
                let client = [(source, destination), (destination, source)];
                client.into_iter().find_map(|(client, server)| {
                    self.clients
                        .get(&(tuple.protocol, client))
                        .map(|_| (client.address, server))
                })
            })
    }

    /// Whether a part of a flow gets through.
    pub(super) fn is_partial(&self, protocol: u8, client: IpAddr, server: Endpoint) -> bool {
        let flow = (protocol, client, server);
        self.losing.contains(&flow) && !self.services.contains(&flow)
    }

    /// The service addresses that clients asked for and that were translated into
    /// `server`, as far as the dropped flows show it.
    pub(super) fn services_of(&self, server: Endpoint, dropped: &Dropped) -> BTreeSet<Endpoint> {
        let tuples = dropped.flows.keys().flat_map(|tuple| {
            let source = endpoint(tuple.source(), tuple.source_port);
            let destination = endpoint(tuple.destination(), tuple.destination_port);
            [
                (tuple.protocol, source, destination),
                (tuple.protocol, destination, source),
            ]
        });
        tuples
            .filter(|(.., to)| *to == server)
            .filter_map(|(protocol, client, _)| self.clients.get(&(protocol, client)))
            .filter(|asked| **asked != server)
            .copied()
            .collect()
    }
}

pub(super) const fn endpoint(address: IpAddr, port: u16) -> Endpoint {
    Endpoint { address, port }
}
