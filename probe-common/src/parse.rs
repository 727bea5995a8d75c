//! The packet parser: from the bytes of a frame to the flow it belongs to.
//!
//! It is generic over how bytes are read, so that one parser serves the
//! programs in the kernel (which read an skb), the tests and the fuzzer (which
//! read a slice). It never fails: whatever it cannot read has a flow too, with
//! [`KeyFlags::MALFORMED`] where the headers end early, so that every byte is
//! accounted for.
//!
//! Every function is inlined: the verifier follows one function body, and the
//! BPF target passes no aggregates.

use crate::{Direction, FlowKey, KeyFlags, LinkLayer};

/// Numbers of the protocols that the parser looks into.
pub mod number {
    /// Ethertypes (IEEE 802 numbers at IANA).
    pub mod ether {
        /// IPv4.
        pub const IPV4: u16 = 0x0800;
        /// ARP (RFC 826).
        pub const ARP: u16 = 0x0806;
        /// IPv6.
        pub const IPV6: u16 = 0x86dd;
        /// A customer VLAN tag (IEEE 802.1Q).
        pub const VLAN: u16 = 0x8100;
        /// A service VLAN tag (IEEE 802.1ad).
        pub const VLAN_SERVICE: u16 = 0x88a8;
        /// A VLAN tag stacked as some switches do.
        pub const VLAN_STACKED: u16 = 0x9100;
        /// From here on the field is a type, below it a length (IEEE 802.3).
        pub const FIRST: u16 = 0x0600;
    }

    /// IP protocol numbers (IANA).
    pub mod ip {
        /// IPv6 hop-by-hop options (RFC 8200).
        pub const HOP_BY_HOP: u8 = 0;
        /// ICMP (RFC 792).
        pub const ICMP: u8 = 1;
        /// TCP (RFC 9293).
        pub const TCP: u8 = 6;
        /// UDP (RFC 768).
        pub const UDP: u8 = 17;
        /// DCCP (RFC 4340).
        pub const DCCP: u8 = 33;
        /// IPv6 routing header (RFC 8200).
        pub const ROUTING: u8 = 43;
        /// IPv6 fragment header (RFC 8200).
        pub const FRAGMENT: u8 = 44;
        /// Authentication header (RFC 4302).
        pub const AUTHENTICATION: u8 = 51;
        /// ICMPv6 (RFC 4443).
        pub const ICMPV6: u8 = 58;
        /// IPv6 destination options (RFC 8200).
        pub const DESTINATION_OPTIONS: u8 = 60;
        /// SCTP (RFC 9260).
        pub const SCTP: u8 = 132;
        /// Mobility header (RFC 6275).
        pub const MOBILITY: u8 = 135;
        /// UDP-Lite (RFC 3828).
        pub const UDP_LITE: u8 = 136;
        /// Host identity protocol (RFC 7401).
        pub const HOST_IDENTITY: u8 = 139;
        /// Shim6 (RFC 5533).
        pub const SHIM6: u8 = 140;
    }

    /// ICMP and ICMPv6 types.
    pub mod icmp {
        /// ICMP echo reply (RFC 792).
        pub const ECHO_REPLY: u8 = 0;
        /// ICMP echo request (RFC 792).
        pub const ECHO: u8 = 8;
        /// ICMPv6 echo request (RFC 4443).
        pub const ECHO_V6: u8 = 128;
        /// ICMPv6 echo reply (RFC 4443).
        pub const ECHO_REPLY_V6: u8 = 129;
    }

    /// TCP flags, the low eight bits (RFC 9293).
    pub mod tcp {
        /// No more data from the sender.
        pub const FIN: u8 = 0x01;
        /// Synchronize sequence numbers.
        pub const SYN: u8 = 0x02;
        /// Reset the connection.
        pub const RST: u8 = 0x04;
        /// Push.
        pub const PSH: u8 = 0x08;
        /// The acknowledgment number is significant.
        pub const ACK: u8 = 0x10;
    }

    /// Ports whose packets are captured.
    pub mod port {
        /// DNS (RFC 1035).
        pub const DNS: u16 = 53;
        /// Multicast DNS (RFC 6762).
        pub const MDNS: u16 = 5353;
    }
}

use number::{ether, icmp, ip, port, tcp};

/// The bits of a tag's control information that are the VLAN's id (IEEE 802.1Q).
const VLAN_ID: u16 = 0x0fff;
/// Tags that are walked; a frame with more is a flow of the next tag's type.
const VLAN_TAGS: usize = 2;
/// IPv6 extension headers that are walked; RFC 8200 has each occur once, but for
/// destination options. A packet with more is a flow of the next one's number.
const EXTENSION_HEADERS: usize = 8;
/// Bytes that can be read at an offset.
pub trait Packet {
    /// The `N` bytes at `offset`, or nothing when the packet ends before.
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    /// Its length in bytes, of which not all need be readable.
    fn length(&self) -> usize;

    /// As [`Self::load`], for what few packets have: where it can be read in a way that
    /// is slower but simpler for the verifier, it is.
    #[inline(always)]
    fn load_rare<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.load(offset)
    }

    /// The same number. The verifier is to forget how it came about: otherwise
    /// it verifies all that follows once for each way that leads there.
    #[inline(always)]
    fn forget(&self, number: u64) -> u64 {
        number
    }

    /// As [`Self::forget`], for an offset.
    #[inline(always)]
    fn bounded(&self, offset: usize) -> usize {
        offset
    }
}

impl Packet for [u8] {
    fn length(&self) -> usize {
        self.len()
    }

    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.get(offset..)?.first_chunk().copied()
    }
}

/// What the parser found in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    /// The flow.
    pub key: FlowKey,
    /// The TCP flags of RFC 9293's low byte, or 0.
    pub tcp_flags: u8,
    /// TTL or hop limit, or 0.
    pub hop_limit: u8,
    /// The window field of TCP, before scaling.
    pub window: u16,
    /// The sequence number of TCP.
    pub sequence: u32,
    /// The acknowledgment number of TCP.
    pub acknowledgment: u32,
    /// Bytes behind the header of TCP or UDP, by the lengths in the headers.
    pub payload: u32,
}

impl Headers {
    /// Adds the tag that the device has taken off the frame (`skb->vlan_tci`): it
    /// is the outermost. A priority tag names no VLAN.
    #[inline(always)]
    pub fn put_outer_tag(&mut self, tci: u16) {
        let vlan = tci & VLAN_ID;
        if vlan != 0 {
            self.key.inner_vlan = self.key.vlan;
            self.key.vlan = vlan;
        }
    }

    /// From a packet that leaves the local end to one that goes there.
    #[inline(always)]
    pub fn turn_round(&mut self) {
        let FlowKey {
            local,
            remote,
            local_port,
            remote_port,
            protocol,
            ..
        } = &mut self.key;
        core::mem::swap(local, remote);
        // What ICMP has instead of ports belongs to no end.
        if !matches!(*protocol, ip::ICMP | ip::ICMPV6) {
            core::mem::swap(local_port, remote_port);
        }
    }

    /// TCP opening or closing a connection.
    #[must_use]
    #[inline(always)]
    pub fn is_tcp_event(&self) -> bool {
        self.tcp_flags & (tcp::SYN | tcp::FIN | tcp::RST) != 0
    }

    /// ARP, ICMP or ICMPv6 (including NDP).
    #[must_use]
    #[inline(always)]
    pub fn is_control(&self) -> bool {
        match self.key.ether_type {
            ether::ARP => true,
            ether::IPV4 => self.key.protocol == ip::ICMP,
            ether::IPV6 => self.key.protocol == ip::ICMPV6,
            _ => false,
        }
    }

    /// An ICMP or ICMPv6 error: types 3 to 5, 11 and 12 (RFC 792), or below 128
    /// (RFC 4443, 2.1).
    #[must_use]
    #[inline(always)]
    pub fn is_icmp_error(&self) -> bool {
        let kind = self.key.remote_port;
        match (self.key.ether_type, self.key.protocol) {
            (ether::IPV4, ip::ICMP) => matches!(kind, 3..=5 | 11 | 12),
            (ether::IPV6, ip::ICMPV6) => matches!(kind, 1..128),
            _ => false,
        }
    }

    /// DNS or multicast DNS, by port.
    #[must_use]
    #[inline(always)]
    pub fn is_dns(&self) -> bool {
        let is_dns = |p| p == port::DNS || p == port::MDNS;
        is_dns(self.key.local_port) || is_dns(self.key.remote_port)
    }
}

/// Reads the headers of a packet that starts with an Ethernet header, as every
/// packet on a netkit hook does in L2 and in L3 mode, or with its IP header
/// where the device has no link layer (a tunnel).
///
/// `device` and `direction` are the attachment's; they decide which end of the
/// packet is the local one.
#[must_use]
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(
    packet: &P,
    link: LinkLayer,
    device: u32,
    direction: Direction,
) -> Headers {
    let mut headers = parse_sent(packet, link, device);
    if matches!(direction, Direction::In) {
        headers.turn_round();
    }
    headers
}

/// As [`parse`], for a packet that leaves the local end.
#[must_use]
#[inline(always)]
pub fn parse_sent<P: Packet + ?Sized>(packet: &P, link: LinkLayer, device: u32) -> Headers {
    let mut headers = Headers {
        key: FlowKey {
            local: [0; 16],
            remote: [0; 16],
            device,
            ether_type: 0,
            local_port: 0,
            remote_port: 0,
            protocol: 0,
            flags: 0,
            vlan: 0,
            inner_vlan: 0,
        },
        tcp_flags: 0,
        hop_limit: 0,
        window: 0,
        sequence: 0,
        acknowledgment: 0,
        payload: 0,
    };
    let start = match link {
        LinkLayer::Ethernet => read_ethernet(packet, &mut headers),
        LinkLayer::None => read_bare_ip(packet, &mut headers),
    };
    // One place for each layer: the verifier follows each path through each branch,
    // and the fewer meet a branch the sooner it is done.
    let tags = packet.forget(u64::from(headers.key.vlan) | u64::from(headers.key.inner_vlan) << 16);
    headers.key.vlan = tags as u16;
    headers.key.inner_vlan = (tags >> 16) as u16;
    let network = match start {
        Some(offset) => read_network(packet, packet.bounded(offset), &mut headers),
        None => None,
    };
    let read = match network {
        Some(Network::Transport { offset, end }) => {
            read_transport(packet, packet.bounded(offset), end, &mut headers)
        }
        Some(Network::Whole) => Some(()),
        None => None,
    };
    if read.is_none() {
        headers.key.flags |= KeyFlags::MALFORMED;
    }
    headers
}

/// What the link and network layers led to.
enum Network {
    /// The transport header at an offset, and the end of the IP packet.
    Transport { offset: usize, end: usize },
    /// Nothing more to read.
    Whole,
}

/// Tells IPv4 from IPv6 by the version, the first four bits of either. Returns
/// where the header begins.
#[inline(always)]
fn read_bare_ip<P: Packet + ?Sized>(packet: &P, headers: &mut Headers) -> Option<usize> {
    // Two bytes: the verifier gives no range for a single first one.
    let [first, _] = packet.load(0)?;
    match first >> 4 {
        4 => headers.key.ether_type = ether::IPV4,
        6 => headers.key.ether_type = ether::IPV6,
        _ => return None,
    }
    Some(0)
}

/// Reads the tags and the type. Returns where the network header begins.
#[inline(always)]
fn read_ethernet<P: Packet + ?Sized>(packet: &P, headers: &mut Headers) -> Option<usize> {
    let [high, low] = packet.load(12)?;
    let mut ether_type = u16::from_be_bytes([high, low]);
    let mut offset = 14;
    for _ in 0..VLAN_TAGS {
        if !matches!(
            ether_type,
            ether::VLAN | ether::VLAN_SERVICE | ether::VLAN_STACKED
        ) {
            break;
        }
        headers.key.ether_type = ether_type;
        let [tci_high, tci_low, high, low] = packet.load(offset)?;
        let vlan = u16::from_be_bytes([tci_high, tci_low]) & VLAN_ID;
        if headers.key.vlan == 0 {
            headers.key.vlan = vlan;
        } else {
            headers.key.inner_vlan = vlan;
        }
        ether_type = u16::from_be_bytes([high, low]);
        offset += 4;
    }
    headers.key.ether_type = if ether_type < ether::FIRST {
        0
    } else {
        ether_type
    };
    Some(offset)
}

/// Fills `headers` for as far as the packet can be read; nothing means that it
/// ended early or contradicts itself.
#[inline(always)]
fn read_network<P: Packet + ?Sized>(
    packet: &P,
    offset: usize,
    headers: &mut Headers,
) -> Option<Network> {
    match headers.key.ether_type {
        ether::IPV4 => read_ipv4(packet, offset, headers),
        ether::IPV6 => read_ipv6(packet, offset, headers),
        ether::ARP => read_arp(packet, offset, headers),
        _ => Some(Network::Whole),
    }
}

#[inline(always)]
fn read_ipv4<P: Packet + ?Sized>(
    packet: &P,
    offset: usize,
    headers: &mut Headers,
) -> Option<Network> {
    let header: [u8; 20] = packet.load(offset)?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    if header[0] >> 4 != 4 || header_len < 20 {
        return None;
    }
    headers.hop_limit = header[8];
    headers.key.protocol = header[9];
    headers.key.local = mapped([header[12], header[13], header[14], header[15]]);
    headers.key.remote = mapped([header[16], header[17], header[18], header[19]]);
    let fragment_offset = u16::from_be_bytes([header[6], header[7]]) & 0x1fff;
    if fragment_offset != 0 {
        headers.key.flags |= KeyFlags::FRAGMENT;
        return Some(Network::Whole);
    }
    let total_length = u16::from_be_bytes([header[2], header[3]]);
    Some(Network::Transport {
        offset: offset + header_len,
        end: end(packet, offset, total_length),
    })
}

#[inline(always)]
fn read_ipv6<P: Packet + ?Sized>(
    packet: &P,
    offset: usize,
    headers: &mut Headers,
) -> Option<Network> {
    let header: [u8; 40] = packet.load(offset)?;
    if header[0] >> 4 != 6 {
        return None;
    }
    headers.hop_limit = header[7];
    headers.key.local.copy_from_slice(&header[8..24]);
    headers.key.remote.copy_from_slice(&header[24..40]);
    headers.key.protocol = header[6];

    let mut offset = offset + 40;
    let end = end(packet, offset, u16::from_be_bytes([header[4], header[5]]));
    for _ in 0..EXTENSION_HEADERS {
        let is_extension = matches!(
            headers.key.protocol,
            ip::HOP_BY_HOP
                | ip::ROUTING
                | ip::DESTINATION_OPTIONS
                | ip::MOBILITY
                | ip::HOST_IDENTITY
                | ip::SHIM6
                | ip::AUTHENTICATION
                | ip::FRAGMENT
        );
        if !is_extension {
            break;
        }
        // None is shorter (RFC 8200, 4.3 to 4.6; RFC 4302, 2.2).
        let extension: [u8; 8] = packet.load_rare(offset)?;
        // The length is in units of 8 bytes beyond the first 8, but of 4 bytes
        // for AH; a fragment header has none.
        let kind = headers.key.protocol;
        headers.key.protocol = extension[0];
        let beyond = match kind {
            ip::FRAGMENT => {
                if u16::from_be_bytes([extension[2], extension[3]]) & 0xfff8 != 0 {
                    headers.key.flags |= KeyFlags::FRAGMENT;
                    return Some(Network::Whole);
                }
                0
            }
            ip::AUTHENTICATION => usize::from(extension[1]) << 2,
            _ => usize::from(extension[1]) << 3,
        };
        offset = packet.bounded(offset + 8 + beyond);
    }
    Some(Network::Transport { offset, end })
}

/// Where something of this length ends. The kernel writes 0 for what is longer
/// than the field can hold (BIG TCP).
#[inline(always)]
fn end<P: Packet + ?Sized>(packet: &P, start: usize, length: u16) -> usize {
    if length == 0 {
        packet.length()
    } else {
        start + usize::from(length)
    }
}

#[inline(always)]
fn read_arp<P: Packet + ?Sized>(
    packet: &P,
    offset: usize,
    headers: &mut Headers,
) -> Option<Network> {
    let arp: [u8; 28] = packet.load(offset)?;
    let is_ipv4_over_ethernet = arp[2] == 0x08 && arp[3] == 0x00 && arp[4] == 6 && arp[5] == 4;
    if is_ipv4_over_ethernet {
        headers.key.local = mapped([arp[14], arp[15], arp[16], arp[17]]);
        headers.key.remote = mapped([arp[24], arp[25], arp[26], arp[27]]);
    }
    Some(Network::Whole)
}

#[inline(always)]
fn read_transport<P: Packet + ?Sized>(
    packet: &P,
    offset: usize,
    end: usize,
    headers: &mut Headers,
) -> Option<()> {
    let is_ipv4 = headers.key.ether_type == ether::IPV4;
    match headers.key.protocol {
        ip::TCP => {
            let header: [u8; 16] = packet.load(offset)?;
            headers.tcp_flags = header[13];
            headers.window = u16::from_be_bytes([header[14], header[15]]);
            headers.sequence = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
            headers.acknowledgment =
                u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
            let start = offset + usize::from(header[12] >> 4) * 4;
            headers.payload = length(start, end);
            place_ports(headers, [header[0], header[1], header[2], header[3]]);
        }
        ip::UDP | ip::UDP_LITE | ip::SCTP | ip::DCCP => {
            let ports = packet.load(offset)?;
            place_ports(headers, ports);
            // UDP's header is of 8 bytes; the others are never segmented so that it
            // would matter.
            headers.payload = length(offset + 8, end);
        }
        ip::ICMP if is_ipv4 => {
            let header: [u8; 8] = packet.load(offset)?;
            place_icmp(headers, header, icmp::ECHO, icmp::ECHO_REPLY);
        }
        ip::ICMPV6 if !is_ipv4 => {
            let header: [u8; 8] = packet.load(offset)?;
            place_icmp(headers, header, icmp::ECHO_V6, icmp::ECHO_REPLY_V6);
        }
        _ => {}
    }
    Some(())
}

/// Bytes between two offsets, with one branch; saturating subtraction has two.
#[inline(always)]
fn length(start: usize, end: usize) -> u32 {
    if start < end {
        end.wrapping_sub(start) as u32
    } else {
        0
    }
}

/// An IPv4-mapped IPv6 address, by arithmetic: a constant array would need
/// read-only data, which the object does without.
#[inline(always)]
fn mapped(address: [u8; 4]) -> [u8; 16] {
    (0xffff_0000_0000 | u128::from(u32::from_be_bytes(address))).to_be_bytes()
}

#[inline(always)]
fn place_ports(headers: &mut Headers, ports: [u8; 4]) {
    headers.key.local_port = u16::from_be_bytes([ports[0], ports[1]]);
    headers.key.remote_port = u16::from_be_bytes([ports[2], ports[3]]);
}

#[inline(always)]
fn place_icmp(headers: &mut Headers, header: [u8; 8], echo: u8, echo_reply: u8) {
    let is_echo = header[0] == echo || header[0] == echo_reply;
    if is_echo {
        headers.key.local_port = u16::from_be_bytes([header[4], header[5]]);
    }
    let kind = if is_echo { echo } else { header[0] };
    headers.key.remote_port = u16::from(kind);
}

#[cfg(test)]
mod tests;
