//! A captured packet.

use std::num::NonZeroU64;

use probe_common::{Direction, FlowKey, LinkLayer, Reason};
use serde::{Deserialize, Serialize};

use super::Moment;

/// One packet, as an event brought it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// When the hook saw it.
    pub at: Moment,
    /// The flow it belongs to.
    pub key: FlowKey,
    /// Which hook saw it.
    pub direction: Direction,
    /// Why it got an event.
    pub reason: Reason,
    /// `skb->len` in bytes.
    pub len: u32,
    /// Segments: max(1, `gso_segs`).
    pub segments: u32,
    /// `skb->mark`.
    pub mark: u32,
    /// The VLAN tag that the device carries outside of the data, or 0.
    pub vlan_tci: u16,
    /// Cookie of the socket that sent it (`SO_COOKIE`), where it is on this host and
    /// the packet reached the hook with it. A control socket of the kernel sends RST
    /// and some late ACKs, so that those name no one.
    pub cookie: Option<NonZeroU64>,
    /// Id of that socket's cgroup (v2).
    pub cgroup: Option<NonZeroU64>,
    /// What the bytes start with.
    pub link_layer: LinkLayer,
    /// The first bytes.
    pub data: Box<[u8]>,
}

#[cfg(test)]
impl Packet {
    /// A packet of no flow in particular, which tests set what they need of.
    pub fn sample(data: impl Into<Box<[u8]>>) -> Self {
        let data = data.into();
        Self {
            at: Moment::ZERO,
            key: FlowKey::default(),
            direction: Direction::In,
            reason: Reason::First,
            len: data.len() as u32,
            segments: 1,
            mark: 0,
            vlan_tci: 0,
            cookie: None,
            cgroup: None,
            link_layer: LinkLayer::Ethernet,
            data,
        }
    }
}
