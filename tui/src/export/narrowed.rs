//! What a filter leaves of a source's events, for a format that takes whole events.

use std::io;

use probe_common::Direction;

use super::Sink;
use super::selection::{Selection, Selector};
use super::slots::Slots;
use crate::diagnosis::Policy;
use crate::filter::Filter;
use crate::model::stack::FlowState;
use crate::model::{Envelope, Event, HostId, Interval, Packet};

#[cfg(test)]
mod tests;

/// A format that gets the flows, packets and look-ups that match a filter. What others had
/// counts as filtered, so that the sums hold; all else comes through.
pub struct Narrowed<S> {
    sink: S,
    selector: Selector,
    slots: Slots,
}

impl<S: Sink> Narrowed<S> {
    /// Puts a filter before a format, for the hosts of these names. What it asks of problems is judged by this policy.
    pub fn new(sink: S, hosts: &[String], filter: Filter, policy: Policy) -> Self {
        let selection = Selection {
            filter,
            packets: true,
            policy,
            ..Selection::default()
        };
        Self {
            sink,
            selector: Selector::new(selection, hosts),
            slots: Slots::of(hosts),
        }
    }

    fn interval(&mut self, host: HostId, interval: &Interval) -> Interval {
        let mut devices = interval.devices.clone();
        let mut flows = Vec::new();
        for flow in &interval.flows {
            let slot = flow.key.device;
            let place = self.slots.place(host, slot);
            let device = self.slots.devices()[place].as_name();
            let counts = &flow.value.directions;
            let had_packets = counts.each_ref().map(|counts| counts.packets > 0);
            let selector = &mut self.selector;
            if selector.takes_flow(host, &flow.key, device, had_packets) {
                flows.push(flow.clone());
            } else if let Some(totals) = devices.iter_mut().find(|it| it.slot == slot) {
                for direction in Direction::BOTH {
                    let counts = &counts[direction as usize];
                    let totals = &mut totals.directions[direction as usize];
                    totals.filtered_packets += counts.packets;
                    totals.filtered_bytes += counts.bytes;
                }
            }
        }
        Interval {
            at: interval.at,
            wall: interval.wall,
            length: interval.length,
            devices,
            flows,
            probe: interval.probe.clone(),
        }
    }

    fn packets(&mut self, host: HostId, packets: &[Packet]) -> Vec<Packet> {
        let mut taken = Vec::new();
        for packet in packets {
            let place = self.slots.place(host, packet.key.device);
            let device = self.slots.devices()[place].as_name();
            if self.selector.takes_packet(host, packet, device) {
                taken.push(packet.clone());
            }
        }
        taken
    }
}

impl<S: Sink> Sink for Narrowed<S> {
    fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        self.selector.apply(envelope);
        let host = envelope.host;
        let event = match &envelope.event {
            Event::Interval(interval) => Event::Interval(self.interval(host, interval)),
            Event::Packets(packets) => {
                let packets = self.packets(host, packets);
                if packets.is_empty() {
                    return Ok(());
                }
                Event::Packets(packets)
            }
            Event::Signals(signals) if !signals.flows.is_empty() => {
                let mut signals = signals.clone();
                let (selector, slots) = (&self.selector, &mut self.slots);
                let takes = |it: &FlowState| selector.takes_lookup(host, it, slots).is_some();
                signals.flows.retain(takes);
                Event::Signals(signals)
            }
            other => {
                if let Event::Devices(devices) = other {
                    self.slots.update(host, devices);
                }
                return self.sink.event(envelope);
            }
        };
        self.sink.event(&Envelope { host, event })
    }

    fn lost(&mut self, packets: u64) -> io::Result<()> {
        self.sink.lost(packets)
    }

    fn is_complete(&self) -> bool {
        self.sink.is_complete()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.sink.finish()
    }
}
