//! Where all packets are.

use probe_common::Direction;

use crate::flow::{FlowTable, Sums};

/// The packets seen and where they are. `seen` is the sum of all others but
/// `blocked` and `lost`, and `unaccounted` is 0, or there is a bug.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accounting {
    /// Packets that met a hook.
    pub seen: u64,
    /// Those of them that were seen again, on another device.
    pub repeated: u64,
    /// Those of the flows that are shown.
    pub shown: u64,
    /// Those of flows and directions that are filtered out, here or by the
    /// kernel.
    pub filtered: u64,
    /// Those of flows that are over and have left the table.
    pub expired: u64,
    /// Those that no table had room for, the kernel's or ours.
    pub untracked: u64,
    /// Those that are in none of the others.
    pub unaccounted: i64,
    /// Of all that was seen, those that rules of nkview dropped.
    pub blocked: u64,
    /// Packet events, which are not counters, that the ring had no room for.
    pub lost: u64,
}

impl Accounting {
    /// Of all packets, when the flows that are shown have `shown`.
    pub(super) fn new(flows: &FlowTable, shown: u64) -> Self {
        let ledger = flows.total();
        let mut accounting = Self {
            shown,
            repeated: flows.repeated().packets,
            ..Self::default()
        };
        let (mut live, mut filtered) = (0, 0);
        for direction in Direction::BOTH {
            let sums: Sums = ledger.sums(direction);
            accounting.seen += sums.seen.packets;
            accounting.expired += sums.expired.packets;
            accounting.untracked += sums.untracked.packets + sums.overflow.packets;
            accounting.unaccounted += sums.unaccounted();
            accounting.blocked += ledger.totals(direction).blocked_packets;
            accounting.lost += ledger.totals(direction).lost;
            live += sums.live.packets;
            filtered += sums.filtered.packets;
        }
        accounting.filtered = live.saturating_sub(shown) + filtered;
        accounting
    }
}
