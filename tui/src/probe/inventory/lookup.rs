//! When the inventory is looked up: apart from the task that counts, after
//! something has changed here, and now and then for what has changed elsewhere.

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
/// Nothing reports what changes in the namespaces of the other ends: their MTU,
/// their names, the containers. It is looked at anew after this time.
const PERIOD: Duration = Duration::from_secs(20);
/// As [`SHARE`], where nothing is known to have changed.
const PERIOD_SHARE: u32 = 500;

/// Look-ups, one at a time.
#[derive(Debug)]
pub struct Lookup {
    links: Vec<Link>,
    ours: HashSet<u32>,
    /// When the next one is to start, if any.
    due: Option<Instant>,
    /// How long to wait for a container that does not live in its namespace yet:
    /// twice as long each time, up to the period.
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
            let (now, took) = (Instant::now(), self.started.elapsed());
            self.not_before = now + PAUSE.max(took * SHARE);
            let is_early = looked.as_ref().is_ok_and(Inventory::is_early);
            if self.due.is_none() {
                let period = PERIOD.max(took * PERIOD_SHARE);
                self.due = if is_early && self.patience < period {
                    let due = now + self.patience;
                    self.patience *= 2;
                    Some(due)
                } else {
                    Some(now + period)
                };
            }
            // One that has panicked has printed so; the next may succeed.
            if let Ok(inventory) = looked {
                return inventory;
            }
        }
    }
}
