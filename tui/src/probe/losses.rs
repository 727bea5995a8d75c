//! Packet events that the ring buffer had no room for, by CPU.

use std::collections::BTreeMap;

use probe_common::TotalsValue;

/// The entries of TOTALS that are not 0. There can be thousands of
/// entries and hundreds of CPUs, but losses are rare.
#[derive(Debug, Default)]
pub struct Losses(BTreeMap<u32, Vec<u64>>);

impl Losses {
    /// Takes note of the entry with this index, whose counters only grow.
    pub fn note(&mut self, index: u32, cpus: &[TotalsValue]) {
        if cpus.iter().any(|cpu| cpu.lost > 0) {
            let lost = cpus.iter().map(|cpu| cpu.lost).collect();
            self.0.insert(index, lost);
        }
    }

    /// The sums over all entries, by the number of the CPU; empty when nothing was
    /// lost.
    #[must_use]
    pub fn by_cpu(&self) -> Vec<u64> {
        let mut sums = Vec::new();
        for lost in self.0.values() {
            sums.resize(lost.len().max(sums.len()), 0);
            for (sum, lost) in sums.iter_mut().zip(lost) {
                *sum += lost;
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests;
