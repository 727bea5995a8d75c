//! When the inventory is looked up: apart from the task that counts, after
//! something has changed, and not more often than is good.

use std::collections::HashSet;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use super::Inventory;
use crate::probe::devices::Link;

/// Between two look-ups, whatever changes.
const PAUSE: Duration = Duration::from_secs(1);
/// A look-up that takes long, where there are many namespaces, keeps a CPU busy
/// for at most one part in this many.
const SHARE: u32 = 10;
/// A container that does not live in its namespace yet is looked for again, after
/// pauses that double, up to this one.
const LONGEST: Duration = Duration::from_secs(32);

/// Appearance-ups, one at a time.
#[derive(Debug)]
pub struct Lookup {
    links: Vec<Link>,
    ours: HashSet<u32>,
    /// When the next one is to start, if any.
    due: Option<Instant>,
    /// How long to wait for a container that is about to start.
    patience: Duration,
    task: Option<JoinHandle<Inventory>>,
    started: Instant,
    /// The next one must not start earlier.
    not_before: Instant,
}

impl Lookup {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            links: Vec::new(),
            ours: HashSet::new(),
            due: None,
            patience: PAUSE,
            task: None,
            started: Instant::now(),
            not_before: Instant::now(),
        }
    }

    /// Asks for a look at these devices. `ours` are the ids of our programs.
    pub fn ask(&mut self, links: &[Link], ours: HashSet<u32>) {
        self.links = links.to_vec();
        self.ours = ours;
        self.patience = PAUSE;
        self.due = Some(Instant::now());
    }

    /// Waits for the next inventory, starting look-ups as they are due. It can
    /// be dropped at any time.
    pub async fn next(&mut self) -> Inventory {
        loop {
            if self.task.is_none() {
                match self.due {
                    Some(due) => sleep_until(due.max(self.not_before)).await,
                    None => std::future::pending().await,
                }
                self.due = None;
                self.started = Instant::now();
            }
            let (links, ours) = (&self.links, &self.ours);
            let task = self.task.get_or_insert_with(|| {
                let (links, ours) = (links.clone(), ours.clone());
                spawn_blocking(move || Inventory::look(&links, &ours))
            });
            let looked = task.await;
            self.task = None;
            let pause = PAUSE.max(self.started.elapsed() * SHARE);
            self.not_before = Instant::now() + pause;
            // One that has panicked has printed so; the next may succeed.
            if let Ok(inventory) = looked {
                if self.due.is_none() && inventory.is_early() && self.patience <= LONGEST {
                    self.due = Some(Instant::now() + self.patience);
                    self.patience *= 2;
                }
                return inventory;
            }
        }
    }
}
