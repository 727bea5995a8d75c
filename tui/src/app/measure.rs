//! What the columns *in* and *out* show.

use std::time::Duration;

use probe_common::Direction;

use crate::flow::{Clock, Flow, Ledger};
use crate::text::rounded;

/// Bytes per second lately, or all bytes so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Bytes per second over this long.
    Rate(Duration),
    /// Bytes since the start.
    Total,
}

impl Measure {
    /// All of them, in the order in which a key goes through them.
    pub const ALL: [Self; 4] = [
        Self::Rate(Duration::from_secs(1)),
        Self::Rate(Duration::from_secs(10)),
        Self::Rate(Duration::from_secs(60)),
        Self::Total,
    ];

    /// The next one.
    #[must_use]
    pub fn next(self) -> Self {
        let place = Self::ALL.iter().position(|measure| *measure == self);
        let next = place.map_or(0, |place| (place + 1) % Self::ALL.len());
        Self::ALL[next]
    }

    /// Of a flow.
    #[must_use]
    pub fn of_flow(self, flow: &Flow, direction: Direction, clock: &Clock) -> f64 {
        match self {
            Self::Rate(window) => flow.rate(direction, window, clock),
            Self::Total => flow.counts[direction as usize].bytes as f64,
        }
    }

    /// Of a device, or of all.
    #[must_use]
    pub fn of_ledger(self, ledger: &Ledger, direction: Direction, clock: &Clock) -> f64 {
        match self {
            Self::Rate(window) => ledger.rate(direction, window, clock),
            Self::Total => ledger.sums(direction).seen.bytes as f64,
        }
    }
}

/// A rate as a number that sorts like what is shown of it, so that rows do not
/// change places for differences that are not visible. Rates are never negative.
pub fn ordered(rate: f64) -> u128 {
    u128::from(rounded(rate.max(0.0)).to_bits())
}
