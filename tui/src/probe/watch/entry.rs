//! A device that is or was watched.

use std::time::Instant;

use crate::model::{DeviceKind, Hooks, LocalEnd};
use crate::probe::attach::Shared;
use crate::probe::block::tally::Tally;
use crate::probe::devices::Link;
use crate::probe::fate::Comparison;

/// A device and its slot.
pub struct Entry {
    pub slot: u32,
    pub link: Link,
    pub hooks: Hooks,
    pub local: LocalEnd,
    /// Whether what comes in is counted at the far end.
    pub is_covered: bool,
    /// The ids of its programs.
    pub programs: Vec<u32>,
    /// What rules have dropped there.
    pub tally: Tally,
    pub state: State,
}

pub enum State {
    Attached(Shared),
    /// Detached, but not all that was counted has been read.
    Ending,
    /// Everything has been read, but the consumer may not have it yet.
    Read,
    /// The consumer has everything.
    Gone(Instant),
}

impl Entry {
    /// How what the hooks see compares to what the ends count, for each direction.
    pub fn comparison(&self) -> [Comparison; 2] {
        match self.hooks {
            Hooks::Netkit if self.is_covered => [Comparison::None, Comparison::Packets],
            Hooks::Netkit => [Comparison::Packets; 2],
            // What waits in a queue is received at any time.
            Hooks::Tcx
                if is_veth(&self.link) && !self.is_covered && self.link.qdisc == "noqueue" =>
            {
                let mut comparison = [Comparison::None; 2];
                comparison[self.local.sent() as usize] = Comparison::Segments;
                comparison
            }
            Hooks::Tcx | Hooks::Clsact => [Comparison::None; 2],
        }
    }

    /// Its hooks, while the programs are on them.
    pub const fn attached(&self) -> Option<&Shared> {
        match &self.state {
            State::Attached(attached) => Some(attached),
            State::Ending | State::Read | State::Gone(_) => None,
        }
    }

    /// Detaches.
    pub fn end(&mut self) {
        if let State::Attached(attached) = &self.state {
            attached.detach();
            self.state = State::Ending;
        }
    }
}

fn is_veth(link: &Link) -> bool {
    link.kind == DeviceKind::Other("veth".to_owned())
}

/// Whether the device is one end of a veth pair whose other end is in another
/// namespace.
pub fn leads_elsewhere(link: &Link) -> bool {
    is_veth(link) && link.peer.is_some_and(|peer| peer.namespace.is_some())
}

/// Whether a device with the same index looks like another one: whatever was
/// changed of it, or it was removed and another one made.
pub fn is_other(before: &Link, now: &Link) -> bool {
    before.mac != now.mac
        || before.peer != now.peer
        || std::mem::discriminant(&before.kind) != std::mem::discriminant(&now.kind)
}
