//! What this process does about its memory, its signals and its children.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// Gives memory that has been freed back to the machine: after work that took much
/// and is not done again.
pub fn give_back_freed_memory() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: it only touches what the allocator has free; how much it gave
        // back does not matter.
        let _ = unsafe { libc::malloc_trim(0) };
    }
}

/// Lets the allocator give large buffers back to the kernel as soon as they are
/// freed. glibc would do so only until it has seen one freed, and from then on
/// keep such buffers, which each interval allocates again, in the heap of each thread
/// (`M_MMAP_THRESHOLD` in mallopt(3)). Other allocators stay as they are.
pub fn give_back_large_buffers() {
    #[cfg(target_env = "gnu")]
    {
        const LARGE: libc::c_int = 8 << 20;
        // SAFETY: it sets a parameter of the allocator, under the allocator's own
        // lock. It refuses no such size, and did it, only memory would be lost.
        let _ = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
    }
}

/// Lets a process that is started have a session of its own (setsid(2)): a process
/// group that can be ended as a whole, and no terminal.
pub fn in_own_session(command: &mut Command) {
    let start = || {
        // It leads no process group yet, so this cannot fail.
        rustix::process::setsid()?;
        Ok(())
    };
    // SAFETY: between fork(2) and execve(2) it makes one system call, and neither
    // allocates nor takes a lock.
    unsafe { command.pre_exec(start) };
}

/// Stops this process (SIGSTOP) and returns once it has been continued. A signal to
/// the process instead of the calling thread may be taken by any other thread, while
/// this one runs on for a moment.
///
/// # Errors
/// When the kernel refuses it.
pub fn stop_until_continued() -> io::Result<()> {
    // SAFETY: it sends a signal that has no handler to the calling thread.
    match unsafe { libc::raise(libc::SIGSTOP) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether this process ignores a signal, as `nohup` arranges it for its children.
#[must_use]
pub fn is_ignored(signal: i32) -> bool {
    // SAFETY: a `sigaction` of zeros is a valid value; it is only written to.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action, sigaction(2) only writes the current one to a
    // place that is large enough for it.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// Whether this process was started without a stdout (`nkview stream >&-`). Rust's
/// runtime opens /dev/null in its place before `main`, so that writing seems to work.
#[must_use]
pub fn was_stdout_closed() -> bool {
    STDOUT_WAS_CLOSED.load(Ordering::Relaxed)
}

static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// The loader calls it before the runtime starts.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_THE_RUNTIME: extern "C" fn() = look_at_stdout;

extern "C" fn look_at_stdout() {
    // SAFETY: it only asks whether the descriptor is open; nothing else runs yet.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    STDOUT_WAS_CLOSED.store(flags < 0, Ordering::Relaxed);
}
