//! The ends of a flow: addresses, ports, and the prefixes around them.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use probe_common::{Direction, FlowKey};

use crate::filter::port_name;
use crate::model::KeyFields;

pub use crate::model::Side;

#[cfg(test)]
mod tests;

/// The address of one end, where the protocol has addresses.
#[must_use]
pub fn address(key: &FlowKey, side: Side) -> Option<IpAddr> {
    key.address(side)
}

/// The port of one end, where the protocol has ports and the packet had them.
#[must_use]
pub fn port(key: &FlowKey, side: Side) -> Option<u16> {
    key.port(side)
}

/// What the port of one end is called, where it is the service's: servers have
/// the lower ports, and clients' come from a range that has names, too.
#[must_use]
pub fn service(key: &FlowKey, side: Side) -> Option<&'static str> {
    let own = port(key, side)?;
    let service = own == key.local_port.min(key.remote_port);
    service.then(|| port_name(own)).flatten()
}

/// One end of a flow: `10.0.1.7:443`, `[fd00::5]:53`, `10.0.1.7`.
#[must_use]
pub fn text(key: &FlowKey, side: Side) -> String {
    match (address(key, side), port(key, side)) {
        (Some(address), Some(port)) => SocketAddr::new(address, port).to_string(),
        (Some(address), None) => address.to_string(),
        (None, _) => String::new(),
    }
}

/// The ends where a packet of this direction comes from and goes to.
#[must_use]
pub const fn sides(direction: Direction) -> [Side; 2] {
    Side::sender_and_receiver(direction)
}

/// Lengths of prefixes that people think in, IPv4 and IPv6, ever wider: one
/// address, then what is usually a link, a site and an allocation.
pub const LENGTHS: [[u8; 2]; 4] = [[32, 128], [24, 64], [16, 48], [8, 32]];

/// The prefix around an address, wider with each step of [`LENGTHS`].
#[must_use]
pub fn prefix(address: IpAddr, step: usize) -> Option<IpNet> {
    let [v4, v6] = *LENGTHS.get(step)?;
    let length = if address.is_ipv4() { v4 } else { v6 };
    Some(IpNet::new(address, length).ok()?.trunc())
}
