//! How many different flows there were.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use probe_common::FlowKey;

/// Fingerprints that are kept at most, over all devices: some 20 MiB. Flows come
/// from the network, and a flood makes a hundred thousand new ones a second.
const MOST: usize = 1 << 20;

/// Counts different flows exactly, up to a bound on memory.
#[derive(Default)]
pub struct Distinct {
    /// Fingerprints of the flows, seeded at random: of n flows, two share one
    /// with a probability of n²/2⁶⁵. A key is five times as long.
    seen: HashSet<u64>,
    hasher: RandomState,
}

/// How many different flows there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowsSeen {
    /// Those that were counted.
    pub flows: u64,
    /// Whether there may have been more, which the bound left out.
    pub is_capped: bool,
}

impl Distinct {
    /// Counts a flow among those of a device, unless it was counted before. `device`
    /// distinguishes devices that had the same slot.
    pub fn see(&mut self, device: usize, key: &FlowKey, count: &mut FlowsSeen) {
        let fingerprint = self.hasher.hash_one((device, key));
        if self.seen.len() >= MOST {
            count.is_capped |= !self.seen.contains(&fingerprint);
        } else if self.seen.insert(fingerprint) {
            count.flows += 1;
        }
    }
}

#[cfg(test)]
mod tests;
