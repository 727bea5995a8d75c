use bytemuck::Zeroable;

use super::*;

fn key(ether_type: u16, protocol: u8) -> FlowKey {
    FlowKey {
        local: "::ffff:10.0.1.7".parse::<Ipv6Addr>().unwrap().octets(),
        remote: "::ffff:192.0.2.9".parse::<Ipv6Addr>().unwrap().octets(),
        local_port: 443,
        remote_port: 51820,
        ether_type,
        protocol,
        ..FlowKey::zeroed()
    }
}

#[test]
fn addresses_are_in_their_own_family() {
    let tcp = key(ether::IPV4, ip::TCP);
    assert_eq!(tcp.address(Side::Local), "10.0.1.7".parse().ok());
    assert_eq!(tcp.address(Side::Remote), "192.0.2.9".parse().ok());
    let lldp = FlowKey {
        ether_type: 0x88cc,
        ..FlowKey::zeroed()
    };
    assert_eq!(lldp.address(Side::Local), None);
    let unspecified = FlowKey {
        local: Ipv6Addr::from_bits(0xffff_0000_0000).octets(),
        remote: [0; 16],
        ..tcp
    };
    assert_eq!(unspecified.address(Side::Local), "0.0.0.0".parse().ok());
}

#[test]
fn only_protocols_with_ports_have_them() {
    for protocol in [ip::TCP, ip::UDP, ip::UDP_LITE, ip::SCTP, ip::DCCP] {
        for ether_type in [ether::IPV4, ether::IPV6] {
            let key = key(ether_type, protocol);
            assert_eq!(key.port(Side::Local), Some(443));
            assert_eq!(key.port(Side::Remote), Some(51820));
            for flags in [KeyFlags::FRAGMENT, KeyFlags::MALFORMED] {
                assert_eq!(FlowKey { flags, ..key }.port(Side::Local), None);
            }
        }
    }
    for (ether_type, protocol) in [(ether::IPV4, ip::ICMP), (ether::ARP, ip::UDP), (0x88cc, 6)] {
        assert_eq!(key(ether_type, protocol).port(Side::Remote), None);
    }
}

#[test]
fn icmp_has_a_type_and_an_echo_an_id() {
    let echo = FlowKey {
        local_port: 7,
        remote_port: icmp::ECHO.into(),
        ..key(ether::IPV4, ip::ICMP)
    };
    let kind = echo.icmp().unwrap();
    assert_eq!((kind.v6, kind.number, kind.id), (false, 8, Some(7)));
    let unreachable = FlowKey {
        remote_port: 3,
        ..echo
    };
    assert_eq!(unreachable.icmp().unwrap().id, None);
    // The number of the other family's ICMP.
    assert_eq!(key(ether::IPV6, ip::ICMP).icmp(), None);
    let flags = KeyFlags::FRAGMENT;
    assert_eq!(FlowKey { flags, ..echo }.icmp(), None);
}
