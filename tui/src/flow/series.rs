//! What graphs are drawn of: bytes per second over a minute, or over longer in
//! blocks of slots.

use super::clock::Clock;
use super::ring::Ring;
use super::span::Span;

/// Bytes per second, oldest first; the last value is not over yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// How far it reaches back.
    pub span: Span,
    /// In and out.
    pub values: [Vec<f64>; 2],
    /// The number of the last value, so that graphs move on together.
    pub newest: usize,
}

impl Series {
    /// The values that `bytes` has in each block that the clock remembers.
    pub(super) fn new(span: Span, clock: &Clock, bytes: impl Fn(usize, u32) -> u64) -> Self {
        let blocks = clock.blocks(span);
        let value = |side: usize, block: u32| {
            let seconds = clock.block_length(span, block).as_secs_f64();
            if seconds > 0.0 {
                bytes(side, block) as f64 / seconds
            } else {
                0.0
            }
        };
        Self {
            span,
            newest: blocks.end.saturating_sub(1) as usize,
            values: [0, 1].map(|side| blocks.clone().map(|block| value(side, block)).collect()),
        }
    }

    /// Adds another one of the same clock and span.
    pub fn add(&mut self, other: &Self) {
        if self.values[0].is_empty() {
            *self = other.clone();
            return;
        }
        for (sums, values) in self.values.iter_mut().zip(&other.values) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value;
            }
        }
    }
}

/// The bytes of each of the last `N` blocks of `EACH` slots, in and out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blocks<const N: usize, const EACH: u32> {
    /// The block of the last record.
    newest: u32,
    sides: [Ring<N>; 2],
}

impl<const N: usize, const EACH: u32> Default for Blocks<N, EACH> {
    fn default() -> Self {
        Self {
            newest: 0,
            sides: [Ring::EMPTY, Ring::EMPTY],
        }
    }
}

impl<const N: usize, const EACH: u32> Blocks<N, EACH> {
    /// Adds to the block of a slot that is no earlier than the last.
    pub(super) fn add(&mut self, slot: u32, bytes: [u64; 2]) {
        let block = slot / EACH;
        for (ring, bytes) in self.sides.iter_mut().zip(bytes) {
            ring.add(self.newest, block, bytes);
        }
        self.newest = block;
    }

    /// The bytes of a block.
    pub(super) fn get(&self, side: usize, block: u32) -> u64 {
        self.sides[side].get(self.newest, block)
    }
}

/// Ten minutes.
pub(super) type Long = Blocks<{ Span::TenMinutes.values() }, { Span::TenMinutes.slots_each() }>;
/// An hour.
pub(super) type Hour = Blocks<{ Span::Hour.values() }, { Span::Hour.slots_each() }>;

#[cfg(test)]
mod tests;
