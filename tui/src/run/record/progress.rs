//! Whether a disk is stuck: writing that neither ends nor fails.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::sleep;

#[cfg(test)]
mod tests;

/// How long one write may take, once nkview is to end.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How far the writing is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Begins and ends of writes: an odd number while one goes on.
    steps: Arc<AtomicU64>,
}

impl Progress {
    /// Does what the disk may hold up.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        self.steps.fetch_add(1, Ordering::Relaxed);
        let done = work();
        self.steps.fetch_add(1, Ordering::Relaxed);
        done
    }

    /// Waits until one write takes too long. A disk that is slow, and a machine that
    /// is busy with other things, have their time.
    pub async fn is_stuck(&self) {
        let mut known = self.steps.load(Ordering::Relaxed);
        let mut since = Duration::ZERO;
        while since < PATIENCE {
            sleep(LOOK).await;
            let steps = self.steps.load(Ordering::Relaxed);
            let is_same_write = steps == known && steps % 2 == 1;
            since = if is_same_write {
                since + LOOK
            } else {
                Duration::ZERO
            };
            known = steps;
        }
    }
}

/// A writer whose progress can be seen.
#[derive(Debug)]
pub struct Watched<W> {
    pub writer: W,
    pub progress: Progress,
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.progress.during(|| self.writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.progress.during(|| self.writer.flush())
    }
}
