//! The hardware addresses that IP packets are sent to, from captured packets: a
//! neighbor entry that is wrong or stale shows in nothing else.

use std::net::IpAddr;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use probe_common::Direction;

use crate::diagnosis::decode::Ethernet;
use crate::model::Moment;

/// Hardware addresses that are remembered, on all devices together. What comes
/// beyond is not.
const REMEMBERED: usize = 4096;
/// Pairs of hosts that are kept for one hardware address.
const PAIRS: usize = 64;
/// How long a packet is evidence.
const WINDOW: Duration = Duration::from_secs(30);

/// A hardware address at a device, and the direction of the packets there.
type Port = (u32, Direction, [u8; 6]);

/// Packets to one hardware address.
#[derive(Clone, Debug)]
pub struct SentTo {
    /// When the first was captured.
    pub first: Moment,
    /// When the last was.
    pub last: Moment,
    /// How many were captured.
    pub packets: u64,
    /// Their sources and destinations, up to a bound.
    pub pairs: HashSet<(IpAddr, IpAddr)>,
}

/// The hardware addresses on all devices of a host.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    destinations: HashMap<Port, SentTo>,
    /// When each last sent.
    sources: HashMap<Port, Moment>,
}

impl Frames {
    /// Takes over a captured IP packet. Frames to groups are left out.
    pub fn packet(
        &mut self,
        at: Moment,
        (device, direction): (u32, Direction),
        ethernet: Ethernet,
        pair: (IpAddr, IpAddr),
    ) {
        let source = (device, direction, ethernet.source);
        if self.sources.len() < REMEMBERED || self.sources.contains_key(&source) {
            self.sources.insert(source, at);
        }
        let is_group = ethernet.destination[0] & 1 != 0;
        if is_group || ethernet.destination == [0; 6] {
            return;
        }
        let destination = (device, direction, ethernet.destination);
        if self.destinations.len() >= REMEMBERED && !self.destinations.contains_key(&destination) {
            return;
        }
        let sent = self
            .destinations
            .entry(destination)
            .or_insert_with(|| SentTo {
                first: at,
                last: at,
                packets: 0,
                pairs: HashSet::new(),
            });
        sent.last = at;
        sent.packets += 1;
        if sent.pairs.len() < PAIRS {
            sent.pairs.insert(pair);
        }
    }

    /// Forgets what is too old to be evidence.
    pub fn interval(&mut self, now: Moment) {
        self.destinations
            .retain(|_, sent| now.saturating_sub(sent.last) < WINDOW);
        self.sources
            .retain(|_, last| now.saturating_sub(*last) < WINDOW);
    }

    /// What is sent to which hardware address: slot, direction, address, packets.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Direction, [u8; 6], &SentTo)> {
        self.destinations
            .iter()
            .map(|((device, direction, mac), sent)| (*device, *direction, *mac, sent))
    }

    /// The hardware addresses that packets of a direction come from at a device.
    pub fn sources(&self, device: u32, direction: Direction) -> impl Iterator<Item = [u8; 6]> {
        self.sources
            .keys()
            .filter(move |(on, way, _)| (*on, *way) == (device, direction))
            .map(|(.., mac)| *mac)
    }
}
