//! Flows to try filters on.

use std::net::{IpAddr, Ipv6Addr};

use probe_common::parse::number::{ether, ip};
use probe_common::{FlowKey, KeyFlags};

/// The address as flow keys have it.
pub(super) fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// A flow between two ends, each given as an address and a port.
pub(super) fn flow(protocol: u8, local: (&str, u16), remote: (&str, u16)) -> FlowKey {
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let (local_address, remote_address) = (address(local.0), address(remote.0));
    FlowKey {
        local: octets(local_address),
        remote: octets(remote_address),
        device: 0,
        ether_type: if local_address.is_ipv4() {
            ether::IPV4
        } else {
            ether::IPV6
        },
        local_port: local.1,
        remote_port: remote.1,
        protocol,
        flags: 0,
        ..FlowKey::default()
    }
}

/// A web server at 10.0.1.7, a client at 192.168.9.21.
pub(super) fn web() -> FlowKey {
    flow(ip::TCP, ("10.0.1.7", 443), ("192.168.9.21", 51820))
}

/// A resolver at fd00::9, asked by fd00:5::5.
pub(super) fn dns6() -> FlowKey {
    flow(ip::UDP, ("fd00:5::5", 41234), ("fd00::9", 53))
}

/// An echo with the identifier 443 and, as its type, 8.
pub(super) fn ping() -> FlowKey {
    flow(ip::ICMP, ("10.0.1.7", 443), ("10.0.9.9", 8))
}

/// A neighbor solicitation.
pub(super) fn ndp() -> FlowKey {
    flow(ip::ICMPV6, ("fe80::1", 0), ("ff02::1:ff00:2", 135))
}

/// Later fragments of a datagram.
pub(super) fn fragment() -> FlowKey {
    FlowKey {
        flags: KeyFlags::FRAGMENT,
        ..flow(ip::UDP, ("10.0.1.7", 0), ("10.0.9.9", 0))
    }
}

/// A TCP header that ends early.
pub(super) fn truncated() -> FlowKey {
    FlowKey {
        flags: KeyFlags::MALFORMED,
        ..flow(ip::TCP, ("10.0.1.7", 0), ("10.0.9.9", 0))
    }
}

/// Who has 10.0.9.9?
pub(super) fn arp() -> FlowKey {
    FlowKey {
        ether_type: ether::ARP,
        ..flow(0, ("10.0.1.7", 0), ("10.0.9.9", 0))
    }
}

/// A frame that is not IP.
pub(super) fn lldp() -> FlowKey {
    FlowKey {
        local: Ipv6Addr::UNSPECIFIED.octets(),
        remote: Ipv6Addr::UNSPECIFIED.octets(),
        ether_type: 0x88cc,
        ..arp()
    }
}

/// All of them.
pub(super) fn all() -> [(&'static str, FlowKey); 8] {
    [
        ("web", web()),
        ("dns6", dns6()),
        ("ping", ping()),
        ("ndp", ndp()),
        ("fragment", fragment()),
        ("truncated", truncated()),
        ("arp", arp()),
        ("lldp", lldp()),
    ]
}
