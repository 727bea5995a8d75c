//! Devices that could not be watched: they are tried again after pauses that grow.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::model::WatchFailure;

#[cfg(test)]
mod tests;

/// A device that could not be watched is tried again after this pause; the next
/// one is twice as long, up to the longest.
const RETRY: Duration = Duration::from_secs(2);
const LONGEST_RETRY: Duration = Duration::from_secs(120);

/// What could not be watched, by interface index.
#[derive(Debug, Default)]
pub struct Failures(HashMap<u32, Failure>);

/// Why a device could not be watched.
#[derive(Debug)]
struct Failure {
    reason: WatchFailure,
    pause: Duration,
    retry: Instant,
}

impl Failures {
    /// Takes note that a device cannot be watched now. Whether it is for another
    /// reason than the last time.
    pub fn add(&mut self, index: u32, reason: WatchFailure, now: Instant) -> bool {
        let last = self.0.get(&index);
        let is_new = last.is_none_or(|last| last.reason != reason);
        let pause = last.map_or(RETRY, |last| (last.pause * 2).min(LONGEST_RETRY));
        let failure = Failure {
            reason,
            pause,
            retry: now + pause,
        };
        self.0.insert(index, failure);
        is_new
    }

    /// The device is watched now.
    pub fn remove(&mut self, index: u32) {
        self.0.remove(&index);
    }

    /// Forgets all but these devices.
    pub fn retain(&mut self, is_meant: impl Fn(u32) -> bool) {
        self.0.retain(|&index, _| is_meant(index));
    }

    /// Forgets all: they are tried again at once.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Tries none again before its pause is over once more.
    pub fn put_off(&mut self, now: Instant) {
        for failure in self.0.values_mut() {
            failure.retry = now + failure.pause;
        }
    }

    /// Why a device could not be watched.
    #[must_use]
    pub fn reason(&self, index: u32) -> Option<&WatchFailure> {
        Some(&self.0.get(&index)?.reason)
    }

    /// Whether a device is not to be tried again yet.
    #[must_use]
    pub fn is_put_off(&self, index: u32, now: Instant) -> bool {
        self.0.get(&index).is_some_and(|it| it.retry > now)
    }

    /// When the next one is to be tried again.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.0.values().map(|failure| failure.retry).min()
    }
}
