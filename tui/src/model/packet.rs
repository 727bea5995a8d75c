//! A captured packet.

use probe_common::{Direction, FlowKey, LinkLayer, Reason};

use super::Moment;

/// One packet, as an event brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// What the bytes start with.
    pub link_layer: LinkLayer,
    /// The first bytes.
    pub data: Box<[u8]>,
}
