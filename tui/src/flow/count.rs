//! Packets, segments and bytes.

use std::ops::{Add, AddAssign, Sub, SubAssign};

use probe_common::Counters;

use crate::model::Totals;

/// How much traffic. Arithmetic saturates: counts come from recordings too,
/// which can claim anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Packets as the stack passes them on (skbs).
    pub packets: u64,
    /// Segments as a wire would carry them.
    pub segments: u64,
    /// Bytes as the device counts them.
    pub bytes: u64,
}

impl Count {
    /// Of each number the larger one.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            packets: self.packets.max(other.packets),
            segments: self.segments.max(other.segments),
            bytes: self.bytes.max(other.bytes),
        }
    }

    /// Of each number the smaller one.
    pub(super) fn min(self, other: Self) -> Self {
        Self {
            packets: self.packets.min(other.packets),
            segments: self.segments.min(other.segments),
            bytes: self.bytes.min(other.bytes),
        }
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

impl From<&Counters> for Count {
    fn from(counters: &Counters) -> Self {
        Self {
            packets: counters.packets,
            segments: counters.packets.saturating_add(counters.extra_segments),
            bytes: counters.bytes,
        }
    }
}

impl From<&Totals> for Count {
    fn from(totals: &Totals) -> Self {
        Self {
            packets: totals.packets,
            segments: totals.segments,
            bytes: totals.bytes,
        }
    }
}

impl Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            packets: self.packets.saturating_add(other.packets),
            segments: self.segments.saturating_add(other.segments),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Count {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            packets: self.packets.saturating_sub(other.packets),
            segments: self.segments.saturating_sub(other.segments),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

impl SubAssign for Count {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl std::iter::Sum for Count {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}
