//! Writes to the terminal without blocking the caller.
//!
//! A terminal may stop taking bytes: a hung SSH line, a window that is dragged,
//! a `screen` that is locked. Frames are therefore written by a thread, of which
//! at most one is under way, and nothing else waits for longer than a moment.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{QueueSelector, tcflush};
use tokio::sync::mpsc;

/// Whether the screen is nkview's. What is written while it is not, such as the
/// rest of a frame that a panic has cut, is dropped. There is one terminal for
/// the whole process, and a panic has to know.
pub(super) static OPEN: AtomicBool = AtomicBool::new(false);
/// Writes that are not finished.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

/// Bytes per write: between two of them it is seen that the rest is not wanted.
const CHUNK: usize = 512;
/// Writes that may wait: one frame and some copied texts.
const QUEUE: usize = 8;
/// How long a terminal may take for what has to be written before the program
/// ends or stops.
const LAST_WRITE: Duration = Duration::from_millis(150);
/// How long a thread may take to start.
const BUSY: Duration = Duration::from_secs(1);

/// The thread's other end.
#[derive(Debug)]
pub(super) struct Writer {
    queue: SyncSender<Vec<u8>>,
}

impl Writer {
    /// Starts the thread. It reports each write that is finished.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(reports: mpsc::UnboundedSender<io::Result<()>>) -> anyhow::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE);
        thread::Builder::new()
            .name("terminal".to_owned())
            .spawn(move || serve(&jobs, &reports))
            .context("cannot start the thread that writes to the terminal")?;
        Ok(Self { queue })
    }

    /// Hands bytes over. They are dropped where too many wait already: the
    /// terminal is stuck.
    pub(super) fn send(&self, bytes: Vec<u8>) {
        UNDER_WAY.fetch_add(1, Ordering::SeqCst);
        if self.queue.try_send(bytes).is_err() {
            UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// Whether something is being written.
pub(super) fn is_busy() -> bool {
    UNDER_WAY.load(Ordering::SeqCst) > 0
}

fn serve(jobs: &Receiver<Vec<u8>>, reports: &mpsc::UnboundedSender<io::Result<()>>) {
    for bytes in jobs {
        let written = write(&bytes, || OPEN.load(Ordering::SeqCst));
        UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
        // Nobody listens any more when the program ends.
        let _ = reports.send(written);
    }
}

/// Writes, for as long as it is wanted.
fn write(bytes: &[u8], is_wanted: impl Fn() -> bool) -> io::Result<()> {
    let stdout = rustix::stdio::stdout();
    let mut rest = bytes;
    while !rest.is_empty() && is_wanted() {
        match rustix::io::write(stdout, &rest[..rest.len().min(CHUNK)]) {
            Ok(length) => rest = &rest[length..],
            Err(Errno::INTR) => {}
            // Whoever shares the terminal has set it to non-blocking.
            Err(Errno::AGAIN) => {
                let mut polled = [PollFd::new(&stdout, PollFlags::OUT)];
                let wait = Timespec {
                    tv_sec: 0,
                    tv_nsec: 100_000_000,
                };
                match poll(&mut polled, Some(&wait)) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Gives what is under way a moment to be written.
pub(super) fn settle() {
    wait_until(|| !is_busy());
}

/// Writes the last bytes before the program ends or stops, after the screen was
/// given up. Where the terminal takes none, what it has not taken so far is
/// thrown away to make room, and they are written again, as they may have been
/// thrown away with it. Says whether they were written.
pub(super) fn finish(bytes: Vec<u8>) -> bool {
    let mut bytes = bytes;
    if is_busy() {
        flush();
        // The frame is cut: CAN ends a sequence of which the end is missing.
        wait_until(|| !is_busy());
        bytes.insert(0, b'\x18');
    }
    if write_within(bytes.clone()) {
        return true;
    }
    flush();
    write_within(bytes)
}

/// Writes from a thread of its own, since a write to a terminal may block
/// however it is polled. Says whether it was written within the time that a terminal
/// may take.
pub(super) fn write_within(bytes: Vec<u8>) -> bool {
    let (report, reports) = sync_channel(2);
    let work = move || {
        let _ = report.send(true);
        let _ = report.send(write(&bytes, || true).is_ok());
    };
    if thread::Builder::new().spawn(work).is_err() {
        return false;
    }
    // On a busy machine the thread may start late, of which no terminal is guilty.
    if reports.recv_timeout(BUSY).is_err() {
        return false;
    }
    reports.recv_timeout(LAST_WRITE).unwrap_or(false)
}

/// Throws away what was written and not yet read by the terminal.
fn flush() {
    let _ = tcflush(rustix::stdio::stdout(), QueueSelector::OFlush);
}

fn wait_until(is_so: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + LAST_WRITE;
    while !is_so() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
    true
}
