//! How many packets go to everybody: broadcast, ARP, multicast, from the exact
//! counters.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use probe_common::Direction;
use probe_common::parse::number::ether;

use super::datagrams::ends;
use crate::model::{Interval, Moment};

/// Intervals that are looked back on.
const INTERVALS: usize = 10;

/// What a device carried in an interval.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// ARP packets, and datagrams to a broadcast address.
    pub broadcast: u64,
    /// Packets to multicast addresses.
    pub multicast: u64,
    /// All packets.
    pub all: u64,
    /// Who sent most of what goes to everybody, and how much.
    pub worst: Option<(IpAddr, u64)>,
}

/// What each device carried lately, oldest first: end and length of the interval.
pub type History = Vec<(Moment, Duration, Load)>;

/// The devices of a host, by slot.
#[derive(Clone, Debug, Default)]
pub struct Floods(BTreeMap<u32, History>);

impl Floods {
    /// Takes over the counters of an interval.
    pub fn interval(&mut self, interval: &Interval) {
        let mut loads: BTreeMap<u32, Load> = BTreeMap::new();
        for totals in &interval.devices {
            let packets = totals.directions.map(|it| it.packets);
            loads.entry(totals.slot).or_default().all = packets.iter().sum();
        }
        for counts in &interval.flows {
            let is_arp = counts.key.ether_type == ether::ARP;
            if !is_arp && !may_be_to_all(&counts.key.local) && !may_be_to_all(&counts.key.remote) {
                continue;
            }
            let [local, remote] = ends(&counts.key).map(|it| it.address);
            // In is sent by the remote end, out by the local one.
            for (direction, from, to) in [
                (Direction::In, remote, local),
                (Direction::Out, local, remote),
            ] {
                let packets = counts.value.directions[direction as usize].packets;
                if packets == 0 || !(is_arp || is_to_all(to)) {
                    continue;
                }
                let load = loads.entry(counts.key.device).or_default();
                if is_arp || !is_multicast(to) {
                    load.broadcast += packets;
                } else {
                    load.multicast += packets;
                }
                if load.worst.is_none_or(|(_, most)| packets > most) {
                    load.worst = Some((from, packets));
                }
            }
        }
        self.0.retain(|slot, _| loads.contains_key(slot));
        for (slot, load) in loads {
            let history = self.0.entry(slot).or_default();
            if history.len() >= INTERVALS {
                history.remove(0);
            }
            history.push((interval.at, interval.length, load));
        }
    }

    /// The devices, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &History)> {
        self.0.iter().map(|(slot, history)| (*slot, history))
    }
}

fn is_multicast(address: IpAddr) -> bool {
    address.is_multicast()
}

/// Whether an address of a flow's key may be everybody's; most are not.
const fn may_be_to_all(address: &[u8; 16]) -> bool {
    // Of IPv6, of IPv4 (mapped): broadcast, multicast.
    address[0] == 0xff || address[15] == 0xff || address[12] >= 0xe0
}

/// Whether an address is everybody's. The broadcast address of a network of
/// another size than 256 cannot be told without its prefix.
fn is_to_all(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_broadcast() || v4.is_multicast() || v4.octets()[3] == 255,
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}
