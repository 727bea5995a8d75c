use etherparse::{PacketBuilder, TcpOptionElement};
use probe_common::{LinkLayer, SNAPSHOT};
use proptest::prelude::*;

use super::{
    Node, brief, ether_type_name, icmp_type_name, protocol_name, summary, tcp_flags_text, tree,
};
use crate::model::Packet;
use crate::text::clean;

const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];
const V4: [[u8; 4]; 2] = [[10, 0, 0, 1], [10, 0, 0, 2]];

/// A packet as an event brings it: what is beyond the snapshot is cut.
fn packet(bytes: &[u8]) -> Packet {
    Packet {
        len: u32::try_from(bytes.len()).unwrap(),
        ..Packet::sample(&bytes[..bytes.len().min(SNAPSHOT)])
    }
}

fn line(bytes: &[u8]) -> String {
    summary(&packet(bytes))
}

fn frame(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let [source, destination] = MACS;
    [
        &destination[..],
        &source,
        &ether_type.to_be_bytes(),
        payload,
    ]
    .concat()
}

/// `fe80::1` or whatever ends in that byte.
fn link_local(last: u8) -> [u8; 16] {
    let mut address = [0; 16];
    (address[0], address[1], address[15]) = (0xfe, 0x80, last);
    address
}

fn ip6(source: [u8; 16], next: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let packet = [
        &[0x60, 0, 0, 0, length[0], length[1], next, 255][..],
        &source,
        &link_local(2),
        payload,
    ];
    frame(0x86dd, &packet.concat())
}

fn icmp6(payload: &[u8]) -> Vec<u8> {
    ip6(link_local(1), 58, payload)
}

fn ip4(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let fragment = fragment.to_be_bytes();
    let packet = [
        &[0x45, 0, length[0], length[1], 0, 1][..],
        &fragment,
        &[64, protocol, 0, 0],
        &V4[0],
        &V4[1],
        payload,
    ];
    frame(0x0800, &packet.concat())
}

fn udp(ports: [u16; 2], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2(MACS[0], MACS[1])
        .ipv4(V4[0], V4[1], 64)
        .udp(ports[0], ports[1])
        .write(&mut bytes, payload)
        .unwrap();
    bytes
}

/// A SYN with the options of Linux.
fn syn() -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2(MACS[0], MACS[1])
        .ipv4(V4[0], V4[1], 64)
        .tcp(51820, 443, 1000, 64240)
        .syn()
        .options(&[
            TcpOptionElement::MaximumSegmentSize(1460),
            TcpOptionElement::SelectiveAcknowledgementPermitted,
            TcpOptionElement::Timestamp(5, 0),
            TcpOptionElement::Noop,
            TcpOptionElement::WindowScale(7),
        ])
        .unwrap()
        .write(&mut bytes, &[])
        .unwrap();
    bytes
}

fn data_segment(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2(MACS[0], MACS[1])
        .ipv6(link_local(1), link_local(2), 64)
        .tcp(443, 51820, u32::MAX, 512)
        .psh()
        .ack(2000)
        .options(&[
            TcpOptionElement::Noop,
            TcpOptionElement::Noop,
            TcpOptionElement::SelectiveAcknowledgement((1, 2), [Some((3, 4)), None, None]),
        ])
        .unwrap()
        .write(&mut bytes, payload)
        .unwrap();
    bytes
}

/// `example.com` as DNS writes it.
const EXAMPLE: &[u8] = b"\x07example\x03com\x00";

fn dns(flags: u16, counts: [u16; 4], body: &[&[u8]]) -> Vec<u8> {
    let mut message = vec![0x12, 0x34];
    message.extend(flags.to_be_bytes());
    message.extend(counts.into_iter().flat_map(u16::to_be_bytes));
    message.extend(body.concat());
    message
}

fn query(flags: u16, counts: [u16; 4], body: &[&[u8]]) -> String {
    line(&udp([40000, 53], &dns(flags, counts, body)))
}

#[test]
fn tcp_in_a_line() {
    assert_eq!(
        line(&syn()),
        "[S] seq 1000, win 64240, mss 1460, sackOK, TS val 5 ecr 0, wscale 7, length 0"
    );
    assert_eq!(
        line(&data_segment(&[0; 5000])),
        "[P.] seq 4294967295:4999, ack 2000, win 512, sack {1:2}{3:4}, length 5000"
    );
}

#[test]
fn tcp_in_a_brief_line() {
    assert_eq!(
        brief(&packet(&syn())),
        "[S], mss 1460, sackOK, wscale 7, length 0"
    );
    assert_eq!(
        brief(&packet(&data_segment(&[7; 5000]))),
        "[P.], sack {1:2}{3:4}, length 5000"
    );
    // A closed window is why nothing is sent.
    let mut closed = syn();
    closed[48..50].fill(0);
    assert!(brief(&packet(&closed)).starts_with("[S], win 0, "));
    let udp = udp([4000, 5000], &[0; 5]);
    assert_eq!(brief(&packet(&udp)), line(&udp));
}

#[test]
fn tcp_with_bad_lengths() {
    let mut short = syn();
    short[46] = 0x10;
    assert_eq!(line(&short), "TCP [S] (malformed)");
    let mut long = syn();
    long[46] = 0xf0;
    assert_eq!(
        line(&long),
        "[S] seq 1000, win 64240, length 0 (ends early)"
    );
    let mut option = syn();
    option[55] = 60;
    assert_eq!(
        line(&option),
        "[S] seq 1000, win 64240, length 0 (malformed)"
    );
}

#[test]
fn ethernet_padding_is_no_data() {
    let mut padded = syn();
    padded.extend([0; 20]);
    assert!(line(&padded).ends_with("length 0"));
}

#[test]
fn udp_in_a_line() {
    assert_eq!(line(&udp([4000, 5000], &[0; 5])), "UDP, length 5");
    assert_eq!(line(&udp([4000, 5000], &[0; 1400])), "UDP, length 1400");
}

#[test]
fn dns_in_a_line() {
    let question: &[&[u8]] = &[EXAMPLE, &[0, 1, 0, 1]];
    assert_eq!(
        query(0x0100, [1, 0, 0, 0], question),
        "DNS A? example.com, query 4660"
    );
    assert_eq!(
        query(0x8183, [1, 0, 0, 0], question),
        "DNS NXDomain, A? example.com, answer 4660"
    );
    assert_eq!(
        query(0x8180, [1, 0, 0, 0], question),
        "DNS no record, A? example.com, answer 4660"
    );
    let answer: &[&[u8]] = &[
        EXAMPLE,
        &[0, 1, 0, 1],
        // www.example.com, compressed.
        &[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 6],
        b"\x03www\xc0\x0c",
        &[0xc0, 41, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1],
    ];
    assert_eq!(
        query(0x8180, [1, 2, 0, 0], answer),
        "DNS A? example.com, CNAME www.example.com, A 192.0.2.1, answer 4660"
    );
    assert_eq!(
        line(&udp([5353, 5353], &dns(0, [1, 0, 0, 0], question))),
        "mDNS A? example.com, query 4660"
    );
    assert_eq!(
        line(&udp([5353, 53], &dns(0x2800, [0; 4], &[]))),
        "DNS update 4660"
    );
}

#[test]
fn dns_records_of_other_types() {
    let table: [(u16, &[u8], &str); 8] = [
        (28, &link_local(9), "AAAA fe80::9"),
        (2, &[0xc0, 12], "NS example.com"),
        (15, &[0, 10, 0xc0, 12], "MX example.com"),
        (16, b"\x05v=\x1b[1", "TXT v=\u{fffd}[1"),
        (33, &[0, 0, 0, 0, 0, 80, 0xc0, 12], "SRV example.com:80"),
        (1, &[1, 2], "A"),
        (65, &[0; 4], "HTTPS"),
        (4711, &[0; 4], "TYPE4711"),
    ];
    for (kind, data, text) in table {
        let mut record = vec![0xc0, 12];
        record.extend(kind.to_be_bytes());
        record.extend([0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).unwrap()]);
        let body: &[&[u8]] = &[EXAMPLE, &[0, 1, 0, 1], &record, data];
        assert_eq!(
            query(0x8180, [1, 1, 0, 0], body),
            format!("DNS A? example.com, {text}, answer 4660")
        );
    }
}

#[test]
fn dns_over_tcp_in_a_line() {
    let message = dns(0x0100, [1, 0, 0, 0], &[EXAMPLE, &[0, 1, 0, 1]]);
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2(MACS[0], MACS[1])
        .ipv4(V4[0], V4[1], 64)
        .tcp(40000, 53, 1, 512)
        .write(&mut bytes, &[&[0, 29], message.as_slice()].concat())
        .unwrap();
    assert_eq!(
        line(&bytes),
        "[none] seq 1:32, win 512, length 31, DNS A? example.com, query 4660"
    );
}

#[test]
fn a_long_name_is_shown_as_far_as_it_goes() {
    let name = [&[40][..], &[b'a'; 40], &[40], &[b'b'; 40], &[0, 0, 1, 0, 1]].concat();
    let text = query(0x0100, [1, 0, 0, 0], &[&name]);
    assert_eq!(text, format!("DNS {}..., query 4660 (cut)", "a".repeat(40)));
}

#[test]
fn names_that_lead_nowhere_end() {
    for name in [
        &[0xc0, 12][..],
        &[0xc0, 0xff],
        &[0x80],
        &[1, b'a', 0xc0, 12],
    ] {
        let text = query(0x0100, [1, 0, 0, 0], &[name, &[0, 1, 0, 1]]);
        assert!(text.ends_with("(malformed)"), "{name:?}: {text}");
    }
}

#[test]
fn names_cannot_steer_the_terminal() {
    let evil = "\u{1b}[2J\u{202e}a.b";
    let name = [&[u8::try_from(evil.len()).unwrap()], evil.as_bytes(), &[0]].concat();
    assert_eq!(
        query(0, [1, 0, 0, 0], &[&name, &[0, 1, 0, 1]]),
        "DNS A? \u{fffd}[2J\u{fffd}a\\.b, query 4660"
    );
    assert_eq!(
        clean("tab\there\u{200b}\u{2028}\u{7f}\u{9b}"),
        "tab\u{fffd}here\u{fffd}\u{fffd}\u{fffd}\u{fffd}"
    );
    assert_eq!(clean("Büro 東京 ☃"), "Büro 東京 ☃");
}

#[test]
fn arp_in_a_line() {
    let table = [
        (1, V4[0], V4[1], "ARP who has 10.0.0.2, tell 10.0.0.1"),
        (
            2,
            V4[0],
            V4[1],
            "ARP reply, 10.0.0.1 is at 02:00:00:00:00:01",
        ),
        (
            1,
            V4[0],
            V4[0],
            "ARP announcement, 10.0.0.1 is at 02:00:00:00:00:01",
        ),
        (
            1,
            [0; 4],
            V4[1],
            "ARP probe, who has 10.0.0.2, to see if it is free",
        ),
        (9, V4[0], V4[1], "ARP operation 9"),
    ];
    for (operation, sender, target, text) in table {
        let arp = [
            &[0, 1, 8, 0, 6, 4, 0, operation][..],
            &MACS[0],
            &sender,
            &[0; 6],
            &target,
        ];
        assert_eq!(line(&frame(0x0806, &arp.concat())), text);
    }
    assert_eq!(
        line(&frame(0x0806, &[0, 6, 8, 0, 8, 4, 0, 1, 0, 0])),
        "ARP request, not of IPv4 over Ethernet"
    );
}

#[test]
fn icmp_in_a_line() {
    let echo = [8, 0, 0, 0, 0, 7, 0, 1, 1, 2, 3, 4];
    assert_eq!(
        line(&ip4(1, 0, &echo)),
        "ICMP echo request, id 7, seq 1, length 12"
    );
    let about = &udp([4000, 53], &[0; 20])[14..42];
    let table: [([u8; 8], &str); 5] = [
        (
            [3, 3, 0, 0, 0, 0, 0, 0],
            "ICMP destination unreachable, port unreachable",
        ),
        (
            [3, 4, 0, 0, 0, 0, 5, 120],
            "ICMP destination unreachable, fragmentation needed, mtu 1400",
        ),
        ([11, 0, 0, 0, 0, 0, 0, 0], "ICMP time exceeded, in transit"),
        (
            [5, 1, 0, 0, 10, 0, 0, 9],
            "ICMP redirect, for host, via 10.0.0.9",
        ),
        (
            [12, 7, 0, 0, 20, 0, 0, 0],
            "ICMP parameter problem, code 7, at byte 20",
        ),
    ];
    for (head, text) in table {
        assert_eq!(
            line(&ip4(1, 0, &[&head, about].concat())),
            format!("{text}, about udp 10.0.0.1:4000 > 10.0.0.2:53")
        );
    }
    assert_eq!(line(&ip4(1, 0, &[77, 0, 0, 0])), "ICMP type 77, length 4");
    assert_eq!(
        line(&ip4(1, 0, &[3, 3, 0, 0, 0, 0, 0, 0, 0x45, 0])),
        "ICMP destination unreachable, port unreachable (ends early)"
    );
}

#[test]
fn icmp6_errors_in_a_line() {
    let about = &data_segment(&[0; 20])[14..];
    let table: [([u8; 8], &str); 3] = [
        (
            [1, 4, 0, 0, 0, 0, 0, 0],
            "ICMP6 destination unreachable, port unreachable",
        ),
        ([2, 0, 0, 0, 0, 0, 5, 0], "ICMP6 packet too big, mtu 1280"),
        (
            [4, 1, 0, 0, 0, 0, 0, 40],
            "ICMP6 parameter problem, unknown next header, at byte 40",
        ),
    ];
    for (head, text) in table {
        assert_eq!(
            line(&icmp6(&[&head, about].concat())),
            format!("{text}, about tcp [fe80::1]:443 > [fe80::2]:51820")
        );
    }
    assert_eq!(
        line(&icmp6(&[129, 0, 0, 0, 0, 7, 0, 2])),
        "ICMP6 echo reply, id 7, seq 2, length 8"
    );
}

#[test]
fn neighbor_discovery_in_a_line() {
    let link_address = [&[1, 1], &MACS[0][..]].concat();
    let solicitation = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &link_local(1)].concat();
    assert_eq!(
        line(&icmp6(&[&solicitation[..], &link_address].concat())),
        "ICMP6 neighbor solicitation, who has fe80::1, source link address 02:00:00:00:00:01"
    );
    assert_eq!(
        line(&ip6([0; 16], 58, &solicitation)),
        "ICMP6 neighbor solicitation, who has fe80::1, to see if it is free"
    );
    let advertisement = [
        &[136, 0, 0, 0, 0x60, 0, 0, 0][..],
        &link_local(1),
        &[2, 1],
        &MACS[1],
    ];
    assert_eq!(
        line(&icmp6(&advertisement.concat())),
        "ICMP6 neighbor advertisement, target fe80::1, solicited override, \
         target link address 02:00:00:00:00:02"
    );
    let router = [
        &[134, 0, 0, 0, 64, 0xc0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &[5, 1, 0, 0, 0, 0, 5, 220],
        &[3, 4, 64, 0xc0, 0, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0, 0],
        &link_local(0),
    ];
    assert_eq!(
        line(&icmp6(&router.concat())),
        "ICMP6 router advertisement, default router for 1800 s, hop limit 64, managed other, \
         mtu 1500, prefix fe80::/64"
    );
    let redirect = [
        &[137, 0, 0, 0, 0, 0, 0, 0][..],
        &link_local(3),
        &link_local(4),
    ]
    .concat();
    assert_eq!(
        line(&icmp6(&redirect)),
        "ICMP6 redirect, fe80::4 via fe80::3"
    );
    assert_eq!(
        line(&icmp6(&[133, 0, 0, 0, 0, 0, 0, 0])),
        "ICMP6 router solicitation"
    );
    let endless = [&solicitation[..], &[1, 0, 0, 0]].concat();
    assert!(line(&icmp6(&endless)).ends_with("(malformed)"));
}

#[test]
fn multicast_listeners_in_a_line() {
    let record = |kind| [&[kind, 0, 0, 0][..], &link_local(7)].concat();
    let report = [&[143, 0, 0, 0, 0, 0, 0, 2][..], &record(4), &record(3)].concat();
    // Behind a hop-by-hop header, as they always come.
    let options = [&[58, 0, 5, 2, 0, 0, 1, 0], report.as_slice()].concat();
    assert_eq!(
        line(&ip6(link_local(1), 0, &options)),
        "ICMP6 multicast listener report v2, joins fe80::7, leaves fe80::7"
    );
    let query = [&[130, 0, 0, 0, 0, 0, 0, 0][..], &[0; 16]].concat();
    assert_eq!(
        line(&icmp6(&query)),
        "ICMP6 multicast listener query, all groups"
    );
}

#[test]
fn fragments_in_a_line() {
    assert_eq!(
        line(&ip4(17, 0x2000 | 185, &[0; 100])),
        "fragment of udp at 1480, more follow, length 100"
    );
    assert_eq!(
        line(&ip4(17, 185, &[0; 100])),
        "fragment of udp at 1480, the last, length 100"
    );
    assert_eq!(
        line(&ip4(17, 0x2000, &udp([1, 2], &[0; 8])[34..])),
        "first fragment, UDP, length 8"
    );
    let later = [&[17, 0, 0x05, 0xc8, 0, 0, 0, 1][..], &[0; 20]].concat();
    assert_eq!(
        line(&ip6(link_local(1), 44, &later)),
        "fragment of udp at 1480, the last, length 20"
    );
    let atomic = [&[17, 0, 0, 0, 0, 0, 0, 1], &udp([1, 2], &[0; 8])[34..]].concat();
    assert_eq!(line(&ip6(link_local(1), 44, &atomic)), "UDP, length 8");
}

#[test]
fn dhcp_in_a_line() {
    let mut request = vec![0; 300];
    request[..4].copy_from_slice(&[1, 1, 6, 0]);
    request[28..34].copy_from_slice(&MACS[0]);
    assert_eq!(
        line(&udp([68, 67], &request)),
        "DHCP request, client 02:00:00:00:00:01"
    );
    request[0] = 2;
    request[16..20].copy_from_slice(&V4[1]);
    assert_eq!(
        line(&udp([67, 68], &request)),
        "DHCP reply, client 02:00:00:00:00:01, gets 10.0.0.2"
    );
    assert_eq!(line(&udp([546, 547], &[1, 0, 0, 0])), "DHCPv6 solicit");
}

#[test]
fn what_is_not_ip_in_a_line() {
    assert_eq!(line(&frame(0x88cc, &[0; 40])), "LLDP, length 40");
    assert_eq!(line(&frame(0x1234, &[0; 4])), "ethertype 0x1234, length 4");
    assert_eq!(
        line(&frame(38, &[0x42, 0x42, 3, 0])),
        "spanning tree, length 38"
    );
    assert_eq!(line(&frame(38, &[0xaa; 38])), "802.3, length 38");
    let tagged = [&[0x60, 5][..], &[0x88, 0xcc], &[0; 8]].concat();
    assert_eq!(
        line(&frame(0x8100, &tagged)),
        "vlan 5 priority 3, LLDP, length 8"
    );
}

#[test]
fn a_tag_outside_of_the_data_is_told() {
    let mut tagged = packet(&udp([1, 2], &[]));
    tagged.vlan_tci = 7;
    assert_eq!(summary(&tagged), "vlan 7, UDP, length 0");
    assert_eq!(tree(&tagged)[0].range, 0..0);
}

#[test]
fn devices_without_a_link_layer() {
    let frame = udp([1, 2], &[0; 4]);
    let line = |bytes: &[u8]| {
        summary(&Packet {
            link_layer: LinkLayer::None,
            ..packet(bytes)
        })
    };
    assert_eq!(line(&frame[14..]), "UDP, length 4");
    assert_eq!(
        line(&data_segment(&[])[14..]),
        "[P.] seq 4294967295, ack 2000, win 512, sack {1:2}{3:4}, length 0"
    );
    assert_eq!(line(&[0x10, 1]), "unknown, length 2");
    assert_eq!(line(&[]), "(ends early)");
}

#[test]
fn tunnels_are_looked_into_but_not_without_end() {
    let mut inner = udp([1, 2], &[0; 4])[14..].to_vec();
    assert_eq!(
        line(&ip4(4, 0, &inner)),
        "IPv4 in IP, udp 10.0.0.1:1 > 10.0.0.2:2, UDP, length 4"
    );
    for _ in 0..10 {
        inner = ip4(4, 0, &inner)[14..].to_vec();
    }
    let mut deep = packet(&frame(0x0800, &inner));
    deep.data = frame(0x0800, &inner).into();
    assert!(summary(&deep).ends_with("(malformed)"));
}

#[test]
fn what_carries_packets_is_opened() {
    const ENDS: &str = "udp 10.0.0.1:1 > 10.0.0.2:2, UDP, length 4";
    let inner = udp([1, 2], &[0; 4])[14..].to_vec();
    let ethernet = frame(0x0800, &inner);
    let with = |header: &[u8], payload: &[u8]| [header, payload].concat();
    let pppoe = |code, protocol: [u8; 2], payload: &[u8]| {
        let length = u8::try_from(2 + payload.len()).unwrap();
        let header = [0x11, code, 0x12, 0x34, 0, length, protocol[0], protocol[1]];
        frame(0x8864, &with(&header, payload))
    };
    let mpls = with(&[0, 1, 0, 64, 0, 1, 0x11, 64], &inner);
    let vxlan = with(&[8, 0, 0, 0, 0, 0, 7, 0], &ethernet);
    let geneve = with(&[1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 4], &ethernet);
    for (packet, text) in [
        (pppoe(0, [0, 0x21], &inner), "PPPoE session 0x1234, "),
        (frame(0x8847, &mpls), "MPLS label 16, MPLS label 17, "),
        (udp([9, 4789], &vxlan), "VXLAN 7, "),
        (udp([9, 6081], &geneve), "Geneve 7, "),
        (ip4(47, 0, &with(&[0, 0, 8, 0], &inner)), "GRE, "),
        (
            ip4(
                47,
                0,
                &with(&[0x30, 0, 0x65, 0x58, 0, 0, 0, 5, 0, 0, 0, 1], &ethernet),
            ),
            "GRE key 5, ",
        ),
    ] {
        assert_eq!(line(&packet), format!("{text}{ENDS}"));
        let labels: Vec<_> = tree(&self::packet(&packet))
            .iter()
            .map(|it| it.label)
            .collect();
        assert_eq!(labels.last(), Some(&"data"), "{labels:?}");
        assert!(labels.contains(&"UDP"), "{labels:?}");
        // Cut anywhere, it says so, or tells how long the rest is.
        for captured in 0..packet.len() {
            let mut cut = self::packet(&packet);
            cut.data = packet[..captured].into();
            let summary = summary(&cut);
            assert!(
                summary.ends_with("(cut)") || summary.contains(", length "),
                "{captured}: {summary}"
            );
        }
    }
    assert_eq!(
        line(&pppoe(0, [0xc0, 0x21], &[1])),
        "PPPoE session 0x1234, LCP, length 1"
    );
    assert_eq!(line(&frame(0x8863, &[0x11, 9, 0, 0, 0, 0])), "PPPoE PADI");
    // No VXLAN, only on its port.
    assert_eq!(line(&udp([9, 4789], &[0; 12])), "UDP, length 12");
    assert_eq!(
        line(&ip4(47, 0, &[0, 1, 0x88, 0x0b])),
        "GRE version 1, length 0"
    );
}

#[test]
fn other_protocols_of_ip_in_a_line() {
    assert_eq!(line(&ip4(89, 0, &[0; 44])), "OSPF, length 44");
    assert_eq!(line(&ip4(253, 0, &[0; 4])), "IP-253, length 4");
    assert_eq!(line(&ip6(link_local(1), 50, &[0; 4])), "ESP, length 4");
}

#[test]
fn headers_that_contradict_themselves() {
    let mut version = udp([1, 2], &[]);
    version[14] = 0x55;
    assert_eq!(line(&version), "IPv4 (malformed)");
    let mut short = udp([1, 2], &[]);
    short[14] = 0x44;
    assert_eq!(line(&short), "IPv4 (malformed)");
}

/// The nodes in the order of a walk, each with its depth.
fn walk(nodes: &[Node], depth: usize, visit: &mut impl FnMut(&Node, usize)) {
    for node in nodes {
        visit(node, depth);
        walk(&node.children, depth + 1, visit);
    }
}

#[test]
fn the_tree_has_each_field_and_its_bytes() {
    let bytes = syn();
    let nodes = tree(&packet(&bytes));
    let heads: Vec<_> = nodes
        .iter()
        .map(|node| (node.label, node.value.as_str(), node.range.clone()))
        .collect();
    assert_eq!(
        heads,
        [
            ("Ethernet", "02:00:00:00:00:01 > 02:00:00:00:00:02", 0..14),
            ("IPv4", "10.0.0.1 > 10.0.0.2", 14..34),
            ("TCP", "51820 > 443", 34..74),
        ]
    );
    let mut found = Vec::new();
    walk(&nodes, 0, &mut |node, depth| {
        if ["time to live", "flags", "maximum segment size", "shift"].contains(&node.label) {
            found.push((
                depth,
                node.label,
                node.value.clone(),
                &bytes[node.range.clone()],
            ));
        }
    });
    let expected: [(usize, &str, String, &[u8]); 4] = [
        (1, "time to live", "64".to_owned(), &[64]),
        (1, "flags", "S".to_owned(), &[2]),
        (
            2,
            "maximum segment size",
            "1460".to_owned(),
            &[2, 4, 5, 180],
        ),
        (3, "shift", "7".to_owned(), &[7]),
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_tree_says_what_is_cut() {
    let nodes = tree(&packet(&data_segment(&[0; 5000])));
    let data = nodes.last().unwrap();
    assert_eq!(
        (data.label, data.value.as_str(), data.range.clone()),
        ("data", "5000 bytes, 34 captured (cut)", 94..128)
    );
    // In the middle of a field.
    let mut cut = packet(&syn());
    cut.data = cut.data[..36].into();
    let nodes = tree(&cut);
    let tcp = nodes.last().unwrap();
    assert_eq!((tcp.value.as_str(), tcp.range.clone()), ("(cut)", 34..36));
    let last = tcp.children.last().unwrap();
    assert_eq!(
        (last.label, last.value.as_str()),
        ("destination port", "(cut)")
    );
    assert_eq!(summary(&cut), "(cut)");
}

#[test]
fn numbers_have_names() {
    assert_eq!(protocol_name(0x0800, 6), "tcp");
    assert_eq!(protocol_name(0x86dd, 58), "icmp6");
    assert_eq!(protocol_name(0x0800, 253), "ip-253");
    assert_eq!(protocol_name(0x0806, 0), "arp");
    assert_eq!(ether_type_name(0x88cc), "lldp");
    assert_eq!(ether_type_name(0xabcd), "0xabcd");
    assert_eq!(icmp_type_name(false, 3), "destination unreachable");
    assert_eq!(icmp_type_name(true, 3), "time exceeded");
    assert_eq!(icmp_type_name(true, 250), "type 250");
    let flags = [0x12, 0x18, 0x01, 0xc2, 0].map(tcp_flags_text);
    assert_eq!(flags, ["S.", "P.", "F", "SEW", "none"]);
}

/// Packets of all kinds, to be damaged.
fn samples() -> Vec<Vec<u8>> {
    let answer: &[&[u8]] = &[
        EXAMPLE,
        &[0, 1, 0, 1, 0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 6],
        b"\x03www\xc0\x0c",
    ];
    vec![
        syn(),
        data_segment(&[0; 40]),
        udp([40000, 53], &dns(0x8180, [1, 1, 0, 0], answer)),
        udp([68, 67], &[1; 300]),
        frame(0x0806, &[1; 28]),
        ip4(1, 0, &[&[3, 3, 0, 0, 0, 0, 0, 0], &syn()[14..]].concat()),
        icmp6(&[&[134; 16][..], &[3, 4], &[0; 30], &[25, 3], &[0; 22]].concat()),
        icmp6(&[&[143, 0, 0, 0, 0, 0, 0, 2][..], &[4; 40]].concat()),
        ip6(
            link_local(1),
            0,
            &[&[44, 0, 0, 0, 0, 0, 0, 0, 17], &[0; 30][..]].concat(),
        ),
        ip4(4, 0, &data_segment(&[])[14..]),
        frame(0x8100, &[0; 40]),
    ]
}

/// Random bytes, and packets of all kinds with some bytes changed, at any
/// length.
fn damaged() -> impl Strategy<Value = Packet> {
    let sample = prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..SNAPSHOT),
        9 => prop::sample::select(samples()),
    ];
    let changes = prop::collection::vec((0..SNAPSHOT, any::<u8>()), 0..4);
    (sample, changes, 0..=SNAPSHOT, 0..200u32, any::<u16>()).prop_map(
        |(mut bytes, changes, captured, missing, vlan_tci)| {
            for (at, byte) in changes {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            bytes.truncate(captured);
            let mut packet = packet(&bytes);
            packet.len += missing;
            packet.vlan_tci = vlan_tci & 0xff;
            packet
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_packet_is_too_strange(packet in damaged(), link_layer in prop::sample::select(vec![LinkLayer::Ethernet, LinkLayer::None])) {
        let packet = Packet { link_layer, ..packet };
        let text = summary(&packet);
        prop_assert_eq!(&clean(&text), &text);
        prop_assert!(!text.is_empty());
        let nodes = tree(&packet);
        let len = packet.data.len();
        let mut wrong = None;
        walk(&nodes, 0, &mut |node, _| {
            let Node { label, value, range, children } = node;
            let inside = |inner: &Node| range.start <= inner.range.start && inner.range.end <= range.end;
            let is_right = range.start <= range.end && range.end <= len
                && children.iter().all(inside) && !label.is_empty() && clean(value) == *value;
            if !is_right {
                wrong = Some(node.clone());
            }
        });
        prop_assert_eq!(wrong, None);
    }
}
