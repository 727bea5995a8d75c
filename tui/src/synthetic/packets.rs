//! Packets as a wire would carry them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{
    ArpEthIpv4Packet, ArpOperation, IpHeaders, PacketBuilder, PacketBuilderStep, TcpHeader,
    TcpOptionElement,
};
use probe_common::parse::number::{ether, ip};
use probe_common::{Direction, FlowKey, LinkLayer, Reason, SNAPSHOT};
use simple_dns::rdata::{A, AAAA, RData};
use simple_dns::{
    CLASS, Name, Packet as Message, PacketFlag, QCLASS, QTYPE, Question, RCODE, ResourceRecord,
    TYPE,
};

use crate::model::{Moment, Packet};

/// Hardware addresses of the remote and of the local end.
const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 0x65], [2, 0, 0, 0, 0, 0x0a]];
/// Bytes of a segment of TCP over Ethernet, with timestamps.
const SEGMENT: usize = 1448;
const HOP_LIMIT: u8 = 64;

/// One end of a packet.
#[derive(Clone, Copy)]
struct End {
    mac: [u8; 6],
    address: IpAddr,
    port: u16,
}

/// A packet of a flow. What it is follows from its number, so that those of a
/// flow make a conversation; even ones come in.
pub(super) fn packet(at: Moment, key: FlowKey, number: u32) -> Packet {
    let direction = Direction::BOTH[number as usize % 2];
    let [remote, local] = [
        (MACS[0], key.remote, key.remote_port),
        (MACS[1], key.local, key.local_port),
    ]
    .map(|(mac, octets, port)| End {
        mac,
        address: Ipv6Addr::from(octets).to_canonical(),
        port,
    });
    let [from, to] = match direction {
        Direction::In => [remote, local],
        Direction::Out => [local, remote],
    };
    let (reason, segments, frame) = match (key.ether_type, key.protocol) {
        (ether::ARP, _) => (Reason::Control, 1, arp(from, to, direction)),
        (_, ip::TCP) => tcp(from, to, number),
        (_, ip::UDP) => (Reason::Dns, 1, dns(from, to, direction, key.remote_port)),
        _ => (Reason::Control, 1, echo(from, to, direction, key, number)),
    };
    Packet {
        at,
        key,
        direction,
        reason,
        len: frame.len() as u32,
        segments,
        mark: 0,
        vlan_tci: 0,
        cookie: None,
        cgroup: None,
        link_layer: LinkLayer::Ethernet,
        data: frame[..frame.len().min(SNAPSHOT)].into(),
    }
}

fn ip(from: End, to: End) -> PacketBuilderStep<IpHeaders> {
    let link = PacketBuilder::ethernet2(from.mac, to.mac);
    match (from.address, to.address) {
        (IpAddr::V4(from), IpAddr::V4(to)) => link.ipv4(from.octets(), to.octets(), HOP_LIMIT),
        (IpAddr::V6(from), IpAddr::V6(to)) => link.ipv6(from.octets(), to.octets(), HOP_LIMIT),
        ends => panic!("the ends are of two families: {ends:?}"),
    }
}

/// A handshake, a request in several segments, an answer in one, and the end.
fn tcp(from: End, to: End, number: u32) -> (Reason, u32, Vec<u8>) {
    let mut header = TcpHeader::new(from.port, to.port, 0x5eed_0000, 501);
    let times = TcpOptionElement::Timestamp(90_211_007 + number, 3_411_940_110);
    let [syn, fin] = [number % 6 < 2, number % 6 > 3];
    let segments = [0, 0, 5, 1, 0, 0][number as usize % 6];
    // In this direction, before the end.
    let sent = [5, 1][number as usize % 2] * SEGMENT as u32;
    if syn {
        header.syn = true;
        header.window_size = 64_240;
        header.set_options(&[
            TcpOptionElement::MaximumSegmentSize(1460),
            TcpOptionElement::SelectiveAcknowledgementPermitted,
            times,
            TcpOptionElement::WindowScale(7),
        ])
    } else {
        header.sequence_number += 1 + if fin { sent } else { 0 };
        header.psh = segments > 0;
        header.fin = fin;
        header.set_options(&[TcpOptionElement::Noop, TcpOptionElement::Noop, times])
    }
    .unwrap();
    let opens = number.is_multiple_of(6);
    if !opens {
        header.ack = true;
        header.acknowledgment_number = 0x0bad_cafe;
    }
    let reason = match (header.syn, header.ack) {
        (true, false) => Reason::First,
        _ if header.syn || header.fin => Reason::TcpFlags,
        _ => Reason::Sample,
    };
    let mut payload = b"PUT /backup HTTP/1.1\r\nHost: db-0.example\r\n\r\n".repeat(segments * 33);
    payload.truncate(segments * SEGMENT);
    let mut frame = Vec::new();
    let step = ip(from, to).tcp_header(header);
    step.write(&mut frame, &payload).unwrap();
    (reason, segments.max(1) as u32, frame)
}

/// A question for an address, or its answer. Each third name is unknown.
fn dns(from: End, to: End, direction: Direction, id: u16) -> Vec<u8> {
    let name = ["db-0.example", "www.example", "nowhere.example"][usize::from(id % 3)];
    let name = Name::new(name).unwrap();
    let (kind, data) = match from.address {
        IpAddr::V4(_) => (TYPE::A, RData::A(A::from(Ipv4Addr::new(10, 0, 2, 11)))),
        IpAddr::V6(_) => {
            let address = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 2, 2);
            (TYPE::AAAA, RData::AAAA(AAAA::from(address)))
        }
    };
    let mut message = match direction {
        Direction::In => Message::new_query(id),
        Direction::Out => Message::new_reply(id),
    };
    message.set_flags(PacketFlag::RECURSION_DESIRED);
    let (kind, class) = (QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN));
    message
        .questions
        .push(Question::new(name.clone(), kind, class, false));
    if direction == Direction::Out && id % 3 == 2 {
        *message.rcode_mut() = RCODE::NameError;
    } else if direction == Direction::Out {
        message
            .answers
            .push(ResourceRecord::new(name, CLASS::IN, 60, data));
    }
    let payload = message.build_bytes_vec_compressed().unwrap();
    let mut frame = Vec::new();
    let step = ip(from, to).udp(from.port, to.port);
    step.write(&mut frame, &payload).unwrap();
    frame
}

/// A request that comes in, or the reply.
fn echo(from: End, to: End, direction: Direction, key: FlowKey, number: u32) -> Vec<u8> {
    let (id, sequence, payload) = (key.local_port, number as u16 / 2, [0x55; 56]);
    let ip = ip(from, to);
    let mut frame = Vec::new();
    match (key.protocol, direction) {
        (ip::ICMPV6, Direction::In) => ip
            .icmpv6_echo_request(id, sequence)
            .write(&mut frame, &payload),
        (ip::ICMPV6, Direction::Out) => ip
            .icmpv6_echo_reply(id, sequence)
            .write(&mut frame, &payload),
        (_, Direction::In) => ip
            .icmpv4_echo_request(id, sequence)
            .write(&mut frame, &payload),
        (_, Direction::Out) => ip
            .icmpv4_echo_reply(id, sequence)
            .write(&mut frame, &payload),
    }
    .unwrap();
    frame
}

/// A question that comes in, or the answer.
fn arp(from: End, to: End, direction: Direction) -> Vec<u8> {
    let v4 = |end: End| match end.address {
        IpAddr::V4(address) => address.octets(),
        IpAddr::V6(address) => panic!("ARP is for IPv4, not for {address}"),
    };
    let (operation, target_mac, link_mac) = match direction {
        Direction::In => (ArpOperation::REQUEST, [0; 6], [0xff; 6]),
        Direction::Out => (ArpOperation::REPLY, to.mac, to.mac),
    };
    let message = ArpEthIpv4Packet {
        operation,
        sender_mac: from.mac,
        sender_ipv4: v4(from),
        target_mac,
        target_ipv4: v4(to),
    };
    let mut frame = Vec::new();
    let step = PacketBuilder::ethernet2(from.mac, link_mac).arp(message.into());
    step.write(&mut frame).unwrap();
    frame
}
