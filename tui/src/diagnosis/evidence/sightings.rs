//! Flows that somebody watches for, and peers that were not there before.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use probe_common::FlowKey;

use super::baseline::{Baseline, is_peer};
use super::datagrams::ends;
use crate::model::{Device, Interval, Moment};

/// Pairs that are remembered of each kind; of more, those seen last.
const MOST: usize = 1_000;
/// After so long without a packet a pair appears anew.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// A pair of ends that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// One of its flows, the first.
    pub key: FlowKey,
    /// When it was seen first and last.
    pub first: Moment,
    /// See `first`.
    pub last: Moment,
    /// Packets of its flows since then.
    pub packets: u64,
}

/// The addresses of a pair: the local end and the remote one.
pub type Pair = (IpAddr, IpAddr);

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Sightings {
    /// By what is watched for.
    watched: BTreeMap<(String, Pair), Sighting>,
    /// Peers that the baseline lacks, by the slot of the device.
    new: BTreeMap<(u32, IpAddr), Sighting>,
    baseline: Option<Arc<Baseline>>,
}

impl Sightings {
    /// From now on peers that are not in this are new.
    pub fn compare(&mut self, baseline: Arc<Baseline>) {
        self.baseline = Some(baseline);
    }

    /// A flow was seen that somebody watches for.
    pub fn watched(&mut self, what: &str, key: &FlowKey, packets: u64, at: Moment) {
        let [local, remote] = ends(key).map(|it| it.address);
        let pair = (what.to_owned(), (local, remote));
        see(&mut self.watched, pair, key, packets, at);
    }

    /// Nobody watches for this any more.
    pub fn forget(&mut self, what: &str) {
        self.watched.retain(|(watched, _), _| watched != what);
    }

    /// Takes over the flows of an interval at these devices, by slot.
    pub fn interval(&mut self, interval: &Interval, devices: &BTreeMap<u32, Device>) {
        let now = interval.at;
        let is_recent = |it: &mut Sighting| now.saturating_sub(it.last) < FORGOTTEN;
        self.watched.retain(|_, it| is_recent(it));
        self.new.retain(|_, it| is_recent(it));
        let Some(baseline) = &self.baseline else {
            return;
        };
        let mut known = BTreeMap::new();
        for flow in &interval.flows {
            let key = &flow.key;
            let device = devices.get(&key.device);
            let peers = *known
                .entry(key.device)
                .or_insert_with(|| baseline.peers(device?));
            let [_, remote] = ends(key).map(|it| it.address);
            let is_new = peers.is_some_and(|peers| !peers.contains(&remote));
            if !is_new || !is_peer(key, remote) {
                continue;
            }
            let packets = flow.value.directions.iter().map(|it| it.packets).sum();
            see(&mut self.new, (key.device, remote), key, packets, now);
        }
    }

    /// The pairs that somebody watches for, and that were seen since then.
    pub fn watched_since(&self, since: Moment) -> impl Iterator<Item = (&str, &Pair, &Sighting)> {
        let watched = self.watched.iter().filter(move |(_, it)| it.last >= since);
        watched.map(|((what, pair), it)| (what.as_str(), pair, it))
    }

    /// The peers that are new, and that were seen since then.
    pub fn new_since(&self, since: Moment) -> impl Iterator<Item = (u32, IpAddr, &Sighting)> {
        let new = self.new.iter().filter(move |(_, it)| it.last >= since);
        new.map(|((slot, peer), it)| (*slot, *peer, it))
    }
}

fn see<K: Ord + Clone>(
    seen: &mut BTreeMap<K, Sighting>,
    what: K,
    key: &FlowKey,
    packets: u64,
    at: Moment,
) {
    if let Some(sighting) = seen.get_mut(&what) {
        sighting.last = at;
        sighting.packets += packets;
        return;
    }
    if seen.len() >= MOST {
        let oldest = seen.iter().min_by_key(|(_, it)| it.last);
        if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
            seen.remove(&oldest);
        }
    }
    seen.insert(
        what,
        Sighting {
            key: *key,
            first: at,
            last: at,
            packets,
        },
    );
}
