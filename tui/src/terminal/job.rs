//! Job control: stopping, so that the shell has its terminal back.

use rustix::process::{Signal, kill_current_process_group};

use crate::process::Process;
use crate::sys;

#[cfg(test)]
mod tests;

/// Ancestors that are looked at, at most.
const ANCESTORS: usize = 64;

/// Whether a shell is there that can continue this process once it has stopped.
/// Without job control the kernel ignores SIGTSTP (an orphaned process group in
/// POSIX); SIGSTOP it would obey, and nobody would end that.
pub(crate) fn has_job_control() -> bool {
    Process::read("self").is_some_and(|own| is_controlled(&own, Process::read))
}

/// Asks all of the job to stop, this process too.
pub(crate) fn ask_to_stop() -> std::io::Result<()> {
    Ok(kill_current_process_group(Signal::TSTP)?)
}

/// Stops this process; returns once it is continued.
pub(crate) fn stop() -> std::io::Result<()> {
    sys::stop_until_continued()
}

/// Whether a process has an ancestor in its session, but not in its group, with
/// none but members of the group between.
fn is_controlled(own: &Process, read: impl Fn(u32) -> Option<Process>) -> bool {
    let mut parent = own.parent;
    for _ in 0..ANCESTORS {
        let Some(ancestor) = read(parent).filter(|it| it.session == own.session) else {
            return false;
        };
        if ancestor.group != own.group {
            return true;
        }
        parent = ancestor.parent;
    }
    false
}
