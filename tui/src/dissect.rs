//! A packet's bytes as text.
//!
//! Only the first bytes of a packet exist
//! ([`SNAPSHOT`](probe_common::SNAPSHOT)), so everything here reads as far as
//! it can and says `(cut)` where a field lies beyond, or `(ends early)` where
//! the packet itself is too short for what it claims.
//!
//! The headers are read field by field and not with a library, because the
//! tree needs the bytes of each field, and needs those that are there when the
//! rest of the header is not.

mod arp;
mod carrier;
mod cursor;
mod dhcp;
mod dns;
mod icmp;
mod icmp6;
mod ip;
mod link;
mod name;
mod tcp;
mod tunnel;
mod udp;

use std::ops::Range;

pub use name::{ether_type_name, icmp_type_name, protocol_name, tcp_flags_text};

use crate::model::Packet;
use cursor::Cursor;

/// A field or a header of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub label: &'static str,
    /// Its value as text; `(cut)` when it is not among the captured bytes.
    pub value: String,
    /// Its bytes in [`Packet::data`]; empty for what is not in the data.
    pub range: Range<usize>,
    /// Its parts.
    pub children: Vec<Node>,
}

/// What the packet is, in a line like tcpdump's. The addresses and ports are
/// left to [`Packet::key`].
#[must_use]
pub fn summary(packet: &Packet) -> String {
    let [summary, _] = dissect(packet).0;
    summary
}

/// The same for where there is little room: without TCP's numbers, which fill a line
/// and mean little by themselves.
#[must_use]
pub fn brief(packet: &Packet) -> String {
    let [_, brief] = dissect(packet).0;
    brief
}

/// The packet's headers from the outermost on, each with its fields.
#[must_use]
pub fn tree(packet: &Packet) -> Vec<Node> {
    dissect(packet).1
}

fn dissect(packet: &Packet) -> ([String; 2], Vec<Node>) {
    let mut cursor = Cursor::new(&packet.data, packet.len as usize);
    let result = link::packet(&mut cursor, packet.link_layer, packet.vlan_tci);
    cursor.finish(result)
}

#[cfg(test)]
mod tests;
