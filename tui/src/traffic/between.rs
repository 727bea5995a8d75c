//! Flows that two hosts see: what one of them sent and the other did not get.
//!
//! Both count a flow's packets in intervals of their own, which end at different
//! moments, on clocks that are only known to be near each other. So what the sender
//! had counted by a moment is compared with what the receiver had counted by a later
//! one, [`ALLOWANCE`] behind it: what is missing then is certainly lost, and what is in
//! transit or in an interval that is still to come is not taken for it. Once the flow
//! pauses, the difference is exact.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use probe_common::{Direction, FlowKey};

use crate::flow::{Conversation, conversation};
use crate::model::{Device, HostId, Interval, LocalEnd, Moment, Watch};

#[cfg(test)]
mod tests;

/// By how much the receiver's counts are later than the sender's: what a packet may
/// take on its way, and what the clocks of two hosts may be apart, together.
pub const ALLOWANCE: Duration = Duration::from_secs(2);

/// Conversations that are followed, of about 500 bytes each. Others are not compared.
const MOST: usize = 65_536;
/// A conversation is forgotten after this time without a packet on any host.
const IDLE: Duration = Duration::from_secs(120);
/// How far apart counts are remembered, and how many: they reach back to where the
/// receiver is, also when it reports some seconds late.
const APART: Duration = Duration::from_millis(500);
const COUNTS: usize = 12;

/// What was sent from one host to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// The host that sent it.
    pub from: HostId,
    /// The host that it was sent to.
    pub to: HostId,
    /// Segments that the one has sent by the end of its last interval, since both are
    /// watched.
    pub sent: u64,
    /// Those that the other has received by the end of its own.
    pub received: u64,
    /// Those that were lost between them for certain.
    pub lost: u64,
}

/// The conversations of several hosts.
#[derive(Clone, Debug, Default)]
pub struct Between {
    hosts: BTreeMap<HostId, Counting>,
    pairs: Pairs,
    conversations: HashMap<Conversation, Followed>,
    /// From when on all hosts have counted without a gap.
    since: Moment,
    /// Those with a packet in the interval that is taken in.
    touched: Vec<Conversation>,
    /// When idle conversations were last looked for.
    tidied: Moment,
}

/// Ends of pairs that are watched from outside: their local end is the other end of
/// the pair. Where that is the device of another host that is watched, too, each of the
/// two has the other's addresses for local ones.
#[derive(Clone, Debug, Default)]
struct Pairs(Vec<PairEnd>);

/// One of them.
#[derive(Clone, Debug)]
struct PairEnd {
    host: HostId,
    slot: u32,
    mac: Vec<u8>,
    peer: Vec<u8>,
}

/// How far a host has counted.
#[derive(Clone, Copy, Debug)]
struct Counting {
    now: Moment,
    /// Whether it is unknown what came behind that.
    is_cut: bool,
}

/// A conversation that is followed.
#[derive(Clone, Debug)]
struct Followed {
    /// From here on what is received is compared, and from [`ALLOWANCE`] later on what
    /// is sent.
    since: Moment,
    /// The end of the last interval that had a packet.
    last: Moment,
    sides: Vec<OnHost>,
    is_touched: bool,
}

/// A conversation as a host sees it.
#[derive(Clone, Debug)]
struct OnHost {
    host: HostId,
    devices: Vec<OnDevice>,
    /// What has come in, on whichever device, a packet on several of them once: at
    /// most, as it is what is not lost.
    received: Counts,
}

/// A conversation as a device sees it.
#[derive(Clone, Debug)]
struct OnDevice {
    /// By the host's own slot.
    key: FlowKey,
    /// Whether its local end is the second of the two ends in their order.
    is_swapped: bool,
    sent: Counts,
    /// What it has counted in the interval that is taken in.
    new: Segments,
    /// What other devices of the host had counted, and this one not yet.
    behind: Segments,
}

/// Segments that each of the two ends has sent, in the order of the ends.
type Segments = [u64; 2];

/// What was counted by when.
#[derive(Clone, Debug, Default)]
struct Counts {
    /// Before what is compared.
    before: Segments,
    /// Before the oldest of `lately`.
    earlier: Segments,
    /// At the end of intervals that had a packet, oldest first.
    lately: VecDeque<Counted>,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    /// The begin of the interval.
    from: Moment,
    at: Moment,
    total: Segments,
}

impl Between {
    /// Takes in an interval of a host.
    pub fn ingest(&mut self, host: HostId, interval: &Interval) {
        let (at, from) = (interval.at, interval.at.saturating_sub(interval.length));
        if !self.goes_on(host, interval, from) {
            self.begin(from);
        }
        let is_cut = false;
        self.hosts.insert(host, Counting { now: at, is_cut });
        let mut was_refused = false;
        for counts in &interval.flows {
            let Some((conversation, is_swapped)) = conversation(&counts.key) else {
                continue;
            };
            if self.conversations.len() >= MOST && !self.conversations.contains_key(&conversation) {
                was_refused = true;
                continue;
            }
            let followed = self.conversations.entry(conversation).or_insert(Followed {
                since: self.since,
                last: at,
                sides: Vec::new(),
                is_touched: false,
            });
            if !followed.is_touched {
                followed.is_touched = true;
                self.touched.push(conversation);
            }
            let device = followed.side(host).device(counts.key, is_swapped);
            for end in [0, 1] {
                let counters = &counts.value.directions[device.direction(end) as usize];
                device.new[end] += counters.packets + counters.extra_segments;
            }
        }
        for conversation in std::mem::take(&mut self.touched) {
            if let Some(followed) = self.conversations.get_mut(&conversation) {
                if followed.has_paused(from, &self.hosts) {
                    followed.even_out(&self.pairs);
                }
                followed.settle(host, from, at);
            }
        }
        self.tidy(at);
        // What other flows had is not known.
        if was_refused {
            self.since = self.latest();
        }
        if is_incomplete(interval) {
            self.begin(at);
        }
    }

    /// Takes in the devices of a host.
    pub fn devices(&mut self, host: HostId, devices: &[Device]) {
        self.pairs.0.retain(|end| end.host != host);
        let ends = devices.iter().filter_map(|device| {
            let Watch::Yes {
                slot,
                local: LocalEnd::Peer,
                ..
            } = device.watch
            else {
                return None;
            };
            let peer = device.peer.as_ref()?.device.as_ref()?;
            Some(PairEnd {
                host,
                slot,
                mac: device.mac.clone(),
                peer: peer.mac.clone(),
            })
        });
        self.pairs.0.extend(ends.filter(|end| !end.mac.is_empty()));
    }

    /// A host cannot be reached, or not yet: what it counts until it can be again may
    /// never be known.
    pub fn cut(&mut self, host: HostId) {
        if let Some(counting) = self.hosts.get_mut(&host) {
            counting.is_cut = true;
        }
    }

    /// What was sent in each [`Direction`] of a flow, where that was from one host to
    /// another. Where addresses are translated between them, the hosts have no flow in
    /// common.
    #[must_use]
    pub fn crossings(&self, key: &FlowKey) -> [Option<Crossing>; 2] {
        let found = conversation(key).and_then(|(conversation, is_swapped)| {
            let followed = self.conversations.get(&conversation)?;
            Some((followed, followed.ends(&self.pairs)?, is_swapped))
        });
        let Some((followed, ends, is_swapped)) = found else {
            return [None; 2];
        };
        Direction::BOTH.map(|direction| {
            // The local end sends what is out.
            let end = usize::from((direction == Direction::Out) == is_swapped);
            self.crossing(followed, ends, end)
        })
    }

    fn crossing(&self, followed: &Followed, ends: [HostId; 2], end: usize) -> Option<Crossing> {
        let (from, to) = (ends[end], ends[1 - end]);
        let [sender, receiver] = [from, to].map(|host| followed.of(host));
        let (sender, receiver) = (sender?, receiver?);
        let [sender_now, receiver_now] = [from, to].map(|host| self.hosts.get(&host));
        let (sender_now, receiver_now) = (sender_now?.now, receiver_now?.now);
        let until = sender_now.min(receiver_now.saturating_sub(ALLOWANCE));
        let by = until.saturating_add(ALLOWANCE);
        Some(Crossing {
            from,
            to,
            sent: sender.sent(sender_now, end)?,
            received: receiver.received.at_most(receiver_now, end),
            lost: sender
                .sent(until, end)?
                .saturating_sub(receiver.received.at_most(by, end)),
        })
    }

    /// Whether an interval follows the last one of its host.
    fn goes_on(&self, host: HostId, interval: &Interval, from: Moment) -> bool {
        // Clocks of hosts are corrected by some milliseconds.
        let slack = interval.length / 2;
        let last = self.hosts.get(&host);
        last.is_some_and(|last| !last.is_cut && from <= last.now.saturating_add(slack))
    }

    /// Compares only what all hosts have counted from a moment on.
    fn begin(&mut self, from: Moment) {
        self.since = self.latest().max(from);
        for followed in self.conversations.values_mut() {
            followed.since = self.since;
            for side in &mut followed.sides {
                side.received.begin();
                side.devices.iter_mut().for_each(|it| it.sent.begin());
            }
        }
    }

    /// The end of the last interval of any host.
    fn latest(&self) -> Moment {
        let ends = self.hosts.values().map(|it| it.now);
        ends.max().unwrap_or_default()
    }

    fn tidy(&mut self, now: Moment) {
        if now.saturating_sub(self.tidied) < IDLE / 4 {
            return;
        }
        self.tidied = now;
        // What is late may still come.
        let hosts = self.hosts.values().filter(|it| !it.is_cut);
        let Some(known) = hosts.map(|it| it.now).min() else {
            return;
        };
        self.conversations
            .retain(|_, followed| known.saturating_sub(followed.last) < IDLE);
    }
}

impl Pairs {
    /// Whether the local end of a host's device is that of another host.
    fn are_turned(&self, host: HostId, slot: u32) -> bool {
        let mut ends = self.0.iter();
        ends.find(|end| (end.host, end.slot) == (host, slot))
            .is_some_and(|one| {
                let is_other = |it: &&PairEnd| it.host != host && it.mac == one.peer;
                self.0.iter().filter(is_other).any(|it| it.peer == one.mac)
            })
    }
}

/// Whether packets of an interval are in none of its flows.
fn is_incomplete(interval: &Interval) -> bool {
    let totals = interval.devices.iter().flat_map(|it| &it.directions);
    totals
        .map(|it| it.untracked_packets + it.filtered_packets)
        .any(|packets| packets > 0)
}

impl Followed {
    fn of(&self, host: HostId) -> Option<&OnHost> {
        self.sides.iter().find(|side| side.host == host)
    }

    fn side(&mut self, host: HostId) -> &mut OnHost {
        let place = self.sides.iter().position(|side| side.host == host);
        let place = place.unwrap_or_else(|| {
            self.sides.push(OnHost {
                host,
                devices: Vec::new(),
                received: Counts::default(),
            });
            self.sides.len() - 1
        });
        &mut self.sides[place]
    }

    /// Whether all that was sent before this moment has arrived or is lost, and is
    /// counted.
    fn has_paused(&self, until: Moment, hosts: &BTreeMap<HostId, Counting>) -> bool {
        let counted = self.last.saturating_add(ALLOWANCE);
        let mut sides = self.sides.iter().map(|side| hosts.get(&side.host));
        until >= counted.saturating_add(ALLOWANCE)
            && sides.all(|host| host.is_some_and(|host| host.now >= counted))
    }

    /// What was received beyond what was sent, up to a pause, was sent before that was
    /// compared; from now on it hides no loss.
    fn even_out(&mut self, pairs: &Pairs) {
        let Some(ends) = self.ends(pairs) else {
            return;
        };
        for end in [0, 1] {
            let sender = self.of(ends[end]);
            let sent = sender.and_then(|side| side.sent(Moment::MAX, end));
            let receiver = &mut self.side(ends[1 - end]).received;
            let received = receiver.at_most(Moment::MAX, end);
            receiver.before[end] += received.saturating_sub(sent.unwrap_or(received));
        }
    }

    /// Takes over what the devices of a host have counted.
    fn settle(&mut self, host: HostId, from: Moment, at: Moment) {
        self.is_touched = false;
        self.last = self.last.max(at);
        let since = self.since;
        let side = self.side(host);
        let mut growth = Segments::default();
        for device in &mut side.devices {
            // At an end of this interval, not of the first one.
            let is_before = from < since.saturating_add(ALLOWANCE);
            device.sent.add(from, at, device.new, is_before);
            for end in [0, 1] {
                let ahead = device.new[end].saturating_sub(device.behind[end]);
                growth[end] = growth[end].max(ahead);
            }
        }
        for device in &mut side.devices {
            for end in [0, 1] {
                // A device that is behind sees what another has seen. One that sees
                // nothing may never see it, and what it sees later is something else.
                let new = std::mem::take(&mut device.new[end]);
                let behind = (device.behind[end] + growth[end]).saturating_sub(new);
                device.behind[end] = if new > 0 { behind.min(growth[end]) } else { 0 };
            }
        }
        side.received.add(from, at, growth, at <= since);
    }

    /// The hosts of the first and the second end: those on which that is the local end
    /// on all devices, which it is not where packets are only forwarded. Nothing where
    /// there are several, as it is not known which of them is meant.
    fn ends(&self, pairs: &Pairs) -> Option<[HostId; 2]> {
        let mut ends = [None; 2];
        for side in &self.sides {
            let is_turned = |device: &OnDevice| pairs.are_turned(side.host, device.key.device);
            let mut devices = side.devices.iter().map(|it| it.is_swapped != is_turned(it));
            let Some(is_swapped) = devices.next() else {
                continue;
            };
            if devices.all(|it| it == is_swapped)
                && ends[usize::from(is_swapped)].replace(side.host).is_some()
            {
                return None;
            }
        }
        Some([ends[0]?, ends[1]?])
    }
}

impl OnHost {
    /// What had left the host by a moment at least: what the last of its devices has
    /// seen.
    fn sent(&self, by: Moment, end: usize) -> Option<u64> {
        let devices = self.devices.iter();
        devices.map(|device| device.sent.at_least(by, end)).min()
    }

    fn device(&mut self, key: FlowKey, is_swapped: bool) -> &mut OnDevice {
        let place = self.devices.iter().position(|device| device.key == key);
        let place = place.unwrap_or_else(|| {
            self.devices.push(OnDevice {
                key,
                is_swapped,
                sent: Counts::default(),
                new: Segments::default(),
                behind: Segments::default(),
            });
            self.devices.len() - 1
        });
        &mut self.devices[place]
    }
}

impl OnDevice {
    /// The direction of what an end sends.
    fn direction(&self, end: usize) -> Direction {
        if (end == 1) == self.is_swapped {
            Direction::Out
        } else {
            Direction::In
        }
    }
}

impl Counts {
    fn total(&self) -> Segments {
        self.lately.back().map_or(self.earlier, |last| last.total)
    }

    /// Adds what is new in an interval, of which nothing is compared if it is before
    /// that.
    fn add(&mut self, from: Moment, at: Moment, new: Segments, is_before: bool) {
        if new == Segments::default() {
            return;
        }
        let old = self.total();
        let total = [0, 1].map(|end| old[end] + new[end]);
        if is_before {
            self.before = total;
        }
        let last_but_one = self.lately.iter().rev().nth(1).map(|it| it.at);
        match (self.lately.back_mut(), last_but_one) {
            // Coarser, and as certain.
            (Some(last), Some(other)) if last.at.saturating_sub(other) < APART => {
                (last.at, last.total) = (at, total);
            }
            _ => self.lately.push_back(Counted { from, at, total }),
        }
        if self.lately.len() > COUNTS
            && let Some(oldest) = self.lately.pop_front()
        {
            self.earlier = oldest.total;
        }
    }

    /// What was counted so far is not compared.
    fn begin(&mut self) {
        self.before = self.total();
    }

    /// What an end had sent by a moment at least.
    fn at_least(&self, moment: Moment, end: usize) -> u64 {
        let counted = self.lately.iter().rev().find(|it| it.at <= moment);
        let total = counted.map_or(0, |it| it.total[end]);
        total.saturating_sub(self.before[end])
    }

    /// What an end had sent by a moment at most.
    fn at_most(&self, moment: Moment, end: usize) -> u64 {
        // An interval that had begun may have had all of its packets by then.
        let counted = self.lately.iter().rev().find(|it| it.from < moment);
        let total = counted.map_or(self.earlier[end], |it| it.total[end]);
        total.saturating_sub(self.before[end])
    }
}
