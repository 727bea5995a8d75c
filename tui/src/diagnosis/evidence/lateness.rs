//! How late this machine lets processes run, by how irregular nkview's own
//! intervals are: what takes no longer than that says nothing about the network.

use std::collections::VecDeque;
use std::time::Duration;

/// Intervals that are looked back on.
const INTERVALS: usize = 30;

/// The lengths of the last intervals.
#[derive(Clone, Debug, Default)]
pub struct Lateness {
    lengths: VecDeque<Duration>,
    has_begun: bool,
}

impl Lateness {
    /// Takes over the length of an interval.
    pub fn interval(&mut self, length: Duration) {
        // The first one is as long as it takes to attach.
        if !std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        if self.lengths.len() >= INTERVALS {
            self.lengths.pop_front();
        }
        self.lengths.push_back(length);
    }

    /// By how much the most irregular of the last intervals differed from the usual
    /// length. Zero as long as there are too few to know what is usual.
    #[must_use]
    pub fn most(&self) -> Duration {
        let mut lengths: Vec<Duration> = self.lengths.iter().copied().collect();
        if lengths.len() < 3 {
            return Duration::ZERO;
        }
        lengths.sort_unstable();
        let usual = lengths[lengths.len() / 2];
        let longest = lengths[lengths.len() - 1];
        longest.saturating_sub(usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_intervals_are_not_late_and_irregular_ones_are() {
        let mut lateness = Lateness::default();
        for seconds in [3, 1, 1, 1, 1] {
            lateness.interval(Duration::from_secs(seconds));
        }
        assert_eq!(lateness.most(), Duration::ZERO);
        lateness.interval(Duration::from_millis(1300));
        assert_eq!(lateness.most(), Duration::from_millis(300));
        for _ in 0..INTERVALS {
            lateness.interval(Duration::from_millis(2000));
        }
        assert_eq!(lateness.most(), Duration::ZERO);
    }
}
