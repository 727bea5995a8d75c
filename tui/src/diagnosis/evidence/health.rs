//! How TCP connections fare, from the facts that the counters of an interval
//! bring: what was sent again, gaps, closed windows, round-trip times.

use std::collections::VecDeque;
use std::time::Duration;

use hashbrown::HashMap;
use probe_common::parse::number::{ip, tcp};
use probe_common::{Direction, FlowKey};

use crate::flow::FlowTable;
use crate::model::{FlowCounts, Interval, Moment, TcpSocket};

/// Flows that are followed. What comes beyond is not.
const FOLLOWED: usize = 8192;
/// How long a flow without packets is followed: retransmissions back off.
const WINDOW: Duration = Duration::from_secs(40);
/// How many intervals are summed up.
const INTERVALS: usize = 30;

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

/// The largest packet without data: headers of Ethernet, IPv6 and TCP with all its
/// options.
const BARE: u64 = 14 + 40 + 60;

/// A flow.
#[derive(Clone, Debug)]
pub struct Health {
    /// The last intervals with packets, oldest first.
    intervals: VecDeque<(Moment, [Side; 2])>,
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
    /// Sums over the followed intervals since `since`.
    #[must_use]
    pub fn sums(&self, since: Moment) -> [Side; 2] {
        let mut sums = [Side::default(); 2];
        for (at, sides) in &self.intervals {
            if *at >= since {
                for (sum, side) in sums.iter_mut().zip(sides) {
                    *sum += *side;
                }
            }
        }
        sums
    }

    /// In how many intervals a direction had retransmissions or gaps.
    #[must_use]
    pub fn troubled(&self, direction: usize) -> usize {
        let is = |(_, sides): &&(Moment, [Side; 2])| {
            sides[direction].retransmitted > 0 || sides[direction].gaps > 0
        };
        self.intervals.iter().filter(is).count()
    }
}

/// The TCP connections of all devices of a host.
#[derive(Clone, Debug, Default)]
pub struct TcpHealth {
    table: HashMap<FlowKey, Health>,
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
        self.table
            .retain(|_, health| now.saturating_sub(health.last) < WINDOW);
    }

    fn flow(&mut self, counts: &FlowCounts, interval: &Interval, flows: &FlowTable) {
        let now = interval.at;
        let key = counts.key;
        let facts = counts.facts.as_deref().copied().unwrap_or_default();
        let is_known = self.table.contains_key(&key);
        if !is_known && (counts.facts.is_none() || self.table.len() >= FOLLOWED) {
            return;
        }
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
        let health = self.table.entry(key).or_insert_with(|| Health {
            intervals: VecDeque::new(),
            last: now,
            idle: [Duration::ZERO; 2],
            stalls: [None; 2],
            probing: [None; 2],
            closed: [None; 2],
            sockets: [None; 2],
            cookies: [None; 2],
            bloated: 0,
        });
        let start = now.saturating_sub(interval.length);
        let idle = start.saturating_sub(health.last);
        let age = flows.get(&key).map_or(Duration::ZERO, |flow| flow.age(now));
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
            if mine.zero_windows > 0 {
                health.closed[at] = Some((now, 0));
            } else if let Some((_, bytes)) = &mut health.closed[at] {
                *bytes += theirs.bytes;
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
        if health.intervals.len() >= INTERVALS {
            health.intervals.pop_front();
        }
        health.intervals.push_back((now, sides));
    }

    /// All that are followed, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&FlowKey, &Health)> {
        self.table.iter()
    }
}
