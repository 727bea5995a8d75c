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
use crate::diagnosis::rules::transfer::roles;
use crate::diagnosis::view::View;
use crate::model::{Moment, Tuple};

/// A SYN that has waited for this long fails.
const WAITING: Duration = Duration::from_millis(900);

/// Protocol, the end that began, the other end.
type Flow = (u8, IpAddr, Endpoint);

/// Flows that fail.
#[derive(Default)]
pub struct Failing {
    /// With the first packet that failed.
    services: HashMap<Flow, Moment>,
    /// When a packet of a service last got through and was answered.
    reached: HashMap<Flow, Moment>,
    /// Those of which a part gets through.
    losing: HashSet<Flow>,
    /// The servers of failing clients: behind an address translation that is what
    /// ties a dropped packet to the flow that the client knows.
    clients: HashMap<(u8, Endpoint), Endpoint>,
}

impl Failing {
    /// The flows of a host that fail.
    pub fn of(view: &View<'_>) -> Self {
        let mut services = HashMap::new();
        let mut fails = |flow, at: Moment| {
            let first = services.entry(flow).or_insert(at);
            *first = at.min(*first);
        };
        let mut losing = HashSet::new();
        let mut clients: HashMap<(u8, Endpoint), Endpoint> = HashMap::new();
        // The device nearest to the client has the address that it asked for.
        let mut connections: Vec<_> = view.evidence.connections.iter().collect();
        connections.sort_by_key(|it| it.syn.first);
        for it in connections {
            let waits = view.now.saturating_sub(it.syn.first) > WAITING;
            // One that got through at its second attempt failed at the first.
            if it.syn.count > 1 || waits && it.established.is_none() {
                fails((ip::TCP, it.client.address, it.server), it.syn.first);
                clients.entry((ip::TCP, it.client)).or_insert(it.server);
            }
        }
        for it in view.evidence.dns.iter() {
            if it.answer.is_none() && view.now.saturating_sub(it.asked) > WAITING {
                fails((ip::UDP, it.client.address, it.server), it.asked);
            }
        }
        for (key, it) in view.evidence.datagrams.iter() {
            let [local, remote] = ends(key);
            if one_way::is_one_way_by_nature(local) || one_way::is_one_way_by_nature(remote) {
                continue;
            }
            let flows = [
                (ip::UDP, remote.address, local),
                (ip::UDP, local.address, remote),
            ];
            for (flow, unanswered) in flows.into_iter().zip(it.unanswered) {
                if unanswered > 1 {
                    fails(flow, it.one_way_since);
                }
            }
        }
        for (key, health) in view.evidence.health.suspects() {
            let again = health.troubled(0) + health.troubled(1);
            let is_stalled = health.stalls.iter().any(Option::is_some);
            if again > 1 || is_stalled {
                let (client, server) = roles(view, key);
                let flow = (ip::TCP, client.address, server);
                if is_stalled {
                    let stalls = health.stalls.iter().flatten();
                    let since = stalls.map(|it| it.since).min().unwrap_or_default();
                    fails(flow, since);
                } else {
                    losing.insert(flow);
                }
            }
        }
        let reached = reached(view, &services);
        Self {
            services,
            reached,
            losing,
            clients,
        }
    }

    /// Whether a flow between two hosts fails, whichever of them began it.
    pub fn between(&self, one: IpAddr, other: IpAddr) -> bool {
        self.services.keys().any(|(_, client, server)| {
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
            .keys()
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
                self.services.contains_key(&flow) || self.losing.contains(&flow)
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
        match (self.services.get(&flow), self.reached.get(&flow)) {
            (None, _) => self.losing.contains(&flow),
            // What got through before it failed says nothing.
            (Some(failed), Some(reached)) => reached > failed,
            (Some(_), None) => false,
        }
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

/// When something of each failing service last got through and was answered.
fn reached(view: &View<'_>, services: &HashMap<Flow, Moment>) -> HashMap<Flow, Moment> {
    let mut reached = HashMap::new();
    if services.is_empty() {
        return reached;
    }
    let mut works = |flow: Flow, at: Moment| {
        if services.contains_key(&flow) {
            let last = reached.entry(flow).or_insert(at);
            *last = at.max(*last);
        }
    };
    for it in view.evidence.connections.iter() {
        if let Some(at) = it.established {
            works((ip::TCP, it.client.address, it.server), at);
        }
    }
    for it in view.evidence.dns.iter() {
        if it.answer.is_some() {
            works((ip::UDP, it.client.address, it.server), it.asked);
        }
    }
    for (key, it) in view.evidence.datagrams.iter() {
        if it.sent.iter().all(Option::is_some) {
            let [local, remote] = ends(key);
            works((ip::UDP, remote.address, local), it.one_way_since);
            works((ip::UDP, local.address, remote), it.one_way_since);
        }
    }
    reached
}

pub(super) const fn endpoint(address: IpAddr, port: u16) -> Endpoint {
    Endpoint { address, port }
}
