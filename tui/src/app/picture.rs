//! What the source has told about the traffic.

use std::time::Duration;

use super::packets::Packets;
use crate::flow::{FlowTable, Sums};
use crate::model::{Interval, ProbeCounts};
use probe_common::Direction;

/// All that the views show of the traffic. A copy of it is the frozen picture
/// while counting goes on.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// The flows.
    pub flows: FlowTable,
    /// The last packets that got an event.
    pub packets: Packets,
    /// What the probe did in the last interval.
    pub probe: ProbeCounts,
    /// How long that was.
    pub interval: Duration,
}

/// The packets of the trust line. `seen` is the sum of all others but `lost`,
/// and `unaccounted` is 0, or there is a bug.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Packets that met a hook.
    pub seen: u64,
    /// Those of the flows that are shown.
    pub shown: u64,
    /// Those of flows and directions that are filtered out, here or by the
    /// kernel.
    pub filtered: u64,
    /// Those of flows that are over and have left the table.
    pub expired: u64,
    /// Those that no table had room for, the kernel's or ours.
    pub untracked: u64,
    /// Those that are nowhere.
    pub unaccounted: i64,
    /// Packet events, which are no counts, that the ring had no room for.
    pub lost: u64,
}

impl Picture {
    /// Takes over an interval.
    pub fn ingest(&mut self, interval: &Interval) {
        self.flows.ingest(interval);
        self.probe = interval.probe.clone();
        self.interval = interval.length;
    }

    /// The number of the newest slot of the histories, so that graphs move on
    /// together.
    #[must_use]
    pub fn newest_slot(&self) -> usize {
        self.flows.now().as_secs_f64().round() as usize
    }

    /// Where all packets are when so many are shown.
    #[must_use]
    pub fn trust(&self, shown: u64) -> Trust {
        let mut trust = Trust {
            shown,
            ..Trust::default()
        };
        let ledger = self.flows.total();
        let (mut live, mut filtered) = (0, 0);
        for direction in Direction::BOTH {
            let sums: Sums = ledger.sums(direction);
            trust.seen += sums.seen.packets;
            trust.expired += sums.expired.packets;
            trust.untracked += sums.untracked.packets + sums.overflow.packets;
            trust.unaccounted += sums.unaccounted();
            trust.lost += ledger.totals(direction).lost;
            live += sums.live.packets;
            filtered += sums.filtered.packets;
        }
        trust.filtered = live.saturating_sub(shown) + filtered;
        trust
    }
}
