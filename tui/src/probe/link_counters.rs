//! The counters of devices here and in other namespaces, as `/proc/net/dev` tells
//! them (proc_pid_net(5)).
//!
//! Nothing is kept open between readings: it would keep a namespace alive whose
//! container has ended, and with it the pair.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use super::inventory::Place;
use super::netns;
use crate::model::{LinkCounters, LinkSide};

#[cfg(test)]
mod tests;

/// Of the namespace that the thread is in.
const TABLE: &str = "/proc/thread-self/net/dev";

/// The other end of a pair, where it can be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FarEnd {
    /// The namespace that it is in; nothing for this one.
    pub place: Option<Place>,
    /// Its name there.
    pub name: String,
}

/// The counters of some devices at one moment.
#[derive(Debug, Default)]
pub struct Readings {
    here: HashMap<String, LinkCounters>,
    peers: HashMap<FarEnd, LinkCounters>,
}

impl Readings {
    /// Reads devices of this namespace, and peers wherever they are. What cannot
    /// be read is left out.
    #[must_use]
    pub fn take<'a>(
        names: impl Iterator<Item = &'a str>,
        peers: impl Iterator<Item = &'a FarEnd>,
    ) -> Self {
        let table = fs::read_to_string(TABLE).unwrap_or_default();
        let all = parse(&table);
        let named = |name: &str| Some((name.to_owned(), *all.get(name)?));
        let mut readings = Self {
            here: names.filter_map(named).collect(),
            peers: HashMap::new(),
        };
        let mut elsewhere = BTreeMap::<_, Vec<&FarEnd>>::new();
        for peer in peers {
            match &peer.place {
                Some(place) => elsewhere.entry(place).or_default().push(peer),
                None => {
                    let counters = all.get(peer.name.as_str());
                    readings
                        .peers
                        .extend(counters.map(|it| (peer.clone(), *it)));
                }
            }
        }
        let namespaces = elsewhere.keys().map(|place| place.open());
        let tables = netns::each(namespaces, || Ok(fs::read_to_string(TABLE)?));
        for (peers, table) in elsewhere.values().zip(tables) {
            let Ok(table) = table else {
                continue;
            };
            let all = parse(&table);
            for &peer in peers {
                let counters = all.get(peer.name.as_str());
                readings
                    .peers
                    .extend(counters.map(|it| (peer.clone(), *it)));
            }
        }
        readings
    }

    /// The counters of a device of this namespace.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<LinkCounters> {
        self.here.get(name).copied()
    }

    /// The counters of a peer.
    #[must_use]
    pub fn of_peer(&self, peer: &FarEnd) -> Option<LinkCounters> {
        self.peers.get(peer).copied()
    }
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
