//! ICMP (RFC 792).

use super::{
    cursor::{Cursor, Read},
    ip,
    name::{icmp_code_name, icmp_type_name},
};

pub(super) fn message(cursor: &mut Cursor<'_>) -> Read {
    let length = cursor.remaining();
    let (kind, code) = head(cursor, false)?;
    cursor.say(format!("ICMP {}", icmp_type_name(false, kind)));
    match kind {
        0 | 8 | 13 | 14 => {
            echo(cursor)?;
            cursor.say(format!("length {length}"));
            return Ok(());
        }
        3 => {
            say_code(cursor, false, kind, code);
            cursor.skip("unused", 2)?;
            let mtu = cursor.u16("MTU of the next hop")?;
            if code == 4 {
                cursor.say(format!("mtu {mtu}"));
            }
        }
        5 => {
            say_code(cursor, false, kind, code);
            let gateway = cursor.ipv4("gateway")?;
            cursor.say(format!("via {gateway}"));
        }
        11 => {
            say_code(cursor, false, kind, code);
            cursor.skip("unused", 4)?;
        }
        12 => {
            say_code(cursor, false, kind, code);
            let pointer = cursor.u8("pointer")?;
            cursor.skip("unused", 3)?;
            cursor.say(format!("at byte {pointer}"));
        }
        _ => {
            cursor.close(icmp_type_name(false, kind));
            cursor.say(format!("length {length}"));
            cursor.rest("data");
            return Ok(());
        }
    }
    cursor.close(icmp_type_name(false, kind));
    ip::embedded(cursor, ip::v4_header)
}

/// Begins the header and reads the type, the code and the checksum, which are
/// alike in ICMPv6.
pub(super) fn head(cursor: &mut Cursor<'_>, v6: bool) -> Read<(u8, u8)> {
    cursor.open(if v6 { "ICMPv6" } else { "ICMP" });
    let [kind] = cursor.field("type", |[kind]| {
        format!("{} ({kind})", icmp_type_name(v6, kind))
    })?;
    let [code] = cursor.field("code", |[code]| match icmp_code_name(v6, kind, code) {
        Some(name) => format!("{name} ({code})"),
        None => code.to_string(),
    })?;
    cursor.hex("checksum")?;
    Ok((kind, code))
}

/// Says what the code means.
pub(super) fn say_code(cursor: &mut Cursor<'_>, v6: bool, kind: u8, code: u8) {
    match icmp_code_name(v6, kind, code) {
        Some(name) => cursor.say(name),
        None => cursor.say(format!("code {code}")),
    }
}

/// The identifier and sequence number of an echo, and what it carries.
pub(super) fn echo(cursor: &mut Cursor<'_>) -> Read {
    let id = cursor.u16("identifier")?;
    let sequence = cursor.u16("sequence number")?;
    let text = format!("id {id}, seq {sequence}");
    cursor.say(&text);
    cursor.close(text);
    cursor.rest("data");
    Ok(())
}
