//! Addresses of IP and of Ethernet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Domain, REMEMBERED, Redaction};

/// A prefix whose addresses stay in it, since much depends on what they are: local,
/// multicast, for everybody.
struct Class {
    bits: u128,
    length: u32,
    /// Whether its addresses stay as they are: they name no one.
    is_kept: bool,
}

/// Where the addresses of IPv4 are, among those of IPv6 (RFC 4291, section 2.5.5.2).
const MAPPED: u128 = 0xffff << 32;
/// Bits in front of those of IPv4.
const IPV4: u32 = 96;

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u32, is_kept: bool) -> Class {
    let address = Ipv4Addr::new(a, b, c, d);
    Class {
        bits: MAPPED | address.to_bits() as u128,
        length: IPV4 + length,
        is_kept,
    }
}

const fn v6(first: u16, sixth: u16, seventh: u16, length: u32, is_kept: bool) -> Class {
    Class {
        bits: Ipv6Addr::new(first, 0, 0, 0, 0, sixth, seventh, 0).to_bits(),
        length,
        is_kept,
    }
}

/// RFC 6890, RFC 1918, RFC 6598, RFC 5771, RFC 4291, RFC 4193.
const CLASSES: [Class; 19] = [
    v4(0, 0, 0, 0, 0, false),
    v4(0, 0, 0, 0, 8, true),
    v4(10, 0, 0, 0, 8, false),
    v4(100, 64, 0, 0, 10, false),
    v4(127, 0, 0, 0, 8, true),
    v4(169, 254, 0, 0, 16, false),
    v4(172, 16, 0, 0, 12, false),
    v4(192, 168, 0, 0, 16, false),
    v4(224, 0, 0, 0, 4, false),
    v4(224, 0, 0, 0, 24, true),
    v4(240, 0, 0, 0, 4, false),
    v4(255, 255, 255, 255, 32, true),
    // Unspecified and loopback.
    v6(0, 0, 0, 127, true),
    v6(0xfe80, 0, 0, 10, false),
    v6(0xfc00, 0, 0, 7, false),
    v6(0xff00, 0, 0, 8, false),
    // Well-known groups of a link, and those of solicited nodes.
    v6(0xff02, 0, 0, 112, true),
    v6(0xff02, 0, 1, 112, true),
    Class {
        bits: 0xff02_0000_0000_0000_0000_0001_ff00_0000,
        length: 104,
        is_kept: false,
    },
];

/// The first `length` bits.
const fn first(bits: u128, length: u32) -> u128 {
    match u128::MAX.checked_shr(length) {
        Some(rest) => bits & !rest,
        None => bits,
    }
}

/// Whether the bit behind this prefix of an address stays: it decides about the
/// address's class.
fn stays(bits: u128, length: u32) -> bool {
    let of_class = CLASSES.iter().any(|class| {
        let shared = class.length.min(length);
        first(bits, shared) == first(class.bits, shared) && (class.length > length || class.is_kept)
    });
    // Flags and scope of a multicast address (RFC 4291, section 2.7).
    let of_scope = length < 16 && bits >> 120 == 0xff;
    // 255 at the end of an IPv4 address is mostly for everybody on the network.
    let is_last = length >= 120 && first(bits, IPV4) == MAPPED;
    let ones = is_last && (bits & 0xff) >> (128 - length) == 0xff >> (128 - length);
    of_class || of_scope || ones
}

impl Redaction {
    /// An address of IPv6, or one of IPv4 as such. Two addresses have as many leading
    /// bits in common as before, and different ones stay different.
    pub fn octets(&mut self, address: [u8; 16]) -> [u8; 16] {
        if let Some(known) = self.addresses.get(&address) {
            return *known;
        }
        let bits = u128::from_be_bytes(address);
        let mut flips = 0;
        for length in 0..u128::BITS {
            if stays(bits, length) {
                continue;
            }
            let mut prefix = [0; 17];
            prefix[0] = length as u8;
            prefix[1..].copy_from_slice(&first(bits, length).to_be_bytes());
            let flip = self.draw(Domain::Prefix, &prefix) & 1;
            flips |= u128::from(flip) << (127 - length);
        }
        let replaced = (bits ^ flips).to_be_bytes();
        if self.addresses.len() >= REMEMBERED {
            self.addresses.clear();
        }
        self.addresses.insert(address, replaced);
        replaced
    }

    /// An address in bytes of a packet: 4 of them, or 16.
    pub fn in_bytes(&mut self, bytes: &mut [u8]) {
        if let Ok(octets) = <[u8; 4]>::try_from(&*bytes) {
            let mapped = self.octets(Ipv4Addr::from(octets).to_ipv6_mapped().octets());
            bytes.copy_from_slice(&mapped[12..]);
        } else if let Ok(octets) = <[u8; 16]>::try_from(&*bytes) {
            bytes.copy_from_slice(&self.octets(octets));
        }
    }

    /// An address.
    pub fn ip(&mut self, address: &mut IpAddr) {
        *address = match *address {
            IpAddr::V4(v4) => {
                let mapped = self.octets(v4.to_ipv6_mapped().octets());
                Ipv6Addr::from(mapped).to_canonical()
            }
            IpAddr::V6(v6) => IpAddr::V6(self.octets(v6.octets()).into()),
        };
    }

    /// An address and a port, which stays.
    pub fn socket(&mut self, address: &mut SocketAddr) {
        let mut ip = address.ip();
        self.ip(&mut ip);
        *address = SocketAddr::new(ip, address.port());
    }

    /// A hardware address. It stays one of a group, or of one that was set locally; so
    /// do groups that a standard has given a number.
    pub fn mac(&mut self, mac: &mut [u8]) {
        let rest = match mac {
            [0, 0, 0, 0, 0, 0] | [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => return,
            // Of a group of IPv6 the last 32 bits (RFC 2464), of which a solicited
            // node has 24.
            [0x33, 0x33, 0xff, a, b, c] => {
                let group = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, *a, *b, *c];
                [.., *a, *b, *c] = self.octets(group);
                return;
            }
            [0x33, 0x33, 0, 0 | 1, _, _] => return,
            [0x33, 0x33, _, _, _, _] => 2,
            // Of a group of IPv4 the last 23 bits (RFC 1112).
            [1, 0, 0x5e, 0, 0, _] => return,
            [1, 0, 0x5e, _, _, _] => 3,
            // Bridges, LLDP, PTP and the like.
            [1, _, _, _, _, _] => return,
            _ => 0,
        };
        let drawn = self.draw(Domain::Mac, mac).to_be_bytes();
        let flags = mac.first().map_or(0, |first| first & 3);
        let replaced = mac.iter_mut().zip(drawn.iter().cycle());
        for (byte, drawn) in replaced.skip(rest) {
            *byte = *drawn;
        }
        if let (0, Some(first)) = (rest, mac.first_mut()) {
            *first = *first & !3 | flags;
        }
    }
}
