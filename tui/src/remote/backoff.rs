//! When a host is tried again.

use std::time::Duration;

#[cfg(test)]
mod tests;

/// How long it is waited between tries, and how many there are.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Before the second try; doubled before each further one.
    pub first: Duration,
    /// At most.
    pub most: Duration,
    /// How many tries may fail, one after the other.
    pub tries: u32,
}

/// The tries of a host since it reported last.
#[derive(Debug)]
pub struct Backoff {
    limits: Limits,
    failed: u32,
}

impl Backoff {
    /// None so far.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, failed: 0 }
    }

    /// How long to wait after another failure; nothing when it was the last try.
    pub fn next_delay(&mut self) -> Option<Duration> {
        self.failed += 1;
        if self.failed >= self.limits.tries {
            return None;
        }
        let factor = 1_u32.checked_shl(self.failed - 1).unwrap_or(u32::MAX);
        Some(
            self.limits
                .first
                .saturating_mul(factor)
                .min(self.limits.most),
        )
    }
}
