//! Names of hosts, which are asked for only when the user wants them, and of
//! services.

use std::collections::hash_map::Entry;
use std::net::IpAddr;

use foldhash::{HashMap, HashMapExt};
use probe_common::FlowKey;

use super::ends;
use super::ends::Side;

#[cfg(test)]
mod tests;

/// Addresses whose names are remembered; when there are more, all are forgotten
/// and those in sight are asked for again.
const REMEMBERED: usize = 20_000;

/// The names so far.
#[derive(Debug)]
pub struct HostNames {
    shown: bool,
    services: bool,
    /// Nothing where there is none, or none yet.
    known: HashMap<IpAddr, Option<String>>,
}

impl Default for HostNames {
    fn default() -> Self {
        Self {
            shown: false,
            services: false,
            known: HashMap::new(),
        }
    }
}

impl HostNames {
    /// Shows names, or addresses again.
    pub const fn toggle(&mut self) {
        self.shown = !self.shown;
    }

    /// Shows the names of services, or their ports again.
    pub const fn toggle_services(&mut self) {
        self.services = !self.services;
    }

    /// Whether names are shown.
    #[must_use]
    pub const fn shown(&self) -> bool {
        self.shown
    }

    /// Those of the addresses that were not looked up yet; from now on they
    /// count as asked for.
    pub fn ask(&mut self, addresses: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
        if !self.shown {
            return Vec::new();
        }
        if self.known.len() > REMEMBERED {
            self.known.clear();
        }
        addresses
            .filter(|address| match self.known.entry(*address) {
                Entry::Occupied(_) => false,
                Entry::Vacant(place) => {
                    place.insert(None);
                    true
                }
            })
            .collect()
    }

    /// Takes over an answer.
    pub fn learn(&mut self, address: IpAddr, name: Option<String>) {
        self.known.insert(address, name);
    }

    /// The name to show for an address.
    #[must_use]
    pub fn name(&self, address: IpAddr) -> Option<&str> {
        let known = self.known.get(&address).filter(|_| self.shown)?;
        known.as_deref()
    }

    /// One end of a flow as [`ends::text`] has it, with names in place of the
    /// address and of the port: `web.example.org:https`.
    #[must_use]
    pub fn end(&self, key: &FlowKey, side: Side) -> String {
        let address = ends::address(key, side);
        let name = address.and_then(|address| self.name(address));
        let service = ends::service(key, side).filter(|_| self.services);
        let host = match (name, address) {
            (Some(name), _) => name.to_owned(),
            (None, Some(IpAddr::V6(address))) if service.is_some() => format!("[{address}]"),
            (None, Some(address)) if service.is_some() => address.to_string(),
            (None, _) => return ends::text(key, side),
        };
        match (service, ends::port(key, side)) {
            (Some(service), _) => format!("{host}:{service}"),
            (None, Some(port)) => format!("{host}:{port}"),
            (None, None) => host,
        }
    }
}
