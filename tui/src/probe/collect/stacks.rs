//! Reads the stacks of all namespaces with watched devices now and then, on a
//! thread of its own: entering a namespace moves a thread, and nothing that
//! counts packets waits for it.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender, TrySendError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::{Collector, conntrack, sockets, stack};
use crate::model::signal::Signals;
use crate::model::stack::{FlowSocket, FlowState, Softnet, Stack};
use crate::model::{Command, Event, Moment};
use crate::model::{NamespaceInode, Tuple};
use crate::probe::fate::Watched;
use crate::probe::inventory::Place;
use crate::probe::netns;

/// Between two readings.
const PERIOD: Duration = Duration::from_secs(5);
/// Until namespaces are read that are new: several come at once.
const SOON: Duration = Duration::from_millis(300);
/// The most of a CPU that reading may take: where there are so many namespaces
/// that it would take more, it is done less often.
const SHARE: f64 = 0.01;

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
    Follow(Vec<Target>),
    LookUp { device: u32, tuple: Tuple },
}

/// Tells the thread what to read. It ends when all of these are gone; a reading
/// that has begun is not waited for.
#[derive(Clone, Debug)]
pub struct Handle(mpsc::Sender<Message>);

impl Handle {
    /// Reads these namespaces from now on.
    pub fn follow(&self, targets: Vec<Target>) {
        // It has gone only if it panicked, which was printed.
        let _ = self.0.send(Message::Follow(targets));
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
        Ok(Self { handle, read })
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
            Ok(Message::Follow(targets)) => {
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
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let before = cpu_time();
                let signals = reader.read(start.elapsed());
                let cost = cpu_time().saturating_sub(before);
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

/// The CPU time of this thread.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// What was read last, to subtract it from the next.
#[derive(Debug, Default)]
struct Reader {
    targets: Vec<Target>,
    last: HashMap<NamespaceInode, (Moment, Stack)>,
    softnet: Vec<Softnet>,
}

impl Reader {
    /// Reads all of them, one after the other.
    fn read(&mut self, at: Moment) -> Signals {
        let mut last = HashMap::new();
        let mut stacks = Vec::new();
        let read = self.read_all();
        for (target, stack) in self.targets.iter().zip(read) {
            // One that cannot be entered is gone, or about to.
            let Ok(mut stack) = stack else {
                continue;
            };
            stack.is_own = target.place.is_none();
            stack.devices.clone_from(&target.devices);
            let now = stack.clone();
            match self.last.get(&stack.namespace) {
                Some((then, earlier)) => {
                    stack::subtract(&mut stack, earlier);
                    stack.period = Some(at.saturating_sub(*then));
                }
                None => stack::clear(&mut stack),
            }
            last.insert(stack.namespace, (at, now));
            stacks.push(stack);
        }
        self.last = last;
        let softnet = stack::softnet();
        let behind = stack::softnet_since(&softnet, &self.softnet);
        self.softnet = softnet;
        Signals {
            at,
            stacks,
            softnet: behind,
            ..Signals::default()
        }
    }

    fn read_all(&self) -> Vec<anyhow::Result<Stack>> {
        within_each(self.targets.iter(), || {
            let mut stack = stack::read();
            stack.namespace = namespace()?;
            Ok(stack)
        })
    }

    /// Looks for the sockets and connections of a flow in this namespace and in
    /// the one that the device leads to.
    fn look_up(&self, device: u32, tuple: Tuple) -> FlowState {
        let is_meant =
            |target: &&Target| target.place.is_none() || target.devices.contains(&device);
        let targets: Vec<&Target> = self.targets.iter().filter(is_meant).collect();
        let found = within_each(targets.into_iter(), || {
            let namespace = namespace()?;
            let mut flow = FlowState::default();
            for (is_local, tuple) in [(true, tuple), (false, tuple.reversed())] {
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
            match conntrack::find(&tuple) {
                Ok(pair) => flow.connections.push((namespace, pair)),
                Err(error) if is_answer(&error) => {}
                Err(error) => flow.unknown.push(format!("connection tracking: {error}")),
            }
            Ok(flow)
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
                    flow.unknown.extend(found.unknown);
                }
                Err(error) => flow.unknown.push(format!("a namespace: {error:#}")),
            }
        }
        flow.unknown.dedup();
        flow
    }
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
    work: impl Fn() -> anyhow::Result<T> + Sync,
) -> Vec<anyhow::Result<T>> {
    let places: Vec<_> = targets
        .map(|target| match &target.place {
            Some(place) => place.open(),
            None => File::open("/proc/thread-self/ns/net").map_err(Into::into),
        })
        .map(|place| (place, ()))
        .collect();
    netns::each(places.into_iter(), |()| work())
}
