//! Stdout without the standard library's lock and buffer: a thread that is stuck
//! in a write must not keep the process from ending.

use std::io::{self, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::stdio;
use tokio::sync::oneshot;

/// Writes to stdout, unbuffered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(stdio::stdout(), bytes) {
                // Another program that shares the open file, such as a shell's
                // terminal, may have made it non-blocking.
                Err(Errno::AGAIN) => wait_for(PollFlags::OUT)?,
                written => return Ok(written?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits until the reader of stdout has gone: a pipe without a reader, a socket
/// without a peer, a terminal that was hung up. Never returns for files.
///
/// # Errors
/// When no thread can be started.
pub fn reader_gone() -> io::Result<impl Future<Output = ()>> {
    let (gone, is_gone) = oneshot::channel();
    std::thread::Builder::new()
        .name("stdout poll".to_owned())
        .spawn(move || {
            // poll(2): errors and hang-ups are reported without being asked for.
            if wait_for(PollFlags::empty()).is_ok() {
                // Nobody may be waiting any more.
                let _ = gone.send(());
            }
        })?;
    Ok(async {
        if is_gone.await.is_err() {
            std::future::pending().await
        }
    })
}

/// Whether stdout takes no bytes now; nothing for files and what else always does.
#[must_use]
pub fn is_stuck() -> Option<bool> {
    let stdout = stdio::stdout();
    let kind = FileType::from_raw_mode(fstat(stdout).ok()?.st_mode);
    if !matches!(
        kind,
        FileType::Fifo | FileType::Socket | FileType::CharacterDevice
    ) {
        return None;
    }
    let mut fds = [PollFd::new(&stdout, PollFlags::OUT)];
    let now = Timespec::default();
    Some(poll(&mut fds, Some(&now)) == Ok(0))
}

fn wait_for(events: PollFlags) -> io::Result<()> {
    let stdout = stdio::stdout();
    loop {
        let mut fds = [PollFd::new(&stdout, events)];
        match poll(&mut fds, None) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
