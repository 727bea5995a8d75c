//! How much of a packet is headers.

use std::borrow::Cow;

use etherparse::{LaxSlicedPacket, TransportSlice};
use probe_common::parse::number::{ether, ip};
use probe_common::{FlowKey, LinkLayer};

use crate::model::{Envelope, Event, Packet};

/// Bytes that are kept of what is neither IP nor ARP: a link header with a tag.
const OTHER: usize = 18;

/// The event with packets cut to their headers, or to `snapshot` bytes where that
/// is more. ARP, ICMP and DNS are kept: diagnosis depends on them.
#[must_use]
pub fn without_payload(envelope: &Envelope, snapshot: usize) -> Cow<'_, Envelope> {
    let Event::Packets(packets) = &envelope.event else {
        return Cow::Borrowed(envelope);
    };
    let mut packets = packets.clone();
    for packet in &mut packets {
        let length = headers(packet).max(snapshot);
        if length < packet.data.len() {
            packet.data = packet.data[..length].into();
        }
    }
    Cow::Owned(Envelope {
        host: envelope.host,
        event: Event::Packets(packets),
    })
}

/// Ports of DNS and mDNS.
const DNS: [u16; 2] = [53, 5353];

/// Whether a flow is ARP, ICMP or DNS. Its packets may have been captured for another
/// reason, such as that they are its first.
fn is_control(key: &FlowKey) -> bool {
    let ports = [key.local_port, key.remote_port];
    match key.protocol {
        ip::ICMP | ip::ICMPV6 => true,
        ip::TCP | ip::UDP => ports.iter().any(|port| DNS.contains(port)),
        _ => key.ether_type == ether::ARP,
    }
}

/// Where the payload of TCP, UDP or IP begins.
fn headers(packet: &Packet) -> usize {
    let data = &packet.data;
    if is_control(&packet.key) {
        return data.len();
    }
    let sliced = match packet.link_layer {
        LinkLayer::Ethernet => LaxSlicedPacket::from_ethernet(data).ok(),
        LinkLayer::None => LaxSlicedPacket::from_ip(data).ok(),
    };
    let payload = sliced.as_ref().and_then(|sliced| match &sliced.transport {
        Some(TransportSlice::Tcp(tcp)) => Some(tcp.payload()),
        Some(TransportSlice::Udp(udp)) => Some(udp.payload()),
        _ => Some(sliced.net.as_ref()?.ip_payload_ref()?.payload),
    });
    payload.map_or(OTHER, |payload| {
        payload.as_ptr().addr().saturating_sub(data.as_ptr().addr())
    })
}
