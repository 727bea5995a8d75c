//! IPv4 (RFC 791) and IPv6 (RFC 8200) with its extension headers.

use std::net::{IpAddr, SocketAddr};

use probe_common::parse::number::{ether, ip};

use super::{
    cursor::{Cursor, Read, Stop},
    icmp, icmp6,
    name::protocol_name,
    tcp, tunnel, udp,
};
use crate::model::has_ports;

/// The headers up to the transport layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// After extension headers.
    pub(super) protocol: u8,
    fragment: Option<Fragment>,
}

#[derive(Clone, Copy, Debug)]
struct Fragment {
    /// In bytes.
    offset: u16,
    more: bool,
}

impl Header {
    /// Whether the transport header is not in this packet, but in the first
    /// fragment.
    pub(super) fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|fragment| fragment.offset > 0)
    }

    /// The protocol's name.
    pub(super) fn protocol_name(&self) -> String {
        let ether_type = match self.source {
            IpAddr::V4(_) => ether::IPV4,
            IpAddr::V6(_) => ether::IPV6,
        };
        protocol_name(ether_type, self.protocol).into_owned()
    }
}

/// An IPv4 packet.
pub(super) fn v4(cursor: &mut Cursor<'_>) -> Read {
    let header = v4_header(cursor)?;
    payload(cursor, &header)
}

/// An IPv6 packet.
pub(super) fn v6(cursor: &mut Cursor<'_>) -> Read {
    let header = v6_header(cursor)?;
    payload(cursor, &header)
}

/// Reads the header of an IPv4 packet and ends what is read at its length.
pub(super) fn v4_header(cursor: &mut Cursor<'_>) -> Read<Header> {
    cursor.open("IPv4");
    let start = cursor.offset();
    let [first] = cursor.field("version, header length", |[byte]| {
        format!("{}, {} bytes", byte >> 4, (byte & 15) * 4)
    })?;
    let header_len = usize::from(first & 15) * 4;
    if first >> 4 != 4 || header_len < 20 {
        cursor.say("IPv4");
        return Err(Stop::Malformed);
    }
    cursor.field("DSCP, ECN", traffic_class)?;
    let total_len = usize::from(cursor.u16("total length")?);
    cursor.hex("identification")?;
    let fragment = cursor.field("flags, fragment offset", v4_fragment_text)?;
    cursor.u8("time to live")?;
    let [protocol] = cursor.field("protocol", |[number]| {
        format!("{} ({number})", protocol_name(ether::IPV4, number))
    })?;
    cursor.hex("header checksum")?;
    let source = cursor.ipv4("source")?;
    let destination = cursor.ipv4("destination")?;
    cursor.skip("options", header_len - 20)?;
    // A length of 0 is that of a packet beyond 64 KiB that is yet to be
    // segmented.
    if total_len >= header_len {
        cursor.limit(start + total_len);
    }
    cursor.close(format!("{source} > {destination}"));
    let fragment = u16::from_be_bytes(fragment);
    let (offset, more) = ((fragment & 0x1fff).wrapping_mul(8), fragment & 0x2000 != 0);
    Ok(Header {
        source: source.into(),
        destination: destination.into(),
        protocol,
        fragment: (offset > 0 || more).then_some(Fragment { offset, more }),
    })
}

/// Reads the header of an IPv6 packet with its extension headers and ends what
/// is read at its length.
pub(super) fn v6_header(cursor: &mut Cursor<'_>) -> Read<Header> {
    cursor.open("IPv6");
    let [first, ..] = cursor.field("version, traffic class, flow label", |bytes: [u8; 4]| {
        let word = u32::from_be_bytes(bytes);
        let class = traffic_class([(word >> 20).to_le_bytes()[0]]);
        format!("{}, {class}, {:#07x}", word >> 28, word & 0xf_ffff)
    })?;
    if first >> 4 != 6 {
        cursor.say("IPv6");
        return Err(Stop::Malformed);
    }
    let payload_len = usize::from(cursor.u16("payload length")?);
    let mut protocol = next_header(cursor)?;
    cursor.u8("hop limit")?;
    let source = cursor.ipv6("source")?;
    let destination = cursor.ipv6("destination")?;
    // A length of 0 is a jumbogram's, or of one that is yet to be segmented.
    if payload_len > 0 {
        cursor.limit(cursor.offset() + payload_len);
    }
    cursor.close(format!("{source} > {destination}"));
    let mut fragment = None;
    loop {
        let unit = match protocol {
            ip::HOP_BY_HOP
            | ip::ROUTING
            | ip::DESTINATION_OPTIONS
            | ip::MOBILITY
            | ip::HOST_IDENTITY
            | ip::SHIM6 => 8,
            // RFC 4302, 2.2: in units of 4 bytes beyond the first 8.
            ip::AUTHENTICATION => 4,
            ip::FRAGMENT => {
                let this = fragment_header(cursor)?;
                protocol = this.0;
                fragment = Some(this.1);
                if this.1.offset > 0 {
                    break;
                }
                continue;
            }
            _ => break,
        };
        cursor.open(extension_name(protocol));
        protocol = next_header(cursor)?;
        let len = 6 + usize::from(cursor.u8("length")?) * unit;
        cursor.skip("content", len)?;
        cursor.close("");
    }
    Ok(Header {
        source: source.into(),
        destination: destination.into(),
        protocol,
        fragment,
    })
}

fn fragment_header(cursor: &mut Cursor<'_>) -> Read<(u8, Fragment)> {
    cursor.open("IPv6 fragment");
    let next = next_header(cursor)?;
    cursor.skip("reserved", 1)?;
    let bits = cursor.field("fragment offset, flags", |bytes| {
        let bits = u16::from_be_bytes(bytes);
        fragment_text(bits & 0xfff8, bits & 1 != 0)
    })?;
    let bits = u16::from_be_bytes(bits);
    cursor.u32("identification")?;
    let fragment = Fragment {
        offset: bits & 0xfff8,
        more: bits & 1 != 0,
    };
    cursor.close(fragment_text(fragment.offset, fragment.more));
    Ok((next, fragment))
}

fn next_header(cursor: &mut Cursor<'_>) -> Read<u8> {
    cursor
        .field("next header", |[number]| {
            format!("{} ({number})", protocol_name(ether::IPV6, number))
        })
        .map(|[number]| number)
}

fn payload(cursor: &mut Cursor<'_>, header: &Header) -> Read {
    if cursor.is_inside() {
        say_ends(cursor, header);
    }
    if let Some(Fragment { offset, more }) = header.fragment {
        if offset > 0 {
            let name = header.protocol_name();
            let length = cursor.remaining();
            let end = if more { "more follow" } else { "the last" };
            cursor.say(format!(
                "fragment of {name} at {offset}, {end}, length {length}"
            ));
            cursor.rest("fragment");
            return Ok(());
        }
        // A fragment header alone does not make a fragment (RFC 6946).
        if more {
            cursor.say("first fragment");
        }
    }
    let is_v6 = header.source.is_ipv6();
    match header.protocol {
        ip::TCP => tcp::segment(cursor),
        ip::UDP => udp::datagram(cursor),
        ip::ICMP if !is_v6 => icmp::message(cursor),
        ip::ICMPV6 if is_v6 => icmp6::message(cursor, header),
        IPIP => tunnel::ip_in_ip(cursor, "IPv4 in IP", v4),
        IP6IP => tunnel::ip_in_ip(cursor, "IPv6 in IP", v6),
        GRE => tunnel::gre(cursor),
        _ => {
            let name = header.protocol_name().to_uppercase();
            cursor.say(format!("{name}, length {}", cursor.remaining()));
            cursor.rest("data");
            Ok(())
        }
    }
}

/// IPv4 within IP (RFC 2003).
const IPIP: u8 = 4;
/// IPv6 within IP (RFC 2473).
const IP6IP: u8 = 41;

/// GRE (RFC 2784).
const GRE: u8 = 47;

/// The ends of a packet within another, which the flow does not have.
fn say_ends(cursor: &mut Cursor<'_>, header: &Header) {
    let ports = || {
        let bytes = cursor.peek(cursor.offset(), 4).ok()?;
        let [a, b, c, d] = bytes.try_into().ok()?;
        Some([u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])])
    };
    let has_ports = has_ports(header.protocol) && !header.is_later_fragment();
    let (source, destination) = (header.source, header.destination);
    let text = match has_ports.then(ports).flatten() {
        Some([from, to]) => format!("{} > {}", end(source, from), end(destination, to)),
        None => format!("{source} > {destination}"),
    };
    cursor.say(format!("{} {text}", header.protocol_name()));
}

fn traffic_class([byte]: [u8; 1]) -> String {
    let ecn = ["no ECN", "ECT(1)", "ECT(0)", "congestion"][usize::from(byte & 3)];
    format!("DSCP {}, {ecn}", byte >> 2)
}

fn v4_fragment_text(bytes: [u8; 2]) -> String {
    let bits = u16::from_be_bytes(bytes);
    match bits & 0x4000 {
        0 => fragment_text((bits & 0x1fff).wrapping_mul(8), bits & 0x2000 != 0),
        _ => "do not fragment".to_owned(),
    }
}

fn fragment_text(offset: u16, more: bool) -> String {
    match (offset, more) {
        (0, false) => "whole".to_owned(),
        (offset, true) => format!("at {offset}, more follow"),
        (offset, false) => format!("at {offset}, the last"),
    }
}

fn extension_name(protocol: u8) -> &'static str {
    match protocol {
        ip::HOP_BY_HOP => "IPv6 hop-by-hop options",
        ip::ROUTING => "IPv6 routing",
        ip::DESTINATION_OPTIONS => "IPv6 destination options",
        ip::MOBILITY => "IPv6 mobility",
        ip::HOST_IDENTITY => "host identity",
        ip::SHIM6 => "shim6",
        _ => "authentication",
    }
}

/// The packet that an ICMP error is about, as far as its ports.
pub(super) fn embedded(cursor: &mut Cursor<'_>, read: fn(&mut Cursor<'_>) -> Read<Header>) -> Read {
    cursor.open("packet that it is about");
    let header = read(cursor)?;
    let name = header.protocol_name();
    let Header {
        source,
        destination,
        ..
    } = header;
    let text = if has_ports(header.protocol) && !header.is_later_fragment() {
        let source = end(source, cursor.u16("source port")?);
        let destination = end(destination, cursor.u16("destination port")?);
        format!("{name} {source} > {destination}")
    } else {
        format!("{name} {source} > {destination}")
    };
    cursor.close(&text);
    cursor.say(format!("about {text}"));
    cursor.rest("data");
    Ok(())
}

fn end(address: IpAddr, port: u16) -> String {
    SocketAddr::new(address, port).to_string()
}
