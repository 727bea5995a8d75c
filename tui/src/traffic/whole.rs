//! Several hosts as if they were one: their devices side by side, their intervals
//! added up.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Host;
use super::between::Between;
use crate::model::signal::Signals;
use crate::model::{
    Device, Event, FlowCounts, HostId, Interval, Moment, Packet, ProbeCounts, Reach, Watch,
};

#[cfg(test)]
mod tests;

/// The traffic of all hosts, as that of one. A flow that passes several hosts is a
/// row for each, as with several devices of one host, and is summed once.
#[derive(Clone, Debug, Default)]
pub struct Whole {
    /// The sum.
    pub host: Host,
    /// The flows that several of the hosts see.
    pub between: Between,
    /// The hosts' names by their numbers.
    names: Vec<String>,
    /// The slot here of a host's slot, and whose slot it is.
    slots: HashMap<(HostId, u32), u32>,
    origins: Vec<(HostId, u32)>,
    /// The number here of a host's device, by its interface index.
    indices: HashMap<(HostId, u32), u32>,
    devices: BTreeMap<HostId, Vec<Device>>,
    /// What is to be added up next: an interval of each host at most.
    waiting: BTreeMap<HostId, Interval>,
    /// The hosts whose intervals were added up last.
    expected: BTreeSet<HostId>,
}

impl Whole {
    pub fn new(names: &[String]) -> Self {
        Self {
            names: names.to_vec(),
            ..Self::default()
        }
    }

    /// The name of a host.
    pub fn name(&self, id: HostId) -> Option<&str> {
        self.names.get(usize::from(id.0)).map(String::as_str)
    }

    /// Whose slot it is, and which one there.
    pub fn origin(&self, slot: u32) -> Option<(HostId, u32)> {
        self.origins.get(slot as usize).copied()
    }

    /// Takes in an event of a host.
    pub fn apply(&mut self, id: HostId, event: &Event) {
        match event {
            Event::Devices(devices) => {
                self.between.devices(id, devices);
                self.list(id, devices);
            }
            Event::Interval(interval) => {
                self.between.ingest(id, interval);
                self.ingest(id, interval);
            }
            Event::Reach(Reach::Connecting | Reach::Lost { .. }) => self.between.cut(id),
            Event::Packets(packets) => {
                let here = |packet: &Packet| {
                    let mut packet = packet.clone();
                    packet.key.device = self.slot(id, packet.key.device);
                    packet
                };
                let packets: Vec<Packet> = packets.iter().map(here).collect();
                self.host.packets.extend(&packets);
            }
            Event::Signals(signals) => self.signals(id, signals),
            _ => {}
        }
    }

    /// The slot here of a host's slot.
    fn slot(&mut self, id: HostId, slot: u32) -> u32 {
        let next = self.origins.len() as u32;
        *self.slots.entry((id, slot)).or_insert_with(|| {
            self.origins.push((id, slot));
            next
        })
    }

    /// What a host's device is called here. No name of a device has a slash.
    fn qualified(&self, id: HostId, device: &str) -> String {
        match self.name(id) {
            Some(host) => format!("{host}/{device}"),
            None => device.to_owned(),
        }
    }

    fn list(&mut self, id: HostId, devices: &[Device]) {
        let mut here = Vec::with_capacity(devices.len());
        for device in devices {
            let next = self.indices.len() as u32 + 1;
            let index = *self.indices.entry((id, device.index)).or_insert(next);
            let mut device = Device {
                name: self.qualified(id, &device.name),
                index,
                ..device.clone()
            };
            if let Watch::Yes { slot, .. } | Watch::Gone { slot } = &mut device.watch {
                *slot = self.slot(id, *slot);
            }
            here.push(device);
        }
        self.devices.insert(id, here);
        let all: Vec<Device> = self.devices.values().flatten().cloned().collect();
        for slot in self.host.devices.replace(&all) {
            self.host.flows.reassign(slot);
        }
    }

    /// Adds up as soon as each host has reported that did before, or one of them has
    /// done so twice.
    fn ingest(&mut self, id: HostId, interval: &Interval) {
        if self.waiting.contains_key(&id) {
            self.add_up();
        }
        let devices = interval.devices.iter();
        let devices = devices.map(|totals| {
            let mut totals = *totals;
            totals.slot = self.slot(id, totals.slot);
            totals
        });
        let devices = devices.collect();
        let flows = interval.flows.iter();
        let flows = flows.map(|counts| {
            let mut counts: FlowCounts = counts.clone();
            counts.key.device = self.slot(id, counts.key.device);
            counts
        });
        let flows = flows.collect();
        let here = Interval {
            devices,
            flows,
            probe: interval.probe.clone(),
            ..*interval
        };
        self.waiting.insert(id, here);
        if self.expected.iter().all(|id| self.waiting.contains_key(id)) {
            self.add_up();
        }
    }

    /// Adds up what waits for others.
    pub fn add_up(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        self.expected = waiting.keys().copied().collect();
        let now = self.host.flows.now();
        let mut sum: Option<Interval> = None;
        for interval in waiting.into_values() {
            match &mut sum {
                None => sum = Some(interval),
                Some(sum) => {
                    sum.devices.extend(interval.devices);
                    sum.flows.extend(interval.flows);
                    add_probe(&mut sum.probe, interval.probe);
                    sum.length = sum.length.max(interval.length);
                    if interval.at > sum.at {
                        (sum.at, sum.wall) = (interval.at, interval.wall);
                    }
                }
            }
        }
        let Some(mut sum) = sum else {
            return;
        };
        // What comes first covers its own time, and the rest what has passed since.
        sum.at = sum.at.max(now);
        if now > Moment::ZERO {
            sum.length = sum.at.saturating_sub(now);
        }
        self.host.ingest(&sum);
    }

    /// What is shown of a host as a whole. Owners of sockets are not: they are looked
    /// up where they are.
    fn signals(&mut self, id: HostId, signals: &Signals) {
        let mut drops = signals.drops.clone();
        for drop in drops.iter_mut().filter(|it| !it.at.device.is_empty()) {
            drop.at.device = self.qualified(id, &drop.at.device);
        }
        self.host.kernel.apply(&Signals {
            at: signals.at,
            drops,
            trace: signals.trace.clone(),
            ..Signals::default()
        });
    }
}

/// The probes of two hosts together. What cannot be added is that of the worst.
fn add_probe(sum: &mut ProbeCounts, other: ProbeCounts) {
    sum.map_entries += other.map_entries;
    sum.map_capacity += other.map_capacity;
    sum.ring_bytes = sum.ring_bytes.max(other.ring_bytes);
    sum.ring_capacity = sum.ring_capacity.max(other.ring_capacity);
    // CPUs are numbered by each host.
    let lost = [&sum.lost, &other.lost].map(|lost| lost.iter().sum());
    sum.lost = match lost {
        [0, 0] => Vec::new(),
        [one, two] => vec![one + two],
    };
    sum.late += other.late;
    sum.read = sum.read.max(other.read);
    sum.cost = None;
}
