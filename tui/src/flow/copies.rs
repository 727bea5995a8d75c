//! Packets that pass several watched devices: a pod and the uplink, a bridge and its
//! port, two pods. Each device counts them; the sum over all devices must not.

use std::hash::BuildHasher;

use hashbrown::{HashMap, HashTable};
use probe_common::parse::number::ip;
use probe_common::{Direction, FlowKey};
use slab::Slab;

use super::{Count, Flow};
use crate::model::KeyFields;

/// The flows that are seen on more than one device.
///
/// Of such a flow and each of its directions the device that saw the most counts in
/// the sum. What another one sees later, or ahead, is allowed for up to what an
/// interval had, so that a flow whose path changes is counted on.
#[derive(Clone, Debug, Default)]
pub(super) struct Copies {
    /// Ids of all flows by the hash of [`Conversation`]; empty while there is only
    /// one device.
    index: HashTable<(u64, u32)>,
    watches_several: bool,
    groups: Slab<Group>,
    /// The group of a flow, by its id.
    of_flow: HashMap<u32, usize>,
    /// Groups with a packet in this interval.
    touched: Vec<usize>,
}

/// Flows with the same ends, each on a device of its own; the first one seen first.
#[derive(Clone, Debug, Default)]
struct Group {
    members: Vec<Member>,
    is_touched: bool,
}

#[derive(Clone, Debug)]
struct Member {
    id: u32,
    /// Whether its local end is the second of the two ends in their order.
    is_swapped: bool,
    /// Whether it has come in this interval.
    is_new: bool,
    /// What was counted in this interval, by [`Direction`].
    delta: [Count; 2],
    /// How far it is behind what counts, by the order of ends.
    behind: [Count; 2],
}

/// What a flow is on any device: whose ends, in an order of their own, and what it
/// carries. Tags of VLANs change on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conversation {
    ends: [([u8; 16], u16); 2],
    ether_type: u16,
    protocol: u8,
    flags: u8,
}

/// The conversation of a flow, and whether its local end comes second; nothing
/// where there are no addresses to tell it by.
#[must_use]
pub fn conversation(key: &FlowKey) -> Option<(Conversation, bool)> {
    if !key.has_addresses() {
        return None;
    }
    let icmp = matches!(key.ip_protocol(), Some(ip::ICMP | ip::ICMPV6));
    // What ICMP has instead of ports belongs to no end.
    let (local, remote) = if icmp {
        ((key.local, 0), (key.remote, 0))
    } else {
        ((key.local, key.local_port), (key.remote, key.remote_port))
    };
    let is_swapped = remote < local;
    let mut ends = if is_swapped {
        [remote, local]
    } else {
        [local, remote]
    };
    if icmp {
        ends[0].1 = key.local_port;
        ends[1].1 = key.remote_port;
    }
    let conversation = Conversation {
        ends,
        ether_type: key.ether_type,
        protocol: key.protocol,
        flags: key.flags,
    };
    Some((conversation, is_swapped))
}

impl Copies {
    /// From now on flows are compared; these are there already.
    pub(super) fn watch_several(
        &mut self,
        hasher: &impl BuildHasher,
        flows: impl Iterator<Item = (u32, FlowKey)>,
        keys: &Slab<Flow>,
    ) {
        if self.watches_several {
            return;
        }
        self.watches_several = true;
        for (id, key) in flows {
            self.insert(hasher, id, &key, keys);
        }
    }

    /// A flow has come.
    pub(super) fn insert(
        &mut self,
        hasher: &impl BuildHasher,
        id: u32,
        key: &FlowKey,
        keys: &Slab<Flow>,
    ) {
        if !self.watches_several {
            return;
        }
        let Some((wanted, is_swapped)) = conversation(key) else {
            return;
        };
        let hash = hasher.hash_one(wanted);
        let twins = self
            .index
            .iter_hash(hash)
            .filter(|(other, _)| *other == hash);
        let twin = twins.map(|(_, id)| *id).find(|id| {
            let other = &keys[*id as usize].key;
            let same = conversation(other).is_some_and(|(it, _)| it == wanted);
            same && other.device != key.device
        });
        if let Some(twin) = twin {
            self.join(twin, id, key, is_swapped, keys);
        }
        self.index
            .insert_unique(hash, (hash, id), |(hash, _)| *hash);
    }

    fn join(&mut self, twin: u32, id: u32, key: &FlowKey, is_swapped: bool, keys: &Slab<Flow>) {
        let place = match self.of_flow.get(&twin) {
            Some(place) => *place,
            None => {
                let swapped =
                    conversation(&keys[twin as usize].key).is_some_and(|(_, swapped)| swapped);
                let place = self.groups.insert(Group::default());
                self.groups[place].members.push(Member::new(twin, swapped));
                self.of_flow.insert(twin, place);
                place
            }
        };
        let members = &mut self.groups[place].members;
        // One device may route between two VLANs: it has them both to itself.
        let mut devices = members.iter().map(|it| keys[it.id as usize].key.device);
        if devices.any(|device| device == key.device) {
            return;
        }
        members.push(Member::new(id, is_swapped));
        self.of_flow.insert(id, place);
    }

    /// A flow has gone.
    pub(super) fn remove(&mut self, hasher: &impl BuildHasher, id: u32, key: &FlowKey) {
        if !self.watches_several {
            return;
        }
        let Some((conversation, _)) = conversation(key) else {
            return;
        };
        let hash = hasher.hash_one(conversation);
        if let Ok(entry) = self.index.find_entry(hash, |(_, other)| *other == id) {
            entry.remove();
        }
        let Some(place) = self.of_flow.remove(&id) else {
            return;
        };
        let group = &mut self.groups[place];
        group.members.retain(|member| member.id != id);
        // Whoever stays alone has no copies.
        if let [last] = &group.members[..]
            && !group.is_touched
        {
            self.of_flow.remove(&last.id);
            self.groups.remove(place);
        }
    }

    /// A flow has counted this in the interval.
    pub(super) fn count(&mut self, id: u32, delta: [Count; 2]) {
        if self.of_flow.is_empty() {
            return;
        }
        let Some(place) = self.of_flow.get(&id) else {
            return;
        };
        let group = &mut self.groups[*place];
        if let Some(member) = group.members.iter_mut().find(|member| member.id == id) {
            for (sum, count) in member.delta.iter_mut().zip(delta) {
                *sum += count;
            }
        }
        if !group.is_touched {
            group.is_touched = true;
            self.touched.push(*place);
        }
    }

    /// What of the interval's counts was counted on another device, too, by
    /// [`Direction`].
    pub(super) fn settle(&mut self, flows: &Slab<Flow>) -> [Count; 2] {
        let mut again = [Count::default(); 2];
        for place in std::mem::take(&mut self.touched) {
            let group = &mut self.groups[place];
            group.is_touched = false;
            group.catch_up(flows);
            group.settle(&mut again);
            if let [last] = &group.members[..] {
                self.of_flow.remove(&last.id);
                self.groups.remove(place);
            } else if group.members.is_empty() {
                self.groups.remove(place);
            }
        }
        again
    }

    /// The flow that counts for this one: the first that was seen of its group.
    pub(super) fn original(&self, id: u32) -> Option<u32> {
        let group = &self.groups[*self.of_flow.get(&id)?];
        let first = group.members.first()?.id;
        (first != id).then_some(first)
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.of_flow.is_empty()
    }
}

impl Member {
    fn new(id: u32, is_swapped: bool) -> Self {
        Self {
            id,
            is_swapped,
            is_new: true,
            delta: [Count::default(); 2],
            behind: [Count::default(); 2],
        }
    }

    /// The direction of what the first end sends, or the second.
    fn direction(&self, sender: usize) -> usize {
        // What the local end sends is out.
        if (sender == 1) == self.is_swapped {
            Direction::Out as usize
        } else {
            Direction::In as usize
        }
    }
}

impl Group {
    /// What others had before a new flow came may be what it sees now.
    fn catch_up(&mut self, flows: &Slab<Flow>) {
        let before = |member: &Member, sender| {
            let direction = member.direction(sender);
            flows[member.id as usize].counts[direction] - member.delta[direction]
        };
        let most = [0, 1].map(|sender| {
            let all = self.members.iter().map(|member| before(member, sender));
            all.fold(Count::default(), Count::max)
        });
        for member in self.members.iter_mut().filter(|member| member.is_new) {
            member.is_new = false;
            member.behind = [0, 1].map(|sender| most[sender] - before(member, sender));
        }
    }

    fn settle(&mut self, again: &mut [Count; 2]) {
        for sender in [0, 1] {
            // How much further the whole gets: by the member that is most ahead.
            let ahead =
                |member: &Member| member.delta[member.direction(sender)] - member.behind[sender];
            let growth = self
                .members
                .iter()
                .map(ahead)
                .fold(Count::default(), Count::max);
            let mut counted = growth;
            for member in &mut self.members {
                let delta = member.delta[member.direction(sender)];
                // Of what each has counted, the whole takes as much as is left to take.
                let taken = delta.min(counted);
                counted -= taken;
                again[member.direction(sender)] += delta - taken;
                let behind = member.behind[sender] + growth - delta;
                member.behind[sender] = behind.min(growth);
            }
        }
        for member in &mut self.members {
            member.delta = [Count::default(); 2];
        }
    }
}

#[cfg(test)]
mod tests;
