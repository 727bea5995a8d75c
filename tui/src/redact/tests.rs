use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use etherparse::{
    Icmpv4Type, Icmpv6Type, LaxNetSlice, LaxSlicedPacket, PacketBuilder, TransportSlice, icmpv4,
    icmpv6,
};
use probe_common::LinkLayer;
use proptest::prelude::*;

use super::*;
use crate::model::signal::{
    ContainerOf, DropCount, DroppedFlow, NeighborFailed, Owner, Signals, SocketError, Sockets,
    Trace, Where,
};
use crate::model::stack::{
    Duplicate, FlowRoute, FlowState, LinkState, Listener, NatPair, Neighbor, NeighborState, Route,
    Stack,
};
use crate::model::{
    Block, BlockId, Container, Dropped, EndReason, Envelope, Event, Level, Notice, Packet, Pod,
    Tuple,
};
use crate::synthetic::{self, Synthetic};

fn redaction() -> Redaction {
    Redaction::new(*b"0123456789abcdef")
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

fn replaced(text: &str) -> IpAddr {
    let mut address = text.parse().unwrap();
    redaction().ip(&mut address);
    address
}

/// How many leading bits two addresses have in common.
fn shared(a: [u8; 16], b: [u8; 16]) -> u32 {
    (u128::from_be_bytes(a) ^ u128::from_be_bytes(b)).leading_zeros()
}

fn address() -> impl Strategy<Value = [u8; 16]> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|it| octets(IpAddr::from(it))),
        any::<[u8; 16]>(),
        // Next to each other, and next to what is kept.
        (0_u8..4, any::<u8>()).prop_map(|(net, host)| octets(IpAddr::from([10, 0, net, host]))),
        (any::<u8>()).prop_map(|first| octets(IpAddr::from([first, 0, 0, 1]))),
        (any::<u16>(), any::<u8>()).prop_map(|(first, last)| {
            Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, last.into()).octets()
        }),
    ]
}

proptest! {
    #[test]
    fn addresses_keep_what_they_have_in_common(a in address(), b in address()) {
        let mut redaction = redaction();
        prop_assert_eq!(shared(redaction.octets(a), redaction.octets(b)), shared(a, b));
    }

    #[test]
    fn the_class_of_an_address_stays(octets in address()) {
        let [before, after] = [octets, redaction().octets(octets)]
            .map(|it| Ipv6Addr::from(it).to_canonical());
        prop_assert_eq!(before.is_ipv4(), after.is_ipv4());
        prop_assert_eq!(before.is_multicast(), after.is_multicast());
        prop_assert_eq!(before.is_loopback(), after.is_loopback());
        prop_assert_eq!(before.is_unspecified(), after.is_unspecified());
        match (before, after) {
            (IpAddr::V4(before), IpAddr::V4(after)) => {
                prop_assert_eq!(before.is_private(), after.is_private());
                prop_assert_eq!(before.is_link_local(), after.is_link_local());
                prop_assert_eq!(before.is_broadcast(), after.is_broadcast());
                prop_assert_eq!(before.octets()[3] == 255, after.octets()[3] == 255);
            }
            (IpAddr::V6(before), IpAddr::V6(after)) => {
                prop_assert_eq!(before.is_unique_local(), after.is_unique_local());
                prop_assert_eq!(before.is_unicast_link_local(), after.is_unicast_link_local());
            }
            _ => {}
        }
    }

    #[test]
    fn any_bytes_can_be_a_packet(bytes in proptest::collection::vec(any::<u8>(), 0..128), ethernet: bool) {
        let link_layer = if ethernet { LinkLayer::Ethernet } else { LinkLayer::None };
        let length = bytes.len();
        let mut packet = packet(link_layer, bytes);
        redaction().data(&mut packet);
        prop_assert!(packet.data.len() <= length);
    }
}

#[test]
fn another_key_replaces_in_another_way() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"0123456789abcdef").unwrap();
    let mut one = Redaction::from_file(file.path()).unwrap();
    let again = Redaction::from_file(file.path()).unwrap();
    let mut other = Redaction::random().unwrap();
    let address = octets("198.51.100.7".parse().unwrap());
    assert_eq!(one.clone().octets(address), again.clone().octets(address));
    assert_ne!(one.key, other.key);
    let many = (0..64).map(|it| octets(IpAddr::from([198, 51, 100, it])));
    assert!(many.clone().any(|it| one.octets(it) != other.octets(it)));
    std::fs::write(file.path(), b"too short").unwrap();
    let error = Redaction::from_file(file.path()).unwrap_err().to_string();
    assert!(error.contains("has 9 bytes and needs 16"), "{error}");
}

#[test]
fn what_names_nobody_stays() {
    for address in [
        "0.0.0.0",
        "127.0.0.1",
        "224.0.0.251",
        "255.255.255.255",
        "::",
        "::1",
        "ff02::1",
        "ff02::fb",
        "ff02::1:2",
    ] {
        assert_eq!(replaced(address), address.parse::<IpAddr>().unwrap());
    }
    let mut device = "lo".to_owned();
    redaction().device(&mut device);
    assert_eq!(device, "lo");
    for name in ["eth0", "veth12"] {
        let mut device = name.to_owned();
        redaction().device(&mut device);
        assert_eq!(device, name);
    }
    for name in ["enx001122334455", "br-customer", "vethcafe", "eth", "12"] {
        let mut device = name.to_owned();
        redaction().device(&mut device);
        assert!(device.starts_with("dev-") && device.len() < 16, "{device}");
    }
}

#[test]
fn a_hardware_address_keeps_what_kind_it_is() {
    let mac = |mac: [u8; 6]| {
        let mut mac = mac;
        redaction().mac(&mut mac);
        mac
    };
    for kept in [
        [0; 6],
        [0xff; 6],
        [0x33, 0x33, 0, 0, 0, 1],
        [1, 0, 0x5e, 0, 0, 0xfb],
        [1, 0x80, 0xc2, 0, 0, 0x0e],
    ] {
        assert_eq!(mac(kept), kept);
    }
    for before in [[2, 0x42, 0xac, 0x11, 0, 2], [0x00, 0x1b, 0x21, 1, 2, 3]] {
        let after = mac(before);
        assert_eq!(after[0] & 3, before[0] & 3);
        assert_ne!(after[1..], before[1..]);
    }
    // The group of a solicited node goes with that of IPv6.
    let IpAddr::V6(group) = replaced("ff02::1:ff11:2233") else {
        panic!("it is of IPv6");
    };
    assert_eq!(group.segments()[..6], [0xff02, 0, 0, 0, 0, 1]);
    assert_eq!(
        mac([0x33, 0x33, 0xff, 0x11, 0x22, 0x33])[3..],
        group.octets()[13..]
    );
    assert_ne!(group, "ff02::1:ff11:2233".parse::<Ipv6Addr>().unwrap());
}

fn packet(link_layer: LinkLayer, data: Vec<u8>) -> Packet {
    Packet {
        at: Duration::from_secs(1),
        link_layer,
        ..Packet::sample(data)
    }
}

const FROM: [u8; 4] = [198, 51, 100, 7];
const TO: [u8; 4] = [203, 0, 113, 9];
const FROM_6: [u8; 16] = [
    0x20, 1, 0x0d, 0xb8, 0x7a, 0x11, 0x43, 0x65, 9, 8, 7, 6, 5, 4, 3, 2,
];
const TO_6: [u8; 16] = [
    0x20, 1, 0x0d, 0xb8, 0x7a, 0x12, 0x43, 0x65, 0x19, 0x18, 0x17, 6, 5, 4, 3, 2,
];
const MACS: [[u8; 6]; 2] = [[2, 0xab, 0xcd, 1, 2, 3], [2, 0xab, 0xcd, 4, 5, 6]];

fn contains(bytes: &[u8], secret: &[u8]) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret)
}

fn assert_is_free(bytes: &[u8]) {
    // The addresses of IPv6 have their documentation prefix in common.
    let secrets: [&[u8]; 9] = [
        &FROM,
        &TO,
        &FROM_6[4..12],
        &TO_6[4..12],
        &FROM_6[8..],
        &MACS[0][1..],
        &MACS[1][1..],
        b"secret",
        b"example",
    ];
    for secret in secrets {
        assert!(
            !contains(bytes, secret),
            "{} is in {}",
            String::from_utf8_lossy(secret),
            String::from_utf8_lossy(bytes)
        );
    }
}

fn redacted(link_layer: LinkLayer, bytes: Vec<u8>) -> Packet {
    let mut packet = packet(link_layer, bytes);
    redaction().data(&mut packet);
    assert_is_free(&packet.data);
    packet
}

/// Source and destination.
fn ends(packet: &LaxSlicedPacket<'_>) -> [IpAddr; 2] {
    let Some(LaxNetSlice::Ipv4(ip)) = &packet.net else {
        panic!("it is no longer of IPv4");
    };
    let header = ip.header();
    assert_eq!(
        header.header_checksum(),
        header.to_header().calc_header_checksum()
    );
    [header.source_addr(), header.destination_addr()].map(IpAddr::V4)
}

/// A question for secret.example.
fn question() -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    message.extend(b"\x06secret\x07EXAMPLE\0\0\x01\0\x01");
    // A client's subnet (RFC 7871).
    message.extend(b"\0\0\x29\x10\0\0\0\0\0\0\x0b\0\x08\0\x07\0\x01\x18\0\xc6\x33\x64");
    message
}

#[test]
fn of_tls_remains_the_header_of_tcp() {
    let mut bytes = Vec::new();
    let mut options = vec![2, 4, 5, 0xb4, 1, 3, 3, 7];
    // An address of another path (RFC 8684).
    options.extend([30, 8, 0x30, 1]);
    options.extend(FROM);
    let timestamps = [0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0];
    options.extend([1, 1, 8, 10]);
    options.extend(timestamps);
    let tcp = PacketBuilder::ethernet2(MACS[0], MACS[1])
        .ipv4(FROM, TO, 64)
        .tcp(40_000, 443, 7, 100)
        .options_raw(&options)
        .unwrap();
    tcp.write(&mut bytes, b"\x16\x03\x01secret.example")
        .unwrap();
    let packet = redacted(LinkLayer::Ethernet, bytes);
    let sliced = LaxSlicedPacket::from_ethernet(&packet.data).unwrap();
    assert_eq!(
        ends(&sliced),
        [replaced("198.51.100.7"), replaced("203.0.113.9")]
    );
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else {
        panic!("it is no longer of TCP");
    };
    assert_eq!(
        (
            tcp.source_port(),
            tcp.destination_port(),
            tcp.sequence_number()
        ),
        (40_000, 443, 7)
    );
    assert_eq!(tcp.payload(), b"");
    let (known, others) = packet.data[14 + 20 + 20..].split_at(8);
    assert_eq!(known, [2, 4, 5, 0xb4, 1, 3, 3, 7]);
    let (address, timestamps) = others.split_at(8);
    assert_eq!(address, [1; 8]);
    assert_eq!(timestamps, [1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn of_dns_remains_the_question_under_another_name() {
    let mut names = BTreeSet::new();
    for v6 in [false, true] {
        let mut bytes = Vec::new();
        let link = PacketBuilder::ethernet2(MACS[0], MACS[1]);
        let ip = if v6 {
            link.ipv6(FROM_6, TO_6, 64)
        } else {
            link.ipv4(FROM, TO, 64)
        };
        ip.udp(40_000, 53).write(&mut bytes, &question()).unwrap();
        let packet = redacted(LinkLayer::Ethernet, bytes);
        let payload = &packet.data[14 + if v6 { 40 } else { 20 } + 8..];
        assert_eq!(payload.len(), 12 + 16 + 4);
        assert_eq!(payload[..12], question()[..12]);
        assert_eq!(payload[payload.len() - 5..], [0, 0, 1, 0, 1]);
        names.insert(payload[12..].to_vec());
    }
    assert_eq!(names.len(), 1, "one name has become several");
}

#[test]
fn what_is_quoted_and_asked_for_is_replaced() {
    let mut inner = Vec::new();
    PacketBuilder::ipv4(FROM, TO, 64)
        .udp(40_000, 53)
        .write(&mut inner, &question())
        .unwrap();
    let mut bytes = Vec::new();
    let unreachable = Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Port);
    PacketBuilder::ethernet2(MACS[0], MACS[1])
        .ipv4(TO, FROM, 64)
        .icmpv4(unreachable)
        .write(&mut bytes, &inner)
        .unwrap();
    let packet = redacted(LinkLayer::Ethernet, bytes);
    assert_eq!(packet.data.len(), 14 + 20 + 8 + 20 + 8);
    let quoted = LaxSlicedPacket::from_ip(&packet.data[14 + 20 + 8..]).unwrap();
    assert_eq!(
        ends(&quoted),
        [replaced("198.51.100.7"), replaced("203.0.113.9")]
    );
    assert_eq!(
        packet.data[14 + 20 + 8 + 20..][..4],
        [0x9c, 0x40, 0, 53],
        "its ports"
    );

    let mut bytes = Vec::new();
    let mut solicitation = TO_6.to_vec();
    solicitation.extend([1, 1]);
    solicitation.extend(MACS[0]);
    PacketBuilder::ipv6(FROM_6, TO_6, 255)
        .icmpv6(Icmpv6Type::Unknown {
            type_u8: icmpv6::TYPE_NEIGHBOR_SOLICITATION,
            code_u8: 0,
            bytes5to8: [0; 4],
        })
        .write(&mut bytes, &solicitation)
        .unwrap();
    let packet = redacted(LinkLayer::None, bytes);
    assert_eq!(packet.data.len(), 40 + 24 + 8);
    let mut target = TO_6;
    redaction().in_bytes(&mut target);
    assert_eq!(packet.data[48..64], target);

    let mut arp = MACS[1].to_vec();
    arp.extend(MACS[0]);
    arp.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    arp.extend(MACS[0]);
    arp.extend(FROM);
    arp.extend([0; 6]);
    arp.extend(TO);
    // What is behind it is padding, or should be.
    arp.extend(b"secret");
    let packet = redacted(LinkLayer::Ethernet, arp);
    assert_eq!(packet.data.len(), 14 + 28);
}

#[test]
fn what_is_not_understood_is_left_out() {
    let mut lldp = MACS[1].to_vec();
    lldp.extend(MACS[0]);
    lldp.extend(b"\x88\xccsecret");
    assert_eq!(redacted(LinkLayer::Ethernet, lldp).data.len(), 14);
    let mut bytes = Vec::new();
    // A tunnel (IPIP).
    PacketBuilder::ipv4(FROM, TO, 64)
        .write(&mut bytes, 4.into(), &FROM)
        .unwrap();
    assert_eq!(redacted(LinkLayer::None, bytes).data.len(), 20);
}

/// Names that are in [`everything`], and in no other text.
const NAMES: [&str; 9] = [
    "web-7d9f",
    "db-0",
    "payroll",
    "acme",
    "c0ffee",
    "node-3",
    "203.0.113",
    "etcd",
    "hush",
];

/// What a source may report, with names wherever there can be one.
fn everything() -> Vec<Envelope> {
    let name = |text: &str| text.to_owned();
    let mut events = Synthetic::new(7, 40).story(4);
    let tuple = Tuple {
        source: octets(IpAddr::from(FROM)),
        destination: TO_6,
        source_port: 40_000,
        destination_port: 443,
        protocol: 6,
    };
    let at = Where {
        namespace: 1,
        index: 7,
        device: name("payroll0"),
    };
    let container = Container {
        runtime: Some(name("containerd")),
        id: "c0ffee".repeat(10),
        name: Some(name("payroll")),
        pod: Some(Pod {
            uid: name("c0ffee-1234"),
            name: Some(name("acme/payroll-0")),
        }),
        host_name: Some(name("payroll-0")),
    };
    let socket = |port| (IpAddr::from(TO), port).into();
    let signals = Signals {
        at: Duration::from_millis(1_500),
        drops: vec![DropCount {
            at: at.clone(),
            reason: name("NETFILTER_DROP"),
            place: name("nft_do_chain"),
            packets: 3,
            noise: false,
            flows: vec![DroppedFlow { tuple, packets: 3 }],
        }],
        socket_errors: vec![SocketError {
            at: Duration::from_millis(1_200),
            namespace: 1,
            cookie: 9,
            tuple,
            errno: 111,
        }],
        neighbors: vec![NeighborFailed {
            at: Duration::from_millis(1_200),
            device: at,
            address: IpAddr::from(FROM),
        }],
        owners: vec![Owner {
            cookie: 9,
            namespace: 1,
            pid: 4711,
            command: name("payrolld"),
            executable: Some(name("/opt/acme/payrolld")),
            started: 1,
            others: 2,
        }],
        containers: vec![ContainerOf {
            sockets: Sockets::Cgroup(44),
            container,
        }],
        stacks: vec![Stack {
            links: vec![LinkState {
                name: name("payroll0"),
                ..LinkState::default()
            }],
            neighbors: vec![Neighbor {
                device: 7,
                address: IpAddr::from(FROM_6),
                state: NeighborState::Failed,
            }],
            duplicates: vec![Duplicate {
                device: 7,
                address: IpAddr::from(FROM),
            }],
            listeners: vec![Listener {
                address: socket(443),
                queued: 0,
                limit: 5,
                cookie: 1,
                inode: 2,
                uid: 0,
                drops: None,
            }],
            unknown: vec![name("hush: permission denied")],
            ..Stack::default()
        }],
        flows: vec![FlowState {
            tuple,
            connections: vec![(
                1,
                NatPair {
                    original: [socket(1), socket(2)],
                    reply: [socket(3), socket(4)],
                },
            )],
            routes: [
                Ok(Route {
                    gateway: Some(IpAddr::from(FROM)),
                    device: name("payroll0"),
                    ..Route::default()
                }),
                Err(name("hush")),
            ]
            .map(|route| FlowRoute {
                namespace: 1,
                is_local: true,
                route,
            })
            .into(),
            unknown: vec![name("hush")],
            ..FlowState::default()
        }],
        trace: Some(Trace::Off(name("hush"))),
        ..Signals::default()
    };
    let notice = Notice {
        at: Duration::from_secs(1),
        level: Level::Warning,
        text: name("The device payroll0 is gone."),
    };
    let block = Block {
        id: BlockId(1),
        rule: name("payroll0: 203.0.113.9 tcp"),
        since: Duration::from_secs(1),
        left: None,
        end: None,
        devices: vec![name("payroll0")],
        dropped: [Dropped::default(); 2],
    };
    let inner = packet(LinkLayer::None, FROM.to_vec());
    events.extend(
        [
            Event::Signals(Box::new(signals)),
            Event::Notice(notice),
            Event::Blocks(vec![block]),
            Event::Packets(vec![inner]),
            Event::Ended(EndReason::Counters(name("hush"))),
        ]
        .map(Envelope::from),
    );
    events
}

/// The addresses of all flows, that are not the same after all.
fn addresses(events: &[Envelope]) -> BTreeSet<[u8; 16]> {
    let mut addresses = BTreeSet::new();
    for envelope in events {
        if let Event::Interval(interval) = &envelope.event {
            for flow in &interval.flows {
                addresses.extend([flow.key.local, flow.key.remote]);
            }
        }
    }
    addresses
}

#[test]
fn no_name_and_no_address_remains() {
    let events = everything();
    let addresses = addresses(&events);
    assert!(addresses.len() > 10);
    let mut redaction = redaction();
    for envelope in events {
        let redacted = redaction.envelope(envelope);
        assert_is_free(&postcard::to_stdvec(&redacted).unwrap());
        let bytes = postcard::to_stdvec(&redacted).unwrap();
        for address in &addresses {
            // What is in front of an address of IPv4 is in each of them.
            let is_ipv4 = Ipv6Addr::from(*address).to_ipv4_mapped().is_some();
            let secret = if is_ipv4 {
                &address[12..]
            } else {
                &address[..]
            };
            assert!(!contains(&bytes, secret), "{secret:?} is in {redacted:?}");
        }
        let text = format!("{redacted:?}");
        for name in NAMES {
            assert!(!text.contains(name), "{name} is in {text}");
        }
    }
    let session = format!("{:?}", redaction.session(&synthetic::session()));
    assert!(!session.contains("node-3"), "{session}");
}
