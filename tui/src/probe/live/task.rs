//! The task of the live source: what it does when. It waits for the kernel at
//! most, and for its consumer never: see [`Outbox`]. This is its state and its loop;
//! what it does in a turn is in the modules.

use std::future::pending;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::block_in_place;
use tokio::time::sleep_until;

pub use self::attaching::{AT_ONCE, Attaching};
pub use self::blind_spots::BlindSpots;
use super::outbox::Outbox;
use super::selection::Selection;
use crate::model::{Envelope, Level, Moment, Request, RequestId};
use crate::probe::change::Change;
use crate::probe::collect::intervals::Targets;
use crate::probe::collect::{Schedule, stacks};
use crate::probe::devices::{Devices, Link};
use crate::probe::guard::Guard;
use crate::probe::guard::changes::Changes;
use crate::probe::inventory::{Inventory, Lookup};
use crate::probe::pair::Pair;
use crate::probe::rules::Rules;
use crate::probe::watch::Watched;
use crate::source::{Pausing, Stopping};

mod attaching;
mod blind_spots;
mod collecting;
mod ending;
mod following;
mod reports;
mod requests;

/// Replies that may wait for the consumer before no more requests are served.
const REPLIES: usize = 64;

/// The task, and what it works with.
pub struct Task {
    pub devices: Devices,
    pub selection: Selection,
    pub watched: Watched,
    /// Looks after the hooks of what is watched.
    pub guard: Guard,
    /// What the guard has found.
    pub found: mpsc::UnboundedReceiver<(u32, Change)>,
    pub changes: Changes,
    pub collectors: Schedule,
    /// The rules that drop packets.
    pub rules: Rules,
    /// What the collectors count.
    pub targets: Targets,
    /// The reader of the network stacks, where its thread could be started.
    pub stacks: Option<stacks::Handle>,
    /// Moments are counted from then on.
    pub start: Instant,
    /// The devices of the last look.
    pub links: Vec<Link>,
    /// What is to be reported once counting has begun; nothing afterwards.
    /// Counting begins at once, or when all that is wanted is attached to.
    pub notices: Option<Vec<String>>,
    pub attach_first: bool,
    pub attaching: Attaching,
    /// Requests to watch a device that are not answered yet, and its name.
    pub asked: Vec<(RequestId, String)>,
    pub lookup: Lookup,
    pub inventory: Inventory,
    pub blind_spots: BlindSpots,
    pub outbox: Outbox,
    /// When this process is to be stopped.
    pub pausing: mpsc::Receiver<Pausing>,
    /// The pair that was made, removed at the end, and with the task if that
    /// panics.
    pub pair: Option<Pair>,
}

impl Task {
    /// Works until it is stopped or its consumer has gone.
    pub async fn run(
        mut self,
        events: mpsc::Sender<Envelope>,
        requests: mpsc::Receiver<Request>,
        mut stopping: Stopping,
    ) {
        self.watch(&events, requests, &mut stopping).await;
        drop(events);
        self.end(stopping).await;
    }

    async fn watch(
        &mut self,
        events: &mpsc::Sender<Envelope>,
        mut requests: mpsc::Receiver<Request>,
        stopping: &mut Stopping,
    ) {
        self.reconcile().await;
        loop {
            self.attach_some();
            self.begin_to_count();
            let is_counting = self.notices.is_none();
            let is_attached = self.attaching.is_done();
            let now = self.moment();
            // Whatever is ready has the same chance: nothing starves.
            tokio::select! {
                () = stopping.asked() => return,
                () = events.closed() => return,
                _ = self.outbox.deliver(now), if !self.outbox.is_delivered() => {
                    if self.outbox.has_no_interval() {
                        self.watched.delivered();
                    }
                }
                request = requests.recv(), if self.outbox.replies() < REPLIES => match request {
                    Some(request) => self.serve(request).await,
                    None => return,
                },
                () = until(self.collectors.due()), if is_counting => {
                    if !self.collect() {
                        return;
                    }
                }
                Some((slot, change)) = self.found.recv() => self.changed(slot, change).await,
                () = until(self.changes.due()) => {
                    for (level, text) in self.changes.sums(Instant::now()) {
                        self.notice(level, text);
                    }
                }
                Some(pausing) = self.pausing.recv() => self.pause(pausing).await,
                () = until(self.rules.due()) => {
                    if block_in_place(|| self.rules.tick()) {
                        self.report_blocks();
                    }
                }
                changed = self.devices.changed() => match changed {
                    Ok(()) => self.reconcile().await,
                    Err(error) => self.notice(Level::Warning, format!(
                        "cannot follow the devices, new ones are not seen: {error}; trying again"
                    )),
                },
                outcomes = self.attaching.outcomes() => self.attached(outcomes).await,
                () = until(self.watched.retry()), if is_attached => self.reconcile().await,
                inventory = self.lookup.next() => {
                    self.inventory = inventory;
                    self.publish();
                    self.report_devices();
                    self.report_blind_spots();
                }
            }
        }
    }

    fn moment(&self) -> Moment {
        self.start.elapsed()
    }
}

/// Waits until then; for ever, when there is nothing to wait for.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => pending().await,
    }
}
