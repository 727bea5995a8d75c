//! UDP exchanges in which only one end sends, from the exact counters.

use std::net::IpAddr;
use std::time::Duration;

use hashbrown::HashMap;
use probe_common::parse::number::ip;
use probe_common::{Direction, FlowKey, KeyFlags};

use crate::diagnosis::decode::Endpoint;
use crate::model::{FlowCounts, Interval, Moment};

/// Flows that are remembered. What comes beyond is not.
/// What a hash table of 16,384 buckets takes.
const REMEMBERED: usize = 14_336;
/// How long a flow is evidence after its last packet.
const WINDOW: Duration = Duration::from_secs(30);

/// A UDP flow.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// Packets since the last one from the other end, by the direction that sends.
    pub unanswered: [u64; 2],
    /// When each direction last had a packet.
    pub sent: [Option<Moment>; 2],
    /// Since when only one end has been sending.
    pub one_way_since: Moment,
}

impl Exchange {
    /// When its last packet was counted.
    #[must_use]
    pub fn last(&self) -> Moment {
        self.sent.into_iter().flatten().max().unwrap_or_default()
    }
}

/// The UDP flows of a host.
#[derive(Clone, Debug, Default)]
pub struct Datagrams {
    table: HashMap<FlowKey, Exchange>,
    /// Fragments without ports, by device, source and destination, with the last.
    fragments: HashMap<(u32, IpAddr, IpAddr), (u64, Moment)>,
}

impl Datagrams {
    /// Takes over the counters of an interval.
    pub fn interval(&mut self, interval: &Interval) {
        let now = interval.at;
        for counts in &interval.flows {
            let key = counts.key;
            if key.protocol == ip::UDP && key.flags & KeyFlags::FRAGMENT != 0 {
                self.fragment(counts, now);
                continue;
            }
            if key.protocol != ip::UDP || key.local_port == 0 {
                continue;
            }
            if self.table.len() >= REMEMBERED && !self.table.contains_key(&key) {
                continue;
            }
            let packets = counts.value.directions.map(|it| it.packets);
            let start = now.saturating_sub(interval.length);
            let exchange = self.table.entry(key).or_insert(Exchange {
                unanswered: [0; 2],
                sent: [None; 2],
                one_way_since: start,
            });
            for side in Direction::BOTH.map(|it| it as usize) {
                if packets[side] > 0 {
                    exchange.sent[side] = Some(now);
                }
            }
            match packets {
                [0, out] => exchange.unanswered[1] += out,
                [into, 0] => exchange.unanswered[0] += into,
                _ => {
                    exchange.unanswered = [0; 2];
                    exchange.one_way_since = now;
                }
            }
        }
        self.table
            .retain(|_, exchange| now.saturating_sub(exchange.last()) < WINDOW);
        self.fragments
            .retain(|_, (_, last)| now.saturating_sub(*last) < WINDOW);
    }

    fn fragment(&mut self, counts: &FlowCounts, now: Moment) {
        let [local, remote] = ends(&counts.key).map(|it| it.address);
        let packets = counts.value.directions.map(|it| it.packets);
        // In is sent by the remote end, out by the local one.
        for (packets, from, to) in [(packets[0], remote, local), (packets[1], local, remote)] {
            let id = (counts.key.device, from, to);
            let has_room = self.fragments.len() < REMEMBERED || self.fragments.contains_key(&id);
            if packets > 0 && has_room {
                let entry = self.fragments.entry(id).or_insert((0, now));
                *entry = (entry.0 + packets, now);
            }
        }
    }

    /// Fragments without ports that a device has seen from one host to another.
    #[must_use]
    pub fn fragments(&self, device: u32, from: IpAddr, to: IpAddr) -> u64 {
        self.fragments.get(&(device, from, to)).map_or(0, |it| it.0)
    }

    /// Whether any fragments without ports were seen lately.
    #[must_use]
    pub fn has_fragments(&self) -> bool {
        !self.fragments.is_empty()
    }

    /// All that are remembered, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&FlowKey, &Exchange)> {
        self.table.iter()
    }
}

/// The ends of a flow: local, remote.
#[must_use]
pub fn ends(key: &FlowKey) -> [Endpoint; 2] {
    let address = |bytes| std::net::Ipv6Addr::from_octets(bytes).to_canonical();
    [
        Endpoint {
            address: address(key.local),
            port: key.local_port,
        },
        Endpoint {
            address: address(key.remote),
            port: key.remote_port,
        },
    ]
}
