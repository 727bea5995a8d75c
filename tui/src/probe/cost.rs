//! What the programs cost a packet, as the kernel measures it on request
//! (`BPF_ENABLE_STATS`, 5.8 and later). Measuring takes two clock reads a run of
//! any eBPF program on the machine, so it is on only while somebody looks.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use aya::sys::{Stats, SyscallError, enable_stats};

use super::sys::ProgramInfo;
use crate::model::Cost;

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
    /// Begins to measure these programs.
    ///
    /// # Errors
    /// The kernel's: `EPERM` without `CAP_SYS_ADMIN`, `EINVAL` before 5.8.
    pub fn start(programs: impl Iterator<Item = ProgramInfo>) -> Result<Self, SyscallError> {
        Ok(Self {
            _stats: enable_stats(Stats::RunTime)?,
            last: readings(programs),
        })
    }

    /// What these programs cost since the last time. Those that were not there
    /// then do not count.
    pub fn read(&mut self, programs: impl Iterator<Item = ProgramInfo>) -> Cost {
        let now = readings(programs);
        let cost = since(&self.last, &now);
        self.last = now;
        cost
    }
}

fn readings(programs: impl Iterator<Item = ProgramInfo>) -> Readings {
    let reading = |program: ProgramInfo| {
        let (runs, time) = (program.runs, program.run_time);
        (program.id, Cost { runs, time })
    };
    programs.map(reading).collect()
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
