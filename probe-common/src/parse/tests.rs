extern crate std;

use std::vec::Vec;

use etherparse::PacketBuilder;
use proptest::prelude::*;

use super::number::{ether, ip};
use super::*;

const LOCAL_V4: [u8; 4] = [10, 0, 0, 1];
const REMOTE_V4: [u8; 4] = [10, 0, 0, 2];

fn outward(packet: &[u8]) -> Headers {
    parse(packet, LinkLayer::Ethernet, 3, Direction::Out)
}

fn tcp_v4() -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv4(LOCAL_V4, REMOTE_V4, 64)
        .tcp(40000, 443, 1, 1000)
        .syn()
        .write(&mut packet, b"data")
        .unwrap();
    packet
}

/// An IPv6 packet with the given header after the fixed one.
fn ipv6(next: u8, rest: &[u8]) -> Vec<u8> {
    let mut packet = std::vec![0; 12];
    packet.extend(ether::IPV6.to_be_bytes());
    packet.extend([0x60, 0, 0, 0, 0, 0, next, 255]);
    packet.extend([0xaa; 16]);
    packet.extend([0xbb; 16]);
    packet.extend(rest);
    packet
}

#[test]
fn tcp_over_ipv4_has_ends_flags_and_ttl() {
    let Headers {
        key,
        tcp_flags,
        hop_limit,
    } = outward(&tcp_v4());
    assert_eq!(
        (key.device, key.ether_type, key.protocol),
        (3, ether::IPV4, ip::TCP)
    );
    assert_eq!(key.local, mapped(LOCAL_V4));
    assert_eq!(key.remote, mapped(REMOTE_V4));
    assert_eq!(
        (key.local_port, key.remote_port, key.flags),
        (40000, 443, 0)
    );
    assert_eq!((tcp_flags, hop_limit), (tcp::SYN, 64));
}

#[test]
fn a_tunnel_without_a_link_layer_starts_with_ip() {
    let packet = tcp_v4();
    let bare = parse(&packet[14..], LinkLayer::None, 3, Direction::Out);
    assert_eq!(bare, outward(&packet));
}

#[test]
fn a_packet_cut_within_its_headers_is_malformed() {
    let packet = tcp_v4();
    // Ethernet, IPv4, and TCP up to its flags.
    for len in 0..14 + 20 + 14 {
        let flags = outward(&packet[..len]).key.flags;
        assert_eq!(flags, KeyFlags::MALFORMED, "{len} bytes");
    }
    assert_eq!(outward(&packet[..14 + 20 + 14]), outward(&packet));
}

#[test]
fn vlan_tags_are_walked() {
    let plain = tcp_v4();
    let mut tagged = plain[..12].to_vec();
    tagged.extend([0x88, 0xa8, 0, 5, 0x81, 0x00, 0, 6]);
    tagged.extend(&plain[12..]);
    assert_eq!(outward(&tagged), outward(&plain));
}

#[test]
fn a_later_fragment_has_no_ports() {
    let mut packet = tcp_v4();
    packet[14 + 7] = 1;
    let key = outward(&packet).key;
    assert_eq!((key.flags, key.protocol), (KeyFlags::FRAGMENT, ip::TCP));
    assert_eq!((key.local_port, key.remote_port), (0, 0));
}

#[test]
fn ipv6_extension_headers_are_walked() {
    let udp = [0, 53, 0x12, 0x34, 0, 8, 0, 0];
    let mut rest = std::vec![ip::DESTINATION_OPTIONS, 0, 0, 0, 0, 0, 0, 0];
    // 16 bytes of destination options, 12 of AH, a first fragment.
    rest.extend([
        ip::AUTHENTICATION,
        1,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ]);
    rest.extend([ip::FRAGMENT, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    rest.extend([ip::UDP, 0, 0, 1, 0, 0, 0, 0]);
    rest.extend(udp);
    let headers = outward(&ipv6(ip::HOP_BY_HOP, &rest));
    assert_eq!((headers.key.protocol, headers.key.flags), (ip::UDP, 0));
    assert_eq!(
        (headers.key.local_port, headers.key.remote_port),
        (53, 0x1234)
    );
    assert!(headers.is_dns());
}

#[test]
fn an_endless_chain_of_extension_headers_is_malformed() {
    let rest = [ip::DESTINATION_OPTIONS, 0, 0, 0, 0, 0, 0, 0].repeat(20);
    let key = outward(&ipv6(ip::DESTINATION_OPTIONS, &rest)).key;
    assert_eq!(key.flags, KeyFlags::MALFORMED);
}

#[test]
fn an_echo_and_its_reply_are_one_flow() {
    let request = outward(&ipv6(ip::ICMPV6, &[128, 0, 0, 0, 0x12, 0x34, 0, 1])).key;
    let mut packet = ipv6(ip::ICMPV6, &[129, 0, 0, 0, 0x12, 0x34, 0, 1]);
    packet[22..38].fill(0xbb);
    packet[38..54].fill(0xaa);
    let reply = parse(packet.as_slice(), LinkLayer::Ethernet, 3, Direction::In).key;
    assert_eq!(request, reply);
    assert_eq!((request.local_port, request.remote_port), (0x1234, 128));
}

proptest! {
    /// Any bytes have a flow, and the direction only swaps its ends.
    #[test]
    fn the_direction_swaps_the_ends(bytes in prop::collection::vec(any::<u8>(), 0..200), ethertype in prop::sample::select(std::vec![ether::IPV4, ether::IPV6, ether::ARP])) {
        let mut packet = bytes;
        if packet.len() > 14 {
            packet[12..14].copy_from_slice(&ethertype.to_be_bytes());
        }
        let out = outward(&packet).key;
        let inward = parse(packet.as_slice(), LinkLayer::Ethernet, 3, Direction::In).key;
        prop_assert_eq!((out.local, out.remote), (inward.remote, inward.local));
        prop_assert_eq!((out.protocol, out.flags), (inward.protocol, inward.flags));
    }

    /// The ports and addresses are those that etherparse finds.
    #[test]
    fn it_agrees_with_etherparse(source: [u8; 16], destination: [u8; 16], ports: (u16, u16), hop_limit: u8) {
        let mut packet = Vec::new();
        PacketBuilder::ethernet2([1; 6], [2; 6])
            .ipv6(source, destination, hop_limit)
            .udp(ports.0, ports.1)
            .write(&mut packet, b"data")
            .unwrap();
        let headers = outward(&packet);
        prop_assert_eq!((headers.key.local, headers.key.remote), (source, destination));
        prop_assert_eq!((headers.key.local_port, headers.key.remote_port), ports);
        prop_assert_eq!((headers.hop_limit, headers.key.flags), (hop_limit, 0));
    }
}
