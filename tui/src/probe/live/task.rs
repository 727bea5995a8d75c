//! The task of the live source: what it does when. It waits for the kernel at
//! most, and for its consumer never: see [`Outbox`].

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, block_in_place, spawn_blocking};
use tokio::time::sleep_until;

use super::outbox::Outbox;
use super::selection::Selection;
use crate::model::{
    BlockEnded, Command, Envelope, Event, Level, Moment, Notice, Reply, Request, RequestId, Watch,
};
use crate::probe::block::{Owner, journal};
use crate::probe::change::Change;
use crate::probe::collect::intervals::Targets;
use crate::probe::collect::{Schedule, stacks};
use crate::probe::devices::{Devices, Link};
use crate::probe::guard::Guard;
use crate::probe::guard::attaching::Outcome;
use crate::probe::guard::changes::Changes;
use crate::probe::inventory::{Inventory, Lookup};
use crate::probe::pair::Pair;
use crate::probe::rules::Rules;
use crate::probe::watch::Watched;
use crate::source::{Pausing, Stopping};
use crate::text::{duration, plural};

/// Devices that are attached to before the screen shows how far it is.
pub const AT_ONCE: usize = 16;

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
    /// Those that are wanted and wait to be attached to.
    pub waiting: Vec<Link>,
    /// Attaching stops early when this is set.
    pub stop: Arc<AtomicBool>,
    pub attaching: Option<JoinHandle<Vec<Outcome>>>,
    /// Requests to watch a device that are not answered yet, and its name.
    pub asked: Vec<(RequestId, String)>,
    pub lookup: Lookup,
    pub inventory: Inventory,
    /// What was reported to run before the hooks, by the device's index.
    pub blind_spots: HashSet<(u32, String)>,
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
        self.stop.store(true, Ordering::Relaxed);
        if let Some(task) = self.attaching.take()
            && let Ok(outcomes) = task.await
        {
            // What they have counted is reported, so they are.
            self.watched.finish(outcomes);
            self.report_devices();
        }
        let detaching = Instant::now();
        block_in_place(|| {
            self.publish();
            // Whatever takes time now: nothing is dropped any more.
            self.rules.lift_all();
            for block in self.rules.describe() {
                tracing::info!(rule = block.id.0, "dropped packets by a rule until the end");
                journal::write(&format!(
                    "{} is not blocked any more: nkview ends",
                    block.rule
                ));
            }
            self.collectors.before_end();
            self.watched.detach_all();
            for event in self.collectors.finish() {
                self.outbox.push(event);
            }
        });
        let (mut outbox, start) = (self.into_outbox(), Instant::now());
        tracing::info!(took = ?detaching.elapsed(), "detached");
        stopping.ended(Ok(()));
        // Nothing of this depends on whether anybody takes it.
        while !outbox.is_delivered() && outbox.deliver(start.elapsed()).await {}
    }

    /// Gives up everything but what the consumer has not taken yet.
    fn into_outbox(self) -> Outbox {
        block_in_place(|| {
            let Self {
                outbox,
                pair,
                watched,
                guard,
                collectors,
                ..
            } = self;
            drop(pair);
            drop((watched, guard, collectors));
            outbox
        })
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
            let is_attached = self.waiting.is_empty() && self.attaching.is_none();
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
                outcomes = attached(&mut self.attaching) => self.attached(outcomes).await,
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

    /// Lets the collectors begin once everything that must be is attached to.
    fn begin_to_count(&mut self) {
        if self.attach_first && (!self.waiting.is_empty() || self.attaching.is_some()) {
            return;
        }
        for text in self.notices.take().into_iter().flatten() {
            self.notice(Level::Info, text);
        }
        if self.attach_first {
            self.attach_first = false;
            self.collectors.restart();
        }
    }

    /// Polls the collector that is overdue for longest. False when the source
    /// cannot go on.
    fn collect(&mut self) -> bool {
        let events = block_in_place(|| self.collectors.poll());
        let mut goes_on = true;
        for event in events {
            let is_interval = matches!(event, Event::Interval(_));
            log(&event);
            goes_on &= !matches!(event, Event::Ended(_));
            self.outbox.push(event);
            if is_interval {
                self.report_blocks();
                self.watched.turned();
                if self.outbox.has_no_interval() {
                    self.watched.delivered();
                }
            }
        }
        goes_on
    }

    /// Carries out a request, and answers it now or when it is known how it went.
    async fn serve(&mut self, Request { id, command }: Request) {
        tracing::debug!(id = id.0, ?command, "request");
        let result = match &command {
            Command::Watch(name) => {
                self.selection.add(name.clone());
                self.watched.try_again();
                self.asked.push((id, name.clone()));
                return self.reconcile().await;
            }
            Command::Unwatch(name) => {
                self.selection.remove(name.clone());
                self.reconcile().await;
                Ok(())
            }
            Command::Block { rule, time } => {
                let places = self.watched.places();
                let now = self.moment();
                let begun = block_in_place(|| self.rules.begin(rule, *time, now, &places));
                if let Ok(id) = begun {
                    let text = format!(
                        "blocking {} for {}: user {}, process {}",
                        rule.text,
                        duration(*time),
                        Owner::this().uid,
                        std::process::id()
                    );
                    tracing::info!(rule = id.0, ?time, "began to drop packets");
                    journal::write(&text);
                    self.notice(Level::Warning, text);
                }
                self.report_blocks();
                begun.map(|_| ())
            }
            Command::Lift(rule) => {
                let lifted = block_in_place(|| self.rules.lift(*rule));
                self.report_blocks();
                lifted
            }
            command => block_in_place(|| self.collectors.command(command))
                .unwrap_or_else(|| Err("this source cannot do that".to_owned())),
        };
        self.outbox.push(Event::Reply(Reply { id, result }));
    }

    /// Makes it safe to stop this process, and waits until it goes on. Whatever is
    /// attached to a closed hook would block programs that come meanwhile, or let
    /// pass what the policy forbids once they go.
    async fn pause(&mut self, pausing: Pausing) {
        if self.attaching.is_some() {
            let outcomes = attached(&mut self.attaching).await;
            self.attached(outcomes).await;
        }
        // What drops packets would be alone there, too, with nobody to follow the chain.
        block_in_place(|| self.rules.lift_at_closed_hooks());
        self.report_blocks();
        let released = block_in_place(|| self.watched.release_closed());
        tracing::info!(
            devices = released.len(),
            "released closed hooks, to be stopped"
        );
        pausing.wait().await;
        // First what has changed, also of policies.
        self.reconcile().await;
        for (name, error) in block_in_place(|| self.watched.take_back()) {
            let text = format!("cannot watch {name} again: {error:#}");
            self.notice(Level::Warning, text);
        }
        if !released.is_empty() {
            let text = format!(
                "not counted while nkview was stopped, as these hooks are closed (policy \
                 blackhole): {}",
                released.join(", ")
            );
            self.notice(Level::Warning, text);
            self.report_change();
        }
    }

    /// Reports the rules, and says of those that have ended why, and what they have
    /// dropped.
    fn report_blocks(&mut self) {
        if self.rules.is_empty() {
            return;
        }
        let blocks = self.rules.describe();
        for block in &blocks {
            if let Some(end) = block.end {
                let packets: u64 = block.dropped.iter().map(|it| it.packets).sum();
                let what = match end {
                    BlockEnded::Time => "Block expired",
                    BlockEnded::Lifted => "Block lifted",
                    BlockEnded::LiftedByAnother => "Block lifted by another process",
                };
                let text = format!(
                    "{what}, {} dropped: {}",
                    plural(packets, "packet"),
                    block.rule
                );
                tracing::info!(
                    rule = block.id.0,
                    packets,
                    ?end,
                    "dropped packets by a rule"
                );
                journal::write(&text);
                self.notice(Level::Warning, text);
            }
        }
        self.outbox.push(Event::Blocks(blocks));
    }

    /// Answers the requests to watch a device of which it is known how it went.
    fn answer_watch(&mut self) {
        for (id, name) in std::mem::take(&mut self.asked) {
            let link = self.links.iter().find(|link| link.name == name);
            let result = match link.map(|link| self.watched.state(link)) {
                None => Err("there is no such device; one that comes will be watched".to_owned()),
                Some(Watch::Yes { .. }) => Ok(()),
                Some(Watch::Failed(reason)) => Err(reason),
                Some(_) if self.selection.wants_name(&name) => {
                    self.asked.push((id, name));
                    continue;
                }
                Some(_) => Err("it was taken back before the device was watched".to_owned()),
            };
            self.outbox.push(Event::Reply(Reply { id, result }));
        }
    }

    /// The guard has seen a change of a hook.
    async fn changed(&mut self, slot: u32, change: Change) {
        if change.is_gone() && block_in_place(|| self.watched.end_replaced(slot)) {
            // Another device has its index: that is to be watched instead.
            return self.reconcile().await;
        }
        let Some(name) = self.watched.name(slot) else {
            return;
        };
        if let Some((level, text)) = self.changes.add(slot, name, change, Instant::now()) {
            self.notice(level, text);
        }
        self.look_up();
    }

    /// Makes what is watched agree with what is wanted and what there is, and
    /// reports the devices.
    async fn reconcile(&mut self) {
        let links = match self.devices.list().await {
            Ok(links) => links,
            Err(error) => {
                self.watched.try_later();
                let text = format!("cannot list the devices: {error}; trying again on a change");
                return self.notice(Level::Warning, text);
            }
        };
        for (before, now) in self.watched.renamed(&links) {
            // Whoever asked for the device by its old name still wants it.
            if self.selection.wants(&before) && !self.selection.wants(&now) {
                self.selection.add(now.name.clone());
            }
            let text = format!("{} was renamed to {}", before.name, now.name);
            self.notice(Level::Info, text);
        }
        block_in_place(|| {
            let wanted = |link: &Link| self.selection.wants(link);
            self.watched.detach_stale(&links, wanted);
        });
        let new = |link: &&Link| self.selection.wants(link) && !self.watched.knows(link.index);
        self.waiting = links.iter().filter(new).cloned().collect();
        self.links = links;
        self.report_change();
    }

    /// Starts to attach to some of the devices that wait for it, if that is not
    /// under way.
    fn attach_some(&mut self) {
        if self.attaching.is_some() || self.waiting.is_empty() {
            return;
        }
        let some = self.waiting.len().min(AT_ONCE);
        let links: Vec<Link> = self.waiting.drain(..some).collect();
        let (batch, errors) = self.watched.begin(links);
        self.report_failures(errors);
        let stop = Arc::clone(&self.stop);
        self.attaching = Some(spawn_blocking(move || batch.run(&stop)));
    }

    /// Takes over the devices that were attached to.
    async fn attached(&mut self, outcomes: Vec<Outcome>) {
        let devices = outcomes.len();
        let mut errors = self.watched.finish(outcomes);
        if !errors.is_empty()
            && let Ok(links) = self.devices.list().await
        {
            // One that goes meanwhile is no failure.
            errors.retain(|(name, _)| links.iter().any(|link| link.name == *name));
        }
        tracing::info!(devices, failed = errors.len(), "attached");
        self.report_failures(errors);
        block_in_place(|| {
            let wanted = |link: &Link| self.selection.wants(link);
            self.watched.detach_stale(&self.links, wanted);
        });
        self.report_change();
    }

    fn report_failures(&mut self, errors: Vec<(String, anyhow::Error)>) {
        for (name, error) in errors {
            // The one that has asked for it gets a reply.
            if self.asked.iter().all(|(_, asked)| *asked != name) {
                self.notice(Level::Warning, format!("cannot watch {name}: {error:#}"));
            }
        }
    }

    /// Reports that other devices are watched than before, or that there are others.
    fn report_change(&mut self) {
        self.publish();
        // Looking at the chains and attaching would wait for each other.
        if self.waiting.is_empty() && self.attaching.is_none() {
            self.look_up();
        }
        self.report_devices();
        self.answer_watch();
        for (name, reason) in self.watched.take_uncovered() {
            let text = format!("cannot cover redirects for {name}: {reason}");
            self.notice(Level::Warning, text);
        }
        let devices = match &*self.watched.take_covered() {
            [] => return,
            [name] => name.clone(),
            names => plural(names.len() as u64, "device"),
        };
        let text = format!(
            "{devices}: counted at the other end of the pair, where packets that are redirected \
             past the hook arrive as well"
        );
        self.notice(Level::Info, text);
    }

    /// Tells the guard and the collectors what is watched.
    fn publish(&mut self) {
        self.guard.watch(self.watched.guarded());
        let devices = self.watched.with_peers(&self.inventory);
        if let Some(stacks) = &self.stacks {
            stacks.follow(stacks::Target::of(&devices));
        }
        self.targets.set(
            self.watched.slots(),
            self.watched.programs().collect(),
            self.watched.tallies(),
            devices,
        );
        if !self.rules.is_empty() {
            let places = self.watched.places();
            for (level, text) in block_in_place(|| self.rules.follow(&places)) {
                self.notice(level, text);
            }
        }
    }

    fn look_up(&mut self) {
        self.lookup
            .ask(&self.links, self.watched.programs().collect());
    }

    fn report_devices(&mut self) {
        let wanted = |link: &Link| self.selection.wants(link);
        let devices = self.watched.describe(&self.links, &self.inventory, wanted);
        self.outbox.push(Event::Devices(devices));
    }

    /// Warns of programs that run before the hooks of what is watched, once each
    /// for as long as they are there. Changes of the hooks themselves are reported
    /// by the guard.
    fn report_blind_spots(&mut self) {
        let watched = self
            .watched
            .describe(&self.links, &self.inventory, |_| true);
        let watched = watched
            .iter()
            .filter(|device| matches!(device.watch, Watch::Yes { .. }));
        let mut now = HashSet::new();
        for device in watched {
            for text in device.earlier_programs() {
                let spot = (device.index, text);
                if !self.blind_spots.contains(&spot) {
                    self.notice(Level::Warning, format!("{}: {}", device.name, spot.1));
                }
                now.insert(spot);
            }
        }
        self.blind_spots = now;
    }

    fn notice(&mut self, level: Level, text: String) {
        let at = self.moment();
        self.outbox.push(Event::Notice(Notice { at, level, text }));
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

/// Waits for the end of a batch; for ever, when there is none.
async fn attached(attaching: &mut Option<JoinHandle<Vec<Outcome>>>) -> Vec<Outcome> {
    let Some(task) = attaching else {
        return pending().await;
    };
    let outcomes = task.await;
    *attaching = None;
    // A panic was printed; its devices are tried again on the next change.
    outcomes.unwrap_or_default()
}

/// What the log has of an event, without names and addresses.
fn log(event: &Event) {
    match event {
        Event::Interval(interval) => tracing::debug!(
            length = ?interval.length,
            flows = interval.flows.len(),
            read = ?interval.probe.read,
            "interval"
        ),
        Event::Ended(_) => tracing::error!("the source has ended by itself"),
        _ => {}
    }
}
