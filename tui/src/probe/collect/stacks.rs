//! Reads the stacks of all namespaces with watched devices now and then, on a
//! thread of its own: entering a namespace moves a thread, and nothing that
//! counts packets waits for it.
//!
//! Where no hook has seen a packet since the last reading there is little to find:
//! what happens there stays inside, or was dropped before the hook. Such a namespace is
//! read less often, and its counters are since its own last reading, so that nothing
//! is lost, only found later.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender, TrySendError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use super::route::Origin;
use super::suspects::Suspects;
use super::{Collector, conntrack, route, sockets, stack};
use crate::model::signal::Signals;
use crate::model::stack::{FlowRoute, FlowSocket, FlowState, Route, Softnet, Stack};
use crate::model::{Command, DeviceTotals, Event, Moment};
use crate::model::{NamespaceInode, Tuple};
use crate::probe::fate::Watched;
use crate::probe::inventory::Place;
use crate::probe::monotonic::thread_cpu_time;
use crate::probe::netns;

#[cfg(test)]
mod tests;

/// Between two readings.
const PERIOD: Duration = Duration::from_secs(5);
/// Until namespaces are read that are new: several come at once.
const SOON: Duration = Duration::from_millis(300);
/// A namespace where nothing happens is read in each of so many rounds.
const IDLE: usize = 6;
/// The most of a CPU that reading may take: where there are so many namespaces
/// that it would take more, it is done less often.
const SHARE: f64 = 0.005;

/// How often it is looked whether something was read.
const TAKEN_EVERY: Duration = Duration::from_millis(250);
/// Readings that wait to be taken, at most.
const READINGS: usize = 16;

/// A namespace to read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it can be entered; nothing for this one.
    pub place: Option<Place>,
    /// The interface indices of the watched devices that lead to it.
    pub devices: Vec<u32>,
}

impl Target {
    /// This namespace, and those that the watched devices lead to.
    #[must_use]
    pub fn of(watched: &[Watched]) -> Vec<Self> {
        let mut elsewhere = BTreeMap::<_, Vec<u32>>::new();
        for device in watched {
            if let Some(place) = device.peer.as_ref().and_then(|peer| peer.place.as_ref()) {
                elsewhere.entry(place).or_default().push(device.index);
            }
        }
        let own = Self {
            place: None,
            devices: Vec::new(),
        };
        let elsewhere = elsewhere.into_iter().map(|(place, devices)| Self {
            place: Some(place.clone()),
            devices,
        });
        std::iter::once(own).chain(elsewhere).collect()
    }
}

/// A message to the thread.
#[derive(Debug)]
enum Message {
    Follow {
        targets: Vec<Target>,
        /// The interface index of the device of each slot.
        slots: HashMap<u32, u32>,
    },
    LookUp {
        device: u32,
        tuple: Tuple,
    },
    /// Looks up flows that seem to fail, by the slots of their devices.
    Suspect(Vec<(u32, Tuple)>),
    /// Hooks of devices with these slots have seen packets.
    Active(Vec<u32>),
}

/// Tells the thread what to read. It ends when all of these are gone; a reading
/// that has begun is not waited for.
#[derive(Clone, Debug)]
pub struct Handle(mpsc::Sender<Message>);

impl Handle {
    /// Reads the namespaces of these devices from now on.
    pub fn follow(&self, devices: &[Watched]) {
        let targets = Target::of(devices);
        let slots = devices.iter().map(|device| (device.slot, device.index));
        let slots = slots.collect();
        // It has gone only if it panicked, which was printed.
        let _ = self.0.send(Message::Follow { targets, slots });
    }

    fn look_up(&self, device: u32, tuple: Tuple) -> Result<(), String> {
        let sent = self.0.send(Message::LookUp { device, tuple });
        sent.map_err(|_| "nothing can be looked up any more".to_owned())
    }
}

/// Reports what the thread has read.
pub struct Stacks {
    handle: Handle,
    read: mpsc::Receiver<Signals>,
    suspects: Suspects,
}

impl Stacks {
    /// Starts the thread in the namespace of the calling one; moments are since
    /// `start`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(start: Instant) -> io::Result<Self> {
        let (sender, messages) = mpsc::channel();
        let (reports, read) = mpsc::sync_channel(READINGS);
        let work = move || run(start, &messages, &reports);
        Builder::new().name("stacks".to_owned()).spawn(work)?;
        let handle = Handle(sender);
        Ok(Self {
            handle,
            read,
            suspects: Suspects::default(),
        })
    }

    /// Sends the thread what to read.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Collector for Stacks {
    fn period(&self) -> Duration {
        TAKEN_EVERY
    }

    fn poll(&mut self) -> Vec<Event> {
        let read = self.read.try_iter();
        read.map(|signals| Event::Signals(Box::new(signals)))
            .collect()
    }

    fn observe(&mut self, event: &Event) {
        if let Event::Interval(interval) = event {
            let has_packets =
                |it: &&DeviceTotals| it.directions.iter().any(|totals| totals.packets > 0);
            let active = interval.devices.iter().filter(has_packets);
            let active: Vec<u32> = active.map(|it| it.slot).collect();
            let suspects = self.suspects.of(interval);
            // It has gone only if it panicked, which was printed.
            if !active.is_empty() {
                let _ = self.handle.0.send(Message::Active(active));
            }
            if !suspects.is_empty() {
                let _ = self.handle.0.send(Message::Suspect(suspects));
            }
        }
    }

    fn command(&mut self, command: &Command) -> Option<Result<(), String>> {
        match command {
            Command::LookUp { device, tuple } => Some(self.handle.look_up(*device, *tuple)),
            _ => None,
        }
    }
}

fn run(start: Instant, messages: &mpsc::Receiver<Message>, reports: &SyncSender<Signals>) {
    let mut reader = Reader::default();
    // The first reading of a namespace is what the next ones are compared with: it
    // is not put off, and neither is the one after it.
    let mut due = Instant::now();
    let mut is_first = true;
    loop {
        let signals = match messages.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(Message::Follow { targets, slots }) => {
                reader.slots = slots;
                if reader.targets != targets {
                    reader.targets = targets;
                    is_first = true;
                    due = due.min(Instant::now() + SOON);
                }
                continue;
            }
            Ok(Message::LookUp { device, tuple }) => Signals {
                at: start.elapsed(),
                flows: vec![reader.look_up(device, tuple)],
                ..Signals::default()
            },
            Ok(Message::Suspect(flows)) => Signals {
                at: start.elapsed(),
                flows: reader.look_up_all(&flows),
                ..Signals::default()
            },
            Ok(Message::Active(slots)) => {
                reader.mark_active(&slots);
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let (signals, cost) = reader.read(start.elapsed());
                let pause = if is_first {
                    PERIOD
                } else {
                    PERIOD.max(cost.div_f64(SHARE))
                };
                is_first = false;
                due = Instant::now() + pause;
                signals
            }
        };
        // What is not taken is read again.
        if matches!(
            reports.try_send(signals),
            Err(TrySendError::Disconnected(_))
        ) {
            return;
        }
    }
}

/// What was read last, to subtract it from the next.
#[derive(Debug, Default)]
struct Reader {
    targets: Vec<Target>,
    slots: HashMap<u32, u32>,
    last: HashMap<NamespaceInode, Reading>,
    /// The interface indices of the devices that have seen packets since the namespaces
    /// behind them were read.
    active: HashSet<u32>,
    /// Rounds of reading so far.
    rounds: usize,
    softnet: Vec<Softnet>,
}

/// A namespace as it was read last.
#[derive(Debug)]
struct Reading {
    at: Moment,
    /// Its counters are since the namespace was made.
    stack: Stack,
    /// Whether it is the first one, which shows no counter.
    is_first: bool,
}

impl Reader {
    fn mark_active(&mut self, slots: &[u32]) {
        let devices = slots.iter().filter_map(|slot| self.slots.get(slot));
        self.active.extend(devices);
    }

    /// Reads those that are due, one after the other, and reports the others as they
    /// were. Returns the CPU time that it took, too.
    fn read(&mut self, at: Moment) -> (Signals, Duration) {
        let before = thread_cpu_time();
        let mut cost = Duration::ZERO;
        let mut last = HashMap::new();
        let mut stacks = Vec::new();
        let targets = self.targets.iter().enumerate();
        let is_due: Vec<bool> = targets
            .map(|(number, target)| self.is_due(number, target))
            .collect();
        let targets = || self.targets.iter().zip(&is_due);
        let due = targets().filter(|(_, is_due)| **is_due);
        let due: Vec<&Target> = due.map(|(target, _)| target).collect();
        let mut read = read_each(due.into_iter()).into_iter();
        for (target, is_due) in targets() {
            if !is_due {
                let namespace = target.place.as_ref().and_then(Place::inode);
                let known = namespace.and_then(|inode| self.last.remove(&inode));
                if let Some(known) = known {
                    let mut stack = known.stack.clone();
                    stack::clear(&mut stack);
                    stack.devices.clone_from(&target.devices);
                    last.insert(stack.namespace, known);
                    stacks.push(stack);
                }
                continue;
            }
            // One that cannot be entered is gone, or about to.
            let Some(Ok((mut stack, took))) = read.next() else {
                continue;
            };
            cost += took;
            stack.is_own = target.place.is_none();
            stack.devices.clone_from(&target.devices);
            let now = stack.clone();
            let earlier = self.last.get(&stack.namespace);
            match earlier {
                Some(earlier) => {
                    stack::subtract(&mut stack, &earlier.stack);
                    stack.period = Some(at.saturating_sub(earlier.at));
                }
                None => stack::clear(&mut stack),
            }
            let reading = Reading {
                at,
                stack: now,
                is_first: earlier.is_none(),
            };
            last.insert(stack.namespace, reading);
            stacks.push(stack);
        }
        self.last = last;
        self.active.clear();
        self.rounds += 1;
        let softnet = stack::softnet();
        let behind = stack::softnet_since(&softnet, &self.softnet);
        self.softnet = softnet;
        let signals = Signals {
            at,
            stacks,
            softnet: behind,
            ..Signals::default()
        };
        (signals, cost + thread_cpu_time().saturating_sub(before))
    }

    /// Whether to read a namespace in this round, by its place among all.
    fn is_due(&self, number: usize, target: &Target) -> bool {
        let namespace = target.place.as_ref().and_then(Place::inode);
        let Some(known) = namespace.and_then(|inode| self.last.get(&inode)) else {
            // This one, or one that was not read yet.
            return true;
        };
        known.is_first
            || target.devices.iter().any(|it| self.active.contains(it))
            || (self.rounds + number).is_multiple_of(IDLE)
    }

    fn look_up_all(&self, flows: &[(u32, Tuple)]) -> Vec<FlowState> {
        let flows = flows.iter();
        // A device that is gone needs none.
        let found = flows.filter_map(|(slot, tuple)| {
            let device = self.slots.get(slot)?;
            Some(self.look_up(*device, *tuple))
        });
        found.collect()
    }

    /// Looks for the sockets, connections and routes of a flow in this namespace and
    /// in the one that the device leads to.
    fn look_up(&self, device: u32, tuple: Tuple) -> FlowState {
        let leads_there = |target: &&Target| target.devices.contains(&device);
        let targets = self.targets.iter();
        let targets = targets.filter(|it| it.place.is_none() || leads_there(it));
        let targets: Vec<&Target> = targets.collect();
        // What comes from a namespace behind the device, this one forwards.
        let input = self.targets.iter().any(|it| leads_there(&it));
        let found = within_each(targets.into_iter(), |target| {
            let is_own = target.place.is_none();
            look_up_here(&tuple, (is_own && input).then_some(device))
        });
        let mut flow = FlowState {
            device,
            tuple,
            ..FlowState::default()
        };
        for found in found {
            match found {
                Ok(found) => {
                    flow.sockets.extend(found.sockets);
                    flow.connections.extend(found.connections);
                    flow.routes.extend(found.routes);
                    flow.unknown.extend(found.unknown);
                }
                Err(error) => flow.unknown.push(format!("a namespace: {error:#}")),
            }
        }
        flow.unknown.dedup();
        flow
    }
}

/// The stacks of these namespaces, and the CPU time that each took: of the thread that
/// enters them.
fn read_each<'a>(
    targets: impl ExactSizeIterator<Item = &'a Target>,
) -> Vec<anyhow::Result<(Stack, Duration)>> {
    within_each(targets, |_| {
        let before = thread_cpu_time();
        let mut stack = stack::read();
        stack.namespace = namespace()?;
        Ok((stack, thread_cpu_time().saturating_sub(before)))
    })
}

/// Looks for a flow's sockets, connection and route in the namespace that the thread
/// is in. What its local end sends comes in by the device `input` where that end is
/// elsewhere.
fn look_up_here(tuple: &Tuple, input: Option<u32>) -> anyhow::Result<FlowState> {
    let namespace = namespace()?;
    let mut flow = FlowState::default();
    for (is_local, tuple) in [(true, *tuple), (false, tuple.reversed())] {
        match sockets::find(&tuple) {
            Ok(state) => flow.sockets.push(FlowSocket {
                namespace,
                is_local,
                state,
            }),
            Err(error) if is_answer(&error) => {}
            Err(error) => flow.unknown.push(format!("socket: {error}")),
        }
    }
    let mut destination = tuple.destination();
    match conntrack::find(tuple) {
        Ok(pair) => {
            destination = pair.routed(tuple).unwrap_or(destination);
            flow.connections.push((namespace, pair));
        }
        Err(error) if is_answer(&error) => {}
        Err(error) => flow.unknown.push(format!("connection tracking: {error}")),
    }
    match route_here(tuple, destination, input) {
        Ok(Some((is_local, route))) => flow.routes.push(FlowRoute {
            namespace,
            is_local,
            route,
        }),
        Ok(None) => {}
        Err(error) => flow.unknown.push(format!("route: {error}")),
    }
    Ok(flow)
}

type Routed = (bool, Result<Route, String>);

/// The route of what the local end sends and whether that is here; nothing where it
/// neither is here nor comes in by a known device.
fn route_here(
    tuple: &Tuple,
    destination: IpAddr,
    input: Option<u32>,
) -> io::Result<Option<Routed>> {
    // A link-local address means nothing without its device.
    let is_of_a_link = match destination {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    if tuple.source().is_unspecified() || destination.is_multicast() || is_of_a_link {
        return Ok(None);
    }
    let (is_local, origin) = match input {
        _ if route::is_local(tuple.source())? => (true, Origin::Here),
        Some(device) => (false, Origin::Device(device)),
        None => return Ok(None),
    };
    let route = route::find(tuple, destination, origin)?;
    Ok(route.map(|route| (is_local, route)))
}

/// Whether an error means that the object does not exist.
fn is_answer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::Unsupported
    )
}

/// The inode of the namespace that this thread is in.
fn namespace() -> anyhow::Result<NamespaceInode> {
    let inode = fs::metadata("/proc/thread-self/ns/net")?.ino();
    Ok(u32::try_from(inode)?)
}

/// Carries out `work` in each of the namespaces.
fn within_each<'a, T: Send>(
    targets: impl ExactSizeIterator<Item = &'a Target>,
    work: impl Fn(&Target) -> anyhow::Result<T> + Sync,
) -> Vec<anyhow::Result<T>> {
    let places: Vec<_> = targets
        .map(|target| match &target.place {
            Some(place) => (place.open(), target),
            None => {
                let own = File::open("/proc/thread-self/ns/net");
                (own.map_err(Into::into), target)
            }
        })
        .collect();
    netns::each(places.into_iter(), work)
}
