use std::net::Ipv4Addr;

use probe_common::parse::number::ether;

use super::*;

fn key(local: [u8; 4], local_port: u16, remote: [u8; 4], remote_port: u16) -> FlowKey {
    FlowKey {
        local: Ipv4Addr::from(local).to_ipv6_mapped().octets(),
        remote: Ipv4Addr::from(remote).to_ipv6_mapped().octets(),
        device: 0,
        ether_type: ether::IPV4,
        local_port,
        remote_port,
        protocol: ip::TCP,
        flags: 0,
        ..FlowKey::default()
    }
}

const HERE: [u8; 4] = [192, 0, 2, 7];
const THERE: [u8; 4] = [198, 51, 100, 9];

#[test]
fn the_session_is_known_from_either_side() {
    let own = OwnSession::parse("198.51.100.9 50122 192.0.2.7 22").unwrap();
    assert!(own.is(&key(HERE, 22, THERE, 50122)));
    assert!(own.is(&key(THERE, 50122, HERE, 22)));
    assert!(!own.is(&key(HERE, 22, THERE, 50123)));
    let udp = FlowKey {
        protocol: ip::UDP,
        ..key(HERE, 22, THERE, 50122)
    };
    assert!(!own.is(&udp));
}

#[test]
fn mapped_addresses_and_zones_are_what_they_mean() {
    let own = OwnSession::parse("::ffff:198.51.100.9 50122 ::ffff:192.0.2.7 22").unwrap();
    assert!(own.is(&key(HERE, 22, THERE, 50122)));
    assert!(OwnSession::parse("fe80::1%eth0 50122 fe80::2%eth0 22").is_some());
}

#[test]
fn what_is_no_connection_is_none() {
    for text in ["", "198.51.100.9", "a b c d", "198.51.100.9 x 192.0.2.7 22"] {
        assert_eq!(OwnSession::parse(text), None, "{text}");
    }
}

#[test]
fn the_keys_of_a_session_are_its_flows() {
    for text in [
        "198.51.100.9 50122 192.0.2.7 22",
        "2001:db8::9 50122 2001:db8::7 22",
    ] {
        let own = OwnSession::parse(text).unwrap();
        for key in own.keys() {
            assert!(own.is(&key), "{key:?}");
        }
    }
}
