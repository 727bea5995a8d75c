//! UDP (RFC 768) and what is recognized by its port.

use probe_common::parse::number::port;

use super::{
    cursor::{Cursor, Read},
    dhcp, dns, tunnel,
};

/// Link-local multicast name resolution (RFC 4795).
const LLMNR: u16 = 5355;
const DHCP: [u16; 2] = [67, 68];
const DHCPV6: [u16; 2] = [546, 547];

pub(super) fn datagram(cursor: &mut Cursor<'_>) -> Read {
    cursor.open("UDP");
    let start = cursor.offset();
    let source = cursor.u16("source port")?;
    let destination = cursor.u16("destination port")?;
    let length = usize::from(cursor.u16("length")?);
    cursor.hex("checksum")?;
    // A length of 0 is a jumbogram's (RFC 2675); a packet that is yet to be
    // segmented has the length of a segment or of all of them.
    if length >= 8 {
        cursor.limit(start + length);
    }
    cursor.close(format!("{source} > {destination}"));
    let payload = cursor.remaining();
    let is = |port| source == port || destination == port;
    if payload >= dns::HEADER_LEN {
        if is(port::DNS) {
            return dns::message(cursor, "DNS");
        }
        if is(port::MDNS) {
            return dns::message(cursor, "mDNS");
        }
        if is(LLMNR) {
            return dns::message(cursor, "LLMNR");
        }
    }
    if tunnel::VXLAN.contains(&destination) && tunnel::is_vxlan(cursor) {
        return tunnel::vxlan(cursor);
    }
    if destination == tunnel::GENEVE && payload >= 8 {
        return tunnel::geneve(cursor);
    }
    if DHCP.into_iter().any(is) {
        return dhcp::v4(cursor);
    }
    if DHCPV6.into_iter().any(is) {
        return dhcp::v6(cursor);
    }
    cursor.say(format!("UDP, length {payload}"));
    cursor.rest("data");
    Ok(())
}
