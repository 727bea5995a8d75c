//! Where services' addresses lead: the translated destinations of connections that
//! were looked up.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use probe_common::parse::number::ip;

use crate::diagnosis::decode::Endpoint;
use crate::model::Moment;
use crate::model::stack::FlowState;

/// Services that are remembered, and backends of each.
const SERVICES: usize = 1024;
const BACKENDS: usize = 16;
/// How long a backend is remembered.
const WINDOW: Duration = Duration::from_secs(60);

/// The backends of TCP services.
#[derive(Clone, Debug, Default)]
pub struct Translations {
    services: BTreeMap<Endpoint, BTreeMap<Endpoint, Moment>>,
}

impl Translations {
    /// Takes over flows that were looked up.
    pub fn looked_up(&mut self, at: Moment, flows: &[FlowState]) {
        let tcp = flows.iter().filter(|flow| flow.tuple.protocol == ip::TCP);
        for pair in tcp.flat_map(FlowState::translations) {
            let [service, backend] = [pair.original[1], pair.reply[0]].map(endpoint);
            if service == backend {
                continue;
            }
            if self.services.len() >= SERVICES && !self.services.contains_key(&service) {
                continue;
            }
            let backends = self.services.entry(service).or_default();
            if backends.len() < BACKENDS || backends.contains_key(&backend) {
                backends.insert(backend, at);
            }
        }
    }

    /// Forgets what is too old.
    pub fn interval(&mut self, now: Moment) {
        self.services.retain(|_, backends| {
            backends.retain(|_, at| now.saturating_sub(*at) < WINDOW);
            !backends.is_empty()
        });
    }

    /// Where connections to a service were sent lately; none where it is no service's
    /// address.
    pub fn backends(&self, service: Endpoint) -> impl Iterator<Item = Endpoint> {
        let backends = self.services.get(&service);
        backends.into_iter().flat_map(BTreeMap::keys).copied()
    }
}

const fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint {
        address: address.ip(),
        port: address.port(),
    }
}
