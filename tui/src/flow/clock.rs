//! The time that histories share: slots of about a second or an interval.

use std::{
    ops::{Range, RangeInclusive},
    time::Duration,
};

use super::span::Span;
use crate::model::Moment;

/// Slots that are remembered.
pub const SLOTS: usize = 60;

const _: () = assert!(Span::Minute.values() == SLOTS);

/// A slot takes intervals until it is this long, so that short intervals share
/// one and [`SLOTS`] reach back about a minute at least.
const FULL: Duration = Duration::from_millis(900);

/// A value of a graph: a block of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its number; that of the newest is the number of a graph's newest value.
    pub number: u32,
    /// When it begins and ends.
    pub time: (Moment, Moment),
}

impl Block {
    /// A moment that stays in it, however its ends are rounded.
    #[must_use]
    pub fn middle(&self) -> Moment {
        let (begin, end) = self.time;
        begin + end.saturating_sub(begin) / 2
    }
}

/// Which slot is the current one and how long the remembered ones were.
///
/// A slot is one interval, or several when they are much shorter than a second;
/// never a part of one, so that what a slot holds was really counted in it.
#[derive(Clone, Debug)]
pub struct Clock {
    now: Moment,
    /// The current slot's number; numbers begin at 1.
    slot: u32,
    slots: [Slot; SLOTS],
    /// The time that blocks of several slots cover, by their number.
    tens: [Duration; Span::TenMinutes.values()],
    hour: [Duration; Span::Hour.values()],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    end: Moment,
    /// The time that its intervals cover.
    length: Duration,
    /// The time that all slots up to this one have covered.
    total: Duration,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            now: Moment::ZERO,
            slot: 0,
            slots: [Slot::default(); SLOTS],
            tens: [Duration::ZERO; Span::TenMinutes.values()],
            hour: [Duration::ZERO; Span::Hour.values()],
        }
    }
}

impl Clock {
    /// The end of the last interval.
    #[must_use]
    pub const fn now(&self) -> Moment {
        self.now
    }

    /// Goes on by an interval.
    pub(super) fn advance(&mut self, at: Moment, length: Duration) {
        self.now = at;
        let begins = self.slot == 0 || self.at(self.slot).length >= FULL;
        if begins {
            let total = self.at(self.slot).total.saturating_add(length);
            self.slot += 1;
            *self.at_mut(self.slot) = Slot {
                end: at,
                length,
                total,
            };
        } else {
            let slot = self.at_mut(self.slot);
            slot.end = at;
            slot.length = slot.length.saturating_add(length);
            slot.total = slot.total.saturating_add(length);
        }
        for (span, lengths) in [
            (Span::TenMinutes, &mut self.tens[..]),
            (Span::Hour, &mut self.hour[..]),
        ] {
            let block = self.slot / span.slots_each();
            let sum = &mut lengths[block as usize % span.values()];
            if begins && self.slot.is_multiple_of(span.slots_each()) {
                *sum = Duration::ZERO;
            }
            *sum = sum.saturating_add(length);
        }
    }

    /// The numbers of the blocks that are remembered, oldest first.
    pub(super) fn blocks(&self, span: Span) -> Range<u32> {
        if span == Span::Minute {
            return self.remembered();
        }
        if self.slot == 0 {
            return 0..0;
        }
        let newest = self.slot / span.slots_each();
        newest.saturating_sub(span.values() as u32 - 1)..newest + 1
    }

    /// The values of a graph over this span, the newest first.
    pub fn newest_blocks(&self, span: Span) -> impl Iterator<Item = Block> {
        let mut end = self.now;
        self.blocks(span).rev().map(move |number| {
            let begin = end.saturating_sub(self.block_length(span, number));
            let time = (begin, std::mem::replace(&mut end, begin));
            Block { number, time }
        })
    }

    /// The value of a graph over this span that has a moment in it, if it is remembered.
    #[must_use]
    pub fn block_at(&self, span: Span, moment: Moment) -> Option<Block> {
        self.newest_blocks(span)
            .find(|block| block.time.0 < moment && moment <= block.time.1)
    }

    /// The time that a block covers.
    pub(super) fn block_length(&self, span: Span, block: u32) -> Duration {
        match span {
            Span::Minute => self.length(block),
            Span::TenMinutes => self.tens[block as usize % self.tens.len()],
            Span::Hour => self.hour[block as usize % self.hour.len()],
        }
    }

    /// The current slot's number, 0 before the first interval.
    pub(super) const fn slot(&self) -> u32 {
        self.slot
    }

    /// The numbers of the slots that are remembered, oldest first.
    pub(super) fn remembered(&self) -> Range<u32> {
        self.slot.saturating_sub(SLOTS as u32 - 1).max(1)..self.slot + 1
    }

    /// The time that a slot covers.
    pub(super) fn length(&self, slot: u32) -> Duration {
        self.at(slot).length
    }

    /// The latest slots that make up a window: those whose middle lies in it,
    /// and the current one always. Whole slots make the rate exact where the
    /// length of intervals is not.
    pub(super) fn window(&self, window: Duration) -> RangeInclusive<u32> {
        let first = self
            .remembered()
            .rev()
            .skip(1)
            .take_while(|&number| {
                let slot = self.at(number);
                let middle = self.now.saturating_sub(slot.end) + slot.length / 2;
                middle <= window
            })
            .last();
        first.unwrap_or(self.slot)..=self.slot
    }

    /// The time that slots cover.
    pub(super) fn covered(&self, slots: RangeInclusive<u32>) -> Duration {
        let (first, last) = (self.at(*slots.start()), self.at(*slots.end()));
        let before = first.total.saturating_sub(first.length);
        last.total.saturating_sub(before)
    }

    fn at(&self, number: u32) -> &Slot {
        &self.slots[number as usize % SLOTS]
    }

    fn at_mut(&mut self, number: u32) -> &mut Slot {
        &mut self.slots[number as usize % SLOTS]
    }
}

#[cfg(test)]
mod tests;
