//! What is known of the traffic of each host, from its source's events.
//!
//! Shared by the screen, the outputs and what judges the traffic. Pure: the
//! clock is the intervals' own.

mod accounting;
mod between;
mod devices;
mod kernel;
mod packets;
mod whole;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

pub use accounting::Accounting;
pub use between::Crossing;
pub use devices::{Devices, SlotNames};
pub use kernel::{Kernel, LinkEnd};
pub use packets::{KEPT, Packets};
use probe_common::FlowKey;
use whole::Whole;

use crate::{
    flow::FlowTable,
    model::{Envelope, Event, HostId, Interval, ProbeCounts, Reach},
};

#[cfg(test)]
mod tests;

/// The traffic of all hosts.
///
/// A clone is cheap and stays as it is: it shares the hosts, and an event
/// copies only the host that it changes.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    hosts: BTreeMap<HostId, Arc<Host>>,
    /// All of them as one, where there are several.
    whole: Option<Arc<Whole>>,
    keep_closed: bool,
}

/// The traffic of one host.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Its name, where it is one of several.
    pub name: Option<String>,
    /// The flows, with the sums of each device.
    pub flows: FlowTable,
    /// The devices, and the names of those that are gone.
    pub devices: Devices,
    /// The last captured packets.
    pub packets: Packets,
    /// What the probe did in the last interval.
    pub probe: ProbeCounts,
    /// Packet events since the start that were not reported, because the consumer
    /// was late.
    pub late: u64,
    /// What the kernel reported besides packets.
    pub kernel: Kernel,
    /// The length of the last interval.
    pub interval: Duration,
    /// Whether it can be reached; nothing for the host that nkview runs on.
    pub reach: Option<Reach>,
}

impl Traffic {
    /// The traffic of the hosts of these names, by their numbers; of a single one,
    /// which needs none.
    #[must_use]
    pub fn of(names: &[String]) -> Self {
        Self {
            whole: (!names.is_empty()).then(|| Arc::new(Whole::new(names))),
            ..Self::default()
        }
    }

    /// Takes in an event.
    pub fn apply(&mut self, envelope: &Envelope) {
        let keep_closed = self.keep_closed;
        let whole = self.whole.as_ref();
        let host = self.hosts.entry(envelope.host).or_insert_with(|| {
            let name = whole.and_then(|whole| whole.name(envelope.host));
            let mut host = Host {
                name: name.map(str::to_owned),
                ..Host::default()
            };
            host.flows.keep_closed(keep_closed);
            Arc::new(host)
        });
        match &envelope.event {
            Event::Notice(_)
            | Event::Reply(_)
            | Event::Ended(_)
            | Event::Playback(_)
            | Event::Marks { .. } => (),
            event => {
                Arc::make_mut(host).apply(event);
                if let Some(whole) = &mut self.whole {
                    Arc::make_mut(whole).apply(envelope.host, event);
                }
            }
        }
    }

    /// A host; an empty one before its first event.
    #[must_use]
    pub fn host(&self, id: HostId) -> &Host {
        static EMPTY: LazyLock<Host> = LazyLock::new(Host::default);
        if let (HostId::ALL, Some(whole)) = (id, &self.whole) {
            return &whole.host;
        }
        self.hosts.get(&id).map_or(&EMPTY, Arc::as_ref)
    }

    /// All hosts as one, or the only one.
    #[must_use]
    pub fn all(&self) -> &Host {
        self.host(match self.whole {
            Some(_) => HostId::ALL,
            None => HostId::default(),
        })
    }

    /// Adds up what waits for the intervals of other hosts, as none will come.
    pub fn add_up(&mut self) {
        if let Some(whole) = &mut self.whole {
            Arc::make_mut(whole).add_up();
        }
    }

    /// The host that a slot of [`HostId::ALL`] belongs to, and the slot there.
    #[must_use]
    pub fn origin(&self, slot: u32) -> Option<(HostId, u32)> {
        self.whole.as_ref()?.origin(slot)
    }

    /// What was sent from one of the hosts to another in each direction of a flow.
    #[must_use]
    pub fn crossings(&self, key: &FlowKey) -> [Option<Crossing>; 2] {
        let whole = self.whole.as_ref();
        whole.map_or([None; 2], |whole| whole.between.crossings(key))
    }

    /// The hosts that have sent an event, by number.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = (HostId, &Host)> {
        self.hosts.iter().map(|(id, host)| (*id, host.as_ref()))
    }

    /// Whether closed connections stay until a new flow needs their room.
    pub fn keep_closed(&mut self, keep: bool) {
        self.keep_closed = keep;
        for host in self.hosts.values_mut() {
            Arc::make_mut(host).flows.keep_closed(keep);
        }
        if let Some(whole) = &mut self.whole {
            Arc::make_mut(whole).host.flows.keep_closed(keep);
        }
    }
}

impl Host {
    fn apply(&mut self, event: &Event) {
        match event {
            Event::Devices(devices) => {
                for slot in self.devices.replace(devices) {
                    self.flows.reassign(slot);
                }
            }
            Event::Interval(interval) => self.ingest(interval),
            Event::Blocks(_) => {}
            Event::Packets(packets) => self.packets.extend(packets),
            Event::Signals(signals) => self.kernel.apply(signals),
            Event::Reach(reach) => self.reach = Some(reach.clone()),
            Event::Notice(_)
            | Event::Reply(_)
            | Event::Ended(_)
            | Event::Playback(_)
            | Event::Marks { .. } => (),
        }
    }

    fn ingest(&mut self, interval: &Interval) {
        self.flows.ingest(interval);
        self.devices.count(&interval.devices);
        self.late += interval.probe.late;
        self.probe = interval.probe.clone();
        self.interval = interval.length;
    }

    /// Whether it is another one, and cannot be reached now.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        matches!(self.reach, Some(Reach::Lost { .. }))
    }

    /// The number of the newest slot of the histories, so that graphs move on
    /// together.
    #[must_use]
    pub fn newest_slot(&self) -> usize {
        self.flows.now().as_secs_f64().round() as usize
    }

    /// Where all packets are when the flows that are shown have `shown`.
    #[must_use]
    pub fn accounting(&self, shown: u64) -> Accounting {
        Accounting::new(&self.flows, shown)
    }
}
