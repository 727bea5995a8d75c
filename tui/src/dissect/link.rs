//! Ethernet, VLAN tags, and what they carry.

use std::borrow::Cow;

use probe_common::{LinkLayer, parse::number::ether};

use super::{
    arp, carrier,
    cursor::{Cursor, Read},
    ip,
    name::ether_type_name,
};

/// A whole packet. `vlan_tci` is the tag that the device carries outside of the
/// data, or 0.
pub(super) fn packet(cursor: &mut Cursor<'_>, link: LinkLayer, vlan_tci: u16) -> Read {
    if vlan_tci != 0 {
        let vlan = vlan_text(vlan_tci);
        cursor.note("VLAN tag outside of the data", &vlan, 0..0);
        cursor.say(vlan);
    }
    match link {
        LinkLayer::Ethernet => ethernet(cursor),
        LinkLayer::None => match cursor.peek(0, 1)?[0] >> 4 {
            4 => ip::v4(cursor),
            6 => ip::v6(cursor),
            _ => {
                cursor.say(format!("unknown, length {}", cursor.remaining()));
                cursor.rest("data");
                Ok(())
            }
        },
    }
}

/// An Ethernet frame.
pub(super) fn ethernet(cursor: &mut Cursor<'_>) -> Read {
    cursor.open("Ethernet");
    let destination = cursor.mac("destination")?;
    let source = cursor.mac("source")?;
    let mut ether_type = type_or_length(cursor)?;
    cursor.close(format!("{source} > {destination}"));
    while matches!(
        ether_type,
        ether::VLAN | ether::VLAN_SERVICE | ether::VLAN_STACKED
    ) {
        cursor.open("VLAN tag");
        let tag = cursor.field("tag", |bytes| vlan_text(u16::from_be_bytes(bytes)))?;
        let vlan = vlan_text(u16::from_be_bytes(tag));
        cursor.say(&vlan);
        ether_type = type_or_length(cursor)?;
        cursor.close(vlan);
    }
    network(cursor, ether_type)
}

/// What an ethertype announces.
pub(super) fn network(cursor: &mut Cursor<'_>, ether_type: u16) -> Read {
    match ether_type {
        ether::IPV4 => ip::v4(cursor),
        ether::IPV6 => ip::v6(cursor),
        ether::ARP => arp::packet(cursor),
        carrier::PPPOE_DISCOVERY | carrier::PPPOE_SESSION => carrier::pppoe(cursor, ether_type),
        carrier::MPLS | carrier::MPLS_MULTICAST => carrier::mpls(cursor),
        length if length < ether::FIRST => ieee_802_3(cursor, length),
        other => {
            let name = match ether_type_name(other) {
                Cow::Borrowed(name) => name.to_uppercase(),
                Cow::Owned(number) => format!("ethertype {number}"),
            };
            cursor.say(format!("{name}, length {}", cursor.remaining()));
            cursor.rest("data");
            Ok(())
        }
    }
}

fn type_or_length(cursor: &mut Cursor<'_>) -> Read<u16> {
    let show = |bytes| match u16::from_be_bytes(bytes) {
        length if length < ether::FIRST => format!("length {length}"),
        kind => format!("{} ({kind:#06x})", ether_type_name(kind)),
    };
    cursor.field("type", show).map(u16::from_be_bytes)
}

/// A frame with a length, followed by a logical link control header.
fn ieee_802_3(cursor: &mut Cursor<'_>, length: u16) -> Read {
    const SPANNING_TREE: [u8; 3] = [0x42, 0x42, 0x03];
    let is_bpdu = cursor.peek(cursor.offset(), 3) == Ok(&SPANNING_TREE);
    let kind = if is_bpdu { "spanning tree" } else { "802.3" };
    cursor.say(format!("{kind}, length {length}"));
    cursor.rest("data");
    Ok(())
}

fn vlan_text(tci: u16) -> String {
    let (vlan, priority) = (tci & 0xfff, tci >> 13);
    match priority {
        0 => format!("vlan {vlan}"),
        _ => format!("vlan {vlan} priority {priority}"),
    }
}
