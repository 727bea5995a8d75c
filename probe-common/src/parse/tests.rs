//! The parser on packets made by hand, one for each branch, and on what is left
//! of them when they are cut off.

extern crate std;

mod against_etherparse;

use std::vec;
use std::vec::Vec;

use super::{Headers, mapped, number::ether, number::ip, parse};
use crate::Direction::{In, Out};
use crate::{FlowKey, KeyFlags, LinkLayer};

/// The device slot of every key here.
const DEVICE: u32 = 7;
const SOURCE: [u8; 4] = [10, 0, 0, 1];
const DESTINATION: [u8; 4] = [192, 168, 0, 2];
const SOURCE_V6: [u8; 16] = [0xfd, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];
const DESTINATION_V6: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2];
/// Ports 4660 and 443, SYN and ACK.
const TCP: [u8; 20] = [
    0x12, 0x34, 0x01, 0xbb, 1, 2, 3, 4, 5, 6, 7, 8, 0x50, 0x12, 0xff, 0xff, 0, 0, 0, 0,
];
const TCP_PORTS: [u16; 2] = [0x1234, 443];
/// Ports 53 and 40000.
const UDP: [u8; 8] = [0, 53, 0x9c, 0x40, 0, 8, 0, 0];
const UDP_PORTS: [u16; 2] = [53, 40_000];

fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let addresses = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    [&addresses[..], &ether_type.to_be_bytes(), payload].concat()
}

fn vlan(tag: u16, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&tag.to_be_bytes(), &ether_type.to_be_bytes(), payload].concat()
}

/// `fragment` is the third word's second half: flags and offset.
fn ipv4_with(protocol: u8, fragment: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let header_len = 20 + options.len();
    let [total_high, total_low] = u16::try_from(header_len + payload.len())
        .unwrap()
        .to_be_bytes();
    let [fragment_high, fragment_low] = fragment.to_be_bytes();
    let first = 0x40 | u8::try_from(header_len / 4).unwrap();
    let start = [
        first,
        0,
        total_high,
        total_low,
        0,
        0,
        fragment_high,
        fragment_low,
        64,
        protocol,
        0,
        0,
    ];
    [&start[..], &SOURCE, &DESTINATION, options, payload].concat()
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_with(protocol, 0, &[], payload)
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let start = [0x60, 0, 0, 0, high, low, next, 63];
    [&start[..], &SOURCE_V6, &DESTINATION_V6, payload].concat()
}

/// An extension header of `8 + 8 * units` bytes.
fn extension(next: u8, units: u8, payload: &[u8]) -> Vec<u8> {
    let rest = vec![0xee; 6 + usize::from(units) * 8];
    [&[next, units][..], &rest, payload].concat()
}

/// An authentication header of `8 + 4 * units` bytes.
fn authentication(next: u8, units: u8, payload: &[u8]) -> Vec<u8> {
    let rest = vec![0xaa; 6 + usize::from(units) * 4];
    [&[next, units][..], &rest, payload].concat()
}

fn fragment(next: u8, offset: u16, has_more: bool, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (offset << 3 | u16::from(has_more)).to_be_bytes();
    [&[next, 0, high, low, 1, 2, 3, 4][..], payload].concat()
}

fn read(packet: &[u8]) -> Headers {
    parse(packet, LinkLayer::Ethernet, DEVICE, Out)
}

/// What a packet from SOURCE to DESTINATION has, going out, so that the local
/// end is the source.
#[derive(Clone, Copy)]
struct Expected {
    ether_type: u16,
    protocol: u8,
    ports: [u16; 2],
    flags: u8,
    tcp_flags: u8,
    vlans: [u16; 2],
}

impl Expected {
    const fn new(ether_type: u16, protocol: u8) -> Self {
        Self {
            ether_type,
            protocol,
            ports: [0, 0],
            flags: 0,
            tcp_flags: 0,
            vlans: [0, 0],
        }
    }

    const fn tcp(ether_type: u16) -> Self {
        Self {
            ports: TCP_PORTS,
            tcp_flags: 0x12,
            ..Self::new(ether_type, ip::TCP)
        }
    }

    const fn ports(self, ports: [u16; 2]) -> Self {
        Self { ports, ..self }
    }

    const fn flags(self, flags: u8) -> Self {
        Self { flags, ..self }
    }

    const fn vlans(self, vlans: [u16; 2]) -> Self {
        Self { vlans, ..self }
    }

    fn headers(self) -> Headers {
        let (local, remote, hop_limit) = match self.ether_type {
            ether::IPV4 => (mapped(SOURCE), mapped(DESTINATION), 64),
            ether::IPV6 => (SOURCE_V6, DESTINATION_V6, 63),
            ether::ARP => (mapped(SOURCE), mapped(DESTINATION), 0),
            _ => ([0; 16], [0; 16], 0),
        };
        // What every TCP packet here has, where it is read.
        let is_tcp = self.tcp_flags != 0;
        Headers {
            key: FlowKey {
                local,
                remote,
                device: DEVICE,
                ether_type: self.ether_type,
                local_port: self.ports[0],
                remote_port: self.ports[1],
                protocol: self.protocol,
                flags: self.flags,
                vlan: self.vlans[0],
                inner_vlan: self.vlans[1],
            },
            tcp_flags: self.tcp_flags,
            hop_limit,
            window: if is_tcp { 0xffff } else { 0 },
            sequence: if is_tcp { 0x0102_0304 } else { 0 },
            acknowledgment: if is_tcp { 0x0506_0708 } else { 0 },
            payload: 0,
        }
    }
}

#[track_caller]
fn check(packet: &[u8], expected: Expected) {
    assert_eq!(read(packet), expected.headers());
}

#[test]
fn tcp_and_udp_over_both_versions() {
    check(
        &ethernet(ether::IPV4, &ipv4(ip::TCP, &TCP)),
        Expected::tcp(ether::IPV4),
    );
    check(
        &ethernet(ether::IPV6, &ipv6(ip::TCP, &TCP)),
        Expected::tcp(ether::IPV6),
    );
    for protocol in [ip::UDP, ip::UDP_LITE, ip::SCTP, ip::DCCP] {
        check(
            &ethernet(ether::IPV4, &ipv4(protocol, &UDP)),
            Expected::new(ether::IPV4, protocol).ports(UDP_PORTS),
        );
        check(
            &ethernet(ether::IPV6, &ipv6(protocol, &UDP)),
            Expected::new(ether::IPV6, protocol).ports(UDP_PORTS),
        );
    }
}

#[test]
fn protocols_without_ports() {
    for protocol in [2, 47, 50, 59, 89, 255] {
        let v4 = ethernet(ether::IPV4, &ipv4(protocol, &[0xff; 8]));
        check(&v4, Expected::new(ether::IPV4, protocol));
        let v6 = ethernet(ether::IPV6, &ipv6(protocol, &[0xff; 8]));
        check(&v6, Expected::new(ether::IPV6, protocol));
    }
    // ICMP of the other version is a protocol like any other.
    let wrong = ethernet(ether::IPV4, &ipv4(ip::ICMPV6, &[128, 0, 0, 0, 1, 2, 0, 0]));
    check(&wrong, Expected::new(ether::IPV4, ip::ICMPV6));
    let wrong = ethernet(ether::IPV6, &ipv6(ip::ICMP, &[8, 0, 0, 0, 1, 2, 0, 0]));
    check(&wrong, Expected::new(ether::IPV6, ip::ICMP));
}

#[test]
fn ends_follow_the_direction() {
    let packet = ethernet(ether::IPV4, &ipv4(ip::TCP, &TCP));
    let inwards = parse(packet.as_slice(), LinkLayer::Ethernet, DEVICE, In).key;
    assert_eq!(inwards.local, mapped(DESTINATION));
    assert_eq!(inwards.remote, mapped(SOURCE));
    assert_eq!([inwards.remote_port, inwards.local_port], TCP_PORTS);
}

#[test]
fn both_directions_of_a_connection_are_one_flow() {
    let request = ethernet(ether::IPV4, &ipv4(ip::UDP, &UDP));
    let mut reply = request.clone();
    reply[26..30].copy_from_slice(&DESTINATION);
    reply[30..34].copy_from_slice(&SOURCE);
    reply[34..38].copy_from_slice(&[0x9c, 0x40, 0, 53]);
    let there = parse(request.as_slice(), LinkLayer::Ethernet, DEVICE, Out);
    let back = parse(reply.as_slice(), LinkLayer::Ethernet, DEVICE, In);
    assert_eq!(there.key, back.key);
}

#[test]
fn vlan_tags() {
    let inner = ipv4(ip::TCP, &TCP);
    for tag in [ether::VLAN, ether::VLAN_SERVICE, ether::VLAN_STACKED] {
        let one = ethernet(tag, &vlan(5, ether::IPV4, &inner));
        check(&one, Expected::tcp(ether::IPV4).vlans([5, 0]));
        let two = ethernet(tag, &vlan(5, ether::VLAN, &vlan(6, ether::IPV4, &inner)));
        check(&two, Expected::tcp(ether::IPV4).vlans([5, 6]));
        // Priority 7 and no VLAN, before one with a priority.
        let priority = ethernet(tag, &vlan(0xe000, tag, &vlan(0x6006, ether::IPV4, &inner)));
        check(&priority, Expected::tcp(ether::IPV4).vlans([6, 0]));
        // As if the device had taken the outer tag off.
        let mut headers = read(&one);
        headers.put_outer_tag(0xe000);
        assert_eq!((headers.key.vlan, headers.key.inner_vlan), (5, 0));
        headers.put_outer_tag(0x2007);
        assert_eq!((headers.key.vlan, headers.key.inner_vlan), (7, 5));
    }
    let three = vlan(
        1,
        ether::VLAN,
        &vlan(2, ether::VLAN, &vlan(3, ether::IPV4, &inner)),
    );
    check(
        &ethernet(ether::VLAN_SERVICE, &three),
        Expected::new(ether::VLAN, 0).vlans([1, 2]),
    );
    let cut = ethernet(ether::VLAN, &[0, 5, 8]);
    check(
        &cut,
        Expected::new(ether::VLAN, 0).flags(KeyFlags::MALFORMED),
    );
}

#[test]
fn what_is_not_ip() {
    check(&ethernet(0x88cc, &[1, 2, 3]), Expected::new(0x88cc, 0));
    check(&ethernet(0x0600, &[]), Expected::new(0x0600, 0));
    // Below 0x600 the field is a length, and the flow that of IEEE 802.3.
    for length in [0, 38, 0x05ff] {
        check(&ethernet(length, &[0x42, 0x42, 3]), Expected::new(0, 0));
    }
    check(
        &ethernet(ether::VLAN, &vlan(5, 38, &[0x42])),
        Expected::new(0, 0).vlans([5, 0]),
    );
    check(&[], Expected::new(0, 0).flags(KeyFlags::MALFORMED));
}

#[test]
fn ipv4_options_move_the_transport() {
    for words in 1..=10 {
        let packet = ipv4_with(ip::TCP, 0, &vec![1; words * 4], &TCP);
        check(&ethernet(ether::IPV4, &packet), Expected::tcp(ether::IPV4));
    }
}

#[test]
fn headers_that_contradict_themselves() {
    let good = ethernet(ether::IPV4, &ipv4(ip::TCP, &TCP));
    // A header length below 20, another version, and no version at all.
    for first in [0x44, 0x40, 0x65, 0x05] {
        let mut bad = good.clone();
        bad[14] = first;
        let read = read(&bad);
        assert_eq!(read.key.flags, KeyFlags::MALFORMED, "{first:#x}");
        assert_eq!(read.key.ether_type, ether::IPV4);
        assert_eq!((read.key.local, read.key.protocol), ([0; 16], 0));
    }
    // A header length beyond the end has its addresses, and no ports.
    let mut bad = good;
    bad[14] = 0x4f;
    let expected = Expected::new(ether::IPV4, ip::TCP);
    check(&bad, expected.flags(KeyFlags::MALFORMED));
    let mut bad = ethernet(ether::IPV6, &ipv6(ip::TCP, &TCP));
    bad[14] = 0x45;
    assert_eq!(read(&bad).key.flags, KeyFlags::MALFORMED);
    assert_eq!(read(&bad).key.local, [0; 16]);
}

#[test]
fn ipv4_fragments() {
    // The first has the ports, whether more follow and whether it may be
    // fragmented or not; from the second on there are none.
    for first in [0x2000, 0x4000, 0x8000] {
        let packet = ipv4_with(ip::TCP, first, &[], &TCP);
        check(&ethernet(ether::IPV4, &packet), Expected::tcp(ether::IPV4));
    }
    for later in [0x0001, 0x2001, 0x1fff, 0x1000] {
        let packet = ipv4_with(ip::TCP, later, &[], &TCP);
        let expected = Expected::new(ether::IPV4, ip::TCP).flags(KeyFlags::FRAGMENT);
        check(&ethernet(ether::IPV4, &packet), expected);
    }
}

#[test]
fn ipv6_fragments() {
    for has_more in [false, true] {
        let packet = ipv6(ip::FRAGMENT, &fragment(ip::TCP, 0, has_more, &TCP));
        check(&ethernet(ether::IPV6, &packet), Expected::tcp(ether::IPV6));
        for offset in [1, 0x1fff] {
            let packet = ipv6(ip::FRAGMENT, &fragment(ip::TCP, offset, has_more, &TCP));
            let expected = Expected::new(ether::IPV6, ip::TCP).flags(KeyFlags::FRAGMENT);
            check(&ethernet(ether::IPV6, &packet), expected);
        }
    }
}

/// Those with lengths in units of eight bytes.
const EXTENSIONS: [u8; 6] = [
    ip::HOP_BY_HOP,
    ip::ROUTING,
    ip::DESTINATION_OPTIONS,
    ip::MOBILITY,
    ip::HOST_IDENTITY,
    ip::SHIM6,
];

#[test]
fn ipv6_extension_headers() {
    for next in EXTENSIONS {
        for units in [0, 1, 31] {
            let packet = ipv6(next, &extension(ip::TCP, units, &TCP));
            check(&ethernet(ether::IPV6, &packet), Expected::tcp(ether::IPV6));
        }
    }
    for units in [1, 4, 5, 255] {
        let packet = ipv6(ip::AUTHENTICATION, &authentication(ip::TCP, units, &TCP));
        check(&ethernet(ether::IPV6, &packet), Expected::tcp(ether::IPV6));
    }
    // A whole chain in the order of RFC 8200, 4.1.
    let chain = extension(
        ip::ROUTING,
        0,
        &extension(
            ip::FRAGMENT,
            2,
            &fragment(
                ip::AUTHENTICATION,
                0,
                true,
                &authentication(ip::DESTINATION_OPTIONS, 4, &extension(ip::UDP, 1, &UDP)),
            ),
        ),
    );
    let packet = ethernet(ether::IPV6, &ipv6(ip::HOP_BY_HOP, &chain));
    check(
        &packet,
        Expected::new(ether::IPV6, ip::UDP).ports(UDP_PORTS),
    );
}

/// `count` headers of destination options, then TCP.
fn many_extensions(count: usize) -> Vec<u8> {
    let mut payload = TCP.to_vec();
    for i in 0..count {
        let next = if i == 0 {
            ip::TCP
        } else {
            ip::DESTINATION_OPTIONS
        };
        payload = extension(next, 0, &payload);
    }
    ethernet(ether::IPV6, &ipv6(ip::DESTINATION_OPTIONS, &payload))
}

#[test]
fn too_many_extension_headers() {
    check(&many_extensions(8), Expected::tcp(ether::IPV6));
    let over = Expected::new(ether::IPV6, ip::DESTINATION_OPTIONS);
    check(&many_extensions(9), over);
    check(&many_extensions(30), over);
}

#[test]
fn an_echo_and_its_reply_are_one_flow() {
    let icmp = |kind| [kind, 0, 0, 0, 0xab, 0xcd, 0, 1];
    for (ether_type, protocol, request, reply) in [
        (ether::IPV4, ip::ICMP, 8, 0),
        (ether::IPV6, ip::ICMPV6, 128, 129),
    ] {
        let packet = |kind| match ether_type {
            ether::IPV4 => ethernet(ether_type, &ipv4(protocol, &icmp(kind))),
            _ => ethernet(ether_type, &ipv6(protocol, &icmp(kind))),
        };
        let expected = Expected::new(ether_type, protocol).ports([0xabcd, request.into()]);
        check(&packet(request), expected);
        // The reply comes in, from the other end.
        let mut reply = packet(reply);
        let (first, size) = if ether_type == ether::IPV4 {
            (26, 4)
        } else {
            (22, 16)
        };
        let (left, right) = reply[first..first + 2 * size].split_at_mut(size);
        left.swap_with_slice(right);
        let back = parse(reply.as_slice(), LinkLayer::Ethernet, DEVICE, In);
        assert_eq!(back, expected.headers());
    }
}

#[test]
fn other_icmp_has_its_type_and_no_identifier() {
    // Unreachable, redirect, time exceeded.
    for kind in [3, 5, 11] {
        let packet = ethernet(ether::IPV4, &ipv4(ip::ICMP, &[kind, 1, 0, 0, 9, 9, 9, 9]));
        check(
            &packet,
            Expected::new(ether::IPV4, ip::ICMP).ports([0, kind.into()]),
        );
    }
    // Packet too big, and router and neighbor solicitation and advertisement.
    for kind in [2, 133, 134, 135, 136] {
        let packet = ethernet(ether::IPV6, &ipv6(ip::ICMPV6, &[kind, 0, 0, 0, 9, 9, 9, 9]));
        check(
            &packet,
            Expected::new(ether::IPV6, ip::ICMPV6).ports([0, kind.into()]),
        );
    }
    // The numbers of an echo mean something else in the other version.
    let packet = ethernet(ether::IPV4, &ipv4(ip::ICMP, &[128, 0, 0, 0, 9, 9, 9, 9]));
    check(
        &packet,
        Expected::new(ether::IPV4, ip::ICMP).ports([0, 128]),
    );
}

fn arp(sizes: [u8; 2], protocol: u16) -> Vec<u8> {
    let [high, low] = protocol.to_be_bytes();
    let start = [0, 1, high, low, sizes[0], sizes[1], 0, 1];
    let mac = [2, 0, 0, 0, 0, 1];
    [&start[..], &mac, &SOURCE, &[0; 6], &DESTINATION].concat()
}

#[test]
fn arp_has_its_protocol_addresses() {
    let packet = ethernet(ether::ARP, &arp([6, 4], ether::IPV4));
    check(&packet, Expected::new(ether::ARP, 0));
    for (sizes, protocol) in [
        ([8, 4], ether::IPV4),
        ([6, 16], ether::IPV4),
        ([6, 4], 0x0801),
    ] {
        let read = read(&ethernet(ether::ARP, &arp(sizes, protocol)));
        assert_eq!(read.key.local, [0; 16]);
        assert_eq!((read.key.ether_type, read.key.flags), (ether::ARP, 0));
    }
}

#[test]
fn packets_without_a_link_layer() {
    for (packet, expected) in [
        (ipv4(ip::TCP, &TCP), Expected::tcp(ether::IPV4)),
        (ipv6(ip::TCP, &TCP), Expected::tcp(ether::IPV6)),
    ] {
        let read = parse(packet.as_slice(), LinkLayer::None, DEVICE, Out);
        assert_eq!(read, expected.headers());
    }
    for packet in [&[][..], &[0x50, 0, 0, 0], &[0x00; 40]] {
        let read = parse(packet, LinkLayer::None, DEVICE, Out);
        let nothing = Expected::new(0, 0).flags(KeyFlags::MALFORMED);
        assert_eq!(read, nothing.headers());
    }
}

#[test]
fn what_deserves_a_look() {
    let tcp = read(&ethernet(ether::IPV4, &ipv4(ip::TCP, &TCP)));
    assert!(tcp.is_tcp_event() && !tcp.is_control() && !tcp.is_dns());
    let mut quiet = TCP;
    quiet[13] = 0x18;
    let quiet = read(&ethernet(ether::IPV4, &ipv4(ip::TCP, &quiet)));
    assert!(!quiet.is_tcp_event());
    let udp = read(&ethernet(ether::IPV6, &ipv6(ip::UDP, &UDP)));
    assert!(udp.is_dns() && !udp.is_tcp_event() && !udp.is_control());
    let ndp = read(&ethernet(
        ether::IPV6,
        &ipv6(ip::ICMPV6, &[135, 0, 0, 0, 0, 0, 0, 0]),
    ));
    assert!(ndp.is_control() && !ndp.is_dns());
    assert!(read(&ethernet(ether::ARP, &arp([6, 4], ether::IPV4))).is_control());
    assert!(!read(&ethernet(0x88cc, &[])).is_control());
}

/// Every kind of packet, with the bytes of it that the parser needs.
fn samples() -> Vec<(Vec<u8>, usize)> {
    let echo = [8, 0, 0, 0, 1, 2, 0, 0];
    let tagged = vlan(5, ether::VLAN, &vlan(6, ether::IPV6, &ipv6(ip::UDP, &UDP)));
    let walked = extension(
        ip::FRAGMENT,
        1,
        &fragment(
            ip::AUTHENTICATION,
            0,
            true,
            &authentication(ip::TCP, 2, &TCP),
        ),
    );
    vec![
        (ethernet(ether::IPV4, &ipv4(ip::TCP, &TCP)), 14 + 20 + 16),
        (
            ethernet(ether::IPV4, &ipv4_with(ip::UDP, 0, &[1; 8], &UDP)),
            14 + 28 + 4,
        ),
        (ethernet(ether::IPV4, &ipv4(ip::ICMP, &echo)), 14 + 20 + 8),
        (
            ethernet(ether::IPV4, &ipv4_with(ip::TCP, 9, &[], &TCP)),
            14 + 20,
        ),
        (ethernet(ether::IPV6, &ipv6(ip::TCP, &TCP)), 14 + 40 + 16),
        (
            ethernet(ether::IPV6, &ipv6(ip::ROUTING, &walked)),
            14 + 40 + 16 + 8 + 16 + 16,
        ),
        (ethernet(ether::VLAN_SERVICE, &tagged), 14 + 8 + 40 + 4),
        (ethernet(ether::ARP, &arp([6, 4], ether::IPV4)), 14 + 28),
        (ethernet(0x88cc, &[1, 2, 3]), 14),
    ]
}

#[test]
fn packets_cut_off_at_every_byte() {
    for (packet, needed) in samples() {
        let whole = read(&packet);
        assert_eq!(whole.key.flags & KeyFlags::MALFORMED, 0);
        for length in 0..=packet.len() {
            let cut = read(&packet[..length]);
            if length >= needed {
                assert_eq!(cut, whole, "{length} of {packet:x?}");
                continue;
            }
            assert_ne!(
                cut.key.flags & KeyFlags::MALFORMED,
                0,
                "{length} of {packet:x?}"
            );
            // Nothing is made up: what is known is right.
            for (known, right) in [
                (cut.key.local, whole.key.local),
                (cut.key.remote, whole.key.remote),
            ] {
                assert!(
                    known == [0; 16] || known == right,
                    "{length} of {packet:x?}"
                );
            }
            assert_eq!(
                (cut.key.local_port, cut.key.remote_port, cut.tcp_flags),
                (0, 0, 0)
            );
            assert!(cut.hop_limit == 0 || cut.hop_limit == whole.hop_limit);
        }
    }
}
