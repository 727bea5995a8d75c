//! What the probe itself missed, as the intervals report it.

use std::time::Duration;

use crate::model::{Interval, Moment};

/// How long it is worth saying.
const WINDOW: Duration = Duration::from_secs(60);

/// What was missed since it was last complete for a while.
#[derive(Clone, Copy, Debug, Default)]
pub struct Probe {
    /// Packets of flows that the flow table had no room for.
    pub untracked: u64,
    /// Captured packets that the ring buffer had no room for, or that were read and
    /// dropped since the consumer was late.
    pub lost: u64,
    /// The first interval in which something was missed, and the last.
    pub seen: Option<(Moment, Moment)>,
}

impl Probe {
    /// Takes over the totals of an interval.
    pub fn interval(&mut self, interval: &Interval) {
        let now = interval.at;
        let totals = || interval.devices.iter().flat_map(|it| it.directions);
        let untracked: u64 = totals().map(|it| it.untracked_packets).sum();
        let lost: u64 = totals().map(|it| it.lost).sum();
        let missed = untracked + lost + interval.probe.late;
        if missed > 0 {
            self.untracked += untracked;
            self.lost += lost + interval.probe.late;
            let (first, _) = self.seen.unwrap_or((now, now));
            self.seen = Some((first, now));
        } else if self
            .seen
            .is_some_and(|(_, last)| now.saturating_sub(last) > WINDOW)
        {
            *self = Self::default();
        }
    }
}
