//! ICMPv6 (RFC 4443), neighbor discovery (RFC 4861) and multicast listener
//! discovery (RFC 2710, 3810).

use std::net::{IpAddr, Ipv6Addr};

use super::{
    cursor::{Cursor, Read, Stop},
    icmp::{echo, head, say_code},
    ip::{self, Header},
    name::icmp_type_name,
};

pub(super) fn message(cursor: &mut Cursor<'_>, header: &Header) -> Read {
    let length = cursor.remaining();
    let (kind, code) = head(cursor, true)?;
    let name = icmp_type_name(true, kind);
    cursor.say(format!("ICMP6 {name}"));
    match kind {
        1..=4 => {
            if kind != 2 {
                say_code(cursor, true, kind, code);
            }
            match kind {
                2 => {
                    let mtu = cursor.u32("MTU")?;
                    cursor.say(format!("mtu {mtu}"));
                }
                4 => {
                    let pointer = cursor.u32("pointer")?;
                    cursor.say(format!("at byte {pointer}"));
                }
                _ => cursor.skip("unused", 4)?,
            }
            cursor.close(name);
            return ip::embedded(cursor, ip::v6_header);
        }
        128 | 129 => {
            echo(cursor)?;
            cursor.say(format!("length {length}"));
            return Ok(());
        }
        130..=132 => listener(cursor)?,
        133 => {
            cursor.skip("reserved", 4)?;
            options(cursor)?;
        }
        134 => router_advertisement(cursor)?,
        135 => neighbor_solicitation(cursor, header.source)?,
        136 => neighbor_advertisement(cursor)?,
        137 => {
            cursor.skip("reserved", 4)?;
            let via = cursor.ipv6("better first hop")?;
            let destination = cursor.ipv6("destination")?;
            cursor.say(format!("{destination} via {via}"));
            options(cursor)?;
        }
        143 => listener_report_v2(cursor)?,
        _ => {
            cursor.say(format!("length {length}"));
            cursor.rest("content");
        }
    }
    cursor.close(name);
    Ok(())
}

fn router_advertisement(cursor: &mut Cursor<'_>) -> Read {
    let hop_limit = cursor.u8("hop limit")?;
    let show = |[bits]: [u8; 1]| {
        flags(
            bits,
            &[(0x80, "managed"), (0x40, "other"), (0x20, "home agent")],
        )
    };
    let bits = cursor.field("flags", show)?;
    let lifetime = cursor.u16("router lifetime, s")?;
    cursor.u32("reachable time, ms")?;
    cursor.u32("retransmission time, ms")?;
    cursor.say(match lifetime {
        0 => "not a default router".to_owned(),
        _ => format!("default router for {lifetime} s"),
    });
    if hop_limit > 0 {
        cursor.say(format!("hop limit {hop_limit}"));
    }
    if bits[0] != 0 {
        cursor.say(show(bits));
    }
    options(cursor)
}

fn neighbor_solicitation(cursor: &mut Cursor<'_>, source: IpAddr) -> Read {
    cursor.skip("reserved", 4)?;
    let target = cursor.ipv6("target")?;
    cursor.say(format!("who has {target}"));
    // RFC 4862, 5.4.2.
    if source.is_unspecified() {
        cursor.say("to see if it is free");
    }
    options(cursor)
}

fn neighbor_advertisement(cursor: &mut Cursor<'_>) -> Read {
    let show = |[bits, ..]: [u8; 4]| {
        flags(
            bits,
            &[(0x80, "router"), (0x40, "solicited"), (0x20, "override")],
        )
    };
    let bits = cursor.field("flags", show)?;
    let target = cursor.ipv6("target")?;
    cursor.say(format!("target {target}"));
    if bits[0] != 0 {
        cursor.say(show(bits));
    }
    options(cursor)
}

/// Options of neighbor discovery: RFC 4861, 4.6; RFC 8106.
fn options(cursor: &mut Cursor<'_>) -> Read {
    while cursor.remaining() > 0 {
        let start = cursor.offset();
        let kind = cursor.peek(start, 1)?[0];
        cursor.open(option_name(kind));
        cursor.u8("type")?;
        let len = usize::from(cursor.u8("length, 8 bytes")?) * 8;
        if len == 0 {
            return Err(Stop::Malformed);
        }
        let end = cursor.limit(start + len);
        let value = option(cursor, kind)?;
        cursor.skip("rest", cursor.remaining())?;
        cursor.restore(end);
        cursor.close(value);
    }
    Ok(())
}

fn option(cursor: &mut Cursor<'_>, kind: u8) -> Read<String> {
    let value = match kind {
        1 | 2 => {
            let address = cursor.mac("address")?;
            cursor.say(format!("{} {address}", option_name(kind)));
            address
        }
        3 => {
            let len = cursor.u8("prefix length")?;
            cursor.field("flags", |[bits]| {
                flags(bits, &[(0x80, "on link"), (0x40, "autonomous")])
            })?;
            let valid = cursor.u32("valid lifetime, s")?;
            cursor.u32("preferred lifetime, s")?;
            cursor.skip("reserved", 4)?;
            let prefix = cursor.ipv6("prefix")?;
            cursor.say(format!("prefix {prefix}/{len}"));
            format!("{prefix}/{len} for {valid} s")
        }
        5 => {
            cursor.skip("reserved", 2)?;
            let mtu = cursor.u32("MTU")?;
            cursor.say(format!("mtu {mtu}"));
            mtu.to_string()
        }
        25 => {
            cursor.skip("reserved", 2)?;
            cursor.u32("lifetime, s")?;
            let mut servers = Vec::new();
            while cursor.remaining() >= 16 {
                let server = cursor.ipv6("server")?;
                cursor.say(format!("DNS server {server}"));
                servers.push(server.to_string());
            }
            servers.join(", ")
        }
        _ => String::new(),
    };
    Ok(value)
}

fn option_name(kind: u8) -> &'static str {
    match kind {
        1 => "source link address",
        2 => "target link address",
        3 => "prefix information",
        4 => "redirected header",
        5 => "MTU",
        14 => "nonce",
        24 => "route information",
        25 => "DNS servers",
        31 => "DNS search list",
        37 => "captive portal",
        38 => "PREF64",
        _ => "option",
    }
}

fn listener(cursor: &mut Cursor<'_>) -> Read {
    cursor.u16("maximum response delay, ms")?;
    cursor.skip("reserved", 2)?;
    let group = cursor.ipv6("group")?;
    cursor.say(if group.is_unspecified() {
        "all groups".to_owned()
    } else {
        format!("group {group}")
    });
    cursor.rest("sources");
    Ok(())
}

fn listener_report_v2(cursor: &mut Cursor<'_>) -> Read {
    cursor.skip("reserved", 2)?;
    let records = cursor.u16("records")?;
    for _ in 0..records {
        cursor.open("record");
        let [kind] = cursor.field("type", |[kind]| record_type(kind).to_owned())?;
        let extra = usize::from(cursor.u8("length of auxiliary data, 4 bytes")?) * 4;
        let sources = cursor.u16("sources")?;
        let group = cursor.ipv6("group")?;
        let text = record_text(kind, sources, group);
        cursor.say(&text);
        cursor.skip("source addresses", usize::from(sources) * 16)?;
        cursor.skip("auxiliary data", extra)?;
        cursor.close(text);
    }
    Ok(())
}

/// What a record means: excluding no source is listening, including none is
/// not (RFC 3810, 5.2.12).
fn record_text(kind: u8, sources: u16, group: Ipv6Addr) -> String {
    match (kind, sources) {
        (2, 0) => format!("listens to {group}"),
        (4, 0) => format!("joins {group}"),
        (3, 0) => format!("leaves {group}"),
        _ => format!("{} {sources} sources of {group}", record_type(kind)),
    }
}

fn record_type(kind: u8) -> &'static str {
    match kind {
        1 => "includes",
        2 => "excludes",
        3 => "changes to include",
        4 => "changes to exclude",
        5 => "allows",
        6 => "blocks",
        _ => "unknown record of",
    }
}

fn flags(bits: u8, names: &[(u8, &str)]) -> String {
    let set = names.iter().filter(|(bit, _)| bits & bit != 0);
    let names: Vec<_> = set.map(|(_, name)| *name).collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        names => names.join(" "),
    }
}
