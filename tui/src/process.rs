//! Processes as `/proc` shows them (proc(5)), as far as this user may look.

use std::fmt::Display;
use std::fs;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

/// A process at one moment (proc_pid_stat(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its command name, cut to 15 bytes by the kernel.
    pub name: String,
    /// Its parent; 0 for one outside of this PID namespace.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// When it started, in clock ticks since the machine did.
    pub started: u64,
}

impl Process {
    /// Reads the file of a process by its PID, or `self`.
    #[must_use]
    pub fn read(pid: impl Display) -> Option<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(&String::from_utf8_lossy(&stat))
    }

    /// The second field is the name in parentheses, which may hold anything but
    /// ends with the last one.
    fn parse(stat: &str) -> Option<Self> {
        let (start, rest) = stat.rsplit_once(')')?;
        let (_, name) = start.split_once('(')?;
        let fields: Vec<_> = rest.split_ascii_whitespace().collect();
        // Numbered from 1 in the manual; the third comes first here.
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            name: name.to_owned(),
            parent: field(4)?.parse().ok()?,
            group: field(5)?.parse().ok()?,
            session: field(6)?.parse().ok()?,
            started: field(22)?.parse().ok()?,
        })
    }
}

/// The PIDs of the processes that a `/proc` shows.
pub fn pids(proc: &Path) -> impl Iterator<Item = u32> + use<> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The path of a process' executable (proc_pid_exe(5)).
#[must_use]
pub fn executable(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// The environment that a process was started with (proc_pid_environ(5)): each entry
/// ends in 0.
#[must_use]
pub fn environment(pid: u32) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/environ")).unwrap_or_default()
}

/// The cgroups of a process, a line each (cgroups(7)).
#[must_use]
pub fn cgroups(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()
}

/// What the kernel reports of a descriptor of this process (proc_pid_fdinfo(5)).
#[must_use]
pub fn descriptor(fd: BorrowedFd<'_>) -> Option<String> {
    fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).ok()
}

/// A number in such a report.
#[must_use]
pub fn number_in(report: &str, name: &str) -> Option<u64> {
    let mut lines = report.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(key, _)| *key == name)?;
    value.trim().parse().ok()
}
