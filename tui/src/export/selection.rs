//! What of a source's events is written.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use probe_common::{Direction, FlowKey};

use super::slots::Slots;
use crate::about::Known;
use crate::diagnosis::{Concerns, Diagnosis, Policy};
use crate::filter::Filter;
use crate::flow::{Flow, FlowTable};
use crate::model::signal::Owner;
use crate::model::stack::FlowState;
use crate::model::{Container, DeviceName, Envelope, Event, HostId, Packet, Socket, Tuple};
use crate::traffic::Traffic;

#[cfg(test)]
mod tests;

/// What is written, and how much of it.
#[derive(Clone, Debug)]
pub struct Selection {
    /// What flows and packets must match.
    pub filter: Filter,
    /// Whether flows are written.
    pub flows: bool,
    /// Whether packets are written.
    pub packets: bool,
    /// How many packets are still to be written, or flows where no packets are;
    /// all when there is no number.
    pub remaining: Option<u64>,
    /// By what the packets are diagnosed, where they are.
    pub policy: Policy,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            filter: Filter::everything(),
            flows: true,
            packets: false,
            remaining: None,
            policy: Policy::default(),
        }
    }
}

/// Applies a [`Selection`]. It knows the flows as the screen does: filters ask for
/// more than one interval tells.
pub struct Selector {
    selection: Selection,
    traffic: Traffic,
    /// Whether packets are diagnosed.
    diagnoses: bool,
    hosts: BTreeMap<HostId, Diagnosed>,
}

/// What is known of a host beyond its traffic.
#[derive(Default)]
struct Diagnosed {
    diagnosis: Diagnosis,
    /// As of the last interval, where the filter asks.
    concerns: Concerns,
}

impl Selector {
    /// Nothing is known before the first event. The hosts have these names, of which
    /// the only host needs none.
    pub fn new(selection: Selection, hosts: &[String]) -> Self {
        Self {
            diagnoses: selection.filter.needs_diagnosis(),
            selection,
            traffic: Traffic::of(hosts),
            hosts: BTreeMap::new(),
        }
    }

    /// Diagnoses the packets also where the filter does not ask for it.
    #[must_use]
    pub const fn diagnosing(mut self) -> Self {
        self.diagnoses = true;
        self
    }

    /// Takes in an event, before it is asked about what is in it.
    pub fn apply(&mut self, envelope: &Envelope) {
        let Envelope { host, event, .. } = envelope;
        if let Event::Devices(_) | Event::Interval(_) | Event::Signals(_) = event {
            self.traffic.apply(envelope);
        }
        if !self.diagnoses {
            return;
        }
        let known = self.hosts.entry(*host).or_insert_with(|| Diagnosed {
            diagnosis: Diagnosis::new(self.selection.policy.clone()),
            concerns: Concerns::default(),
        });
        let Diagnosed {
            diagnosis,
            concerns,
        } = known;
        diagnosis.observe(event, &self.traffic.host(*host).flows);
        if matches!(event, Event::Interval(_)) && self.selection.filter.needs_diagnosis() {
            *concerns = Concerns::of(&diagnosis.findings());
        }
    }

    /// The diagnosis of a host.
    pub fn diagnosis(&self, host: HostId) -> Option<&Diagnosis> {
        self.hosts.get(&host).map(|known| &known.diagnosis)
    }

    /// What is known of a flow; nothing where the table had no room for it.
    pub fn flow(&self, host: HostId, key: &FlowKey) -> Option<&Flow> {
        self.traffic.host(host).flows.get(key)
    }

    /// What is known of who sent a packet: the process, and the container where its
    /// device leads to none.
    pub fn sender(&self, host: HostId, packet: &Packet) -> (Option<&Owner>, Option<&Container>) {
        let kernel = &self.traffic.host(host).kernel;
        // What was said of the flow may be older than the socket of this packet.
        let of_flow = self.flow(host, &packet.key).and_then(|flow| {
            let facts = flow.facts.as_deref()?;
            facts.sockets[packet.direction as usize]
        });
        let of_packet = packet.cookie.map(|cookie| Socket {
            cookie: cookie.get(),
            cgroup: packet.cgroup.map_or(0, NonZeroU64::get),
            tcp: None,
        });
        let Some(socket) = of_packet.or(of_flow) else {
            return (None, None);
        };
        (kernel.owner(socket.cookie), kernel.container(&socket))
    }

    /// The flows of all hosts, up to the last interval of each.
    pub fn all_flows(&mut self) -> &FlowTable {
        self.traffic.add_up();
        &self.traffic.all().flows
    }

    /// Whether packets are written.
    pub const fn has_packets(&self) -> bool {
        self.selection.packets
    }

    /// Whether a flow is written that had packets in these directions. Counts it.
    pub fn takes_flow(
        &mut self,
        host: HostId,
        key: &FlowKey,
        device: DeviceName<'_>,
        had_packets: [bool; 2],
    ) -> bool {
        if !self.selection.flows || self.is_complete() {
            return false;
        }
        let matches = self.selection.filter.is_everything()
            || Direction::BOTH.into_iter().any(|direction| {
                had_packets[direction as usize] && self.matches(host, key, device, direction)
            });
        if matches && !self.selection.packets {
            self.count();
        }
        matches
    }

    /// Whether a packet is written. Counts it. What a filter asks of the flow is
    /// unknown until the end of the interval that has its first packet.
    pub fn takes_packet(&mut self, host: HostId, packet: &Packet, device: DeviceName<'_>) -> bool {
        let takes = self.selection.packets
            && !self.is_complete()
            && self.matches(host, &packet.key, device, packet.direction);
        if takes {
            self.count();
        }
        takes
    }

    /// The flow that was looked up and the place of its device, if it is written.
    pub fn takes_lookup(
        &self,
        host: HostId,
        found: &FlowState,
        slots: &mut Slots,
    ) -> Option<(FlowKey, usize)> {
        let slot = slots.slot(host, found.device)?;
        let key = self.key(host, slot, &found.tuple);
        let place = slots.place(host, slot);
        let device = slots.devices()[place].as_name();
        let takes = !self.is_complete()
            && Direction::BOTH
                .into_iter()
                .any(|direction| self.matches(host, &key, device, direction));
        takes.then_some((key, place))
    }

    /// The flow whose local end sends this, with its VLAN tags where it is known.
    fn key(&self, host: HostId, slot: u32, tuple: &Tuple) -> FlowKey {
        let untagged = tuple.key(slot);
        let flows = &self.traffic.host(host).flows;
        if flows.get(&untagged).is_some() {
            return untagged;
        }
        let mut keys = flows.iter().map(|flow| flow.key);
        keys.find(|key| key.device == slot && Tuple::sent(key) == *tuple)
            .unwrap_or(untagged)
    }

    /// Whether as much was written as was asked for.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.selection.remaining == Some(0)
    }

    fn matches(
        &self,
        host: HostId,
        key: &FlowKey,
        device: DeviceName<'_>,
        direction: Direction,
    ) -> bool {
        let filter = &self.selection.filter;
        let diagnosed = self.hosts.get(&host);
        let known = Known {
            host: self.traffic.host(host),
            diagnosis: diagnosed.map(|it| &it.diagnosis),
            concerns: diagnosed.map(|it| &it.concerns),
            nodes: None,
        };
        match known.host.flows.get(key) {
            Some(flow) => filter.matches_flow(key, &known.about(flow), device, direction),
            None => filter.matches(key, device, direction),
        }
    }

    fn count(&mut self) {
        if let Some(remaining) = &mut self.selection.remaining {
            *remaining -= 1;
        }
    }
}
