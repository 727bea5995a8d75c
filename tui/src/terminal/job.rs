//! Job control: stopping, so that the shell has its terminal back.

use std::fs;

use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};

#[cfg(test)]
mod tests;

/// Ancestors that are looked at, at most.
const ANCESTORS: usize = 64;

/// Whether somebody is there who can continue this process once it has stopped.
/// Without job control the kernel ignores SIGTSTP (an orphaned process group in
/// POSIX); SIGSTOP it would obey, and nobody would end that.
pub(super) fn has_job_control() -> bool {
    let read = |process: &str| fs::read_to_string(format!("/proc/{process}/stat")).ok();
    read("self").is_some_and(|own| is_controlled(&own, |parent| read(&parent.to_string())))
}

/// Asks all of the job to stop, this process too.
pub(super) fn ask_to_stop() -> std::io::Result<()> {
    Ok(kill_current_process_group(Signal::TSTP)?)
}

/// Stops this process, until it is continued.
pub(super) fn stop() -> std::io::Result<()> {
    Ok(kill_process(getpid(), Signal::STOP)?)
}

/// Parent, process group and session in a line of `/proc/PID/stat`
/// (`proc_pid_stat(5)`).
fn ids(stat: &str) -> Option<[i32; 3]> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut numbers = fields.split_ascii_whitespace().skip(1).map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some([next()?, next()?, next()?])
}

/// Whether a process has an ancestor in its session, but not in its group, with
/// none but members of the group between.
fn is_controlled(stat: &str, read: impl Fn(i32) -> Option<String>) -> bool {
    let Some([mut parent, group, session]) = ids(stat) else {
        return false;
    };
    for _ in 0..ANCESTORS {
        let Some([next, its_group, its_session]) = read(parent).as_deref().and_then(ids) else {
            return false;
        };
        if its_session != session {
            return false;
        }
        if its_group != group {
            return true;
        }
        parent = next;
    }
    false
}
