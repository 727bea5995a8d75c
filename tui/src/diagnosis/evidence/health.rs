//! How TCP connections fare, from the facts that the counters of an interval
//! bring: what was sent again, gaps, closed windows, round-trip times.

use std::collections::VecDeque;
use std::time::Duration;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use probe_common::parse::number::{ip, tcp};
use probe_common::{Counters, Direction, FlowKey};

use crate::flow::{Count, FlowTable};
use crate::model::{FlowCounts, Interval, Moment, TcpSocket};

/// Flows that are followed. What comes beyond is not.
const FOLLOWED: usize = 8192;
/// How long a flow without packets is followed: retransmissions back off.
const WINDOW: Duration = Duration::from_secs(40);
/// How many intervals are remembered in which TCP had to help itself.
const INTERVALS: usize = 30;
/// How finely, and how far back, it is known how much a flow has sent: most flows do
/// well, and nothing else is remembered of their intervals.
const BUCKET: Duration = Duration::from_secs(4);
const BUCKETS: usize = 6;

/// What one direction of a flow did in an interval.
#[derive(Clone, Copy, Debug, Default)]
pub struct Side {
    /// Packets and bytes.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
    /// Segments sent again, and their payload.
    pub retransmitted: u64,
    /// Payload in bytes.
    pub retransmitted_bytes: u64,
    /// Segments beyond what was sent so far.
    pub gaps: u64,
    /// Acknowledgments that repeat the last one.
    pub duplicate_acks: u64,
    /// Windows closed.
    pub zero_windows: u64,
}

impl Side {
    /// Whether TCP had to help itself.
    const fn is_notable(&self) -> bool {
        self.retransmitted + self.gaps + self.duplicate_acks + self.zero_windows > 0
    }
}

impl std::ops::AddAssign for Side {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.retransmitted += other.retransmitted;
        self.retransmitted_bytes += other.retransmitted_bytes;
        self.gaps += other.gaps;
        self.duplicate_acks += other.duplicate_acks;
        self.zero_windows += other.zero_windows;
    }
}

/// Data of one direction that nothing comes back for.
#[derive(Clone, Copy, Debug)]
pub struct Stall {
    /// Since when.
    pub since: Moment,
    /// Segments sent again since then.
    pub retransmitted: u64,
    /// Their payload in bytes.
    pub retransmitted_bytes: u64,
    /// The longest time without a packet of the flow between the last packet of the
    /// other direction and the first retransmission.
    pub idle_before: Duration,
    /// What the direction had sent before, as long as its flow is known.
    pub before: Count,
}

impl Stall {
    /// The payload of a segment that is sent again, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.retransmitted_bytes / self.retransmitted.max(1)
    }
}

/// Packets without data of an idle connection that nothing comes back for:
/// keep-alives (RFC 9293, section 3.8.4).
#[derive(Clone, Copy, Debug)]
pub struct Probing {
    /// Since when.
    pub since: Moment,
    /// How many.
    pub packets: u64,
    /// In how many intervals.
    pub intervals: u32,
}

/// How much each direction of a flow has sent lately.
#[derive(Clone, Debug)]
struct Volumes {
    /// The number of the newest bucket since the source's start.
    newest: u64,
    /// Packets by direction, and bytes; a bucket has its number's place.
    packets: [[u32; 2]; BUCKETS],
    bytes: [[u64; 2]; BUCKETS],
}

impl Volumes {
    fn add(&mut self, now: Moment, sides: &[Side; 2]) {
        let number = now.as_secs() / BUCKET.as_secs();
        // Those between had nothing.
        for skipped in (self.newest + 1..=number).rev().take(BUCKETS) {
            self.packets[place(skipped)] = [0; 2];
            self.bytes[place(skipped)] = [0; 2];
        }
        self.newest = self.newest.max(number);
        let place = place(number);
        for (at, side) in sides.iter().enumerate() {
            let packets = u32::try_from(side.packets).unwrap_or(u32::MAX);
            self.packets[place][at] = self.packets[place][at].saturating_add(packets);
            self.bytes[place][at] += side.bytes;
        }
    }

    /// Of the buckets that end after `since`.
    fn sums(&self, since: Moment) -> [(u64, u64); 2] {
        let first = since.as_secs() / BUCKET.as_secs();
        let oldest = (self.newest + 1).saturating_sub(BUCKETS as u64);
        let mut sums = [(0, 0); 2];
        for number in first.max(oldest)..=self.newest {
            let place = place(number);
            for (at, sum) in sums.iter_mut().enumerate() {
                sum.0 += u64::from(self.packets[place][at]);
                sum.1 += self.bytes[place][at];
            }
        }
        sums
    }
}

const fn place(number: u64) -> usize {
    (number % BUCKETS as u64) as usize
}

/// The largest packet without data: headers of Ethernet, IPv6 and TCP with all its
/// options.
const BARE: u64 = 14 + 40 + 60;

/// A flow.
#[derive(Clone, Debug)]
pub struct Health {
    /// The last intervals in which TCP had to help itself, oldest first.
    notable: VecDeque<(Moment, [Side; 2])>,
    volumes: Volumes,
    /// When it had its last packet.
    pub last: Moment,
    /// The longest time without a packet since each direction's last answer: data
    /// that is sent after it may be sent again only intervals later.
    idle: [Duration; 2],
    /// Data that nothing comes back for, by the direction of the data.
    pub stalls: [Option<Stall>; 2],
    /// Small packets of one direction that nothing comes back for.
    pub probing: [Option<Probing>; 2],
    /// When each direction last closed its window, and what the other end has
    /// sent since, in bytes.
    pub closed: [Option<(Moment, u64)>; 2],
    /// The state of the socket that sends each direction, if it is here.
    pub sockets: [Option<TcpSocket>; 2],
    /// Cookies of these sockets.
    pub cookies: [Option<u64>; 2],
    /// For how many intervals in a row the smoothed round-trip time has been far
    /// above the least.
    pub bloated: u32,
}

impl Health {
    const fn new(now: Moment) -> Self {
        Self {
            notable: VecDeque::new(),
            volumes: Volumes {
                newest: 0,
                packets: [[0; 2]; BUCKETS],
                bytes: [[0; 2]; BUCKETS],
            },
            last: now,
            idle: [Duration::ZERO; 2],
            stalls: [None; 2],
            probing: [None; 2],
            closed: [None; 2],
            sockets: [None; 2],
            cookies: [None; 2],
            bloated: 0,
        }
    }

    /// Sums since `since`; packets and bytes up to a bucket longer, and no longer than
    /// they are remembered.
    #[must_use]
    pub fn sums(&self, since: Moment) -> [Side; 2] {
        let mut sums = [Side::default(); 2];
        for (at, sides) in &self.notable {
            if *at >= since {
                for (sum, side) in sums.iter_mut().zip(sides) {
                    *sum += *side;
                }
            }
        }
        for (sum, (packets, bytes)) in sums.iter_mut().zip(self.volumes.sums(since)) {
            sum.packets = packets;
            sum.bytes = bytes;
        }
        sums
    }

    /// Segments that a direction has sent again, as long as that is remembered.
    #[must_use]
    pub fn retransmitted(&self, direction: usize) -> u64 {
        let sides = self.notable.iter().map(|(_, sides)| sides[direction]);
        sides.map(|side| side.retransmitted).sum()
    }

    /// Whether a rule may have something to say about it.
    fn is_suspect(&self) -> bool {
        !self.notable.is_empty()
            || self.bloated > 0
            || self.stalls.iter().any(Option::is_some)
            || self.probing.iter().any(Option::is_some)
            || self.closed.iter().any(Option::is_some)
    }

    /// In how many intervals a direction had retransmissions or gaps.
    #[must_use]
    pub fn troubled(&self, direction: usize) -> usize {
        let is = |(_, sides): &&(Moment, [Side; 2])| {
            sides[direction].retransmitted > 0 || sides[direction].gaps > 0
        };
        self.notable.iter().filter(is).count()
    }
}

/// What a direction of a flow had sent before these counts, which `flows` have already.
fn sent_before(counts: &FlowCounts, direction: usize, flows: &FlowTable) -> Count {
    let all = flows.get(&counts.key).map(|flow| flow.counts[direction]);
    all.unwrap_or_default() - Count::from(&counts.value.directions[direction])
}

/// Whether the last window of an interval was closed, where it shows: that of a SYN is
/// before scaling, and a reset has none.
const fn window(side: &Counters) -> Option<bool> {
    let shows = side.packets > 0
        && side.tcp_flags & tcp::ACK != 0
        && side.tcp_flags & (tcp::SYN | tcp::RST) == 0;
    if shows { Some(side.window == 0) } else { None }
}

/// The TCP connections of all devices of a host.
#[derive(Clone, Debug, Default)]
pub struct TcpHealth {
    // What is large and in a hash table is there twice.
    table: HashMap<FlowKey, Box<Health>>,
    /// Those that rules have to look at: few.
    suspects: Vec<FlowKey>,
}

impl TcpHealth {
    /// Takes over the counters of an interval.
    pub fn interval(&mut self, interval: &Interval, flows: &FlowTable) {
        let now = interval.at;
        for counts in &interval.flows {
            if counts.key.protocol == ip::TCP {
                self.flow(counts, interval, flows);
            }
        }
        self.suspects.clear();
        self.table.retain(|key, health| {
            let is_followed = now.saturating_sub(health.last) < WINDOW;
            if is_followed && health.is_suspect() {
                self.suspects.push(*key);
            }
            is_followed
        });
    }

    fn flow(&mut self, counts: &FlowCounts, interval: &Interval, flows: &FlowTable) {
        let now = interval.at;
        let key = counts.key;
        let facts = counts.facts.as_deref().copied().unwrap_or_default();
        let is_full = self.table.len() >= FOLLOWED;
        let (health, is_known) = match self.table.entry(key) {
            Entry::Occupied(entry) => (entry.into_mut(), true),
            Entry::Vacant(entry) => {
                let mut sides = counts.value.directions.iter();
                let is_notable =
                    counts.facts.is_some() || sides.any(|side| window(side) == Some(true));
                if is_full || !is_notable {
                    return;
                }
                (entry.insert(Box::new(Health::new(now))), false)
            }
        };
        let mut sides = [Side::default(); 2];
        for direction in Direction::BOTH {
            let at = direction as usize;
            let counters = counts.value.directions[at];
            let tcp = facts.tcp[at];
            sides[at] = Side {
                packets: counters.packets,
                bytes: counters.bytes,
                retransmitted: tcp.retransmitted.into(),
                retransmitted_bytes: tcp.retransmitted_bytes,
                gaps: tcp.gaps.into(),
                duplicate_acks: tcp.duplicate_acks.into(),
                zero_windows: tcp.zero_windows.into(),
            };
        }
        let start = now.saturating_sub(interval.length);
        let idle = start.saturating_sub(health.last);
        let age = match is_known {
            true => Duration::ZERO,
            false => flows.get(&key).map_or(Duration::ZERO, |flow| flow.age(now)),
        };
        for at in [0, 1] {
            let mine = sides[at];
            let theirs = sides[1 - at];
            // A SYN that is sent again is not data.
            let flags = counts.value.directions[at].tcp_flags;
            health.idle[at] = if theirs.packets > 0 {
                Duration::ZERO
            } else if is_known {
                health.idle[at].max(idle)
            } else {
                age
            };
            if theirs.packets > 0 || flags & (tcp::SYN | tcp::RST) != 0 {
                health.stalls[at] = None;
            } else if mine.retransmitted > 0 {
                let stall = health.stalls[at].get_or_insert(Stall {
                    since: start,
                    retransmitted: 0,
                    retransmitted_bytes: 0,
                    idle_before: health.idle[at],
                    before: sent_before(counts, at, flows),
                });
                stall.retransmitted += mine.retransmitted;
                stall.retransmitted_bytes += mine.retransmitted_bytes;
            }
            let is_bare = mine.packets > 0
                && mine.bytes <= mine.packets * BARE
                && mine.retransmitted == 0
                && flags & (tcp::SYN | tcp::FIN | tcp::RST) == 0;
            if theirs.packets > 0 || mine.packets > 0 && !is_bare {
                health.probing[at] = None;
            } else if is_bare && is_known {
                let probing = health.probing[at].get_or_insert(Probing {
                    since: start,
                    packets: 0,
                    intervals: 0,
                });
                probing.packets += mine.packets;
                probing.intervals += 1;
            }
            // What is sent again has not been taken.
            let waiting = theirs.bytes.saturating_sub(theirs.retransmitted_bytes);
            let window = window(&counts.value.directions[at]);
            if flags & (tcp::SYN | tcp::FIN | tcp::RST) != 0 {
                // What was closed is of a connection that is over, though its ports may
                // be used again.
                health.closed[at] = None;
            } else if mine.zero_windows > 0 && window != Some(false) {
                health.closed[at] = Some((now, 0));
            } else {
                match (&mut health.closed[at], window) {
                    (_, Some(false)) => health.closed[at] = None,
                    (Some((_, bytes)), _) => *bytes += waiting,
                    // It was closed before it was followed.
                    (None, Some(true)) => health.closed[at] = Some((start, waiting)),
                    (None, None) => {}
                }
            }
            if let Some(socket) = facts.sockets[at] {
                health.cookies[at] = Some(socket.cookie);
                health.sockets[at] = socket.tcp.or(health.sockets[at]);
                if let Some(state) = socket.tcp {
                    let least = state.min_rtt.unwrap_or(state.srtt);
                    if state.srtt > least.saturating_mul(8) && state.srtt > least + 50_000 {
                        health.bloated += 1;
                    } else {
                        health.bloated = 0;
                    }
                }
            }
        }
        health.last = now;
        health.volumes.add(now, &sides);
        while let Some((at, _)) = health.notable.front()
            && (now.saturating_sub(*at) > WINDOW || health.notable.len() >= INTERVALS)
        {
            health.notable.pop_front();
        }
        if health.notable.is_empty() && health.notable.capacity() > 0 {
            health.notable = VecDeque::new();
        }
        if sides.iter().any(Side::is_notable) {
            health.notable.push_back((now, sides));
        }
    }

    /// Those that do not do entirely well, in no order.
    pub fn suspects(&self) -> impl Iterator<Item = (&FlowKey, &Health)> {
        let of = |key| Some((key, &**self.table.get(key)?));
        self.suspects.iter().filter_map(of)
    }

    /// All that are followed, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&FlowKey, &Health)> {
        self.table.iter().map(|(key, health)| (key, &**health))
    }
}
