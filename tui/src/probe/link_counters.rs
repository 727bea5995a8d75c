//! The counters of devices here and in other namespaces, from `/proc/net/dev`
//! (proc_pid_net(5)), which unlike netlink waits for no lock of the kernel's.
//!
//! Devices are identified by their indices: a container may rename its own at any
//! time, without a notification outside of it.
//!
//! Nothing is kept open between readings: it would keep a namespace alive whose
//! container has ended, and with it the pair.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use rustix::net::netdevice::index_to_name_inlined;
use rustix::net::{AddressFamily, SocketType, socket};

use super::inventory::PeerLocation;
use super::netns;
use crate::model::{Dropped, LinkCounters, LinkSide};

#[cfg(test)]
mod tests;

/// Of the namespace that the thread is in.
const TABLE: &str = "/proc/thread-self/net/dev";

/// The counters of some devices at one moment.
#[derive(Debug, Default)]
pub struct Readings {
    here: HashMap<u32, LinkCounters>,
    peers: HashMap<PeerLocation, LinkCounters>,
    blocked: HashMap<u32, [Dropped; 2]>,
}

impl Readings {
    /// The same, with what rules had dropped at that moment, by slot.
    #[must_use]
    pub fn with_blocked(mut self, blocked: HashMap<u32, [Dropped; 2]>) -> Self {
        self.blocked = blocked;
        self
    }

    /// What rules had dropped at the device with that slot.
    #[must_use]
    pub fn blocked(&self, slot: u32) -> [Dropped; 2] {
        self.blocked.get(&slot).copied().unwrap_or_default()
    }

    /// Reads devices of this namespace, and peers in it. What cannot be read is left out.
    #[must_use]
    pub fn take<'a>(
        devices: impl Iterator<Item = u32>,
        peers: impl Iterator<Item = &'a PeerLocation>,
    ) -> Self {
        let near: Vec<_> = peers.filter(|peer| peer.place.is_none()).collect();
        let here = read(devices.chain(near.iter().map(|peer| peer.index)).collect());
        let found = |peer: &PeerLocation| Some((peer.clone(), *here.get(&peer.index)?));
        let peers = near.into_iter().filter_map(found).collect();
        Self {
            here,
            peers,
            blocked: HashMap::new(),
        }
    }

    /// Of these, what was read of devices and peers here.
    #[must_use]
    pub fn here(&self) -> Self {
        let near = self.peers.iter().filter(|(peer, _)| peer.place.is_none());
        Self {
            here: self.here.clone(),
            peers: near.map(|(peer, it)| (peer.clone(), *it)).collect(),
            blocked: HashMap::new(),
        }
    }

    /// Reads peers in other namespaces, too, each of which has to be entered.
    #[must_use]
    pub fn with_peers<'a>(mut self, peers: impl Iterator<Item = &'a PeerLocation>) -> Self {
        let mut elsewhere = BTreeMap::<_, Vec<&PeerLocation>>::new();
        for peer in peers {
            if let Some(place) = &peer.place {
                elsewhere.entry(place).or_default().push(peer);
            }
        }
        let namespaces = elsewhere.iter().map(|(place, peers)| (place.open(), peers));
        let tables = netns::each(namespaces, |peers| {
            Ok(read(peers.iter().map(|peer| peer.index).collect()))
        });
        for (peers, table) in elsewhere.values().zip(tables) {
            let Ok(table) = table else {
                continue;
            };
            let found = |peer: &PeerLocation| Some((peer.clone(), *table.get(&peer.index)?));
            let found = peers.iter().filter_map(|&peer| found(peer));
            self.peers.extend(found);
        }
        self
    }

    /// The counters of a device of this namespace, by its index.
    #[must_use]
    pub fn of(&self, index: u32) -> Option<LinkCounters> {
        self.here.get(&index).copied()
    }

    /// The counters of a peer.
    #[must_use]
    pub fn of_peer(&self, peer: &PeerLocation) -> Option<LinkCounters> {
        self.peers.get(peer).copied()
    }
}

/// The counters of these devices of the thread's namespace. A device whose name
/// is not UTF-8, or that was renamed between the two questions, is left out.
fn read(indices: Vec<u32>) -> HashMap<u32, LinkCounters> {
    let table = fs::read(TABLE).unwrap_or_default();
    let table = String::from_utf8_lossy(&table);
    let all = parse(&table);
    // Any socket does for asking.
    let Ok(socket) = socket(AddressFamily::UNIX, SocketType::DGRAM, None) else {
        return HashMap::new();
    };
    let counters = |index| {
        let name = index_to_name_inlined(&socket, index).ok()?;
        Some((index, *all.get(name.as_str())?))
    };
    indices.into_iter().filter_map(counters).collect()
}

/// Reads a table (`dev_seq_printf_stats()` in `net/core/net-procfs.c`): after the
/// name there are eight columns of what was received and eight of what was sent.
fn parse(table: &str) -> HashMap<&str, LinkCounters> {
    let device = |line: &'_ str| -> Option<LinkCounters> {
        let mut columns = line.split_ascii_whitespace();
        let mut side = || -> Option<LinkSide> {
            let mut column = || columns.next()?.parse::<u64>().ok();
            let [bytes, packets, _errors, dropped] = [column()?, column()?, column()?, column()?];
            for _fifo_frame_compressed_multicast in 0..4 {
                column()?;
            }
            Some(LinkSide {
                packets,
                bytes,
                dropped,
            })
        };
        Some(LinkCounters {
            rx: side()?,
            tx: side()?,
        })
    };
    let lines = table.lines().filter_map(|line| line.rsplit_once(':'));
    lines
        .filter_map(|(name, columns)| Some((name.trim(), device(columns)?)))
        .collect()
}
