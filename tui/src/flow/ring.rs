//! A ring of counts.

use std::ops::RangeInclusive;

use super::compact::Compact;

/// The counts of the `N` slots up to the newest, each at its number modulo `N`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ring<const N: usize>([Compact; N]);

impl<const N: usize> Ring<N> {
    /// Nothing was counted.
    pub(super) const EMPTY: Self = Self([Compact::ZERO; N]);

    /// Adds to slot `now` when `last` was the newest so far.
    pub(super) fn add(&mut self, last: u32, now: u32, value: u64) {
        let passed = now.saturating_sub(last).min(N as u32);
        for slot in (now + 1 - passed)..=now {
            self.0[slot as usize % N] = Compact::ZERO;
        }
        self.0[now as usize % N].add(value);
    }

    /// What slot `slot` has when `newest` is the newest.
    pub(super) fn get(&self, newest: u32, slot: u32) -> u64 {
        match newest.checked_sub(slot) {
            Some(behind) if (behind as usize) < N => self.0[slot as usize % N].value(),
            _ => 0,
        }
    }

    /// What these slots have together.
    pub(super) fn sum(&self, newest: u32, slots: RangeInclusive<u32>) -> u64 {
        let end = newest.min(*slots.end());
        (*slots.start()..=end)
            .map(|slot| self.get(newest, slot))
            .sum()
    }
}
