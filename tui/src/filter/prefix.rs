//! Address prefixes in the form in which flow keys hold addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::error::Expected;

/// Bits of an IPv4-mapped IPv6 address before the IPv4 address (RFC 4291,
/// 2.5.5.2).
const MAPPED_LEN: u8 = 96;

/// Whether an address as flow keys have it is an IPv4 address.
const fn is_mapped(address: u128) -> bool {
    address >> 32 == 0xffff
}

/// A prefix, compared with a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    net: IpNet,
    bits: u128,
    mask: u128,
    is_ipv6: bool,
}

impl Prefix {
    /// The prefix as the network that is meant: without host bits, and an
    /// IPv4-mapped one as its IPv4 prefix.
    pub(super) fn new(net: IpNet) -> Self {
        let net = match net {
            IpNet::V6(v6) if v6.prefix_len() >= MAPPED_LEN => v6
                .addr()
                .to_ipv4_mapped()
                .and_then(|v4| Ipv4Net::new(v4, v6.prefix_len() - MAPPED_LEN).ok())
                .map_or(net, IpNet::V4),
            net => net,
        };
        let net = net.trunc();
        let (bits, len) = match net {
            IpNet::V4(v4) => (
                v4.addr().to_ipv6_mapped().to_bits(),
                MAPPED_LEN + v4.prefix_len(),
            ),
            IpNet::V6(v6) => (v6.addr().to_bits(), v6.prefix_len()),
        };
        let host_bits = u32::from(128 - len);
        Self {
            net,
            bits,
            mask: u128::MAX.checked_shl(host_bits).unwrap_or(0),
            is_ipv6: matches!(net, IpNet::V6(_)),
        }
    }

    pub(super) const fn net(&self) -> IpNet {
        self.net
    }

    /// Whether an address as flow keys have it, as a number, is in the prefix.
    /// A short IPv6 prefix could hold the mapped addresses, but means none.
    pub(super) const fn contains(&self, address: u128) -> bool {
        address & self.mask == self.bits && !(self.is_ipv6 && is_mapped(address))
    }

    /// Reads an address or a prefix.
    ///
    /// # Errors
    /// Which part of the text is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, PrefixError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let Ok(ip) = address.parse::<IpAddr>() else {
            return Err(address_error(text, address, length));
        };
        let max = if ip.is_ipv4() { 32 } else { 128 };
        let len = match length {
            Some(length) => prefix_len(length, max).map_err(|mut error| {
                error.part.start += address.len() + 1;
                error.part.end += address.len() + 1;
                error
            })?,
            None => max,
        };
        let net = match ip {
            IpAddr::V4(v4) => Ipv4Net::new(v4, len).map(IpNet::V4),
            IpAddr::V6(v6) => Ipv6Net::new(v6, len).map(IpNet::V6),
        };
        net.map(Self::new)
            .map_err(|_| PrefixError::whole(text, None))
    }
}

/// Without its length where it is a single address.
impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.net.prefix_len() == self.net.max_prefix_len() {
            self.net.addr().fmt(f)
        } else {
            self.net.fmt(f)
        }
    }
}

/// Which part of an address or prefix is wrong.
#[derive(Debug)]
pub(super) struct PrefixError {
    /// Bytes of the text.
    pub(super) part: Range<usize>,
    pub(super) expected: Expected,
    pub(super) hint: Option<String>,
    /// More characters could make it right.
    pub(super) is_unfinished: bool,
}

impl PrefixError {
    fn whole(text: &str, hint: Option<String>) -> Self {
        Self {
            part: 0..text.len(),
            expected: Expected::Address,
            hint,
            is_unfinished: false,
        }
    }
}

/// Whether a word that is no address was meant as one.
pub(super) fn resembles_address(word: &str) -> bool {
    word.contains([':', '/'])
        || (word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// Whether more characters could make an address or a prefix of it.
pub(super) fn is_unfinished(word: &str) -> bool {
    const ENDINGS: [&str; 10] = [
        "::", ":", ":0", "0", "0.0", "0.0.0", ".0", ".0.0", ".0.0.0", "::0",
    ];
    ENDINGS
        .iter()
        .any(|ending| format!("{word}{ending}").parse::<IpAddr>().is_ok())
}

fn prefix_len(length: &str, max: u8) -> Result<u8, PrefixError> {
    let error = |hint| PrefixError {
        part: 0..length.len(),
        expected: Expected::PrefixLength { max },
        hint,
        is_unfinished: length.is_empty(),
    };
    if let Ok(mask) = length.parse::<Ipv4Addr>() {
        let hint = ipnet::ipv4_mask_to_prefix(mask)
            .ok()
            .map(|len| format!("write \"/{len}\" for that mask"));
        return Err(error(hint));
    }
    if length.is_empty() || !length.bytes().all(|b| b.is_ascii_digit()) {
        return Err(error(None));
    }
    match length.parse() {
        Ok(len) if len <= max => Ok(len),
        _ => {
            let family = if max == 32 { "IPv4" } else { "IPv6" };
            Err(error(Some(format!("{family} addresses have {max} bits"))))
        }
    }
}

/// Finds out what keeps `address` from being one.
fn address_error(text: &str, address: &str, length: Option<&str>) -> PrefixError {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        let (ip, port) = (socket.ip(), socket.port());
        return PrefixError::whole(text, Some(format!("write \"host {ip} and port {port}\"")));
    }
    if let Some((ip, zone)) = address.split_once('%')
        && ip.parse::<Ipv6Addr>().is_ok()
    {
        let hint = format!("write \"host {ip} and dev {zone}\"");
        return PrefixError::whole(text, Some(hint));
    }
    let mut error = if address.contains(':') {
        ipv6_error(text, address)
    } else {
        ipv4_error(text, address, length)
    };
    error.is_unfinished |= length.is_none() && is_unfinished(address);
    error
}

fn ipv6_error(text: &str, address: &str) -> PrefixError {
    let groups: Vec<&str> = address.split([':', '-']).collect();
    let is_mac = groups.len() == 6
        && groups
            .iter()
            .all(|g| g.len() == 2 && g.bytes().all(|b| b.is_ascii_hexdigit()));
    let hint = if is_mac {
        "hardware addresses are no part of a flow"
    } else {
        "an IPv6 address is eight groups of up to four hexadecimal digits; \"::\" stands once for several zero groups"
    };
    PrefixError::whole(text, Some(hint.to_owned()))
}

fn ipv4_error(text: &str, address: &str, length: Option<&str>) -> PrefixError {
    let mut start = 0;
    for octet in address.split('.') {
        let is_number = !octet.is_empty() && octet.bytes().all(|b| b.is_ascii_digit());
        let has_leading_zero = octet.len() > 1 && octet.starts_with('0');
        if is_number && (has_leading_zero || octet.parse::<u8>().is_err()) {
            let hint = has_leading_zero.then(|| "leave out the leading zeros".to_owned());
            return PrefixError {
                part: start..start + octet.len(),
                expected: Expected::Octet,
                hint,
                is_unfinished: false,
            };
        }
        start += octet.len() + 1;
    }
    let octets: Vec<&str> = address.split('.').filter(|o| !o.is_empty()).collect();
    let are_octets = octets.iter().all(|o| o.parse::<u8>().is_ok());
    let hint = if are_octets && (1..4).contains(&octets.len()) {
        let mut full = octets.clone();
        full.resize(4, "0");
        let full = full.join(".");
        let len = length.map_or_else(|| (octets.len() * 8).to_string(), str::to_owned);
        Some(format!("write \"{full}/{len}\" for the whole network"))
    } else if are_octets && octets.len() > 4 {
        Some("an IPv4 address has four numbers".to_owned())
    } else {
        None
    };
    PrefixError::whole(text, hint)
}
