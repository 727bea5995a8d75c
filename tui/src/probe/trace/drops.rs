//! Drops since the last reading, from what the programs have counted since they
//! are attached.

use std::collections::HashMap;
use std::io;

use aya::maps::{Map, MapError};
use probe_common::signal::{DropKey, DropValue, FlowDropKey, PLACES_MAX, WireTuple};

use super::layout::Kernel;
use super::object::Programs;
use crate::model::Tuple;
use crate::model::signal::{DropCount, DroppedFlow, Where};
use crate::sys::{self, Batch};

#[cfg(test)]
mod tests;

/// Flows that are reported with a drop at most.
const FLOWS: usize = 16;
/// Periods without a drop after which an entry may make room.
const IDLE: u32 = 60;
/// Entries from which on idle ones are removed.
const CROWDED: usize = PLACES_MAX as usize / 4 * 3;

/// What is known from earlier readings.
#[derive(Default)]
pub struct Drops {
    /// How many packets each entry had, and in which period it last grew.
    last: HashMap<DropKey, (u64, u32)>,
    /// Flows of drops that an earlier reading has reported already: a drop is
    /// counted before its flow is. They go with the next drop there.
    late: HashMap<DropKey, Vec<DroppedFlow>>,
    places: HashMap<u64, String>,
}

impl Drops {
    /// What was dropped since the last reading.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read(
        &mut self,
        programs: &mut Programs,
        kernel: &Kernel,
        period: u32,
    ) -> io::Result<Vec<DropCount>> {
        let mut flows = std::mem::take(&mut self.late);
        sys::for_each(
            programs.flow_drops.fd(),
            Batch::Drain,
            |key: FlowDropKey, packets: u64| {
                let tuple = tuple(&key.tuple);
                let flows = flows.entry(key.drop).or_default();
                flows.push(DroppedFlow { tuple, packets });
            },
        )?;
        let Map::HashMap(map) = &programs.drops else {
            return Err(io::Error::other("the table of drops is of another kind"));
        };
        let mut grown = Vec::new();
        sys::for_each(map.fd(), Batch::Read, |key: DropKey, value: DropValue| {
            let more = self.grow(key, value.packets, period);
            if more > 0 {
                grown.push((key, more, value.device));
            }
        })?;
        self.make_room(&mut programs.drops, period)
            .map_err(io::Error::other)?;
        let drops = grown.into_iter().map(|(key, packets, device)| {
            let reason = kernel.drop_reason(key.reason);
            let place = self.place(key.place, programs);
            DropCount {
                at: Where {
                    namespace: key.namespace,
                    index: key.device,
                    device: text(&device),
                },
                noise: is_noise(&reason, &place),
                reason,
                place,
                packets,
                flows: most(flows.remove(&key).unwrap_or_default()),
            }
        });
        let drops = drops.collect();
        flows.retain(|key, _| {
            self.last
                .get(key)
                .is_some_and(|(_, since)| period == *since + 1)
        });
        self.late = flows;
        Ok(drops)
    }

    /// How much an entry has grown. One that is smaller than before is a new one.
    fn grow(&mut self, key: DropKey, packets: u64, period: u32) -> u64 {
        let (last, since) = self.last.entry(key).or_insert((0, period));
        let more = packets.checked_sub(*last).unwrap_or(packets);
        if more > 0 {
            (*last, *since) = (packets, period);
        }
        more
    }

    /// Removes what has not grown for long, when the table is nearly full: entries of
    /// namespaces and devices that are gone. One that grows again in the same
    /// moment loses that drop.
    fn make_room(&mut self, drops: &mut Map, period: u32) -> Result<(), MapError> {
        if self.last.len() < CROWDED {
            return Ok(());
        }
        let mut drops: aya::maps::HashMap<_, [u32; 6], [u64; 3]> =
            aya::maps::HashMap::try_from(drops)?;
        let idle = |(_, since): &(u64, u32)| period.wrapping_sub(*since) > IDLE;
        for key in self
            .last
            .extract_if(|_, entry| idle(entry))
            .map(|(key, _)| key)
        {
            drops.remove(&bytemuck::cast(key))?;
        }
        Ok(())
    }

    fn place(&mut self, address: u64, programs: &Programs) -> String {
        if let Some(place) = self.places.get(&address) {
            return place.clone();
        }
        // The program names the place just after it has counted there.
        let Some(place) = programs.place(address) else {
            return format!("{address:#x}");
        };
        let place = function(&place).to_owned();
        self.places.insert(address, place.clone());
        place
    }
}

/// The flows that lost the most.
fn most(mut flows: Vec<DroppedFlow>) -> Vec<DroppedFlow> {
    flows.sort_by_key(|flow| (std::cmp::Reverse(flow.packets), flow.tuple));
    flows.truncate(FLOWS);
    flows
}

/// The function's name alone: no offset, no module, no suffix of the compiler.
fn function(symbol: &str) -> &str {
    let name = symbol.split(['+', ' ']).next().unwrap_or(symbol);
    name.split('.').next().unwrap_or(name)
}

/// Whether healthy nodes drop packets there for this reason. Most of it has a
/// reason of its own, which the program only counts; this is what has none, and
/// what one kernel or another does not tell from faults.
fn is_noise(reason: &str, place: &str) -> bool {
    /// Where packets end that nothing is wrong with: in the queues of sockets that
    /// are closed, in those that have been answered, with multicast for others. 6.1
    /// frees each ICMPv6 message that it has served without a reason.
    const PLACES: [&str; 17] = [
        "icmpv6_rcv",
        "sk_stream_kill_queues",
        "inet_sock_destruct",
        "udp_destruct_common",
        "skb_queue_purge",
        "skb_queue_purge_reason",
        "skb_rbtree_purge",
        "tcp_rcv_state_process",
        "tcp_v4_rcv",
        "tcp_v6_rcv",
        "tcp_v4_do_rcv",
        "tcp_v6_do_rcv",
        "ip6_mc_input",
        "__rtnl_unlock",
        "bpf_prog_test_run_skb",
        // The packet with which it is asked for a route, as nkview itself does.
        "inet_rtm_getroute",
        "inet6_rtm_getroute",
    ];
    /// The same, by the start of the name.
    const FAMILIES: [&str; 4] = ["unix_", "netlink_", "nfnetlink_", "packet_"];
    match reason {
        // A bridge floods what is for others.
        "OTHERHOST" => true,
        // Every raw socket has had its copy of the reply.
        "NO_SOCKET" => ["ping_rcv", "icmp_rcv", "icmpv6_rcv"].contains(&place),
        "NOT_SPECIFIED" => {
            PLACES.contains(&place) || FAMILIES.iter().any(|family| place.starts_with(family))
        }
        _ => false,
    }
}

/// A tuple as the programs write it.
pub fn tuple(wire: &WireTuple) -> Tuple {
    Tuple {
        source: wire.source,
        destination: wire.destination,
        source_port: wire.source_port,
        destination_port: wire.destination_port,
        protocol: u8::try_from(wire.protocol).unwrap_or(0),
    }
}

/// A name that is padded with zeros.
pub fn text(name: &[u8]) -> String {
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}
