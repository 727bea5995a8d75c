//! The packet parser on arbitrary bytes: it reads everything, makes nothing up,
//! and knows one flow in both directions.
//!
//! The first byte says where the packet is cut off; the rest is the packet.

#![no_main]

use libfuzzer_sys::fuzz_target;
use probe_common::parse::number::{ether, ip};
use probe_common::parse::{Headers, parse};
use probe_common::{Direction, FlowKey, KeyFlags, LinkLayer};

const DEVICE: u32 = 42;

fuzz_target!(|input: &[u8]| {
    let Some((&cut, packet)) = input.split_first() else {
        return;
    };
    for link in [LinkLayer::Ethernet, LinkLayer::None] {
        let out = parse(packet, link, DEVICE, Direction::Out);
        check(&out);
        let inwards = parse(packet, link, DEVICE, Direction::In);
        assert_eq!(inwards, swapped(out));

        let start = &packet[..packet.len().min(cut.into())];
        let cut = parse(start, link, DEVICE, Direction::Out);
        check(&cut);
        if cut.key.flags & KeyFlags::MALFORMED == 0 {
            // The payload ends where the packet does, if the header does not say.
            let payload = cut.payload;
            assert!(
                payload <= out.payload,
                "a packet that is cut has no more data"
            );
            let same = Headers { payload, ..out };
            assert_eq!(cut, same, "bytes after the headers do not matter");
        }
    }
});

/// What holds of every flow.
fn check(headers: &Headers) {
    let key = headers.key;
    assert_eq!(key.device, DEVICE);
    assert_eq!(key.flags & !(KeyFlags::FRAGMENT | KeyFlags::MALFORMED), 0);
    assert!(key.ether_type == 0 || key.ether_type >= ether::FIRST);
    let is_ip = matches!(key.ether_type, ether::IPV4 | ether::IPV6);
    if !is_ip {
        assert_eq!((key.protocol, headers.hop_limit), (0, 0));
    }
    if !is_ip && key.ether_type != ether::ARP {
        assert_eq!((key.local, key.remote), ([0; 16], [0; 16]));
    }
    let has_ports = is_icmp(&key)
        || is_ip
            && matches!(
                key.protocol,
                ip::TCP | ip::UDP | ip::UDP_LITE | ip::SCTP | ip::DCCP
            );
    if key.flags != 0 || !has_ports {
        assert_eq!((key.local_port, key.remote_port), (0, 0));
    }
    if headers.tcp_flags != 0 {
        assert_eq!((key.protocol, key.flags), (ip::TCP, 0));
    }
    assert_eq!(
        headers.is_control(),
        is_icmp(&key) || key.ether_type == ether::ARP
    );
}

fn is_icmp(key: &FlowKey) -> bool {
    matches!(
        (key.ether_type, key.protocol),
        (ether::IPV4, ip::ICMP) | (ether::IPV6, ip::ICMPV6)
    )
}

/// The same packet as seen by the other hook.
fn swapped(headers: Headers) -> Headers {
    let key = headers.key;
    // What ICMP has instead of ports belongs to no end.
    let (local_port, remote_port) = if is_icmp(&key) {
        (key.local_port, key.remote_port)
    } else {
        (key.remote_port, key.local_port)
    };
    let key = FlowKey {
        local: key.remote,
        remote: key.local,
        local_port,
        remote_port,
        ..key
    };
    Headers { key, ..headers }
}
