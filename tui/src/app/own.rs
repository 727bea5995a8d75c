//! The SSH session through which the user looks: what the screen shows would
//! otherwise show itself.

use std::net::{IpAddr, SocketAddr};

use probe_common::FlowKey;
use probe_common::parse::number::{ether, ip};

use super::ends;
use super::ends::Side;

#[cfg(test)]
mod tests;

/// Both ends of the connection, in no order: which is local depends on the
/// device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnSession([SocketAddr; 2]);

impl OwnSession {
    /// Reads what sshd leaves in `SSH_CONNECTION` (ssh(1)): the client's
    /// address and port and the server's.
    #[must_use]
    pub fn parse(variable: &str) -> Option<Self> {
        let mut words = variable.split_ascii_whitespace();
        let mut end = || {
            // A link-local address carries its zone.
            let address = words.next()?.split('%').next()?;
            let address: IpAddr = address.parse().ok()?;
            Some(SocketAddr::new(
                address.to_canonical(),
                words.next()?.parse().ok()?,
            ))
        };
        Some(Self([end()?, end()?]))
    }

    /// The session between two ends.
    #[must_use]
    pub const fn new(one: SocketAddr, other: SocketAddr) -> Self {
        Self([one, other])
    }

    /// The key of the session's flow, on a device that leads to one end, and on one
    /// that leads to the other.
    #[must_use]
    pub fn keys(&self) -> [FlowKey; 2] {
        let octets = |end: SocketAddr| match end.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        let key = |local: SocketAddr, remote: SocketAddr| FlowKey {
            local: octets(local),
            remote: octets(remote),
            local_port: local.port(),
            remote_port: remote.port(),
            ether_type: if local.is_ipv4() {
                ether::IPV4
            } else {
                ether::IPV6
            },
            protocol: ip::TCP,
            ..FlowKey::default()
        };
        let [one, other] = self.0;
        [key(one, other), key(other, one)]
    }

    /// Whether a flow is the session's.
    #[must_use]
    pub fn is(&self, key: &FlowKey) -> bool {
        if key.protocol != ip::TCP {
            return false;
        }
        let end = |side| {
            Some(SocketAddr::new(
                ends::address(key, side)?,
                ends::port(key, side)?,
            ))
        };
        let ends = [end(Side::Local), end(Side::Remote)];
        let [client, server] = self.0.map(Some);
        ends == [client, server] || ends == [server, client]
    }
}
