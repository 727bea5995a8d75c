//! Signatures on what nkview creates outside of itself, so that the next run can
//! distinguish what a killed one has left from what a running one needs.

use std::os::unix::fs::MetadataExt;

use anyhow::Context;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::process::Process;

#[cfg(test)]
mod tests;

/// A process that cannot be taken for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pid: u32,
    /// When it started, in clock ticks since boot: field 22 of `proc_pid_stat(5)`.
    started: u64,
    /// Inode of its PID namespace. In another one the PID means nothing.
    namespace: u64,
}

impl Owner {
    /// This process.
    ///
    /// # Errors
    /// When `/proc` does not show it.
    pub fn this() -> anyhow::Result<Self> {
        let pid = std::process::id();
        Ok(Self {
            pid,
            started: start_of(pid).context("cannot read /proc/self/stat")?,
            namespace: pid_namespace().context("cannot read /proc/self/ns/pid")?,
        })
    }

    /// What it signs with.
    #[must_use]
    pub fn sign(self) -> String {
        let Self {
            pid,
            started,
            namespace,
        } = self;
        format!("nkview {pid} {started} {namespace}")
    }

    /// The owner of a signature, if it is one.
    #[must_use]
    pub fn parse(alias: &str) -> Option<Self> {
        let mut words = alias.strip_prefix("nkview ")?.split(' ');
        let owner = Self {
            pid: words.next()?.parse().ok()?,
            started: words.next()?.parse().ok()?,
            namespace: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(owner)
    }

    /// Whether it can be judged from here and does not live.
    #[must_use]
    pub fn is_gone(self) -> bool {
        pid_namespace() == Some(self.namespace)
            && match start_of(self.pid) {
                Some(started) => started != self.started,
                None => !exists(self.pid),
            }
    }
}

/// Whether there is such a process. `/proc` can hide those of other users
/// (`hidepid` in `proc(5)`); signals know all, also those that they may not reach.
fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

fn pid_namespace() -> Option<u64> {
    Some(std::fs::metadata("/proc/self/ns/pid").ok()?.ino())
}

fn start_of(pid: u32) -> Option<u64> {
    Some(Process::read(pid)?.started)
}
