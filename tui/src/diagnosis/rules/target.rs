//! Services behind translated addresses: a failure is that of the backend.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use super::list;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::view::View;

/// Backends that a sentence names.
const NAMED: usize = 3;

/// A service, and where packets to its address are sent.
pub struct Target {
    server: Endpoint,
    backends: Vec<Endpoint>,
    /// What shows it.
    evidence: Option<String>,
}

impl Target {
    /// As connection tracking translated its address lately.
    pub fn of(view: &View<'_>, protocol: u8, server: Endpoint) -> Self {
        let backends = view.evidence.translations.backends(protocol, server);
        let shown =
            |backends: &str| format!("connection tracking translates {server} to {backends}");
        Self::new(server, backends.collect(), shown)
    }

    /// The backends are known by something else.
    pub fn new(
        server: Endpoint,
        backends: BTreeSet<Endpoint>,
        evidence: impl FnOnce(&str) -> String,
    ) -> Self {
        let shown = (!backends.is_empty()).then(|| evidence(&list(&backends)));
        Self {
            server,
            backends: backends.into_iter().collect(),
            evidence: shown,
        }
    }

    /// Whether its address is translated.
    pub fn is_translated(&self) -> bool {
        !self.backends.is_empty()
    }

    /// The end that is to answer, where that is one.
    pub fn end(&self) -> Endpoint {
        match *self.backends {
            [backend] => backend,
            _ => self.server,
        }
    }

    /// The addresses that the failure is about.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let mut addresses = vec![self.server.address];
        addresses.extend(Some(self.end().address).filter(|it| *it != self.server.address));
        addresses
    }

    /// What shows where its packets are sent.
    pub fn evidence(&self) -> Option<String> {
        self.evidence.clone()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.server;
        match &*self.backends {
            [] => write!(f, "{server}"),
            few if few.len() <= NAMED => write!(f, "{server} (translated to {})", list(few)),
            many => write!(f, "{server} (translated to {} backends)", many.len()),
        }
    }
}
