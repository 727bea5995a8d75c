//! The clocks of the eBPF programs, `bpf_ktime_get_ns()` and
//! `bpf_ktime_get_boot_ns()`; and the CPU time of a thread.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::model::Moment;

#[cfg(test)]
mod tests;

/// A moment of the kernel's clock, counted from the source's start.
pub fn since(started: u64, time: u64) -> Moment {
    Duration::from_nanos(time.saturating_sub(started))
}

/// What `bpf_ktime_get_ns()` would return now, in nanoseconds: the clock of the
/// machine. In a time namespace, `clock_gettime()` adds an offset to that
/// (`time_namespaces(7)`).
pub fn monotonic_now() -> u64 {
    of_machine(ClockId::Monotonic, monotonic_offset)
}

/// The CPU time that this thread has used.
pub fn thread_cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Nanoseconds in a second.
const SECOND: i128 = 1_000_000_000;

/// The offset of the monotonic clock in nanoseconds: 0 on kernels without time
/// namespaces, which have no such file.
fn monotonic_offset(offsets: &str) -> i128 {
    // Older kernels print the number of the clock.
    offset_of(["monotonic", "1"], offsets)
}

/// As [`monotonic_now`], of `bpf_ktime_get_boot_ns()`: it goes on while the machine is
/// suspended.
pub fn boot_now() -> u64 {
    let offset = |offsets: &str| offset_of(["boottime", "7"], offsets);
    of_machine(ClockId::Boottime, offset)
}

/// A clock of the machine, without the offset of this time namespace.
fn of_machine(clock: ClockId, offset: impl Fn(&str) -> i128) -> u64 {
    let now = clock_gettime(clock);
    let now = i128::from(now.tv_sec) * SECOND + i128::from(now.tv_nsec);
    let offsets = std::fs::read_to_string("/proc/self/timens_offsets").unwrap_or_default();
    u64::try_from(now - offset(&offsets)).unwrap_or(0)
}

fn offset_of(names: [&str; 2], offsets: &str) -> i128 {
    let number = |field: Option<&str>| field?.parse::<i128>().ok();
    let of_line = |line: &str| {
        let mut fields = line.split_whitespace();
        names.contains(&fields.next()?).then_some(())?;
        Some(number(fields.next())? * SECOND + number(fields.next())?)
    };
    offsets.lines().find_map(of_line).unwrap_or(0)
}
