//! The live source: watches devices as they come and go, reads the counters
//! and the packets, and tells all of it as events.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use globset::{Glob, GlobMatcher};
use ipnet::IpNet;
use jiff::Timestamp;
use probe_common::Direction;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::{MissedTickBehavior, interval};

use super::clsact;
use super::cost::Meter;
use super::counters::{Budget, Counters};
use super::devices::{Devices, Link};
use super::fate::{Blind, Fates};
use super::inventory::{Inventory, Lookup};
use super::link_counters::Readings;
use super::object::{Object, Sizes};
use super::pair::{self, Pair, PairRequest};
use super::preflight;
use super::privileges::Held;
use super::ring::Ring;
use super::watch::Watched;
use crate::source::{Command, DeviceKind, Event, Level, Moment, Notice, Session};

/// How often the ring buffer is emptied.
const RING_PERIOD: Duration = Duration::from_millis(100);
/// How often the chains of programs are looked at.
const CHAIN_PERIOD: Duration = Duration::from_millis(250);
/// Devices that are attached to before the screen shows how far it is.
const AT_ONCE: usize = 16;
/// Events that wait for the consumer. A slower one makes the source wait, not
/// the memory grow.
const EVENTS: usize = 64;
/// Commands that wait for the source.
const COMMANDS: usize = 16;

/// What to watch, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names and globs of devices; empty for all netkit pairs.
    pub devices: Vec<String>,
    /// The pair to make when none is asked for and there is none.
    pub create: Option<PairRequest>,
    /// How often the counters are read.
    pub interval: Duration,
    /// Packets that get an event.
    pub events: Events,
    /// Count what comes in through netkit at the far end.
    pub cover_redirect: bool,
    /// Sizes of the maps.
    pub sizes: Sizes,
    /// A sentence for the header.
    pub remark: Option<String>,
}

/// How many packets get an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    /// So many a second and CPU at most, and a sample of a tenth of that.
    PerSecond(u32),
    /// All.
    Every,
}

impl Events {
    fn budget(self, interval: Duration) -> Budget {
        let per_second = match self {
            Self::PerSecond(events) => events,
            Self::Every => u32::MAX,
        };
        // A float above the range becomes the largest number.
        let events = (f64::from(per_second) * interval.as_secs_f64()).ceil() as u32;
        Budget {
            events,
            samples: events.div_ceil(10).min(events),
            every_packet: self == Self::Every,
        }
    }
}

/// A live source that has started.
pub struct Live {
    /// What the session is.
    pub session: Session,
    /// What it tells.
    pub events: mpsc::Receiver<Event>,
    /// What it is told.
    pub commands: mpsc::Sender<Command>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Live {
    /// Makes everything ready and attaches to the devices that are asked for by
    /// name. Needs a runtime with several threads.
    ///
    /// # Errors
    /// When it cannot be done, with what to do about it. Nothing is left
    /// attached or created then.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let devices = Devices::open().context("cannot open a netlink socket")?;
        let removed = pair::remove_left_behind(&devices).await?;
        let links = devices.list().await.context("cannot list the devices")?;
        let cleaned = clsact::remove_left_behind(devices.handle(), &links).await?;
        let selection = Selection::new(&options.devices, &links)?;
        let (object, maps, ring) = Object::new(options.sizes).map_err(preflight::explain)?;
        let started = Timestamp::now();
        let start = Instant::now();
        let ring = Ring::new(ring);
        let counters = Counters::new(
            maps,
            options.sizes.flows,
            options.events.budget(options.interval),
            start,
        )
        .context("cannot write the settings of the eBPF programs")?;
        let pairs = removed.iter().map(|name| format!("the pair {name}"));
        let filters = cleaned.iter().map(|name| format!("the filters of {name}"));
        let mut notices: Vec<String> = pairs
            .chain(filters)
            .map(|what| format!("removed {what}, which a killed nkview had left"))
            .collect();

        let mut watched = Watched::new(object, options.cover_redirect);
        // Devices that are named must be watchable; this also proves that the
        // programs load before the screen is taken.
        let named: Vec<_> = links.iter().filter(|link| selection.names(link)).collect();
        if let Some((name, error)) = block_in_place(|| watched.attach(&named)).into_iter().next() {
            return Err(error.context(format!("cannot watch {name}")));
        }
        let mut remark = options.remark;
        let pair = match &options.create {
            Some(request) if selection.is_all_netkit() && !links.iter().any(is_netkit) => {
                if preflight::has_netkit() {
                    let pair = Pair::create(&devices, request).await?;
                    let name = &request.name;
                    remark = Some(format!(
                        "there was no netkit pair: made {name}, removed on exit"
                    ));
                    notices.push(format!(
                        "made the pair {name}/{name}p, removed on exit; try \
                         `ping -6 ff02::1%{name}p` in another terminal"
                    ));
                    Some(pair)
                } else {
                    remark = Some("this kernel has no netkit: choose devices".to_owned());
                    notices.push(preflight::NO_NETKIT.to_owned());
                    None
                }
            }
            _ => None,
        };

        let (event_sender, events) = mpsc::channel(EVENTS);
        let (commands, command_receiver) = mpsc::channel(COMMANDS);
        let (stop, stopped) = oneshot::channel();
        let source = Source {
            devices,
            selection,
            watched,
            counters,
            ring,
            ring_capacity: options.sizes.ring,
            meter: None,
            start,
            lookup: Lookup::new(),
            inventory: Inventory::default(),
            fates: Fates::default(),
            events: event_sender,
            _pair: pair,
        };
        let session = Session {
            host: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            started,
            remark,
            privileges: Held::now().ok().map(|held| held.to_string()),
        };
        let task = tokio::spawn(source.run(options.interval, notices, command_receiver, stopped));
        Ok(Self {
            session,
            events,
            commands,
            stop,
            task,
        })
    }

    /// Takes the source apart: what its consumer needs, and what ends it.
    #[must_use]
    pub fn split(self) -> (Session, mpsc::Receiver<Event>, mpsc::Sender<Command>, Stop) {
        let stop = Stop {
            stop: self.stop,
            task: self.task,
        };
        (self.session, self.events, self.commands, stop)
    }
}

/// Ends a source.
pub struct Stop {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Stop {
    /// Asks for the end. The programs are detached, what they counted last is
    /// told, and then there are no more events.
    #[must_use]
    pub fn ask(self) -> Ended {
        // The source may have ended already.
        let _ = self.stop.send(());
        Ended { task: self.task }
    }
}

/// A source that is ending.
pub struct Ended {
    task: JoinHandle<()>,
}

impl Ended {
    /// Waits until nothing of it is left: no program, no pair.
    ///
    /// # Errors
    /// When the source has panicked.
    pub async fn wait(self) -> anyhow::Result<()> {
        self.task.await.context("the source has failed")
    }
}

/// What the user wants to be watched.
struct Selection {
    names: Vec<String>,
    globs: Vec<GlobMatcher>,
    /// Names that the user has added and taken out since.
    added: Vec<String>,
    removed: Vec<String>,
}

impl Selection {
    /// # Errors
    /// When a named device does not exist or is a netkit peer, or a glob cannot
    /// be read.
    fn new(patterns: &[String], links: &[Link]) -> anyhow::Result<Self> {
        let mut names = Vec::new();
        let mut globs = Vec::new();
        for pattern in patterns {
            if pattern.contains(['*', '?', '[', '{']) {
                let glob = Glob::new(pattern)
                    .with_context(|| format!("cannot read {pattern} as a glob of devices"))?;
                globs.push(glob.compile_matcher());
                continue;
            }
            let Some(link) = links.iter().find(|link| link.name == *pattern) else {
                bail!(
                    "there is no device {pattern} in this network namespace; `ip link` lists \
                     those there are"
                );
            };
            check_is_no_peer(link, links)?;
            names.push(pattern.clone());
        }
        Ok(Self {
            names,
            globs,
            added: Vec::new(),
            removed: Vec::new(),
        })
    }

    fn is_all_netkit(&self) -> bool {
        self.names.is_empty() && self.globs.is_empty()
    }

    /// Whether the device was asked for by its name.
    fn names(&self, link: &Link) -> bool {
        self.names.contains(&link.name)
    }

    fn wants(&self, link: &Link) -> bool {
        if self.removed.contains(&link.name) {
            return false;
        }
        // A glob means the devices that can be watched.
        let is_peer = link.kind == DeviceKind::NetkitPeer;
        self.names(link)
            || self.added.contains(&link.name)
            || (self.is_all_netkit() && is_netkit(link))
            || (!is_peer && self.globs.iter().any(|glob| glob.is_match(&link.name)))
    }

    fn add(&mut self, name: String) {
        self.removed.retain(|removed| *removed != name);
        if !self.added.contains(&name) {
            self.added.push(name);
        }
    }

    fn remove(&mut self, name: String) {
        self.added.retain(|added| *added != name);
        self.removed.push(name);
    }
}

fn is_netkit(link: &Link) -> bool {
    link.netkit().is_some()
}

/// Both hooks of a pair are reached through its primary.
fn check_is_no_peer(link: &Link, links: &[Link]) -> anyhow::Result<()> {
    if link.kind != DeviceKind::NetkitPeer {
        return Ok(());
    }
    let here = link.other_end.filter(|end| end.namespace.is_none());
    let primary = here.and_then(|end| links.iter().find(|other| other.index == end.index));
    let cure = primary.map_or_else(
        || "watch it from the network namespace of its primary".to_owned(),
        |primary| format!("name its primary, {}", primary.name),
    );
    bail!("{} is the peer of a netkit pair; {cure}", link.name)
}

/// The task.
struct Source {
    devices: Devices,
    selection: Selection,
    watched: Watched,
    counters: Counters,
    ring: Ring,
    ring_capacity: u32,
    meter: Option<Meter>,
    start: Instant,
    lookup: Lookup,
    inventory: Inventory,
    fates: Fates,
    events: mpsc::Sender<Event>,
    _pair: Option<Pair>,
}

/// The consumer has gone, or the source cannot go on and has said why.
struct Over;

impl Source {
    async fn run(
        mut self,
        period: Duration,
        notices: Vec<String>,
        commands: mpsc::Receiver<Command>,
        stopped: oneshot::Receiver<()>,
    ) {
        // An error is that there is nobody left to tell.
        let _ = self.watch(period, notices, commands, stopped).await;
    }

    async fn watch(
        &mut self,
        period: Duration,
        notices: Vec<String>,
        mut commands: mpsc::Receiver<Command>,
        mut stopped: oneshot::Receiver<()>,
    ) -> Result<(), Over> {
        self.reconcile().await?;
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
                _ = &mut stopped => break,
                _ = turns.tick() => {
                    let before = block_in_place(|| self.fates.read());
                    self.turn(before).await?;
                }
                _ = readings.tick() => self.read().await?,
                command = commands.recv() => match command {
                    Some(Command::Measure(measure)) => self.measure(measure).await?,
                    Some(Command::PushDown(prefixes)) => self.push_down(prefixes).await?,
                    Some(Command::Watch(name)) => {
                        self.selection.add(name);
                        self.reconcile().await?;
                    }
                    Some(Command::Unwatch(name)) => {
                        self.selection.remove(name);
                        self.reconcile().await?;
                    }
                    None => break,
                },
                _ = looks.tick() => self.look().await?,
                () = self.devices.changed() => self.reconcile().await?,
                inventory = self.lookup.next() => {
                    self.inventory = inventory;
                    self.fates.follow(self.watched.with_peers(&self.inventory));
                    self.tell_devices(self.lookup.links()).await?;
                }
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

    /// Lets the programs keep flows of what is in these prefixes only.
    async fn push_down(&mut self, prefixes: Option<Vec<IpNet>>) -> Result<(), Over> {
        match block_in_place(|| self.counters.push_down(prefixes.as_deref())) {
            Ok(()) => Ok(()),
            Err(error) => {
                let text = format!(
                    "cannot push the filter down to the kernel: {error}; flows are kept of all \
                     packets, and filtered here"
                );
                self.notice(Level::Warning, text).await
            }
        }
    }

    /// Begins to measure what the programs cost, or stops it.
    async fn measure(&mut self, measure: bool) -> Result<(), Over> {
        self.meter = None;
        if !measure {
            return Ok(());
        }
        match Meter::start(self.watched.infos()) {
            Ok(meter) => self.meter = Some(meter),
            Err(error) => {
                let text = format!(
                    "cannot measure what the programs cost: {}; it takes CAP_SYS_ADMIN and \
                     Linux 5.8",
                    error.io_error
                );
                self.notice(Level::Info, text).await?;
            }
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
        let packets = self.ring.read(|slot| self.watched.link_layer(slot));
        if packets.is_empty() {
            return Ok(());
        }
        self.tell(Event::Packets(packets)).await
    }

    /// Looks at the chains of programs.
    async fn look(&mut self) -> Result<(), Over> {
        let changes = self.watched.follow();
        if !changes.is_empty() {
            let links = self.lookup.links().to_vec();
            self.lookup.ask(&links, self.watched.programs());
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
        let new: Vec<_> = links
            .iter()
            .filter(|link| self.selection.wants(link) && !self.watched.knows(link.index))
            .collect();
        // Attaching waits for the kernel each time: show how far it is.
        for some in new.chunks(AT_ONCE) {
            if new.len() > AT_ONCE {
                self.tell_devices(&links).await?;
            }
            for (name, error) in block_in_place(|| self.watched.attach(some)) {
                let text = format!("cannot watch {name}: {error:#}");
                self.notice(Level::Warning, text).await?;
            }
        }
        self.fates.follow(self.watched.with_peers(&self.inventory));
        self.lookup.ask(&links, self.watched.programs());
        self.tell_devices(&links).await?;
        for (name, reason) in self.watched.take_uncovered() {
            let text = format!(
                "{name}: --cover-redirect has to leave it out, what is redirected to it is not \
                 seen: {reason}"
            );
            self.notice(Level::Warning, text).await?;
        }
        Ok(())
    }

    async fn tell_devices(&self, links: &[Link]) -> Result<(), Over> {
        let wanted = |link: &Link| self.selection.wants(link);
        let devices = self.watched.describe(links, &self.inventory, wanted);
        self.tell(Event::Devices(devices)).await
    }

    async fn notice(&self, level: Level, text: String) -> Result<(), Over> {
        let at: Moment = self.start.elapsed();
        self.tell(Event::Notice(Notice { at, level, text })).await
    }

    async fn tell(&self, event: Event) -> Result<(), Over> {
        self.events.send(event).await.map_err(|_| Over)
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
