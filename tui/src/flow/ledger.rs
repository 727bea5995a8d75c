//! The sums that must add up.

use std::time::Duration;

use probe_common::Direction;

use super::series::{Hour, Series};
use super::span::Span;
use super::{Clock, Count, Flow, History};
use crate::model::Totals;

/// Where the packets of one direction went. Always
/// `seen = live + expired + overflow + untracked + filtered`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// All that the hooks saw, counted apart from the flows.
    pub seen: Count,
    /// What the flows in the table have.
    pub live: Count,
    /// What flows had that are not in the table any more.
    pub expired: Count,
    /// What the table had no room for.
    pub overflow: Count,
    /// What the kernel's flow map had no room for.
    pub untracked: Flowless,
    /// What the kernel was asked to keep out of its flow map.
    pub filtered: Flowless,
}

/// What is in no flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flowless {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Flowless {
    fn add(&mut self, packets: u64, bytes: u64) {
        self.packets = self.packets.saturating_add(packets);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl Sums {
    /// Packets seen that are nowhere: 0, or there is a bug and the screen must
    /// say so. Negative when more were accounted for than seen.
    #[must_use]
    pub fn unaccounted(&self) -> i64 {
        let accounted = (self.live + self.expired + self.overflow)
            .packets
            .saturating_add(self.untracked.packets)
            .saturating_add(self.filtered.packets);
        let difference = self.seen.packets.abs_diff(accounted);
        let difference = i64::try_from(difference).unwrap_or(i64::MAX);
        if accounted > self.seen.packets {
            -difference
        } else {
            difference
        }
    }
}

/// The traffic of one device, or of all.
#[derive(Clone, Debug)]
pub struct Ledger {
    sums: [Sums; 2],
    totals: [Totals; 2],
    history: History,
    hour: Hour,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self {
            sums: Default::default(),
            totals: Default::default(),
            history: History::default(),
            hour: Hour::default(),
        }
    }

    /// Where the packets went.
    #[must_use]
    pub fn sums(&self, direction: Direction) -> Sums {
        self.sums[direction as usize]
    }

    /// All that the hook counted, with its packet events.
    #[must_use]
    pub fn totals(&self, direction: Direction) -> Totals {
        self.totals[direction as usize]
    }

    /// Packets seen in both directions.
    #[must_use]
    pub fn packets(&self) -> u64 {
        let packets = Direction::BOTH.map(|direction| self.sums(direction).seen.packets);
        packets.into_iter().sum()
    }

    /// Bytes seen per second; see [`History::rate`].
    #[must_use]
    pub fn rate(&self, direction: Direction, window: Duration, clock: &Clock) -> f64 {
        self.history.rate(direction, window, clock)
    }

    /// Packets seen per second; see [`History::packet_rate`].
    #[must_use]
    pub fn packet_rate(&self, direction: Direction, window: Duration, clock: &Clock) -> f64 {
        self.history.packet_rate(direction, window, clock)
    }

    /// What a graph over a span is drawn of.
    #[must_use]
    pub fn series(&self, span: Span, clock: &Clock) -> Series {
        match span {
            Span::Minute | Span::TenMinutes => self.history.series(span, clock),
            Span::Hour => Series::new(span, clock, |side, block| self.hour.get(side, block)),
        }
    }

    /// What was seen lately.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What a hook saw in the interval that the clock stands at.
    pub(super) fn see(&mut self, totals: &[Totals; 2], clock: &Clock) {
        for (side, seen) in totals.iter().enumerate() {
            self.totals[side] += *seen;
            let sums = &mut self.sums[side];
            sums.seen += Count::from(seen);
            sums.untracked
                .add(seen.untracked_packets, seen.untracked_bytes);
            sums.filtered
                .add(seen.filtered_packets, seen.filtered_bytes);
        }
        let bytes = totals.map(|t| t.bytes);
        let packets = totals.map(|t| t.packets);
        self.history.record(bytes, packets, clock);
        self.hour.add(clock.slot(), bytes);
    }

    /// Something was added to a flow of the table.
    pub(super) fn keep(&mut self, counts: [Count; 2]) {
        self.each(counts, |sums, count| sums.live += count);
    }

    /// Something found no room in the table.
    pub(super) fn refuse(&mut self, counts: [Count; 2]) {
        self.each(counts, |sums, count| sums.overflow += count);
    }

    /// A flow has left the table.
    pub(super) fn expire(&mut self, flow: &Flow) {
        self.each(flow.counts, |sums, count| {
            sums.live -= count;
            sums.expired += count;
        });
    }

    fn each(&mut self, counts: [Count; 2], book: impl Fn(&mut Sums, Count)) {
        for (sums, count) in self.sums.iter_mut().zip(counts) {
            book(sums, count);
        }
    }
}
