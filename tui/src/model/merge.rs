//! Adding up intervals that were not consumed yet, without loss.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use probe_common::{Direction, FlowKey};

use super::{DeviceTotals, FlowCounts, FlowFacts, Interval, ProbeCounts, TcpCounts};

#[cfg(test)]
mod tests;

/// Flows that a merged interval can hold. The packets of further ones count as
/// untracked, so that the sums stay what they are.
pub const FLOWS: usize = 1 << 19;

/// Intervals that follow each other, as one.
#[derive(Clone, Debug)]
pub struct Merged {
    interval: Interval,
    /// The place of each flow and device in `interval`; made for the second one.
    flows: HashMap<FlowKey, usize>,
    devices: HashMap<u32, usize>,
    limit: usize,
}

impl Merged {
    /// One interval as it is.
    #[must_use]
    pub fn new(interval: Interval) -> Self {
        Self::with_limit(interval, FLOWS)
    }

    fn with_limit(interval: Interval, limit: usize) -> Self {
        Self {
            interval,
            flows: HashMap::new(),
            devices: HashMap::new(),
            limit,
        }
    }

    /// Adds the interval that follows.
    pub fn add(&mut self, later: Interval) {
        if self.flows.is_empty() {
            let flows = self.interval.flows.iter().enumerate();
            self.flows = flows.map(|(place, flow)| (flow.key, place)).collect();
        }
        let interval = &mut self.interval;
        if self.devices.is_empty() {
            let devices = interval.devices.iter().enumerate();
            self.devices = devices.map(|(place, it)| (it.slot, place)).collect();
        }
        interval.at = later.at;
        interval.wall = later.wall;
        interval.length += later.length;
        for device in later.devices {
            match self.devices.entry(device.slot) {
                Entry::Occupied(place) => add_device(&mut interval.devices[*place.get()], device),
                Entry::Vacant(place) => {
                    place.insert(interval.devices.len());
                    interval.devices.push(device);
                }
            }
        }
        for flow in later.flows {
            match self.flows.entry(flow.key) {
                Entry::Occupied(place) => add_flow(&mut interval.flows[*place.get()], flow),
                Entry::Vacant(place) if interval.flows.len() < self.limit => {
                    place.insert(interval.flows.len());
                    interval.flows.push(flow);
                }
                Entry::Vacant(_) => {
                    let place = self.devices.get(&flow.key.device);
                    let device = place.and_then(|place| interval.devices.get_mut(*place));
                    if let Some(device) = device {
                        leave_out(device, &flow);
                    }
                }
            }
        }
        add_probe(&mut interval.probe, later.probe);
    }

    /// The sum.
    #[must_use]
    pub fn into_interval(self) -> Interval {
        self.interval
    }
}

fn add_device(sum: &mut DeviceTotals, later: DeviceTotals) {
    for (sum, totals) in sum.directions.iter_mut().zip(later.directions) {
        *sum += totals;
    }
    sum.counters = later.counters.or(sum.counters);
    sum.peer_counters = later.peer_counters.or(sum.peer_counters);
}

/// Counts a flow's packets as untracked.
fn leave_out(device: &mut DeviceTotals, flow: &FlowCounts) {
    for (totals, counters) in device.directions.iter_mut().zip(flow.value.directions) {
        totals.untracked_packets += counters.packets;
        totals.untracked_bytes += counters.bytes;
    }
}

fn add_flow(sum: &mut FlowCounts, later: FlowCounts) {
    let directions = sum.value.directions.iter_mut();
    for (sum, later) in directions.zip(later.value.directions) {
        if later.packets > 0 {
            sum.window = later.window;
            sum.hop_limit = later.hop_limit;
        }
        sum.packets = sum.packets.saturating_add(later.packets);
        sum.extra_segments = sum.extra_segments.saturating_add(later.extra_segments);
        sum.bytes = sum.bytes.saturating_add(later.bytes);
        sum.largest = sum.largest.max(later.largest);
        sum.tcp_flags |= later.tcp_flags;
    }
    match (&mut sum.facts, later.facts) {
        (Some(sum), Some(later)) => add_facts(sum, &later),
        (sum @ None, later) => *sum = later,
        (Some(_), None) => {}
    }
}

fn add_facts(sum: &mut FlowFacts, later: &FlowFacts) {
    for side in Direction::BOTH.map(|direction| direction as usize) {
        let (tcp, more) = (&mut sum.tcp[side], &later.tcp[side]);
        *tcp = TcpCounts {
            retransmitted: tcp.retransmitted.saturating_add(more.retransmitted),
            retransmitted_bytes: tcp
                .retransmitted_bytes
                .saturating_add(more.retransmitted_bytes),
            gaps: tcp.gaps.saturating_add(more.gaps),
            duplicate_acks: tcp.duplicate_acks.saturating_add(more.duplicate_acks),
            zero_windows: tcp.zero_windows.saturating_add(more.zero_windows),
            syn: tcp.syn.saturating_add(more.syn),
            syn_ack: tcp.syn_ack.saturating_add(more.syn_ack),
            fin: tcp.fin.saturating_add(more.fin),
            rst: tcp.rst.saturating_add(more.rst),
        };
        sum.sockets[side] = later.sockets[side].or(sum.sockets[side]);
    }
}

fn add_probe(sum: &mut ProbeCounts, later: ProbeCounts) {
    *sum = ProbeCounts {
        ring_bytes: sum.ring_bytes.max(later.ring_bytes),
        late: sum.late + later.late,
        read: sum.read + later.read,
        cost: match (sum.cost, later.cost) {
            (Some(mut sum), Some(later)) => {
                sum.runs += later.runs;
                sum.time += later.time;
                Some(sum)
            }
            (sum, later) => later.or(sum),
        },
        ..later
    };
}
