//! Devices on their way to be watched, some at a time: attaching takes two grace
//! periods of the kernel each, and nothing else waits for that.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::{JoinHandle, spawn_blocking};

use crate::probe::devices::Link;
use crate::probe::guard::attaching::{Batch, Outcome};

/// Devices that are attached to before the screen shows how far it is.
pub const AT_ONCE: usize = 16;

/// What is to be attached to, and the batch that is under way.
pub struct Attaching {
    waiting: Vec<Link>,
    batch: Option<JoinHandle<Vec<Outcome>>>,
    /// A batch stops early when this is set.
    stop: Arc<AtomicBool>,
}

impl Attaching {
    /// Nothing yet.
    #[must_use]
    pub const fn new(stop: Arc<AtomicBool>) -> Self {
        Self {
            waiting: Vec::new(),
            batch: None,
            stop,
        }
    }

    /// Replaces what is to be attached to after the batch that is under way.
    pub fn set_waiting(&mut self, links: Vec<Link>) {
        self.waiting = links;
    }

    /// Whether nothing waits and nothing is under way.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.batch.is_none()
    }

    /// Whether a batch is under way.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        self.batch.is_some()
    }

    /// Takes the devices of the next batch. There are none while one is under way.
    pub fn take_next(&mut self) -> Vec<Link> {
        let some = match self.batch {
            None => self.waiting.len().min(AT_ONCE),
            Some(_) => 0,
        };
        self.waiting.drain(..some).collect()
    }

    /// Starts a batch.
    pub fn start(&mut self, batch: Batch) {
        let stop = Arc::clone(&self.stop);
        self.batch = Some(spawn_blocking(move || batch.run(&stop)));
    }

    /// Waits for the end of the batch; for ever, when there is none. It may be
    /// cancelled.
    pub async fn outcomes(&mut self) -> Vec<Outcome> {
        let Some(batch) = &mut self.batch else {
            return pending().await;
        };
        let outcomes = batch.await;
        self.batch = None;
        // A panic was printed; its devices are tried again on the next change.
        outcomes.unwrap_or_default()
    }

    /// Stops the batch that is under way, if there is one, and waits for it.
    pub async fn stop(&mut self) -> Option<Vec<Outcome>> {
        self.stop.store(true, Ordering::Relaxed);
        self.batch.take()?.await.ok()
    }
}
