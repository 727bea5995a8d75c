//! Which flows are looked up unasked: those that get no answer, within bounds.

use std::collections::HashMap;
use std::time::Duration;

use probe_common::Direction;

use crate::model::{FlowCounts, Interval, Moment, TcpCounts, Tuple};

#[cfg(test)]
mod tests;

/// Flows of one interval, at most: looking one up takes a fraction of a millisecond.
const FLOWS: usize = 4;
/// For how long no other flow to the same service is looked up: connections to one
/// service address may be sent to several backends.
const PAUSE: Duration = Duration::from_secs(2);
/// Services that are remembered for it.
const SERVICES: usize = 1024;

/// A port of a host, as seen at the device of a slot.
type Service = (u32, [u8; 16], u16);

/// Chooses flows.
#[derive(Debug, Default)]
pub struct Suspects {
    /// When a flow to a service was chosen last.
    chosen: HashMap<Service, Moment>,
}

impl Suspects {
    /// The flows of an interval to look up: the slots of their devices, and what their
    /// local ends send.
    pub fn of(&mut self, interval: &Interval) -> Vec<(u32, Tuple)> {
        let mut suspects = Vec::new();
        for flow in &interval.flows {
            let Some(service) = service_without_answer(flow) else {
                continue;
            };
            if suspects.len() == FLOWS {
                break;
            }
            if self.is_new(service, interval.at) {
                suspects.push((flow.key.device, Tuple::sent(&flow.key)));
            }
        }
        suspects
    }

    fn is_new(&mut self, service: Service, now: Moment) -> bool {
        let is_recent = |at: &Moment| now.saturating_sub(*at) < PAUSE;
        if self.chosen.get(&service).is_some_and(is_recent) {
            return false;
        }
        if self.chosen.len() >= SERVICES {
            self.chosen.retain(|_, at| is_recent(at));
        }
        // So many that fail at once are a scan or a flood.
        let has_room = self.chosen.len() < SERVICES;
        if has_room {
            self.chosen.insert(service, now);
        }
        has_room
    }
}

/// The service that a SYN of this interval was sent to, if no answer came. With an RST
/// for an answer the kernel forgets the connection at once (`nf_conntrack_tcp_packet()`),
/// so that there is nothing to look up.
fn service_without_answer(flow: &FlowCounts) -> Option<Service> {
    let tcp = flow.facts.as_ref()?.tcp;
    let [inward, outward] = Direction::BOTH.map(|direction| tcp[direction as usize]);
    let key = &flow.key;
    let is_unanswered = |client: TcpCounts, server: TcpCounts| {
        client.syn > 0 && server.syn_ack == 0 && server.rst == 0
    };
    if is_unanswered(outward, inward) {
        return Some((key.device, key.remote, key.remote_port));
    }
    is_unanswered(inward, outward).then_some((key.device, key.local, key.local_port))
}
