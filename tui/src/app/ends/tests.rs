use std::net::Ipv6Addr;

use bytemuck::Zeroable;
use probe_common::parse::number::{ether, ip};

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
fn only_the_port_of_the_service_has_a_name() {
    let tcp = key(ether::IPV4, ip::TCP);
    assert_eq!(service(&tcp, Side::Local), Some("https"));
    assert_eq!(
        service(&tcp, Side::Remote),
        None,
        "a client's, though wireguard has the same"
    );
    assert_eq!(service(&key(ether::IPV4, ip::ICMP), Side::Local), None);
    let unknown = FlowKey {
        local_port: 81,
        ..tcp
    };
    assert_eq!(service(&unknown, Side::Local), None);
}

#[test]
fn prefixes_widen() {
    let v4 = "10.1.2.3".parse().unwrap();
    let v6 = "fd00:1:2:3::4".parse().unwrap();
    let all = |address| -> Vec<String> {
        (0..LENGTHS.len() + 1)
            .filter_map(|step| Some(prefix(address, step)?.to_string()))
            .collect()
    };
    assert_eq!(
        all(v4),
        ["10.1.2.3/32", "10.1.2.0/24", "10.1.0.0/16", "10.0.0.0/8"]
    );
    assert_eq!(
        all(v6),
        [
            "fd00:1:2:3::4/128",
            "fd00:1:2:3::/64",
            "fd00:1:2::/48",
            "fd00:1::/32"
        ]
    );
}
