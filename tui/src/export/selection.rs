//! What of a source's events is written.

use probe_common::{Direction, FlowKey};

use crate::filter::Filter;
use crate::flow::{Flow, FlowTable};
use crate::model::{DeviceName, Envelope, Event, HostId, Packet};
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
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            filter: Filter::everything(),
            flows: true,
            packets: false,
            remaining: None,
        }
    }
}

/// Applies a [`Selection`]. It knows the flows as the screen does: filters ask for
/// more than one interval tells.
pub struct Selector {
    selection: Selection,
    traffic: Traffic,
}

impl Selector {
    /// Nothing is known before the first event.
    pub fn new(selection: Selection) -> Self {
        Self {
            selection,
            traffic: Traffic::default(),
        }
    }

    /// Takes in an event, before it is asked about what is in it.
    pub fn apply(&mut self, envelope: &Envelope) {
        if let Event::Devices(_) | Event::Interval(_) = envelope.event {
            self.traffic.apply(envelope);
        }
    }

    /// What is known of a flow; nothing where the table had no room for it.
    pub fn flow(&self, host: HostId, key: &FlowKey) -> Option<&Flow> {
        self.traffic.host(host).flows.get(key)
    }

    /// The flows of a host.
    pub fn flows(&self, host: HostId) -> &FlowTable {
        &self.traffic.host(host).flows
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
        let (filter, flows) = (&self.selection.filter, &self.traffic.host(host).flows);
        match flows.get(key) {
            Some(flow) => filter.matches_flow(flow, flows.clock(), device, direction),
            None => filter.matches(key, device, direction),
        }
    }

    fn count(&mut self) {
        if let Some(remaining) = &mut self.selection.remaining {
            *remaining -= 1;
        }
    }
}
