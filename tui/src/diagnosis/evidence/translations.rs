//! Where services' addresses lead: the translated destinations of connections that
//! were looked up, and who refuses connections on this machine.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::diagnosis::decode::Endpoint;
use crate::model::Moment;
use crate::model::signal::{Reset, ResetBy};
use crate::model::stack::FlowState;

/// Services that are remembered, and backends of each.
const SERVICES: usize = 1024;
const BACKENDS: usize = 16;
/// How long a backend is remembered.
const WINDOW: Duration = Duration::from_secs(60);

/// Refusals that are remembered.
const REFUSALS: usize = 1024;

/// The backends of services.
#[derive(Clone, Debug, Default)]
pub struct Translations {
    /// By the protocol and the service.
    services: BTreeMap<(u8, Endpoint), BTreeMap<Endpoint, Moment>>,
    /// By the client, when and by which server a connection was refused last.
    refusals: BTreeMap<Endpoint, (Moment, Endpoint)>,
}

impl Translations {
    /// Takes over flows that were looked up.
    pub fn looked_up(&mut self, at: Moment, flows: &[FlowState]) {
        let pairs = flows.iter().flat_map(|flow| {
            let pairs = flow.translations();
            pairs.map(move |pair| (flow.tuple.protocol, pair))
        });
        for (protocol, pair) in pairs {
            let [service, backend] = [pair.original[1], pair.reply[0]].map(endpoint);
            if service == backend {
                continue;
            }
            let service = (protocol, service);
            if self.services.len() >= SERVICES && !self.services.contains_key(&service) {
                continue;
            }
            let backends = self.services.entry(service).or_default();
            if backends.len() < BACKENDS || backends.contains_key(&backend) {
                backends.insert(backend, at);
            }
        }
    }

    /// Takes over resets: those that were sent where there is no socket refuse
    /// connections.
    pub fn resets(&mut self, resets: &[Reset]) {
        let refusals = resets
            .iter()
            .filter(|it| it.by == ResetBy::Sent && it.cookie == 0);
        for Reset { at, tuple, .. } in refusals {
            let end = |address, port| Endpoint { address, port };
            let server = end(tuple.source(), tuple.source_port);
            let client = end(tuple.destination(), tuple.destination_port);
            if self.refusals.len() < REFUSALS || self.refusals.contains_key(&client) {
                self.refusals.insert(client, (*at, server));
            }
        }
    }

    /// When and by which server of this machine a connection of this client was
    /// refused last.
    pub fn refused(&self, client: Endpoint) -> Option<(Moment, Endpoint)> {
        self.refusals.get(&client).copied()
    }

    /// Forgets what is too old.
    pub fn interval(&mut self, now: Moment) {
        self.refusals
            .retain(|_, (at, _)| now.saturating_sub(*at) < WINDOW);
        self.services.retain(|_, backends| {
            backends.retain(|_, at| now.saturating_sub(*at) < WINDOW);
            !backends.is_empty()
        });
    }

    /// Where packets to a service were sent lately; none where it is no service's
    /// address.
    pub fn backends(&self, protocol: u8, service: Endpoint) -> impl Iterator<Item = Endpoint> {
        let backends = self.services.get(&(protocol, service));
        backends.into_iter().flat_map(BTreeMap::keys).copied()
    }
}

const fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint {
        address: address.ip(),
        port: address.port(),
    }
}
