//! The names of flows and namespaces in what the kernel reports.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use probe_common::FlowKey;
use probe_common::parse::number::{ether, ip};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// The inode of a network namespace; 0 where the kernel did not report it.
pub type NamespaceInode = u32;

/// A flow as one packet or one socket has it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Tuple {
    /// Source address, or a socket's own; IPv4 as an IPv4-mapped IPv6 address, as
    /// in [`FlowKey`].
    pub source: [u8; 16],
    /// Destination address, or the other end's.
    pub destination: [u8; 16],
    /// Source port, as [`FlowKey`] has it for the sender; 0 where there are none.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// IP protocol number.
    pub protocol: u8,
}

impl Tuple {
    /// The tuple of what the flow's local end sends.
    #[must_use]
    pub const fn sent(key: &FlowKey) -> Self {
        Self {
            source: key.local,
            destination: key.remote,
            source_port: key.local_port,
            destination_port: key.remote_port,
            protocol: key.protocol,
        }
    }

    /// The flow whose local end sends it, at the device in this slot: without VLAN tags,
    /// which a tuple does not have.
    #[must_use]
    pub fn key(&self, slot: u32) -> FlowKey {
        FlowKey {
            local: self.source,
            remote: self.destination,
            device: slot,
            ether_type: match self.source() {
                IpAddr::V4(_) => ether::IPV4,
                IpAddr::V6(_) => ether::IPV6,
            },
            local_port: self.source_port,
            remote_port: self.destination_port,
            protocol: self.protocol,
            ..FlowKey::default()
        }
    }

    /// The tuple of packets from one address to another.
    #[must_use]
    pub const fn between(source: SocketAddr, destination: SocketAddr, protocol: u8) -> Self {
        Self {
            source: octets(source.ip()),
            destination: octets(destination.ip()),
            source_port: source.port(),
            destination_port: destination.port(),
            protocol,
        }
    }

    /// The tuple of the opposite direction. What ICMP has instead of ports belongs
    /// to no end.
    #[must_use]
    pub const fn reversed(self) -> Self {
        let (source_port, destination_port) = match self.protocol {
            ip::ICMP | ip::ICMPV6 => (self.source_port, self.destination_port),
            _ => (self.destination_port, self.source_port),
        };
        Self {
            source: self.destination,
            destination: self.source,
            source_port,
            destination_port,
            protocol: self.protocol,
        }
    }

    /// Whether a packet with this tuple belongs to the flow, whichever end sent
    /// it. Address translation between the two places is not known here.
    #[must_use]
    pub fn is_of(&self, key: &FlowKey) -> bool {
        let sent = Self::sent(key);
        *self == sent || *self == sent.reversed()
    }

    /// The source address.
    #[must_use]
    pub const fn source(&self) -> IpAddr {
        Ipv6Addr::from_octets(self.source).to_canonical()
    }

    /// The destination address.
    #[must_use]
    pub const fn destination(&self) -> IpAddr {
        Ipv6Addr::from_octets(self.destination).to_canonical()
    }
}

/// An address as a [`Tuple`] has it.
const fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}
