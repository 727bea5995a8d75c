//! Packets within packets: IP in IP, GRE (RFC 2784, 2890), VXLAN (RFC 7348) and
//! Geneve (RFC 8926).

use probe_common::parse::number::ether;

use super::{
    cursor::{Cursor, Read},
    link,
};

/// UDP port of VXLAN, and that of Linux before there was one.
pub(super) const VXLAN: [u16; 2] = [4789, 8472];
/// UDP port of Geneve.
pub(super) const GENEVE: u16 = 6081;
/// Ethertype of an Ethernet frame within GRE or Geneve.
const ETHERNET: u16 = 0x6558;

/// An IP packet within an IP packet.
pub(super) fn ip_in_ip(
    cursor: &mut Cursor<'_>,
    name: &str,
    packet: fn(&mut Cursor<'_>) -> Read,
) -> Read {
    cursor.enter()?;
    cursor.say(name);
    packet(cursor)
}

/// A GRE packet and what it carries.
pub(super) fn gre(cursor: &mut Cursor<'_>) -> Read {
    const CHECKSUM: u16 = 0x8000;
    const KEY: u16 = 0x2000;
    const SEQUENCE: u16 = 0x1000;
    const VERSION: u16 = 7;
    cursor.open("GRE");
    let flags = cursor.hex("flags, version")?;
    let ether_type = protocol(cursor)?;
    let mut text = "GRE".to_owned();
    if flags & VERSION != 0 {
        // Version 1 is PPTP's (RFC 2637), with other fields.
        cursor.close(format!("version {}", flags & VERSION));
        cursor.say(format!(
            "GRE version {}, length {}",
            flags & VERSION,
            cursor.remaining()
        ));
        cursor.rest("data");
        return Ok(());
    }
    if flags & CHECKSUM != 0 {
        cursor.hex("checksum")?;
        cursor.skip("reserved", 2)?;
    }
    if flags & KEY != 0 {
        let key = cursor.u32("key")?;
        text = format!("GRE key {key}");
    }
    if flags & SEQUENCE != 0 {
        cursor.u32("sequence number")?;
    }
    cursor.close("");
    cursor.say(text);
    inside(cursor, ether_type)
}

/// A VXLAN packet and the frame that it carries. Other traffic may use the same
/// port: it is recognized by the flag that must be set.
pub(super) fn vxlan(cursor: &mut Cursor<'_>) -> Read {
    cursor.open("VXLAN");
    cursor.hex("flags")?;
    cursor.hex("group policy")?;
    let vni = vni(cursor)?;
    cursor.close(format!("VNI {vni}"));
    cursor.say(format!("VXLAN {vni}"));
    inside(cursor, ETHERNET)
}

/// Whether a datagram on VXLAN's port is VXLAN.
pub(super) fn is_vxlan(cursor: &Cursor<'_>) -> bool {
    const HAS_VNI: u8 = 0x08;
    let flags = cursor.peek(cursor.offset(), 8);
    flags.is_ok_and(|header| header[0] & HAS_VNI != 0)
}

/// A Geneve packet and what it carries.
pub(super) fn geneve(cursor: &mut Cursor<'_>) -> Read {
    cursor.open("Geneve");
    let [first] = cursor.field("version, options length", |[byte]| {
        format!("{}, {} bytes", byte >> 6, usize::from(byte & 0x3f) * 4)
    })?;
    cursor.hex_u8("flags")?;
    let ether_type = protocol(cursor)?;
    let vni = vni(cursor)?;
    cursor.skip("options", usize::from(first & 0x3f) * 4)?;
    cursor.close(format!("VNI {vni}"));
    cursor.say(format!("Geneve {vni}"));
    inside(cursor, ether_type)
}

/// The network identifier in three bytes, and the byte behind it.
fn vni(cursor: &mut Cursor<'_>) -> Read<u32> {
    let show = |bytes| (u32::from_be_bytes(bytes) >> 8).to_string();
    let bytes = cursor.field("VNI", show)?;
    Ok(u32::from_be_bytes(bytes) >> 8)
}

fn protocol(cursor: &mut Cursor<'_>) -> Read<u16> {
    let show = |bytes| {
        let kind = u16::from_be_bytes(bytes);
        let name = match kind {
            ETHERNET => "ethernet".into(),
            kind => super::ether_type_name(kind),
        };
        format!("{name} ({kind:#06x})")
    };
    cursor.field("protocol", show).map(u16::from_be_bytes)
}

fn inside(cursor: &mut Cursor<'_>, ether_type: u16) -> Read {
    cursor.enter()?;
    match ether_type {
        ETHERNET => link::ethernet(cursor),
        // A length would be one of 802.3, which only Ethernet has.
        small if small < ether::FIRST => {
            cursor.say(format!("length {}", cursor.remaining()));
            cursor.rest("data");
            Ok(())
        }
        ether_type => link::network(cursor, ether_type),
    }
}
