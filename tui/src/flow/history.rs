//! What was counted lately, in few bytes.

use std::time::Duration;

use probe_common::Direction;

use super::{
    clock::{Clock, SLOTS},
    ring::Ring,
    series::{Long, Series},
    span::Span,
};

/// Slots whose packets are remembered one by one.
const PACKET_SLOTS: usize = 10;
/// Slots of a block, for packets further back.
const BLOCK: u32 = 15;
const BLOCKS: usize = SLOTS / BLOCK as usize;

/// The bytes of each of the last [`SLOTS`] slots of the [`Clock`], and the
/// packets of the last minute, for both directions.
///
/// There are many histories, so they are small: 312 bytes. One that is longer
/// than a minute gets 128 more, for ten minutes in blocks. Counts are 16-bit
/// floating point numbers with an 11-bit mantissa, off by at most 1 in 4,096 a
/// slot. Packets, which no graph needs, are held for each of the last 10 slots
/// and further back in blocks of 15. A history without traffic is not touched
/// as time goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The slot of the last record; 0 for none. What the rings hold of later
    /// slots is of no meaning.
    newest: u32,
    /// The slot of the first record.
    first: u32,
    sides: [Side; 2],
    long: Option<Box<Long>>,
}

const _: () = assert!(size_of::<History>() <= 312);

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
        if last == 0 {
            self.first = now;
        }
        if self.long.is_none() && now >= self.first + SLOTS as u32 {
            self.long = Some(Box::new(self.lengthened()));
        }
        if let Some(long) = &mut self.long {
            long.add(now, bytes);
        }
        for (side, (bytes, packets)) in self.sides.iter_mut().zip(bytes.into_iter().zip(packets)) {
            side.bytes.add(last, now, bytes);
            side.packets.add(last, now, packets);
            side.packet_blocks.add(last / BLOCK, now / BLOCK, packets);
        }
        self.newest = now;
    }

    /// The minute so far, for a history that becomes longer.
    fn lengthened(&self) -> Long {
        let mut long = Long::default();
        for slot in self.newest.saturating_sub(SLOTS as u32 - 1)..=self.newest {
            let bytes = self
                .sides
                .each_ref()
                .map(|side| side.bytes.get(self.newest, slot));
            long.add(slot, bytes);
        }
        long
    }

    /// What a graph over a span is drawn of; over ten minutes at most.
    #[must_use]
    pub fn series(&self, span: Span, clock: &Clock) -> Series {
        let span = span.min(Span::TenMinutes);
        let each = span.slots_each();
        Series::new(span, clock, |side, block| match &self.long {
            Some(long) if span == Span::TenMinutes => long.get(side, block),
            _ => {
                let slots = block * each..=block * each + (each - 1);
                self.sides[side].bytes.sum(self.newest, slots)
            }
        })
    }

    /// Bytes per second over about the last `window`: exactly over the whole
    /// slots whose middle lies in it. All histories are divided by the same time, so
    /// that rates of flows add up to those of their devices.
    #[must_use]
    pub fn rate(&self, direction: Direction, window: Duration, clock: &Clock) -> f64 {
        let slots = clock.window(window);
        let ring = &self.sides[direction as usize].bytes;
        let sum = ring.sum(self.newest, slots.clone());
        per_second(sum, || clock.covered(slots))
    }

    /// Packets per second over about the last `window`, like
    /// [`rate`](Self::rate). Over more than 10 slots it may leave out up to 14
    /// of the oldest.
    #[must_use]
    pub fn packet_rate(&self, direction: Direction, window: Duration, clock: &Clock) -> f64 {
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
        per_second(sum, || clock.covered(slots))
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

#[cfg(test)]
mod tests;
