//! Captured bytes: what remains of them is headers, with other addresses.

use probe_common::LinkLayer;
use probe_common::parse::number::{ether, ip};

use super::Redaction;
use crate::model::Packet;

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;
const VLAN_TYPES: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// Bytes of ARP for IPv4 over Ethernet, and how that begins (RFC 826).
const ARP: usize = 28;
const ARP_START: [u8; 6] = [0, 1, 8, 0, 6, 4];
/// Ports of DNS and mDNS.
const DNS: [u16; 2] = [53, 5353];
/// A no-operation option of IPv4 and TCP.
const NOP: u8 = 1;

impl Redaction {
    /// The captured bytes. Of each header remains what is known to name nobody, and of
    /// payload the question of a DNS message and the packet that an ICMP error quotes.
    pub(super) fn data(&mut self, packet: &mut Packet) {
        let mut bytes = packet.data.to_vec();
        let kept = match packet.link_layer {
            LinkLayer::Ethernet => self.ethernet(&mut bytes),
            LinkLayer::None => self.network(&mut bytes, false),
        };
        bytes.truncate(kept);
        packet.data = bytes.into();
    }

    // Each of these returns how many of the bytes may be kept.

    fn ethernet(&mut self, bytes: &mut [u8]) -> usize {
        if bytes.len() < ETHERNET {
            return 0;
        }
        self.mac(&mut bytes[..6]);
        self.mac(&mut bytes[6..12]);
        let mut at = 12;
        let mut kind = number(bytes, at);
        while kind.is_some_and(|kind| VLAN_TYPES.contains(&kind)) {
            at += 4;
            kind = number(bytes, at);
        }
        let Some(kind) = kind else {
            return at;
        };
        at += 2;
        let rest = &mut bytes[at..];
        at + match kind {
            ether::ARP => self.arp(rest),
            ether::IPV4 | ether::IPV6 => self.network(rest, false),
            _ => 0,
        }
    }

    fn arp(&mut self, bytes: &mut [u8]) -> usize {
        if bytes.len() < ARP || !bytes.starts_with(&ARP_START) {
            return 0;
        }
        self.mac(&mut bytes[8..14]);
        self.in_bytes(&mut bytes[14..18]);
        self.mac(&mut bytes[18..24]);
        self.in_bytes(&mut bytes[24..28]);
        ARP
    }

    /// A packet of IP; one that is quoted has no payload that counts.
    fn network(&mut self, bytes: &mut [u8], is_quoted: bool) -> usize {
        match bytes.first().map(|first| first >> 4) {
            Some(4) => self.ipv4(bytes, is_quoted),
            Some(6) => self.ipv6(bytes, is_quoted),
            _ => 0,
        }
    }

    fn ipv4(&mut self, bytes: &mut [u8], is_quoted: bool) -> usize {
        let header = usize::from(bytes[0] & 15) * 4;
        if header < 20 || bytes.len() < header {
            return 0;
        }
        self.in_bytes(&mut bytes[12..16]);
        self.in_bytes(&mut bytes[16..20]);
        // Options may have addresses.
        bytes[20..header].fill(NOP);
        bytes[10..12].fill(0);
        let sum = checksum(&bytes[..header]);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        let is_first = number(bytes, 6).is_some_and(|it| it & 0x1fff == 0);
        let protocol = bytes[9];
        if !is_first {
            return header;
        }
        header + self.transport(protocol, &mut bytes[header..], is_quoted)
    }

    fn ipv6(&mut self, bytes: &mut [u8], is_quoted: bool) -> usize {
        if bytes.len() < 40 {
            return 0;
        }
        self.in_bytes(&mut bytes[8..24]);
        self.in_bytes(&mut bytes[24..40]);
        let mut next = bytes[6];
        let mut at = 40;
        // Hop-by-hop options, routing, destination options; fragment (RFC 8200).
        while let 0 | 43 | 44 | 60 = next {
            let Some([following, length]) = bytes[at..].first_chunk().copied() else {
                return at;
            };
            let length = match next {
                44 => 8,
                _ => (usize::from(length) + 1) * 8,
            };
            let Some(header) = bytes.get_mut(at..at + length) else {
                return at;
            };
            if next == 44 {
                let is_first = number(header, 2).is_some_and(|it| it & 0xfff8 == 0);
                if !is_first {
                    return at + length;
                }
            } else {
                // Padding, in options; no segments left, in a route.
                header[2..].fill(0);
            }
            next = following;
            at += length;
        }
        at + self.transport(next, &mut bytes[at..], is_quoted)
    }

    fn transport(&mut self, protocol: u8, bytes: &mut [u8], is_quoted: bool) -> usize {
        match protocol {
            ip::TCP => tcp(bytes),
            ip::UDP => {
                if bytes.len() < 8 {
                    return 0;
                }
                let is_dns = [number(bytes, 0), number(bytes, 2)]
                    .into_iter()
                    .flatten()
                    .any(|port| DNS.contains(&port));
                clear(&mut bytes[6..8]);
                match bytes.split_at_mut_checked(8) {
                    Some((_, message)) if is_dns && !is_quoted => 8 + self.dns(message),
                    _ => 8,
                }
            }
            ip::UDP_LITE if bytes.len() >= 8 => {
                clear(&mut bytes[6..8]);
                8
            }
            // Ports and the verification tag.
            ip::SCTP => bytes.len().min(8),
            ip::DCCP => bytes.len().min(4),
            ip::ICMP => self.icmp(bytes, is_quoted),
            ip::ICMPV6 => self.icmp6(bytes, is_quoted),
            _ => 0,
        }
    }

    fn icmp(&mut self, bytes: &mut [u8], is_quoted: bool) -> usize {
        if bytes.len() < 8 {
            return 0;
        }
        bytes[2..4].fill(0);
        // A redirect has the address of a gateway (RFC 792).
        if bytes[0] == 5 {
            self.in_bytes(&mut bytes[4..8]);
        }
        match bytes[0] {
            3 | 4 | 5 | 11 | 12 if !is_quoted => 8 + self.network(&mut bytes[8..], true),
            _ => 8,
        }
    }

    fn icmp6(&mut self, bytes: &mut [u8], is_quoted: bool) -> usize {
        if bytes.len() < 8 {
            return 0;
        }
        bytes[2..4].fill(0);
        if is_quoted {
            return 8;
        }
        match bytes[0] {
            1..=4 => 8 + self.network(&mut bytes[8..], true),
            // Neighbor discovery (RFC 4861).
            133 => self.neighbor_options(bytes, 8),
            134 => self.neighbor_options(bytes, 16),
            135 | 136 if bytes.len() >= 24 => {
                self.in_bytes(&mut bytes[8..24]);
                self.neighbor_options(bytes, 24)
            }
            // Multicast listeners (RFC 2710), redirects.
            130..=132 | 137 if bytes.len() >= 24 => {
                self.in_bytes(&mut bytes[8..24]);
                24
            }
            _ => 8,
        }
    }

    /// Options of neighbor discovery: link-layer addresses, prefixes and MTU.
    fn neighbor_options(&mut self, bytes: &mut [u8], start: usize) -> usize {
        let mut at = start.min(bytes.len());
        while let Some([kind, length]) = bytes[at..].first_chunk().copied() {
            let length = usize::from(length) * 8;
            let Some(option) = bytes.get_mut(at..at + length).filter(|it| !it.is_empty()) else {
                break;
            };
            match (kind, length) {
                (1 | 2, 8) => self.mac(&mut option[2..]),
                (3, 32) => {
                    self.in_bytes(&mut option[16..]);
                    let host = 128_u32.saturating_sub(option[2].into());
                    let mask = u128::MAX.checked_shl(host).unwrap_or(0).to_be_bytes();
                    for (byte, mask) in option[16..].iter_mut().zip(mask) {
                        *byte &= mask;
                    }
                }
                (5, 8) => {}
                _ => option[2..].fill(0),
            }
            at += length;
        }
        at
    }
}

/// A header of TCP; options that are not known to name nobody are replaced by none.
fn tcp(bytes: &mut [u8]) -> usize {
    if bytes.len() < 20 {
        // The start of a quoted one: ports and sequence number.
        return bytes.len().min(8);
    }
    // The checksum covers the addresses and the payload.
    bytes[16..18].fill(0);
    let end = (usize::from(bytes[12] >> 4) * 4).clamp(20, bytes.len());
    let mut options = &mut bytes[20..end];
    while let Some(kind) = options.first().copied() {
        let length = match kind {
            0 => break,
            NOP => 1,
            // Those two bytes are a part of it.
            _ => match options.get(1) {
                Some(length @ 2..) => usize::from(*length),
                _ => 0,
            },
        };
        if length == 0 || length > options.len() {
            break;
        }
        let (option, rest) = options.split_at_mut(length);
        match kind {
            // MSS, window scale, SACK (RFC 9293, 7323, 2018).
            NOP | 2..=5 => {}
            // Timestamps tell how long a host has been up, and by their drift which one
            // it is (RFC 7323, 7). That there are some stays.
            8 => option[2..].fill(0),
            _ => option.fill(NOP),
        }
        options = rest;
    }
    options.fill(0);
    end
}

/// A checksum covers addresses and payload: one could be tried against it.
fn clear(checksum: &mut [u8]) {
    if checksum != [0, 0] {
        checksum.fill(0xff);
    }
}

/// The checksum of an IPv4 header (RFC 791).
fn checksum(header: &[u8]) -> u16 {
    let words = header.chunks_exact(2);
    let sum: u32 = words
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
