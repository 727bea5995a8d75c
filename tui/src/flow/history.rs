//! What was counted lately, in few bytes.

use std::{ops::RangeInclusive, time::Duration};

use probe_common::Direction;

use super::{
    clock::{Clock, SLOTS},
    compact::Compact,
};
use crate::source::Moment;

/// Slots whose packets are remembered one by one.
const PACKET_SLOTS: usize = 10;
/// Slots of a block, for packets further back.
const BLOCK: u32 = 15;
const BLOCKS: usize = SLOTS / BLOCK as usize;

/// The bytes of each of the last [`SLOTS`] slots of the [`Clock`], and the
/// packets of the last minute, for both directions.
///
/// There are many histories, so they are small: 300 bytes. Counts are 16-bit
/// floating point numbers with an 11-bit mantissa, off by at most 1 in 4,096 a
/// slot. Packets, which no graph needs, are held for each of the last 10 slots
/// and further back in blocks of 15. A history without traffic is not touched
/// as time goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The slot of the last record; 0 for none. What the rings hold of later
    /// slots is of no meaning.
    newest: u32,
    sides: [Side; 2],
}

const _: () = assert!(size_of::<History>() <= 300);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Side {
    bytes: Ring<SLOTS>,
    packets: Ring<PACKET_SLOTS>,
    packet_blocks: Ring<BLOCKS>,
}

impl Default for Side {
    fn default() -> Self {
        Self {
            bytes: Ring::EMPTY,
            packets: Ring::EMPTY,
            packet_blocks: Ring::EMPTY,
        }
    }
}

impl History {
    /// Adds to the current slot. Arrays are indexed by [`Direction`].
    pub(super) fn record(&mut self, bytes: [u64; 2], packets: [u64; 2], clock: &Clock) {
        let (last, now) = (self.newest, clock.slot());
        for (side, (bytes, packets)) in self.sides.iter_mut().zip(bytes.into_iter().zip(packets)) {
            side.bytes.add(last, now, bytes);
            side.packets.add(last, now, packets);
            side.packet_blocks.add(last / BLOCK, now / BLOCK, packets);
        }
        self.newest = now;
    }

    /// Bytes per second over about the last `window`: exactly over the whole
    /// slots whose middle lies in it, and over no longer than since `since`.
    #[must_use]
    pub fn rate(
        &self,
        direction: Direction,
        window: Duration,
        since: Moment,
        clock: &Clock,
    ) -> f64 {
        let slots = clock.window(window);
        let ring = &self.sides[direction as usize].bytes;
        let sum = ring.sum(self.newest, slots.clone());
        per_second(sum, || clock.covered(slots, since))
    }

    /// Packets per second over about the last `window`, like
    /// [`rate`](Self::rate). Over more than 10 slots it may leave out up to 14
    /// of the oldest.
    #[must_use]
    pub fn packet_rate(
        &self,
        direction: Direction,
        window: Duration,
        since: Moment,
        clock: &Clock,
    ) -> f64 {
        let (first, last) = clock.window(window).into_inner();
        let side = &self.sides[direction as usize];
        let recent = last.saturating_sub(PACKET_SLOTS as u32 - 1).max(first);
        let first_block = first.div_ceil(BLOCK);
        let (sum, slots) = if first_block * BLOCK < recent {
            let newest = self.newest / BLOCK;
            let blocks = first_block..=last / BLOCK;
            let sum = side.packet_blocks.sum(newest, blocks);
            (sum, first_block * BLOCK..=last)
        } else {
            let slots = recent..=last;
            (side.packets.sum(self.newest, slots.clone()), slots)
        };
        per_second(sum, || clock.covered(slots, since))
    }

    /// Bytes per second in each of the clock's slots, oldest first, the current
    /// one last; at most [`SLOTS`].
    pub fn values(
        &self,
        direction: Direction,
        clock: &Clock,
    ) -> impl ExactSizeIterator<Item = f64> {
        let ring = &self.sides[direction as usize].bytes;
        clock
            .remembered()
            .map(|slot| per_second(ring.get(self.newest, slot), || clock.length(slot)))
    }
}

/// A rate; 0 when no time has passed in which there could be one.
fn per_second(sum: u64, time: impl FnOnce() -> Duration) -> f64 {
    if sum == 0 {
        return 0.0;
    }
    let seconds = time().as_secs_f64();
    if seconds > 0.0 {
        sum as f64 / seconds
    } else {
        0.0
    }
}

/// The counts of the `N` slots up to the newest, each at its number modulo `N`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ring<const N: usize>([Compact; N]);

impl<const N: usize> Ring<N> {
    const EMPTY: Self = Self([Compact::ZERO; N]);

    /// Adds to slot `now` when `last` was the newest so far.
    fn add(&mut self, last: u32, now: u32, value: u64) {
        let passed = now.saturating_sub(last).min(N as u32);
        for slot in (now + 1 - passed)..=now {
            self.0[slot as usize % N] = Compact::ZERO;
        }
        self.0[now as usize % N].add(value);
    }

    fn get(&self, newest: u32, slot: u32) -> u64 {
        match newest.checked_sub(slot) {
            Some(behind) if (behind as usize) < N => self.0[slot as usize % N].value(),
            _ => 0,
        }
    }

    fn sum(&self, newest: u32, slots: RangeInclusive<u32>) -> u64 {
        let end = newest.min(*slots.end());
        (*slots.start()..=end)
            .map(|slot| self.get(newest, slot))
            .sum()
    }
}

#[cfg(test)]
mod tests;
