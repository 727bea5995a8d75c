//! Which flows, hosts and devices the current problems are about.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use probe_common::FlowKey;
use probe_common::parse::number::ip;

use super::finding::{Finding, Subject};
use super::severity::Severity;
use crate::model::{KeyFields, Side};

#[cfg(test)]
mod tests;

/// The subjects of errors and warnings, to be looked up by what is shown. What
/// is over, and what is only good to know, concerns nobody.
#[derive(Clone, Debug, Default)]
pub struct Concerns {
    addresses: HashMap<IpAddr, Vec<Concern>>,
    devices: HashMap<String, Severity>,
}

/// One finding at an address.
#[derive(Clone, Copy, Debug)]
struct Concern {
    /// The finding's place in the list.
    finding: usize,
    severity: Severity,
    scope: Scope,
}

/// Which flows of an address.
#[derive(Clone, Copy, Debug)]
enum Scope {
    /// None by the address alone: another subject determines which.
    Host,
    /// All.
    Everything,
    /// Those with another host of the finding: for example one that does not answer, and
    /// who asks.
    Others,
    /// Those of a port.
    Port { protocol: u8, port: u16 },
    /// Those of a port with another end.
    Pair {
        protocol: u8,
        port: u16,
        other: SocketAddr,
    },
}

fn number(protocol: &str) -> u8 {
    if protocol == "udp" { ip::UDP } else { ip::TCP }
}

impl Concerns {
    /// Of these findings.
    #[must_use]
    pub fn of(findings: &[Finding]) -> Self {
        let mut concerns = Self::default();
        let current = findings.iter().enumerate();
        for (finding, it) in current.filter(|(_, it)| !it.past && it.severity != Severity::Info) {
            let severity = it.severity;
            let of_host = host_scope(&it.subjects);
            for subject in &it.subjects {
                for (address, scope) in scopes(subject, of_host) {
                    concerns
                        .addresses
                        .entry(address)
                        .or_default()
                        .push(Concern {
                            finding,
                            severity,
                            scope,
                        });
                }
                if let Subject::Device { name } = subject {
                    let worst = concerns.devices.entry(name.clone()).or_insert(severity);
                    *worst = severity.min(*worst);
                }
            }
        }
        concerns
    }

    fn has(&self, address: &IpAddr, finding: usize) -> bool {
        let mut concerns = self.addresses.get(address).into_iter().flatten();
        concerns.any(|concern| concern.finding == finding)
    }

    fn about<'a>(&'a self, key: &'a FlowKey) -> impl Iterator<Item = &'a Concern> {
        let ends = Side::BOTH.map(|side| Some((key.address(side)?, key.port(side))));
        let [local, remote] = ends;
        [(local, remote), (remote, local)]
            .into_iter()
            .filter_map(|(end, other)| Some((end?, other?)))
            .flat_map(move |((address, port), other)| {
                let here = self.addresses.get(&address).into_iter().flatten();
                here.filter(move |concern| match concern.scope {
                    Scope::Host => false,
                    Scope::Everything => true,
                    Scope::Others => self.has(&other.0, concern.finding),
                    Scope::Port {
                        protocol,
                        port: wanted,
                    } => key.protocol == protocol && port == Some(wanted),
                    Scope::Pair {
                        protocol,
                        port: wanted,
                        other: end,
                    } => {
                        key.protocol == protocol
                            && port == Some(wanted)
                            && other == (end.ip(), Some(end.port()))
                    }
                })
            })
    }

    /// How bad the worst problem of a flow is.
    #[must_use]
    pub fn flow(&self, key: &FlowKey) -> Option<Severity> {
        self.about(key).map(|concern| concern.severity).min()
    }

    /// The places of a flow's findings in the list.
    #[must_use]
    pub fn findings(&self, key: &FlowKey) -> Vec<usize> {
        let mut places: Vec<_> = self.about(key).map(|concern| concern.finding).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// How bad the worst problem of a host in a prefix is.
    #[must_use]
    pub fn hosts(&self, prefix: &IpNet) -> Option<Severity> {
        let worst = |concerns: &Vec<Concern>| concerns.iter().map(|it| it.severity).min();
        if prefix.prefix_len() == prefix.max_prefix_len() {
            return self.addresses.get(&prefix.addr()).and_then(worst);
        }
        let inside = |(address, concerns): (&IpAddr, _)| {
            prefix.contains(address).then(|| worst(concerns)).flatten()
        };
        self.addresses.iter().filter_map(inside).min()
    }

    /// How bad the worst problem of a device is, by its name.
    #[must_use]
    pub fn device(&self, name: &str) -> Option<Severity> {
        self.devices.get(name).copied()
    }
}

/// Which flows of the hosts among these subjects are meant.
fn host_scope(subjects: &[Subject]) -> Scope {
    let is_narrow = |it: &Subject| matches!(it, Subject::Service { .. } | Subject::Flow { .. });
    let is_host = |it: &&Subject| matches!(it, Subject::Host { .. });
    if subjects.iter().any(is_narrow) {
        Scope::Host
    } else if subjects.iter().filter(is_host).nth(1).is_some() {
        Scope::Others
    } else {
        Scope::Everything
    }
}

fn scopes(subject: &Subject, of_host: Scope) -> Vec<(IpAddr, Scope)> {
    match subject {
        Subject::Host { address } => vec![(*address, of_host)],
        Subject::Service {
            address,
            port,
            protocol,
        } => {
            let (protocol, port) = (number(protocol), *port);
            vec![(*address, Scope::Port { protocol, port })]
        }
        Subject::Flow {
            client,
            server,
            protocol,
        } => {
            let (Ok(client), Ok(server)) = (client.parse(), server.parse()) else {
                return Vec::new();
            };
            let (client, server): (SocketAddr, SocketAddr) = (client, server);
            let pair = Scope::Pair {
                protocol: number(protocol),
                port: server.port(),
                other: client,
            };
            vec![(server.ip(), pair), (client.ip(), Scope::Host)]
        }
        Subject::Device { .. } | Subject::Process { .. } => Vec::new(),
    }
}
