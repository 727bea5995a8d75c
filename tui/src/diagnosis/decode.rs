//! Captured packets as the evidence stores read them: typed, and as far as the
//! captured bytes reach.

use std::net::IpAddr;

use etherparse::{
    IpNumber, LaxNetSlice, LaxSlicedPacket, TcpSlice, TransportSlice, UdpSlice, icmpv4, icmpv6,
};
use probe_common::parse::number::ether;
use probe_common::{Direction, FlowKey, LinkLayer};

use crate::model::{Moment, Packet};

/// A captured packet, decoded.
#[derive(Clone, Debug)]
pub struct Decoded<'a> {
    /// When the hook saw it.
    pub at: Moment,
    /// The flow that it belongs to.
    pub key: FlowKey,
    /// Which hook saw it.
    pub direction: Direction,
    /// The Ethernet header, where there is one.
    pub ethernet: Option<Ethernet>,
    /// The network layer.
    pub net: Net<'a>,
}

/// The addresses of an Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ethernet {
    /// The hardware address that the frame is sent to.
    pub destination: [u8; 6],
    /// The hardware address that it is sent from.
    pub source: [u8; 6],
}

impl Ethernet {
    fn of(packet: &Packet) -> Option<Self> {
        let is_ethernet = packet.link_layer == LinkLayer::Ethernet;
        let bytes: &[u8; 12] = packet.data.first_chunk().filter(|_| is_ethernet)?;
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = *bytes;
        Some(Self {
            destination: [d0, d1, d2, d3, d4, d5],
            source: [s0, s1, s2, s3, s4, s5],
        })
    }
}

/// The network layer of a packet.
#[derive(Clone, Debug)]
pub enum Net<'a> {
    /// IPv4 or IPv6.
    Ip(Ip<'a>),
    /// ARP for IPv4 over Ethernet.
    Arp(Arp),
    /// Anything else, or cut before it could be read.
    Other,
}

/// An IP packet.
#[derive(Clone, Debug)]
pub struct Ip<'a> {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// The identification field of IPv4 (RFC 791).
    pub id: Option<u16>,
    /// A fragment that is not the last, or not the first.
    pub fragment: bool,
    /// The transport layer.
    pub transport: Transport<'a>,
}

/// The transport layer of an IP packet.
#[derive(Clone, Debug)]
pub enum Transport<'a> {
    /// TCP.
    Tcp(Tcp<'a>),
    /// UDP.
    Udp {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
        /// The captured part of the payload.
        payload: &'a [u8],
    },
    /// An ICMP or ICMPv6 error with the packet that it speaks of.
    IcmpError(IcmpError),
    /// An ICMPv6 neighbor solicitation or advertisement (RFC 4861).
    Neighbor(Neighbor),
    /// Anything else.
    Other,
}

/// A TCP segment.
#[derive(Clone, Debug)]
pub struct Tcp<'a> {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number, where the ACK flag is set.
    pub ack: Option<u32>,
    /// SYN.
    pub syn: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
    /// Bytes of payload on the wire.
    pub payload_len: u32,
    /// The captured part of the payload.
    pub payload: &'a [u8],
}

/// An address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// The address.
    pub address: IpAddr,
    /// The port, 0 where the protocol has none.
    pub port: u16,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.address, self.port) {
            (address, 0) => write!(f, "{address}"),
            (IpAddr::V4(address), port) => write!(f, "{address}:{port}"),
            (IpAddr::V6(address), port) => write!(f, "[{address}]:{port}"),
        }
    }
}

/// An ICMP error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// What it reports.
    pub kind: IcmpKind,
    /// The next hop's MTU, for [`IcmpKind::TooBig`], 0 where it is not given.
    pub mtu: u32,
    /// The packet that it speaks of, where enough of that is quoted.
    pub quoted: Option<Quoted>,
}

/// What an ICMP error reports, for both versions of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IcmpKind {
    /// No route to the network (RFC 792, RFC 4443).
    NoRoute,
    /// The next hop of the last router does not answer.
    HostUnreachable,
    /// No such protocol at the destination.
    ProtocolUnreachable,
    /// Nothing listens on the port.
    PortUnreachable,
    /// Administratively prohibited (RFC 1812, RFC 4443).
    Prohibited,
    /// The packet does not fit the next link.
    TooBig,
    /// TTL or hop limit used up on the way.
    TimeExceeded,
    /// Fragments that did not arrive in time.
    ReassemblyTimeout,
    /// A header that the receiver cannot make sense of.
    ParameterProblem,
}

/// The packet that an ICMP error speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quoted {
    /// IP protocol number.
    pub protocol: u8,
    /// Where it came from.
    pub source: Endpoint,
    /// Where it was going.
    pub destination: Endpoint,
}

/// An ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// Whether it is a request.
    pub request: bool,
    /// Whose hardware address.
    pub sender: IpAddr,
    /// The hardware address.
    pub mac: [u8; 6],
    /// Who is asked for.
    pub target: IpAddr,
}

/// A neighbor solicitation or advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbor {
    /// Whether it is a solicitation.
    pub solicitation: bool,
    /// The address that it is about.
    pub target: IpAddr,
}

/// Decodes a packet.
#[must_use]
pub fn decode(packet: &Packet) -> Decoded<'_> {
    let sliced = match packet.link_layer {
        LinkLayer::Ethernet => LaxSlicedPacket::from_ethernet(&packet.data).ok(),
        LinkLayer::None => LaxSlicedPacket::from_ip(&packet.data).ok(),
    };
    Decoded {
        at: packet.at,
        key: packet.key,
        direction: packet.direction,
        ethernet: Ethernet::of(packet),
        net: sliced.map_or(Net::Other, |sliced| net(&sliced, packet)),
    }
}

fn net<'a>(sliced: &LaxSlicedPacket<'a>, packet: &'a Packet) -> Net<'a> {
    match &sliced.net {
        Some(LaxNetSlice::Ipv4(slice)) => {
            let header = slice.header();
            let headers = header.slice().len();
            let ip = slice.payload();
            let len = match header.total_len() {
                // Longer than the field can hold: a segment of GSO (RFC 2675's
                // idea, Linux' "BIG TCP").
                0 => packet
                    .len
                    .saturating_sub(offset(packet, ip.payload) - headers as u32),
                len => u32::from(len),
            };
            let source = IpAddr::V4(header.source_addr());
            let destination = IpAddr::V4(header.destination_addr());
            let payload_len = len.saturating_sub(headers as u32);
            Net::Ip(Ip {
                source,
                destination,
                ttl: header.ttl(),
                id: Some(header.identification()),
                fragment: slice.is_payload_fragmented(),
                transport: transport(
                    sliced.transport.as_ref(),
                    ip.ip_number,
                    ip.payload,
                    payload_len,
                ),
            })
        }
        Some(LaxNetSlice::Ipv6(slice)) => {
            let header = slice.header();
            let ip = slice.payload();
            let headers = 40;
            let extensions = ip
                .payload
                .as_ptr()
                .addr()
                .saturating_sub(header.slice().as_ptr().addr())
                .saturating_sub(headers) as u32;
            let payload = match header.payload_length() {
                0 => packet
                    .len
                    .saturating_sub(offset(packet, header.slice()) + headers as u32),
                len => u32::from(len),
            };
            Net::Ip(Ip {
                source: IpAddr::V6(header.source_addr()),
                destination: IpAddr::V6(header.destination_addr()),
                ttl: header.hop_limit(),
                id: None,
                fragment: slice.is_payload_fragmented(),
                transport: transport(
                    sliced.transport.as_ref(),
                    ip.ip_number,
                    ip.payload,
                    payload.saturating_sub(extensions),
                ),
            })
        }
        Some(LaxNetSlice::Arp(slice)) => {
            let arp = slice.to_packet();
            let address =
                |bytes: &[u8]| -> Option<IpAddr> { Some(IpAddr::from(*bytes.first_chunk::<4>()?)) };
            let parts = || {
                Some(Arp {
                    request: arp.operation.0 == 1,
                    sender: address(arp.sender_protocol_addr())?,
                    mac: *arp.sender_hw_addr().first_chunk()?,
                    target: address(arp.target_protocol_addr())?,
                })
            };
            match parts() {
                Some(parts) if packet.key.ether_type == ether::ARP => Net::Arp(parts),
                _ => Net::Other,
            }
        }
        None => Net::Other,
    }
}

/// Where in the captured bytes a part of them begins.
fn offset(packet: &Packet, part: &[u8]) -> u32 {
    part.as_ptr()
        .addr()
        .saturating_sub(packet.data.as_ptr().addr()) as u32
}

fn transport<'a>(
    slice: Option<&TransportSlice<'a>>,
    number: IpNumber,
    payload: &'a [u8],
    len: u32,
) -> Transport<'a> {
    match slice {
        Some(TransportSlice::Tcp(slice)) => tcp(slice, len),
        Some(TransportSlice::Udp(slice)) => udp(slice),
        Some(TransportSlice::Icmpv4(slice)) => icmp4(
            slice.type_u8(),
            slice.code_u8(),
            slice.bytes5to8(),
            slice.payload(),
        ),
        Some(TransportSlice::Icmpv6(slice)) => icmp6(
            slice.type_u8(),
            slice.code_u8(),
            slice.bytes5to8(),
            slice.payload(),
        ),
        // A datagram that is longer than what was captured.
        None if number == IpNumber::UDP => {
            UdpSlice::from_slice_lax(payload).map_or(Transport::Other, |slice| udp(&slice))
        }
        None if number == IpNumber::TCP => {
            TcpSlice::from_slice(payload).map_or(Transport::Other, |slice| tcp(&slice, len))
        }
        Some(TransportSlice::Igmp(_)) | None => Transport::Other,
    }
}

fn tcp<'a>(slice: &TcpSlice<'a>, len: u32) -> Transport<'a> {
    let header = u32::from(slice.data_offset()) * 4;
    Transport::Tcp(Tcp {
        source: slice.source_port(),
        destination: slice.destination_port(),
        seq: slice.sequence_number(),
        ack: slice.ack().then(|| slice.acknowledgment_number()),
        syn: slice.syn(),
        fin: slice.fin(),
        rst: slice.rst(),
        payload_len: len.saturating_sub(header),
        payload: slice.payload(),
    })
}

fn udp<'a>(slice: &UdpSlice<'a>) -> Transport<'a> {
    Transport::Udp {
        source: slice.source_port(),
        destination: slice.destination_port(),
        payload: slice.payload(),
    }
}

fn icmp4<'a>(kind: u8, code: u8, rest: [u8; 4], payload: &'a [u8]) -> Transport<'a> {
    use icmpv4::{
        CODE_TIME_EXCEEDED_FRAG_REASSEMBLY_TIME_EXCEEDED as REASSEMBLY, TYPE_DEST_UNREACH,
        TYPE_PARAMETER_PROBLEM, TYPE_TIME_EXCEEDED,
    };
    let kind = match (kind, code) {
        // RFC 792; 6 to 12 are RFC 1122, 13 to 15 RFC 1812.
        (TYPE_DEST_UNREACH, 0 | 5 | 6 | 11) => IcmpKind::NoRoute,
        (TYPE_DEST_UNREACH, 1 | 7 | 8 | 12) => IcmpKind::HostUnreachable,
        (TYPE_DEST_UNREACH, 2) => IcmpKind::ProtocolUnreachable,
        (TYPE_DEST_UNREACH, 3) => IcmpKind::PortUnreachable,
        (TYPE_DEST_UNREACH, 4) => IcmpKind::TooBig,
        (TYPE_DEST_UNREACH, 9 | 10 | 13..=15) => IcmpKind::Prohibited,
        (TYPE_TIME_EXCEEDED, REASSEMBLY) => IcmpKind::ReassemblyTimeout,
        (TYPE_TIME_EXCEEDED, _) => IcmpKind::TimeExceeded,
        (TYPE_PARAMETER_PROBLEM, _) => IcmpKind::ParameterProblem,
        _ => return Transport::Other,
    };
    Transport::IcmpError(IcmpError {
        kind,
        mtu: u32::from(u16::from_be_bytes([rest[2], rest[3]])),
        quoted: quoted(payload),
    })
}

fn icmp6<'a>(kind: u8, code: u8, rest: [u8; 4], payload: &'a [u8]) -> Transport<'a> {
    let error = match (kind, code) {
        // RFC 4443, section 3.
        (1, 0) => IcmpKind::NoRoute,
        (1, 1 | 5 | 6) => IcmpKind::Prohibited,
        (1, 4) => IcmpKind::PortUnreachable,
        (1, _) => IcmpKind::HostUnreachable,
        (2, _) => IcmpKind::TooBig,
        (3, 0) => IcmpKind::TimeExceeded,
        (3, _) => IcmpKind::ReassemblyTimeout,
        (4, 1) => IcmpKind::ProtocolUnreachable,
        (4, _) => IcmpKind::ParameterProblem,
        (icmpv6::TYPE_NEIGHBOR_SOLICITATION | icmpv6::TYPE_NEIGHBOR_ADVERTISEMENT, 0) => {
            return payload
                .first_chunk::<16>()
                .map_or(Transport::Other, |target| {
                    Transport::Neighbor(Neighbor {
                        solicitation: kind == icmpv6::TYPE_NEIGHBOR_SOLICITATION,
                        target: IpAddr::from(*target),
                    })
                });
        }
        _ => return Transport::Other,
    };
    Transport::IcmpError(IcmpError {
        kind: error,
        mtu: u32::from_be_bytes(rest),
        quoted: quoted(payload),
    })
}

/// The packet that an ICMP error quotes: its IP header and at least eight bytes
/// behind it (RFC 792), which hold the ports.
fn quoted(payload: &[u8]) -> Option<Quoted> {
    let sliced = LaxSlicedPacket::from_ip(payload).ok()?;
    let (source, destination) = match sliced.net.as_ref()? {
        LaxNetSlice::Ipv4(slice) => {
            let header = slice.header();
            (
                header.source_addr().into(),
                header.destination_addr().into(),
            )
        }
        LaxNetSlice::Ipv6(slice) => {
            let header = slice.header();
            (
                header.source_addr().into(),
                header.destination_addr().into(),
            )
        }
        LaxNetSlice::Arp(_) => return None,
    };
    let inner = sliced.net.as_ref()?.ip_payload_ref()?;
    let has_ports = matches!(inner.ip_number, IpNumber::TCP | IpNumber::UDP);
    let port = |at: usize| -> u16 {
        let bytes = inner
            .payload
            .get(at..at + 2)
            .and_then(|it| it.first_chunk());
        bytes
            .filter(|_| has_ports)
            .map_or(0, |it| u16::from_be_bytes(*it))
    };
    Some(Quoted {
        protocol: inner.ip_number.0,
        source: Endpoint {
            address: source,
            port: port(0),
        },
        destination: Endpoint {
            address: destination,
            port: port(2),
        },
    })
}
