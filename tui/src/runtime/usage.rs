//! What the process uses: CPU, memory, and bytes written to the terminal.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use crate::app::usage::Usage;

#[cfg(test)]
mod tests;

/// Measured over this time at least.
const SPAN: Duration = Duration::from_millis(900);

/// The last reading.
#[derive(Debug)]
pub(super) struct Meter {
    at: Instant,
    cpu: Duration,
    written: u64,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self {
            at: Instant::now(),
            cpu: cpu(),
            written: 0,
        }
    }

    /// What was used since the last reading, if that is long enough ago;
    /// `written` bytes have gone to the terminal so far.
    pub(super) fn read(&mut self, written: u64) -> Option<Usage> {
        let now = Self {
            at: Instant::now(),
            cpu: cpu(),
            written,
        };
        let span = now.at - self.at;
        if span < SPAN {
            return None;
        }
        let usage = Usage {
            cpu: now.cpu.saturating_sub(self.cpu).as_secs_f64() / span.as_secs_f64(),
            memory: memory(),
            drawn: now.written.saturating_sub(self.written) as f64 / span.as_secs_f64(),
        };
        *self = now;
        Some(usage)
    }
}

/// CPU time of all threads so far.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Resident memory in bytes: the second number of `/proc/self/statm` (proc(5)),
/// where there is a /proc.
fn memory() -> Option<u64> {
    let numbers = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = numbers.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
