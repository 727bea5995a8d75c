//! The same packet again with a smaller TTL: it goes around in a circle.

use std::net::IpAddr;
use std::time::Duration;

use hashbrown::HashMap;
use probe_common::Direction;

use super::recent::Recent;
use crate::diagnosis::decode::{Ip, Transport};
use crate::model::Moment;

/// Destinations of which loops are remembered.
const LOOPS: usize = 256;
/// How long a loop is evidence.
const WINDOW: Duration = Duration::from_secs(30);

/// What identifies a packet, apart from its TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Fingerprint {
    device: u32,
    source: IpAddr,
    destination: IpAddr,
    /// The IPv4 identification, or else the TCP sequence number.
    number: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sighting {
    ttl: u8,
    seen_in: bool,
    seen_out: bool,
    times: u32,
}

/// Packets to a destination that go around.
#[derive(Clone, Debug)]
pub struct Loop {
    /// The device at which they come by again and again.
    pub device: u32,
    /// Who sent the first of them.
    pub source: IpAddr,
    /// When the first was seen.
    pub first: Moment,
    /// When the last was seen.
    pub last: Moment,
    /// How many packets were seen to go around.
    pub packets: u32,
    /// The most often that one packet came by.
    pub rounds: u32,
}

/// The packets that go around, of all devices of a host.
#[derive(Clone, Debug, Default)]
pub struct Hops {
    /// A packet that goes around is back within milliseconds.
    packets: Recent<Fingerprint, Sighting, 2>,
    loops: HashMap<IpAddr, Loop>,
}

impl Hops {
    /// Takes over a packet.
    pub fn packet(&mut self, at: Moment, device: u32, direction: Direction, ip: &Ip<'_>) {
        let number = match (&ip.transport, ip.id) {
            (Transport::Tcp(tcp), _) => u64::from(tcp.seq) << 32 | u64::from(tcp.source),
            // Linux sends 0 where a packet cannot be fragmented.
            (_, Some(id @ 1..)) => u64::from(id),
            _ => return,
        };
        let fingerprint = Fingerprint {
            device,
            source: ip.source,
            destination: ip.destination,
            number,
        };
        let first = Sighting {
            ttl: ip.ttl,
            seen_in: false,
            seen_out: false,
            times: 0,
        };
        let (_, sighting) = self.packets.see(at, fingerprint, first);
        if ip.ttl > sighting.ttl {
            *sighting = first;
        }
        let falls = ip.ttl < sighting.ttl;
        sighting.ttl = ip.ttl;
        match direction {
            Direction::In => sighting.seen_in = true,
            Direction::Out => sighting.seen_out = true,
        }
        if falls {
            sighting.times += 1;
        }
        // Routed back once may be a redirect; twice is a circle.
        if sighting.times < 3 || !sighting.seen_in || !sighting.seen_out {
            return;
        }
        let rounds = sighting.times;
        if self.loops.len() >= LOOPS && !self.loops.contains_key(&ip.destination) {
            return;
        }
        let found = self.loops.entry(ip.destination).or_insert(Loop {
            device,
            source: ip.source,
            first: at,
            last: at,
            packets: 0,
            rounds: 0,
        });
        found.last = at;
        found.packets += u32::from(rounds == 3);
        found.rounds = found.rounds.max(rounds);
    }

    /// Forgets what is too old to be evidence.
    pub fn interval(&mut self, now: Moment) {
        self.packets.forget(now);
        self.loops
            .retain(|_, it| now.saturating_sub(it.last) < WINDOW);
    }

    /// The loops, by destination.
    pub fn loops(&self) -> impl Iterator<Item = (IpAddr, &Loop)> {
        self.loops.iter().map(|(to, found)| (*to, found))
    }
}
