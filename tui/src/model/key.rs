//! What the fields of a flow key mean.

use std::net::{IpAddr, Ipv6Addr};

use probe_common::parse::number::{ether, icmp, ip};
use probe_common::{Direction, FlowKey, KeyFlags};

#[cfg(test)]
mod tests;

/// One end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The end that the device leads to.
    Local,
    /// The other end.
    Remote,
}

impl Side {
    /// Both ends.
    pub const BOTH: [Self; 2] = [Self::Local, Self::Remote];

    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Local => Self::Remote,
            Self::Remote => Self::Local,
        }
    }

    /// The name that users see, which is the filter's word for it too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }

    /// The sender and the receiver of a packet of this direction.
    #[must_use]
    pub const fn sender_and_receiver(direction: Direction) -> [Self; 2] {
        match direction {
            Direction::In => [Self::Remote, Self::Local],
            Direction::Out => [Self::Local, Self::Remote],
        }
    }
}

/// What an ICMP or ICMPv6 flow is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpKind {
    /// Whether it is ICMPv6.
    pub v6: bool,
    /// The type; that of the request for echoes, whose reply is in the same
    /// flow.
    pub number: u8,
    /// The identifier of an echo.
    pub id: Option<u16>,
}

/// Reads a [`FlowKey`]. Fields that a packet does not have are zeros in its
/// key; here they are `None`.
pub trait KeyFields {
    /// Whether it is IPv4 or IPv6.
    fn is_ip(&self) -> bool;

    /// Whether its packets are fragments without a transport header.
    fn is_fragment(&self) -> bool;

    /// Whether its packets' headers end early or contradict themselves.
    fn is_malformed(&self) -> bool;

    /// Whether there are addresses: there are for IP and ARP, unless the header
    /// was not complete.
    fn has_addresses(&self) -> bool;

    /// Whether there are ports: there are for TCP, UDP, UDP-Lite, SCTP and
    /// DCCP, but for fragments and incomplete headers.
    fn has_ports(&self) -> bool;

    /// The IP protocol number.
    fn ip_protocol(&self) -> Option<u8>;

    /// The address of one end.
    fn address(&self, side: Side) -> Option<IpAddr>;

    /// The port of one end.
    fn port(&self, side: Side) -> Option<u16>;

    /// What an ICMP flow is about.
    fn icmp(&self) -> Option<IcmpKind>;
}

impl KeyFields for FlowKey {
    fn is_ip(&self) -> bool {
        matches!(self.ether_type, ether::IPV4 | ether::IPV6)
    }

    fn is_fragment(&self) -> bool {
        self.flags & KeyFlags::FRAGMENT != 0
    }

    fn is_malformed(&self) -> bool {
        self.flags & KeyFlags::MALFORMED != 0
    }

    fn has_addresses(&self) -> bool {
        // No packet is sent from :: to ::, and 0.0.0.0 is not zero here.
        (self.local, self.remote) != ([0; 16], [0; 16])
    }

    fn has_ports(&self) -> bool {
        let has_transport = !self.is_fragment() && !self.is_malformed();
        has_transport && self.ip_protocol().is_some_and(has_ports)
    }

    fn ip_protocol(&self) -> Option<u8> {
        (self.is_ip() && self.has_addresses()).then_some(self.protocol)
    }

    fn address(&self, side: Side) -> Option<IpAddr> {
        let octets = match side {
            Side::Local => self.local,
            Side::Remote => self.remote,
        };
        self.has_addresses()
            .then(|| Ipv6Addr::from(octets).to_canonical())
    }

    fn port(&self, side: Side) -> Option<u16> {
        let port = match side {
            Side::Local => self.local_port,
            Side::Remote => self.remote_port,
        };
        self.has_ports().then_some(port)
    }

    fn icmp(&self) -> Option<IcmpKind> {
        let v6 = match (self.ether_type, self.protocol) {
            (ether::IPV4, ip::ICMP) => false,
            (ether::IPV6, ip::ICMPV6) => true,
            _ => return None,
        };
        if self.is_fragment() || self.is_malformed() {
            return None;
        }
        let number = u8::try_from(self.remote_port).ok()?;
        let echo = if v6 { icmp::ECHO_V6 } else { icmp::ECHO };
        Some(IcmpKind {
            v6,
            number,
            id: (number == echo).then_some(self.local_port),
        })
    }
}

/// Whether an IP protocol has ports in the first four bytes of its header.
#[must_use]
pub const fn has_ports(protocol: u8) -> bool {
    matches!(
        protocol,
        ip::TCP | ip::UDP | ip::UDP_LITE | ip::SCTP | ip::DCCP
    )
}
