//! What the kernel itself reports: drops with reason and place, the counters of
//! network stacks, whose sockets are whose.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use hashbrown::HashMap;

use crate::diagnosis::decode::Endpoint;
use crate::model::Moment;
use crate::model::signal::{Owner, Signals};
use crate::model::stack::{NicReceive, Qdisc, Softnet, Stack, StackCounters};
use crate::model::{NamespaceInode, Tuple};

/// Places and reasons that are remembered, and flows of each.
const PLACES: usize = 1024;
const FLOWS: usize = 128;
/// Owners that are remembered.
const OWNERS: usize = 16_384;
/// Namespaces that are remembered.
const NAMESPACES: usize = 2048;
/// How long a drop is evidence.
const WINDOW: Duration = Duration::from_secs(30);
/// Readings of a stack that are summed up.
const READINGS: usize = 6;

/// Where and why packets were dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The network namespace.
    pub namespace: NamespaceInode,
    /// The device's name there, or empty.
    pub device: String,
    /// The kernel's name for the reason.
    pub reason: String,
    /// The kernel function.
    pub function: String,
}

/// What was dropped there.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// The first.
    pub first: Moment,
    /// The last.
    pub last: Moment,
    /// How many packets.
    pub packets: u64,
    /// Of which flows, as far as known.
    pub flows: HashMap<Tuple, u64>,
}

/// A namespace's stack over the last readings.
#[derive(Clone, Debug)]
pub struct StackHistory {
    /// The last reading.
    pub last: Stack,
    /// Counters added in each of the last readings.
    counters: VecDeque<(Moment, StackCounters)>,
    /// Drops of each queueing discipline, by device and handle, with its last
    /// state.
    pub qdiscs: BTreeMap<(u32, u32), (Moment, u64, Qdisc)>,
    /// What each network card that has lost something received, by its interface
    /// index, with the first and the last reading in which it did.
    pub nics: BTreeMap<u32, (Moment, Moment, NicReceive)>,
}

impl StackHistory {
    /// A counter over the last readings, with the time of the first that added to
    /// it.
    #[must_use]
    pub fn sum(&self, counter: impl Fn(&StackCounters) -> u64) -> (u64, Moment) {
        let mut sum = 0;
        let mut since = None;
        for (at, counters) in &self.counters {
            let added = counter(counters);
            if added > 0 {
                since.get_or_insert(*at);
            }
            sum += added;
        }
        (sum, since.unwrap_or_default())
    }
}

/// What the kernel of a host reports.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    drops: HashMap<Place, Dropped>,
    stacks: BTreeMap<NamespaceInode, StackHistory>,
    owners: HashMap<u64, Owner>,
    owner_order: VecDeque<u64>,
    /// What each CPU dropped of what came in, with the first and last time.
    pub softnet: BTreeMap<u32, (Moment, Moment, u64)>,
    /// What all CPUs did in the last period in which one could not keep up: its end,
    /// its length, and each CPU.
    cpus: Option<(Moment, Duration, Vec<Softnet>)>,
}

impl Kernel {
    /// Takes over what a collector has read.
    pub fn signals(&mut self, signals: &Signals) {
        for drop in &signals.drops {
            if drop.noise {
                continue;
            }
            let place = Place {
                namespace: drop.at.namespace,
                device: drop.at.device.clone(),
                reason: drop.reason.clone(),
                function: drop.place.clone(),
            };
            if self.drops.len() >= PLACES && !self.drops.contains_key(&place) {
                continue;
            }
            let dropped = self.drops.entry(place).or_insert_with(|| Dropped {
                first: signals.at,
                last: signals.at,
                packets: 0,
                flows: HashMap::new(),
            });
            dropped.last = signals.at;
            dropped.packets += drop.packets;
            for flow in &drop.flows {
                if dropped.flows.len() < FLOWS || dropped.flows.contains_key(&flow.tuple) {
                    *dropped.flows.entry(flow.tuple).or_default() += flow.packets;
                }
            }
        }
        for owner in &signals.owners {
            if self.owners.insert(owner.cookie, owner.clone()).is_none() {
                self.owner_order.push_back(owner.cookie);
            }
            if self.owners.len() > OWNERS
                && let Some(oldest) = self.owner_order.pop_front()
            {
                self.owners.remove(&oldest);
            }
        }
        for stack in &signals.stacks {
            self.stack(signals.at, stack);
        }
        for cpu in &signals.softnet {
            self.softnet(signals.at, cpu);
        }
        // The collector of stacks reads both.
        let period = signals.stacks.iter().find_map(|stack| stack.period);
        if let Some(period) = period
            && !signals.softnet.is_empty()
        {
            self.cpus = Some((signals.at, period, signals.softnet.clone()));
        }
    }

    fn stack(&mut self, at: Moment, stack: &Stack) {
        if self.stacks.len() >= NAMESPACES && !self.stacks.contains_key(&stack.namespace) {
            return;
        }
        let history = self
            .stacks
            .entry(stack.namespace)
            .or_insert_with(|| StackHistory {
                last: stack.clone(),
                counters: VecDeque::new(),
                qdiscs: BTreeMap::new(),
                nics: BTreeMap::new(),
            });
        history.last = stack.clone();
        if stack.period.is_none() {
            return;
        }
        if history.counters.len() >= READINGS {
            history.counters.pop_front();
        }
        history.counters.push_back((at, stack.counters));
        for link in &stack.links {
            let receive = link.receive.unwrap_or_default();
            if receive.overflowed() + receive.damaged() > 0 {
                let start = (at, at, NicReceive::default());
                let (_, last, sum) = history.nics.entry(link.index).or_insert(start);
                *last = at;
                *sum += receive;
            }
        }
        for qdisc in &stack.qdiscs {
            if qdisc.drops == 0 {
                continue;
            }
            let id = (qdisc.device, qdisc.handle);
            let entry = history.qdiscs.entry(id).or_insert((at, 0, qdisc.clone()));
            entry.1 += qdisc.drops;
            entry.2 = qdisc.clone();
        }
    }

    fn softnet(&mut self, at: Moment, cpu: &Softnet) {
        if cpu.dropped > 0 {
            let entry = self.softnet.entry(cpu.cpu).or_insert((at, at, 0));
            entry.1 = at;
            entry.2 += cpu.dropped;
        }
    }

    /// Forgets what is too old to be evidence.
    pub fn interval(&mut self, now: Moment) {
        self.drops
            .retain(|_, dropped| now.saturating_sub(dropped.last) < WINDOW);
        self.softnet
            .retain(|_, (_, last, _)| now.saturating_sub(*last) < WINDOW);
        self.cpus
            .take_if(|(at, ..)| now.saturating_sub(*at) >= WINDOW);
        for history in self.stacks.values_mut() {
            while let Some((at, _)) = history.counters.front()
                && now.saturating_sub(*at) > WINDOW
            {
                history.counters.pop_front();
            }
            history
                .nics
                .retain(|_, (_, last, _)| now.saturating_sub(*last) < WINDOW);
            history
                .qdiscs
                .retain(|_, (at, ..)| now.saturating_sub(*at) < WINDOW);
        }
    }

    /// The drops, in no order.
    pub fn drops(&self) -> impl Iterator<Item = (&Place, &Dropped)> {
        self.drops.iter()
    }

    /// The drops of flows with this end, in no order.
    pub fn drops_of(
        &self,
        protocol: u8,
        end: Endpoint,
    ) -> impl Iterator<Item = (&Place, &Dropped)> {
        self.drops()
            .filter(move |(_, dropped)| dropped.flows.keys().any(|it| is_of(it, protocol, end)))
    }

    /// What the CPUs did in the last period in which one could not keep up, and how
    /// long that was.
    #[must_use]
    pub fn cpus(&self) -> Option<(Duration, &[Softnet])> {
        let (_, period, cpus) = self.cpus.as_ref()?;
        Some((*period, cpus))
    }

    /// The stacks of this host's namespaces.
    pub fn stacks(&self) -> impl Iterator<Item = &StackHistory> {
        self.stacks.values()
    }

    /// The stack of a namespace, if that is the node's or leads to a watched
    /// device.
    #[must_use]
    pub fn namespace(&self, inode: NamespaceInode) -> Option<&StackHistory> {
        self.stacks.get(&inode)
    }

    /// The process that holds a socket.
    #[must_use]
    pub fn owner(&self, cookie: u64) -> Option<&Owner> {
        self.owners.get(&cookie)
    }
}

/// Whether a flow has this end.
fn is_of(tuple: &Tuple, protocol: u8, end: Endpoint) -> bool {
    let ends = [
        (tuple.source(), tuple.source_port),
        (tuple.destination(), tuple.destination_port),
    ];
    tuple.protocol == protocol && ends.contains(&(end.address, end.port))
}
