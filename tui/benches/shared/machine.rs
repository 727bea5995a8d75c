//! What a figure must be read with: where, when and beside what it was
//! measured.

use std::fs;

/// A line about the machine as it is now.
pub fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load: Vec<&str> = load.split(' ').take(3).collect();
    let number = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
    let processors = read("/proc/stat").lines().filter(number).count();
    format!(
        "{}, kernel {}, {processors} CPUs, load {}",
        jiff::Zoned::now().strftime("%F %H:%M"),
        kernel.trim(),
        load.join(" ")
    )
}

/// The middle of the values; of none, 0.
pub fn median<T: Copy + PartialOrd + Default>(values: &mut [T]) -> T {
    values.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values.get(values.len() / 2).copied().unwrap_or_default()
}
