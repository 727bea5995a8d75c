//! A process as `/proc/PID/stat` describes it (proc_pid_stat(5)).

use std::fmt::Display;
use std::fs;

#[cfg(test)]
mod tests;

/// A process at one moment.
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
