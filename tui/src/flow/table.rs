//! The table itself: finding, adding, expiring.

use std::{hash::BuildHasher, time::Duration};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use probe_common::{Direction, FlowKey};
use slab::Slab;

use super::{
    Clock, Count, Flow, Ledger, Ledgers,
    copies::Copies,
    order::{Order, Queue},
};
use crate::model::{FlowCounts, Interval, Moment, Totals};

/// A closed TCP connection leaves after this time without a packet.
const CLOSED_IDLE: Duration = Duration::from_secs(10);
/// When the table is full, a flow that had no packet for this long makes room
/// for a new one. Not sooner: a flood of short flows must not push out those
/// that the user is watching.
const FULL_IDLE: Duration = Duration::from_secs(10);

/// How much the table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Flows at most.
    pub flows: usize,
    /// A flow leaves after this time without a packet; a closed TCP connection
    /// after 10 s, if that is sooner.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            flows: 200_000,
            idle: Duration::from_secs(60),
        }
    }
}

/// All flows that had a packet lately, and the sums over all that ever had.
///
/// A new flow that finds the table full takes the place of a closed or, if
/// there is none, of a long idle flow (its counts go to
/// [`expired`](super::Sums::expired)); where there is neither, its packets are
/// counted as [`overflow`](super::Sums::overflow). Either takes constant time.
#[derive(Clone, Debug)]
pub struct FlowTable {
    limits: Limits,
    keep_closed: bool,
    clock: Clock,
    flows: Slab<Flow>,
    /// Ids in `flows` by the hash of the key. Keys come from the network, so
    /// the hash is seeded at random.
    ids: HashTable<u32>,
    hasher: RandomState,
    order: Order,
    ledgers: Ledgers,
    pub(super) copies: Copies,
    /// What all devices see, counted once.
    whole: Ledger,
}

impl FlowTable {
    /// An empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            keep_closed: false,
            clock: Clock::default(),
            flows: Slab::new(),
            ids: HashTable::new(),
            hasher: RandomState::default(),
            order: Order::default(),
            ledgers: Ledgers::default(),
            copies: Copies::default(),
            whole: Ledger::new(),
        }
    }

    /// Whether closed connections stay until a new flow needs their room.
    pub const fn keep_closed(&mut self, keep: bool) {
        self.keep_closed = keep;
    }

    /// Takes in what an interval has counted. Intervals come in the order of
    /// time.
    pub fn ingest(&mut self, interval: &Interval) {
        self.clock.advance(interval.at, interval.length);
        let start = interval.at.saturating_sub(interval.length);
        let mut whole = [Totals::default(); 2];
        for device in &interval.devices {
            for (sum, totals) in whole.iter_mut().zip(device.directions) {
                *sum += totals;
            }
            self.ledgers.book(device.slot, |ledger| {
                ledger.see(&device.directions, &self.clock);
            });
        }
        if interval.devices.len() > 1 {
            let flows = self.flows.iter().map(|(id, flow)| (id as u32, flow.key));
            self.copies.watch_several(&self.hasher, flows, &self.flows);
        }
        // Known flows first: what is idle then is known, and makes room.
        let mut unknown = Vec::new();
        for counts in &interval.flows {
            match self.find(&counts.key) {
                Some(id) => self.update(id, counts, start),
                None => unknown.push(counts),
            }
        }
        self.expire();
        for counts in unknown {
            self.admit(counts, start);
        }
        self.count_copies(interval);
        for (totals, again) in whole.iter_mut().zip(self.copies.settle(&self.flows)) {
            totals.packets = totals.packets.saturating_sub(again.packets);
            totals.segments = totals.segments.saturating_sub(again.segments);
            totals.bytes = totals.bytes.saturating_sub(again.bytes);
        }
        self.whole.see(&whole, &self.clock);
    }

    /// The flow of a key.
    #[must_use]
    pub fn get(&self, key: &FlowKey) -> Option<&Flow> {
        self.find(key).map(|id| &self.flows[id as usize])
    }

    /// All flows, in no particular order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Flow> + Clone {
        self.flows.iter().map(|(_, flow)| flow)
    }

    /// How many flows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// The end of the last interval.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// The clock that rates are computed by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The sums of the device that a slot stands for.
    #[must_use]
    pub fn device(&self, slot: u32) -> Option<&Ledger> {
        self.ledgers.current(slot)
    }

    /// The devices that slots stand for, by slot.
    pub fn devices(&self) -> impl ExactSizeIterator<Item = (u32, &Ledger)> {
        self.ledgers.all()
    }

    /// The sums over all devices, also those whose slots stand for others now.
    #[must_use]
    pub fn total(&self) -> &Ledger {
        self.ledgers.total()
    }

    /// What all devices have seen, a packet that passed several of them once. Sums
    /// of flows are in [`total`](Self::total) only.
    #[must_use]
    pub const fn whole(&self) -> &Ledger {
        &self.whole
    }

    /// The flow that stands for this one in sums, where both have the same packets,
    /// seen on another device.
    #[must_use]
    pub fn original(&self, key: &FlowKey) -> Option<&Flow> {
        if self.copies.is_empty() {
            return None;
        }
        let id = self.copies.original(self.find(key)?)?;
        self.flows.get(id as usize)
    }

    /// Packets that were seen again, on another device.
    #[must_use]
    pub fn repeated(&self) -> Count {
        let seen = |ledger: &Ledger| -> Count {
            Direction::BOTH
                .map(|d| ledger.sums(d).seen)
                .into_iter()
                .sum()
        };
        seen(self.total()) - seen(&self.whole)
    }

    /// From now on the slot stands for another device, whose sums start at
    /// zero. The flows of the device before leave the table as expired.
    pub fn reassign(&mut self, slot: u32) {
        let of_slot = self
            .flows
            .iter()
            .filter(|(_, flow)| flow.key.device == slot);
        let ids: Vec<u32> = of_slot.map(|(id, _)| id as u32).collect();
        for id in ids {
            self.remove(id);
        }
        self.ledgers.reassign(slot);
    }

    fn find(&self, key: &FlowKey) -> Option<u32> {
        self.ids
            .find(hash(&self.hasher, key), |id| {
                self.flows[*id as usize].key == *key
            })
            .copied()
    }

    fn update(&mut self, id: u32, counts: &FlowCounts, start: Moment) {
        let flow = &mut self.flows[id as usize];
        let before = queue(flow);
        flow.record(counts, start, &self.clock);
        self.order.remove(before, id);
        self.order.push(queue(flow), id);
        let device = flow.key.device;
        let counts = counts.value.directions.each_ref().map(Count::from);
        self.ledgers.book(device, |ledger| ledger.keep(counts));
    }

    /// Which flows have copies is known when all of the interval are in the table.
    fn count_copies(&mut self, interval: &Interval) {
        if self.copies.is_empty() {
            return;
        }
        for counts in &interval.flows {
            if let Some(id) = self.find(&counts.key) {
                let counts = counts.value.directions.each_ref().map(Count::from);
                self.copies.count(id, counts);
            }
        }
    }

    fn admit(&mut self, counts: &FlowCounts, start: Moment) {
        let FlowCounts { key, value, .. } = counts;
        let id = match self.find(key) {
            Some(id) => id,
            None if self.flows.len() < self.limits.flows || self.make_room() => {
                self.insert(*key, start)
            }
            None => {
                let counts = value.directions.each_ref().map(Count::from);
                self.ledgers
                    .book(key.device, |ledger| ledger.refuse(counts));
                return;
            }
        };
        self.update(id, counts, start);
    }

    fn insert(&mut self, key: FlowKey, start: Moment) -> u32 {
        let flow = Flow::new(key, start);
        let queue = queue(&flow);
        let id = self.flows.insert(flow) as u32;
        self.copies.insert(&self.hasher, id, &key, &self.flows);
        let (flows, hasher) = (&self.flows, &self.hasher);
        self.ids.insert_unique(hash(hasher, &key), id, |id| {
            hash(hasher, &flows[*id as usize].key)
        });
        self.order.push(queue, id);
        id
    }

    /// Removes the flow that can be missed most, if there is one.
    fn make_room(&mut self) -> bool {
        let spare = [(Queue::Closed, Duration::ZERO), (Queue::Live, FULL_IDLE)];
        spare
            .into_iter()
            .any(|(queue, idle)| self.remove_first(queue, |time| time > idle))
    }

    /// Removes the flows whose time is over.
    fn expire(&mut self) {
        let idle = self.limits.idle;
        if !self.keep_closed {
            while self.remove_first(Queue::Closed, |time| time >= idle.min(CLOSED_IDLE)) {}
        }
        while self.remove_first(Queue::Live, |time| time >= idle) {}
    }

    /// Removes the longest idle flow of a queue if the time that it has been
    /// idle for allows it.
    fn remove_first(&mut self, queue: Queue, may_go: impl Fn(Duration) -> bool) -> bool {
        let Some(id) = self.order.first(queue) else {
            return false;
        };
        let flow = &self.flows[id as usize];
        if !may_go(flow.idle(self.clock.now())) {
            return false;
        }
        self.remove(id);
        true
    }

    /// Removes a flow, whose counts become expired.
    fn remove(&mut self, id: u32) {
        let flow = self.flows.remove(id as usize);
        self.order.remove(queue(&flow), id);
        self.copies.remove(&self.hasher, id, &flow.key);
        if let Ok(entry) = self
            .ids
            .find_entry(hash(&self.hasher, &flow.key), |other| *other == id)
        {
            entry.remove();
        }
        self.ledgers.book(flow.key.device, |ledger| {
            ledger.expire(&flow);
        });
    }
}

impl Default for FlowTable {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

fn queue(flow: &Flow) -> Queue {
    if flow.is_closed() {
        Queue::Closed
    } else {
        Queue::Live
    }
}

fn hash(hasher: &RandomState, key: &FlowKey) -> u64 {
    hasher.hash_one(bytemuck::bytes_of(key))
}

#[cfg(test)]
mod tests;
