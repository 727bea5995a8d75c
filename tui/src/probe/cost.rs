//! What the programs cost a packet, as the kernel measures it on request
//! (`BPF_ENABLE_STATS`, 5.8 and later). Measuring takes two clock reads a run of
//! any eBPF program on the machine, so it is on only while its view is open.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use aya::sys::{Stats, SyscallError, enable_stats};

use crate::model::Cost;
use crate::sys;

#[cfg(test)]
mod tests;

/// A measurement; it ends when this is dropped, and with the process.
#[derive(Debug)]
pub struct Meter {
    _stats: OwnedFd,
    last: Readings,
}

/// Runs and their time by the program's id.
type Readings = HashMap<u32, Cost>;

impl Meter {
    /// Begins to measure the programs with these ids.
    ///
    /// # Errors
    /// The kernel's: `EPERM` without `CAP_SYS_ADMIN`, `EINVAL` before 5.8.
    pub fn start(programs: &[u32]) -> Result<Self, SyscallError> {
        Ok(Self {
            _stats: enable_stats(Stats::RunTime)?,
            last: readings(programs),
        })
    }

    /// What these programs cost since the last time. Those that were not there
    /// then do not count.
    pub fn read(&mut self, programs: &[u32]) -> Cost {
        let now = readings(programs);
        let cost = since(&self.last, &now);
        self.last = now;
        cost
    }
}

/// Programs that have gone are left out. Finding a program by its id takes
/// `CAP_SYS_ADMIN`, as measuring does.
fn readings(programs: &[u32]) -> Readings {
    let reading = |&id: &u32| {
        let program = sys::program_info_of(id).ok()?;
        let (runs, time) = (program.runs, program.run_time);
        Some((id, Cost { runs, time }))
    };
    programs.iter().filter_map(reading).collect()
}

fn since(last: &Readings, now: &Readings) -> Cost {
    let mut cost = Cost::default();
    for (id, now) in now {
        if let Some(last) = last.get(id) {
            cost.runs += now.runs.saturating_sub(last.runs);
            cost.time += now.time.saturating_sub(last.time);
        }
    }
    cost
}
