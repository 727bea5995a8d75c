//! Which flows are looked up unasked: those that get no answer, within bounds.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use probe_common::parse::number::ip;
use probe_common::{Direction, KeyFlags};

use crate::model::{FlowCounts, Interval, Moment, TcpCounts, Tuple};

#[cfg(test)]
mod tests;

/// Flows of one interval, at most: looking one up takes a fraction of a millisecond.
const FLOWS: usize = 4;
/// Of them UDP, where no answer is often none that is missed.
const DATAGRAMS: usize = 1;
/// For how long no other flow to the same service is looked up: connections to one
/// service address may be sent to several backends.
const PAUSE: Duration = Duration::from_secs(2);
/// The same of UDP.
const DATAGRAM_PAUSE: Duration = Duration::from_secs(10);
/// Services that are remembered for it.
const SERVICES: usize = 1024;

/// A port of a host and protocol, as seen at the device of a slot.
type Service = (u32, u8, [u8; 16], u16);

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
        let connections = service_without_answer;
        self.add(interval, connections, PAUSE, FLOWS, &mut suspects);
        let most = FLOWS.min(suspects.len() + DATAGRAMS);
        let datagrams = service_without_datagram;
        self.add(interval, datagrams, DATAGRAM_PAUSE, most, &mut suspects);
        suspects
    }

    /// Adds flows to services without an answer, until there are that many suspects.
    fn add(
        &mut self,
        interval: &Interval,
        service: fn(&FlowCounts) -> Option<Service>,
        pause: Duration,
        most: usize,
        suspects: &mut Vec<(u32, Tuple)>,
    ) {
        for flow in &interval.flows {
            if suspects.len() >= most {
                return;
            }
            if let Some(service) = service(flow)
                && self.is_new(service, interval.at, pause)
            {
                suspects.push((flow.key.device, Tuple::sent(&flow.key)));
            }
        }
    }

    fn is_new(&mut self, service: Service, now: Moment, pause: Duration) -> bool {
        let age = |at: &Moment| now.saturating_sub(*at);
        if self.chosen.get(&service).is_some_and(|at| age(at) < pause) {
            return false;
        }
        if self.chosen.len() >= SERVICES {
            self.chosen.retain(|_, at| age(at) < DATAGRAM_PAUSE);
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
        return Some((key.device, ip::TCP, key.remote, key.remote_port));
    }
    let service = (key.device, ip::TCP, key.local, key.local_port);
    is_unanswered(inward, outward).then_some(service)
}

/// The service that UDP was sent to in this interval, if nothing came back.
fn service_without_datagram(flow: &FlowCounts) -> Option<Service> {
    let key = &flow.key;
    let is_service = |address: [u8; 16], port: u16| {
        let address = Ipv6Addr::from(address).to_canonical();
        let is_broadcast = matches!(address, IpAddr::V4(it) if it.is_broadcast());
        port != 0 && !is_broadcast && !address.is_multicast()
    };
    if key.protocol != ip::UDP || key.flags & KeyFlags::FRAGMENT != 0 {
        return None;
    }
    let packets = flow.value.directions.each_ref().map(|it| it.packets);
    let (address, port) = match packets.map(|it| it > 0) {
        [false, true] => (key.remote, key.remote_port),
        [true, false] => (key.local, key.local_port),
        _ => return None,
    };
    is_service(address, port).then_some((key.device, ip::UDP, address, port))
}
