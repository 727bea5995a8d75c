//! DHCP (RFC 2131) and DHCPv6 (RFC 8415), briefly.

use super::cursor::{Cursor, Read};

/// Who asks for or gets which address. The message type is an option that lies
/// 282 bytes into the packet, beyond what is captured.
pub(super) fn v4(cursor: &mut Cursor<'_>) -> Read {
    cursor.open("DHCP");
    let [operation] = cursor.field("operation", |[operation]| {
        v4_operation(operation).to_owned()
    })?;
    cursor.say(format!("DHCP {}", v4_operation(operation)));
    cursor.u8("hardware type")?;
    let hardware_len = cursor.u8("hardware address length")?;
    cursor.u8("hops")?;
    cursor.field("transaction", |bytes| {
        format!("{:#010x}", u32::from_be_bytes(bytes))
    })?;
    cursor.u16("seconds")?;
    cursor.hex("flags")?;
    let current = cursor.ipv4("client's current address")?;
    let yours = cursor.ipv4("address given to the client")?;
    cursor.ipv4("next server")?;
    let relay = cursor.ipv4("relay")?;
    if hardware_len == 6 {
        let client = cursor.mac("client hardware address")?;
        cursor.say(format!("client {client}"));
    }
    for (name, address) in [("has", current), ("gets", yours), ("relay", relay)] {
        if !address.is_unspecified() {
            cursor.say(format!("{name} {address}"));
        }
    }
    cursor.close(v4_operation(operation));
    cursor.rest("options");
    Ok(())
}

fn v4_operation(operation: u8) -> &'static str {
    match operation {
        1 => "request",
        2 => "reply",
        _ => "of an unknown operation",
    }
}

/// The message's type.
pub(super) fn v6(cursor: &mut Cursor<'_>) -> Read {
    cursor.open("DHCPv6");
    let [kind] = cursor.field("message type", |[kind]| v6_type(kind).to_owned())?;
    cursor.say(format!("DHCPv6 {}", v6_type(kind)));
    cursor.close(v6_type(kind));
    cursor.rest("content");
    Ok(())
}

/// IANA, "DHCPv6 Message Types".
fn v6_type(kind: u8) -> &'static str {
    match kind {
        1 => "solicit",
        2 => "advertise",
        3 => "request",
        4 => "confirm",
        5 => "renew",
        6 => "rebind",
        7 => "reply",
        8 => "release",
        9 => "decline",
        10 => "reconfigure",
        11 => "information request",
        12 => "relay forward",
        13 => "relay reply",
        _ => "of an unknown type",
    }
}
