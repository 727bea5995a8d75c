//! The task of the live source: what it does when.

use std::future::ready;
use std::time::{Duration, Instant};

use probe_common::Direction;
use tokio::sync::mpsc;
use tokio::task::block_in_place;
use tokio::time::{MissedTickBehavior, interval};

use super::selection::Selection;
use crate::model::{Command, Envelope, Event, Level, Moment, Notice, Reply, Request};
use crate::probe::cost::Meter;
use crate::probe::counters::Counters;
use crate::probe::devices::{Devices, Link};
use crate::probe::fate::{Blind, Fates};
use crate::probe::inventory::{Inventory, Lookup};
use crate::probe::link_counters::Readings;
use crate::probe::pair::Pair;
use crate::probe::ring::Ring;
use crate::probe::watch::Watched;
use crate::source::Stopping;

/// How often the ring buffer is emptied.
const RING_PERIOD: Duration = Duration::from_millis(100);
/// How often the chains of programs are looked at.
const CHAIN_PERIOD: Duration = Duration::from_millis(250);
/// Devices that are attached to before the screen shows how far it is.
const AT_ONCE: usize = 16;

/// The task, and what it works with.
pub struct Task {
    pub devices: Devices,
    pub selection: Selection,
    pub watched: Watched,
    pub counters: Counters,
    pub ring: Ring,
    /// Bytes of the ring buffer.
    pub ring_capacity: u32,
    /// Measures what the programs cost, while somebody looks.
    pub meter: Option<Meter>,
    /// Moments are told since then.
    pub start: Instant,
    /// The devices of the last look.
    pub links: Vec<Link>,
    /// Whether all of those that wait at the start are attached to before
    /// anything else is done.
    pub attach_first: bool,
    /// Those that are wanted and wait to be attached to.
    pub waiting: Vec<Link>,
    pub lookup: Lookup,
    pub inventory: Inventory,
    pub fates: Fates,
    pub events: mpsc::Sender<Envelope>,
    /// The pair that was made, removed at the end, and with the task if that
    /// panics.
    pub pair: Option<Pair>,
}

/// The consumer has gone, or the source cannot go on and has said why.
struct Over;

impl Task {
    /// Works until it is stopped or its consumer has gone.
    pub async fn run(
        mut self,
        period: Duration,
        notices: Vec<String>,
        requests: mpsc::Receiver<Request>,
        mut stopping: Stopping,
    ) {
        // An error is that there is nobody left to tell.
        let _ = self.watch(period, notices, requests, &mut stopping).await;
        block_in_place(|| {
            drop(self.pair.take());
            drop(self);
        });
        stopping.ended(Ok(()));
    }

    async fn watch(
        &mut self,
        period: Duration,
        notices: Vec<String>,
        mut requests: mpsc::Receiver<Request>,
        stopping: &mut Stopping,
    ) -> Result<(), Over> {
        self.reconcile().await?;
        while self.attach_first && !self.waiting.is_empty() {
            self.attach_some().await?;
        }
        for text in notices {
            self.notice(Level::Info, text).await?;
        }
        let mut turns = ticks(period);
        let mut readings = ticks(RING_PERIOD);
        let mut looks = ticks(CHAIN_PERIOD);
        turns.reset();
        loop {
            tokio::select! {
                biased;
                () = stopping.asked() => break,
                _ = turns.tick() => {
                    let before = block_in_place(|| self.fates.read());
                    self.turn(before).await?;
                }
                _ = readings.tick() => self.read().await?,
                request = requests.recv() => match request {
                    Some(request) => self.serve(request).await?,
                    None => break,
                },
                _ = looks.tick() => self.look().await?,
                changed = self.devices.changed() => match changed {
                    Ok(()) => self.reconcile().await?,
                    Err(error) => {
                        let text = format!(
                            "cannot follow the devices, new ones are not seen: {error}; trying \
                             again"
                        );
                        self.notice(Level::Warning, text).await?;
                    }
                },
                inventory = self.lookup.next() => {
                    self.inventory = inventory;
                    self.fates.follow(self.watched.with_peers(&self.inventory));
                    self.tell_devices().await?;
                }
                // Attaching waits for the kernel each time. Some at once, so that
                // the screen shows how far it is and nothing else has to wait.
                () = ready(()), if !self.waiting.is_empty() => self.attach_some().await?,
            }
        }
        // What is counted up to here is told; after this nothing is.
        let before = block_in_place(|| {
            // After this, packets come past the hooks.
            let before = self.fates.read();
            self.watched.detach_all();
            before
        });
        self.read().await?;
        self.turn(before).await
    }

    /// Carries out a request, and answers it.
    async fn serve(&mut self, Request { id, command }: Request) -> Result<(), Over> {
        let result = match command {
            Command::Measure(measure) => self.measure(measure),
            Command::PushDown(prefixes) => {
                block_in_place(|| self.counters.push_down(prefixes.as_deref()))
                    .map_err(|error| error.to_string())
            }
            Command::Watch(name) => {
                self.selection.add(name);
                self.reconcile().await?;
                Ok(())
            }
            Command::Unwatch(name) => {
                self.selection.remove(name);
                self.reconcile().await?;
                Ok(())
            }
        };
        self.tell(Event::Reply(Reply { id, result })).await
    }

    /// Begins to measure what the programs cost, or stops it.
    fn measure(&mut self, measure: bool) -> Result<(), String> {
        self.meter = None;
        if measure {
            let meter = Meter::start(self.watched.infos()).map_err(|error| {
                format!("{}; it takes CAP_SYS_ADMIN and Linux 5.8", error.io_error)
            })?;
            self.meter = Some(meter);
        }
        Ok(())
    }

    /// Reads the counters. The readings of the far ends were made just before.
    async fn turn(&mut self, before: Readings) -> Result<(), Over> {
        let slots = self.watched.slots();
        let mut after = Readings::default();
        let settled = || after = self.fates.read();
        match block_in_place(|| self.counters.turn(&slots, settled)) {
            Ok(mut interval) => {
                self.watched.turned();
                let blind = self.fates.settle(&mut interval.devices, &before, &after);
                interval.probe.ring_bytes = self.ring.take_peak();
                interval.probe.ring_capacity = self.ring_capacity.into();
                if let Some(meter) = &mut self.meter {
                    interval.probe.cost = Some(meter.read(self.watched.infos()));
                }
                self.tell(Event::Interval(interval)).await?;
                for blind in blind {
                    self.notice(Level::Warning, past_the_hook(&blind)).await?;
                }
                Ok(())
            }
            Err(error) => {
                let text = format!("cannot read the counters: {error}; start nkview again");
                self.tell(Event::Ended(text)).await?;
                Err(Over)
            }
        }
    }

    /// Reads the packets.
    async fn read(&mut self) -> Result<(), Over> {
        let packets = self.ring.read();
        if packets.is_empty() {
            return Ok(());
        }
        self.tell(Event::Packets(packets)).await
    }

    /// Looks at the chains of programs.
    async fn look(&mut self) -> Result<(), Over> {
        let changes = self.watched.follow();
        if !changes.is_empty() {
            self.lookup.ask(&self.links, self.watched.programs());
        }
        for (device, change) in changes {
            self.notice(change.level(), format!("{device}: {change}"))
                .await?;
        }
        Ok(())
    }

    /// Makes what is watched agree with what is wanted and what there is, and
    /// tells the devices.
    async fn reconcile(&mut self) -> Result<(), Over> {
        let links = match self.devices.list().await {
            Ok(links) => links,
            Err(error) => {
                let text = format!("cannot list the devices: {error}; trying again on a change");
                return self.notice(Level::Warning, text).await;
            }
        };
        self.watched
            .let_go(&links, |link| self.selection.wants(link));
        let new = |link: &&Link| self.selection.wants(link) && !self.watched.knows(link.index);
        self.waiting = links.iter().filter(new).cloned().collect();
        self.links = links;
        self.tell_change().await
    }

    /// Attaches to some of the devices that wait for it.
    async fn attach_some(&mut self) -> Result<(), Over> {
        let some = self.waiting.len().min(AT_ONCE);
        let links: Vec<_> = self.waiting.drain(..some).collect();
        let links: Vec<_> = links.iter().collect();
        for (name, error) in block_in_place(|| self.watched.attach(&links)) {
            let text = format!("cannot watch {name}: {error:#}");
            self.notice(Level::Warning, text).await?;
        }
        self.tell_change().await
    }

    /// Tells that other devices are watched than before, or that there are others.
    async fn tell_change(&mut self) -> Result<(), Over> {
        self.fates.follow(self.watched.with_peers(&self.inventory));
        // Looking at the chains and attaching would wait for each other.
        if self.waiting.is_empty() {
            self.lookup.ask(&self.links, self.watched.programs());
        }
        self.tell_devices().await?;
        for (name, reason) in self.watched.take_uncovered() {
            let text = format!(
                "{name}: --cover-redirect has to leave it out, what is redirected to it is not \
                 seen: {reason}"
            );
            self.notice(Level::Warning, text).await?;
        }
        Ok(())
    }

    async fn tell_devices(&self) -> Result<(), Over> {
        let wanted = |link: &Link| self.selection.wants(link);
        let devices = self.watched.describe(&self.links, &self.inventory, wanted);
        self.tell(Event::Devices(devices)).await
    }

    async fn notice(&self, level: Level, text: String) -> Result<(), Over> {
        let at: Moment = self.start.elapsed();
        self.tell(Event::Notice(Notice { at, level, text })).await
    }

    async fn tell(&self, event: Event) -> Result<(), Over> {
        self.events.send(event.into()).await.map_err(|_| Over)
    }
}

/// A warning that a hook is blind.
fn past_the_hook(blind: &Blind) -> String {
    let Blind {
        device,
        direction,
        packets,
    } = blind;
    match direction {
        Direction::In => format!(
            "{device}: {packets} packets came in without passing the hook, as \
             bpf_redirect_peer() lets them; no flow shows them, but with --cover-redirect"
        ),
        Direction::Out => format!("{device}: {packets} packets went out without passing the hook"),
    }
}

fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
