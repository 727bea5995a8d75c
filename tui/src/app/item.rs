//! What can be selected in the views.

use probe_common::FlowKey;

use super::group::HostGroup;

/// Something that can be selected, by what it is and not by where it stands:
/// rows move, and a key must never hit another one than was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A flow.
    Flow(FlowKey),
    /// A packet, by its number.
    Packet(u64),
    /// A group of hosts.
    Host(HostGroup),
    /// A device, by its interface index.
    Device(u32),
    /// A problem, by the [number](super::views::problem_key) of its id.
    Problem(u64),
}
