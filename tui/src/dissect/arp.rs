//! ARP (RFC 826, announcements and probes: RFC 5227).

use super::cursor::{Cursor, Read};

const REQUEST: u16 = 1;
const REPLY: u16 = 2;

pub(super) fn packet(cursor: &mut Cursor<'_>) -> Read {
    cursor.open("ARP");
    let hardware = cursor.u16("hardware type")?;
    let protocol = cursor.hex("protocol type")?;
    let sizes = cursor.field("address lengths", |[h, p]| format!("{h}, {p}"))?;
    let operation = cursor.field("operation", |bytes| {
        operation_name(u16::from_be_bytes(bytes))
    })?;
    let operation = u16::from_be_bytes(operation);
    if (hardware, protocol, sizes) != (1, 0x0800, [6, 4]) {
        cursor.close(operation_name(operation));
        cursor.say(format!(
            "ARP {}, not of IPv4 over Ethernet",
            operation_name(operation)
        ));
        cursor.rest("addresses");
        return Ok(());
    }
    let sender_mac = cursor.mac("sender hardware address")?;
    let sender = cursor.ipv4("sender address")?;
    cursor.mac("target hardware address")?;
    let target = cursor.ipv4("target address")?;
    let text = match operation {
        REQUEST if sender == target => format!("announcement, {sender} is at {sender_mac}"),
        REQUEST if sender.is_unspecified() => {
            format!("probe, who has {target}, to see if it is free")
        }
        REQUEST => format!("who has {target}, tell {sender}"),
        REPLY => format!("reply, {sender} is at {sender_mac}"),
        other => operation_name(other),
    };
    cursor.close(&text);
    cursor.say(format!("ARP {text}"));
    Ok(())
}

fn operation_name(operation: u16) -> String {
    match operation {
        REQUEST => "request".to_owned(),
        REPLY => "reply".to_owned(),
        3 => "reverse request".to_owned(),
        4 => "reverse reply".to_owned(),
        other => format!("operation {other}"),
    }
}
