//! The same packet twice at one hook: the network duplicates. A segment that its
//! sender repeats has a new IPv4 identification.

use std::net::IpAddr;
use std::time::Duration;

use hashbrown::HashMap;
use probe_common::Direction;

use super::recent::Recent;
use crate::diagnosis::decode::{Ip, Transport};
use crate::model::Moment;

/// Pairs of hosts that are remembered.
const PAIRS: usize = 1024;
/// How long copies are evidence.
const WINDOW: Duration = Duration::from_secs(30);

/// What tells one packet from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Fingerprint {
    device: u32,
    direction: Direction,
    source: IpAddr,
    destination: IpAddr,
    id: u16,
    ttl: u8,
    ports: (u16, u16),
    /// Sequence and acknowledgment number, and flags.
    tcp: (u32, Option<u32>, [bool; 3]),
}

/// Packets from one host to another at one hook.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    /// Packets that were captured and can be distinguished.
    pub packets: u32,
    /// Copies of these.
    pub copies: u32,
    /// The first copy, and the last.
    pub seen: Option<(Moment, Moment)>,
    last: Moment,
}

/// What came from whom to whom, by which device, and in which direction.
pub type Way = (u32, Direction, IpAddr, IpAddr);

/// The packets that came twice, of all devices of a host.
#[derive(Clone, Debug, Default)]
pub struct Copies {
    /// Copies follow each other closely.
    packets: Recent<Fingerprint, (), 1>,
    ways: HashMap<Way, Copied>,
}

impl Copies {
    /// Takes over a packet.
    pub fn packet(&mut self, at: Moment, device: u32, direction: Direction, ip: &Ip<'_>) {
        // Linux sends 0 where a packet cannot be fragmented and belongs to no
        // connection; then copies cannot be distinguished from repetitions.
        let (Some(id @ 1..), Transport::Tcp(tcp)) = (ip.id, &ip.transport) else {
            return;
        };
        let way = (device, direction, ip.source, ip.destination);
        if self.ways.len() >= PAIRS && !self.ways.contains_key(&way) {
            return;
        }
        let fingerprint = Fingerprint {
            device,
            direction,
            source: ip.source,
            destination: ip.destination,
            id,
            ttl: ip.ttl,
            ports: (tcp.source, tcp.destination),
            tcp: (tcp.seq, tcp.ack, [tcp.syn, tcp.fin, tcp.rst]),
        };
        let (is_copy, ()) = self.packets.see(at, fingerprint, ());
        let copied = self.ways.entry(way).or_insert(Copied {
            packets: 0,
            copies: 0,
            seen: None,
            last: at,
        });
        copied.last = at;
        if is_copy {
            copied.copies += 1;
            let (first, _) = copied.seen.unwrap_or((at, at));
            copied.seen = Some((first, at));
        } else {
            copied.packets += 1;
        }
    }

    /// Forgets what is too old to be evidence.
    pub fn interval(&mut self, now: Moment) {
        self.packets.forget(now);
        self.ways
            .retain(|_, copied| now.saturating_sub(copied.last) < WINDOW);
    }

    /// Those of whom something came twice, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Way, &Copied)> {
        self.ways.iter().filter(|(_, copied)| copied.copies > 0)
    }
}
