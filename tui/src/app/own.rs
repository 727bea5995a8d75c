//! The SSH session through which the user looks: what the screen shows would
//! otherwise show itself.

use std::net::{IpAddr, SocketAddr};

use probe_common::FlowKey;
use probe_common::parse::number::ip;

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
