//! The fate of packets that a hook has seen: its counts against those of the
//! pair's other end.
//!
//! A netkit end counts as received what its peer sent and no program kept
//! (`netkit_xmit()` in `drivers/net/netkit.c`). What was seen and not received was
//! dropped or redirected by programs behind ours, or by the policy. What was
//! received and not seen came past the hook (`bpf_redirect_peer()`).
//!
//! A veth end counts what was sent to it (`veth_get_stats64()` in
//! `drivers/net/veth.c`), but after queueing and segmentation, and not what was
//! dropped before. So only what leaves the other end can be compared, only where
//! it has no queue, and only one thing is certain: packets that are more than all
//! segments that were seen came past the hook.
//!
//! What a rule of nkview drops is seen and not received either, but known: it is taken
//! for received here, and reported as blocked.
//!
//! The two are never read at the same moment. So the far end is read before the
//! epoch ends, when all that it has received was seen, and after it has, when all
//! that was seen has met its fate. Either gives a bound that holds for the sums
//! since the pair is watched; what one reading cannot claim yet, a later one will.
//!
//! That holds for readings that are left out, too. A far end in another namespace is
//! not read while nothing seems to happen there, but for every now and then: to enter
//! the namespaces of all pods twice an interval would be most of what nkview costs on
//! a node that is idle.

use std::collections::HashMap;

use probe_common::Direction;

use super::inventory::PeerLocation;
use super::link_counters::Readings;
use crate::model::{DeviceTotals, Fate, LinkCounters};

#[cfg(test)]
mod tests;

/// A watched device, and where it is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Its slot.
    pub slot: u32,
    /// Its interface index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its peer, as far as it can be reached.
    pub peer: Option<PeerLocation>,
    /// For each direction, how its hook compares to the counters of the end that
    /// receives it.
    pub comparison: [Comparison; 2],
}

/// What the counts of a hook and of the end behind it have to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Nothing.
    None,
    /// Netkit: they are of the same packets, but for what programs did to them.
    Packets,
    /// Veth: the peer can count up to one packet for each segment, some time
    /// later.
    Segments,
}

/// After so many intervals the far end of a pair is read in any case: what is given to
/// it directly is counted nowhere else. Once it is found to count, it is read in each.
const IDLE: u32 = 30;

/// The bookkeeping of all watched devices.
#[derive(Debug, Default)]
pub struct Fates {
    devices: Vec<Watched>,
    balances: HashMap<u32, Balances>,
    /// The far ends of the devices, by slot.
    far: HashMap<u32, FarEnd>,
}

/// What is known of a far end in another namespace.
#[derive(Debug)]
struct FarEnd {
    location: PeerLocation,
    /// Whether it is read in this interval.
    is_due: bool,
    /// The intervals in which it was not read.
    idle: u32,
    /// Whether the hooks have seen packets in the last interval, or it has counted some
    /// when it was read in it.
    is_active: bool,
    /// What the near end had counted, and it, when it was read last.
    near: Option<LinkCounters>,
    counters: Option<LinkCounters>,
}

impl FarEnd {
    fn new(location: PeerLocation, slot: u32) -> Self {
        Self {
            location,
            is_due: true,
            // So that not all are due at once, later.
            idle: slot % IDLE,
            is_active: true,
            near: None,
            counters: None,
        }
    }

    /// Decides whether to read it in an interval, by what the near end has counted. What
    /// programs give to a device elsewhere moves no counter there, but the hooks see it.
    fn choose(&mut self, near: Option<LinkCounters>) {
        let has_moved = near.is_none() || near != self.near;
        self.is_due = has_moved || self.is_active || self.idle >= IDLE;
    }

    /// Takes over what an interval has shown of the device, or adds what was known
    /// before. Returns whether the far end was read.
    fn settle(&mut self, totals: &mut DeviceTotals) -> bool {
        self.is_active = totals.directions.iter().any(|it| it.packets > 0);
        if self.is_due {
            self.idle = 0;
            self.near = totals.counters;
            self.is_active |= self.counters.is_some() && self.counters != totals.peer_counters;
            self.counters = totals.peer_counters;
        } else {
            self.idle += 1;
            totals.peer_counters = self.counters;
        }
        self.is_due
    }
}

#[derive(Debug)]
struct Balances {
    /// Interface index of the device that they are of.
    index: u32,
    directions: [Balance; 2],
}

/// Packets came past a hook for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blind {
    /// The name of the device.
    pub device: String,
    /// Where they went.
    pub direction: Direction,
    /// How many there were, at least.
    pub packets: u64,
    /// Whether counting at the far end would see them.
    pub can_be_covered: bool,
}

impl Fates {
    /// These are the devices from now on.
    pub fn follow(&mut self, devices: Vec<Watched>) {
        self.balances.retain(|slot, balances| {
            let mut same = devices.iter();
            same.any(|device| device.slot == *slot && device.index == balances.index)
        });
        self.devices = devices;
        let mut far = std::mem::take(&mut self.far);
        let elsewhere = self.devices.iter().filter_map(|device| {
            let location = device.peer.as_ref().filter(|peer| peer.place.is_some())?;
            let known = far
                .remove(&device.slot)
                .filter(|it| it.location == *location);
            let fresh = || FarEnd::new(location.clone(), device.slot);
            Some((device.slot, known.unwrap_or_else(fresh)))
        });
        self.far = elsewhere.collect();
    }

    /// Reads the counters before an epoch ends: of the ends here, and of the far ends
    /// where something happens or that have not been read for long.
    #[must_use]
    pub fn read(&mut self) -> Readings {
        let here = self.read_here();
        for device in &self.devices {
            if let Some(far) = self.far.get_mut(&device.slot) {
                far.choose(here.of(device.index));
            }
        }
        here.with_peers(self.due())
    }

    /// Reads the same counters again. Those of the ends here only where something is
    /// compared with them: with many devices that takes a while.
    #[must_use]
    pub fn read_again(&self, before: &Readings) -> Readings {
        let is_compared = |it: &Watched| {
            let has_peer_here = it.peer.as_ref().is_some_and(|peer| peer.place.is_none());
            it.comparison.contains(&Comparison::Packets)
                || it.comparison.contains(&Comparison::Segments) && has_peer_here
        };
        let here = match self.devices.iter().any(is_compared) {
            true => self.read_here(),
            false => before.here(),
        };
        here.with_peers(self.due())
    }

    /// Reads the counters of all ends.
    #[must_use]
    pub fn read_all(&mut self) -> Readings {
        for far in self.far.values_mut() {
            far.is_due = true;
        }
        self.read_here().with_peers(self.due())
    }

    fn read_here(&self) -> Readings {
        let devices = self.devices.iter().map(|device| device.index);
        let peers = self.devices.iter().filter_map(|it| it.peer.as_ref());
        Readings::take(devices, peers)
    }

    fn due(&self) -> impl Iterator<Item = &PeerLocation> {
        let due = self.far.values().filter(|far| far.is_due);
        due.map(|far| &far.location)
    }

    /// Adds to the totals of an epoch what the ends have counted, and what became
    /// of the packets. The readings are of before the epoch's end, and of after
    /// no program wrote to it any more. Returns where a hook was found to be blind.
    pub fn settle(
        &mut self,
        totals: &mut [DeviceTotals],
        before: &Readings,
        after: &Readings,
    ) -> Vec<Blind> {
        let mut blind = Vec::new();
        for totals in totals {
            let slot = totals.slot;
            let Some(device) = self.devices.iter().find(|it| it.slot == slot) else {
                continue;
            };
            let peer = device.peer.as_ref();
            totals.counters = after.of(device.index);
            totals.peer_counters = peer.and_then(|peer| after.of_peer(peer));
            let far = self.far.get_mut(&slot);
            let is_read = far.is_none_or(|far| far.settle(totals));
            let fresh = || Balances {
                index: device.index,
                directions: Default::default(),
            };
            let balances = self.balances.entry(slot).or_insert_with(fresh);
            for direction in Direction::BOTH {
                let side = direction as usize;
                let comparison = device.comparison[side];
                let is_at_peer = match comparison {
                    Comparison::None => None,
                    Comparison::Packets => Some(direction == Direction::In),
                    // Of what the device sends alone.
                    Comparison::Segments => Some(true),
                };
                let receiver = |readings: &Readings| {
                    let counters = match is_at_peer? {
                        true => peer.and_then(|peer| readings.of_peer(peer)),
                        false => readings.of(device.index),
                    };
                    Some(counters?.rx.packets + readings.blocked(slot)[side].packets)
                };
                let received = receiver(before).zip(receiver(after));
                let received = received.map(|(before, after)| Received { before, after });
                let totals = &mut totals.directions[side];
                let balance = &mut balances.directions[side];
                totals.fate = match comparison {
                    Comparison::Packets if !is_read && is_at_peer == Some(true) => {
                        balance.put_off(totals.packets)
                    }
                    Comparison::Segments if !is_read => {
                        balance.put_off(totals.segments).map(|fate| Fate {
                            diverted: None,
                            ..fate
                        })
                    }
                    Comparison::Segments => {
                        balance
                            .settle_late(totals.segments, received)
                            .map(|fate| Fate {
                                diverted: None,
                                ..fate
                            })
                    }
                    _ => balance.settle(totals.packets, received),
                };
                let packets = balance.reported.bypassed;
                if packets > 0 && !std::mem::replace(&mut balance.is_blind, true) {
                    blind.push(Blind {
                        device: device.name.clone(),
                        direction,
                        packets,
                        can_be_covered: is_at_peer == Some(true),
                    });
                }
            }
        }
        blind
    }
}

/// What the far end had received, and rules had dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Received {
    /// At a moment before the epoch's end.
    before: u64,
    /// At one when all that was seen in it had met its fate.
    after: u64,
}

/// What was found to be certain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reported {
    diverted: u64,
    bypassed: u64,
}

impl From<Reported> for Fate {
    fn from(Reported { diverted, bypassed }: Reported) -> Self {
        Self {
            diverted: Some(diverted),
            bypassed,
        }
    }
}

/// One direction of one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Balance {
    /// All that was seen.
    seen: u64,
    /// Where both were when the comparing began.
    start: Option<(u64, Received)>,
    /// The largest counter that was read.
    last: u64,
    /// What has been reported since.
    reported: Reported,
    /// Whether packets have come past the hook.
    is_blind: bool,
}

impl Balance {
    /// Takes over what was seen in an epoch. Returns what became certain; nothing
    /// where the far end cannot be read.
    fn settle(&mut self, seen: u64, received: Option<Received>) -> Option<Fate> {
        self.seen += seen;
        // A pair can be replaced between the two readings.
        let Some(received) = received.filter(|it| it.before <= it.after) else {
            self.start = None;
            return None;
        };
        // A counter that goes back is another device's.
        let start = self.start.filter(|_| received.before >= self.last);
        self.last = received.after;
        let Some((seen_then, then)) = start else {
            self.start = Some((self.seen, received));
            self.reported = Reported::default();
            return Some(Reported::default().into());
        };
        let seen = self.seen - seen_then;
        let certain = Reported {
            diverted: seen.saturating_sub(received.after - then.before),
            bypassed: (received.before - then.after).saturating_sub(seen),
        };
        let new = Reported {
            diverted: certain.diverted.saturating_sub(self.reported.diverted),
            bypassed: certain.bypassed.saturating_sub(self.reported.bypassed),
        };
        self.reported = Reported {
            diverted: self.reported.diverted + new.diverted,
            bypassed: self.reported.bypassed + new.bypassed,
        };
        Some(new.into())
    }

    /// Takes over what was seen in an epoch in which the far end is not read. Nothing
    /// becomes certain.
    fn put_off(&mut self, seen: u64) -> Option<Fate> {
        self.seen += seen;
        self.start.map(|_| Reported::default().into())
    }

    /// The same, where packets can be received later than in the epoch in which
    /// they were seen, but not later than in the next: when the comparing begins,
    /// some of those that were just seen may not have been received.
    fn settle_late(&mut self, seen: u64, received: Option<Received>) -> Option<Fate> {
        let fate = self.settle(seen, received);
        if let Some((seen_then, _)) = &mut self.start
            && *seen_then == self.seen
        {
            *seen_then -= seen;
        }
        fate
    }
}
