//! PPPoE (RFC 2516) and MPLS (RFC 3032), which carry packets over Ethernet.

use super::{
    cursor::{Cursor, Read},
    ip,
};

/// Ethertype of PPPoE discovery.
pub(super) const PPPOE_DISCOVERY: u16 = 0x8863;
/// Ethertype of PPPoE sessions.
pub(super) const PPPOE_SESSION: u16 = 0x8864;
/// Ethertype of MPLS.
pub(super) const MPLS: u16 = 0x8847;
/// Ethertype of MPLS with upstream-assigned labels (RFC 5332).
pub(super) const MPLS_MULTICAST: u16 = 0x8848;

/// A PPPoE packet, and what a session carries.
pub(super) fn pppoe(cursor: &mut Cursor<'_>, ether_type: u16) -> Read {
    cursor.open("PPPoE");
    cursor.hex_u8("version, type")?;
    let [code] = cursor.field("code", |[code]| {
        format!("{} ({code:#04x})", code_name(code))
    })?;
    let session = cursor.hex("session")?;
    let length = usize::from(cursor.u16("length")?);
    cursor.limit(cursor.offset() + length);
    if ether_type == PPPOE_DISCOVERY || code != 0 {
        cursor.close(code_name(code));
        cursor.say(format!("PPPoE {}", code_name(code)));
        cursor.rest("tags");
        return Ok(());
    }
    let protocol = cursor.field("PPP protocol", |bytes| {
        let number = u16::from_be_bytes(bytes);
        format!("{} ({number:#06x})", ppp_name(number))
    })?;
    let protocol = u16::from_be_bytes(protocol);
    cursor.close(format!("session {session:#06x}"));
    cursor.say(format!("PPPoE session {session:#06x}"));
    match protocol {
        PPP_IPV4 => inside(cursor, ip::v4),
        PPP_IPV6 => inside(cursor, ip::v6),
        other => {
            cursor.say(format!(
                "{}, length {}",
                ppp_name(other),
                cursor.remaining()
            ));
            cursor.rest("data");
            Ok(())
        }
    }
}

/// IPv4 over PPP (RFC 1332).
const PPP_IPV4: u16 = 0x0021;
/// IPv6 over PPP (RFC 5072).
const PPP_IPV6: u16 = 0x0057;

const fn code_name(code: u8) -> &'static str {
    match code {
        0x00 => "session data",
        0x09 => "PADI",
        0x07 => "PADO",
        0x19 => "PADR",
        0x65 => "PADS",
        0xa7 => "PADT",
        _ => "unknown",
    }
}

const fn ppp_name(protocol: u16) -> &'static str {
    match protocol {
        PPP_IPV4 => "IPv4",
        PPP_IPV6 => "IPv6",
        0x8021 => "IPCP",
        0x8057 => "IPv6CP",
        0xc021 => "LCP",
        0xc023 => "PAP",
        0xc223 => "CHAP",
        _ => "PPP",
    }
}

/// The labels of an MPLS packet, and the IP packet behind them. What the packet
/// is only its version tells, since labels do not.
pub(super) fn mpls(cursor: &mut Cursor<'_>) -> Read {
    loop {
        cursor.open("MPLS");
        let entry = cursor.field("label, class, bottom, TTL", |bytes| {
            let entry = u32::from_be_bytes(bytes);
            let bottom = if entry & BOTTOM != 0 { ", bottom" } else { "" };
            let (label, class, ttl) = (entry >> 12, entry >> 9 & 7, entry & 0xff);
            format!("{label}, class {class}{bottom}, TTL {ttl}")
        })?;
        let entry = u32::from_be_bytes(entry);
        cursor.close(format!("label {}", entry >> 12));
        cursor.say(format!("MPLS label {}", entry >> 12));
        if entry & BOTTOM != 0 {
            break;
        }
    }
    match cursor.peek(cursor.offset(), 1)?[0] >> 4 {
        4 => inside(cursor, ip::v4),
        6 => inside(cursor, ip::v6),
        _ => {
            cursor.say(format!("length {}", cursor.remaining()));
            cursor.rest("data");
            Ok(())
        }
    }
}

/// The last label of the stack.
const BOTTOM: u32 = 0x100;

fn inside(cursor: &mut Cursor<'_>, packet: fn(&mut Cursor<'_>) -> Read) -> Read {
    cursor.enter()?;
    packet(cursor)
}
