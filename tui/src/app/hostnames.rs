//! Names of hosts, which are asked for only when the user wants them.

use std::collections::hash_map::Entry;
use std::net::IpAddr;

use foldhash::{HashMap, HashMapExt};
use probe_common::FlowKey;

use super::action::Side;
use super::ends;

#[cfg(test)]
mod tests;

/// Addresses whose names are remembered; when there are more, all are forgotten
/// and those in sight are asked for again.
const REMEMBERED: usize = 20_000;

/// The names so far.
#[derive(Debug)]
pub struct HostNames {
    shown: bool,
    /// Nothing where there is none, or none yet.
    known: HashMap<IpAddr, Option<String>>,
}

impl Default for HostNames {
    fn default() -> Self {
        Self {
            shown: false,
            known: HashMap::new(),
        }
    }
}

impl HostNames {
    /// Shows names, or addresses again.
    pub const fn toggle(&mut self) {
        self.shown = !self.shown;
    }

    /// Whether names are shown.
    #[must_use]
    pub const fn shown(&self) -> bool {
        self.shown
    }

    /// Those of the addresses that nobody was asked for yet; from now on they
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

    /// One end of a flow as [`ends::text`] has it, with the name in place of
    /// the address: `web.example.org:443`.
    #[must_use]
    pub fn end(&self, key: &FlowKey, side: Side) -> String {
        let name = ends::address(key, side).and_then(|address| self.name(address));
        match (name, ends::port(key, side)) {
            (Some(name), Some(port)) => format!("{name}:{port}"),
            (Some(name), None) => name.to_owned(),
            (None, _) => ends::text(key, side),
        }
    }
}
