//! The rolling flow table: which flows there are, what was counted of each,
//! how fast they are, and when they are over.
//!
//! Everything here is pure. The clock is the intervals' own: [`Clock`] moves
//! when [`FlowTable::ingest`] is called and at no other time.

mod clock;
mod compact;
mod copies;
mod count;
mod facts;
mod history;
mod ledger;
mod ledgers;
mod order;
mod ring;
mod series;
mod span;
mod table;
mod tcp;

use std::time::Duration;

use probe_common::parse::number::tcp::RST;
use probe_common::{Direction, FlowKey};

pub use clock::{Block, Clock, SLOTS};
pub use copies::{Conversation, conversation};
pub use count::Count;
pub use history::History;
pub use ledger::{Ledger, Sums};
use ledgers::Ledgers;
pub use series::Series;
pub use span::Span;
pub use table::FlowTable;
#[cfg(test)]
pub use table::Limits;
pub use tcp::TcpState;

use crate::model::{FlowCounts, FlowFacts, Moment};

/// One flow, both directions of it. Arrays are indexed by [`Direction`].
#[derive(Clone, Debug)]
pub struct Flow {
    /// Which flow.
    pub key: FlowKey,
    /// The start of the interval that had its first packet, or the first of
    /// its current TCP connection when the ports are used again.
    pub first_seen: Moment,
    /// The end of the last interval that had a packet of it.
    pub last_seen: Moment,
    /// All that was counted since it is in the table.
    pub counts: [Count; 2],
    /// The largest packet, in bytes as the device counts them.
    pub largest: [u32; 2],
    /// TTL or hop limit of the last packet that had one, or 0. Intervals with a reset do
    /// not change what is known.
    pub hop_limit: [u8; 2],
    /// All TCP flags of the current connection, or-ed.
    pub tcp_flags: [u8; 2],
    /// Where the connection stands; nothing for what is not TCP, and for
    /// fragments, which carry no flags.
    pub tcp: Option<TcpState>,
    /// Whether its ports may have been used again in the interval in which it
    /// ended: there was a SYN, too, and flags do not show which came first.
    may_live: bool,
    /// What else is known of the current connection: the counts of its TCP
    /// headers summed, its sockets as they were last; nothing for most flows.
    pub facts: Option<Box<FlowFacts>>,
    /// What was counted lately.
    pub history: History,
}

impl Flow {
    /// A flow without packets whose first interval starts at `first_seen`.
    fn new(key: FlowKey, first_seen: Moment) -> Self {
        Self {
            key,
            first_seen,
            last_seen: first_seen,
            counts: [Count::default(); 2],
            largest: [0; 2],
            hop_limit: [0; 2],
            tcp_flags: [0; 2],
            tcp: None,
            may_live: false,
            facts: None,
            history: History::default(),
        }
    }

    /// Bytes per second over about the last `window`; see [`History::rate`].
    #[must_use]
    pub fn rate(&self, direction: Direction, window: Duration, clock: &Clock) -> f64 {
        self.history.rate(direction, window, clock)
    }

    /// Whether it is a TCP connection that has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.tcp.is_some_and(TcpState::is_closed)
    }

    /// Whether these flags of an interval end what was an open connection before.
    fn is_ended_by(&self, flags: [u8; 2]) -> bool {
        let was_open = matches!(self.tcp, Some(TcpState::Open | TcpState::Closing));
        let both = [0, 1].map(|side| self.tcp_flags[side] | flags[side]);
        was_open && TcpState::from_flags(both).is_some_and(TcpState::is_closed)
    }

    /// Whether one end has sent packets and the other none.
    #[must_use]
    pub fn is_one_way(&self) -> bool {
        let [r#in, out] = self.counts;
        (r#in.packets == 0) != (out.packets == 0)
    }

    /// How long it has had no packet, 0 when the last interval had one.
    #[must_use]
    pub fn idle(&self, now: Moment) -> Duration {
        now.saturating_sub(self.last_seen)
    }

    /// How long ago it was first seen.
    #[must_use]
    pub fn age(&self, now: Moment) -> Duration {
        now.saturating_sub(self.first_seen)
    }

    /// Adds what the interval that begins at `start` and ends at the clock's
    /// now has counted.
    fn record(&mut self, counts: &FlowCounts, start: Moment, clock: &Clock) {
        let value = &counts.value;
        let flags = value.directions.map(|counters| counters.tcp_flags);
        let begins = tcp::opens(flags) && (self.is_closed() || self.is_ended_by(flags));
        if begins {
            self.first_seen = start;
            self.tcp_flags = [0; 2];
            self.history = History::default();
            self.facts = None;
        } else if self.may_live && tcp::lives(flags) {
            self.tcp_flags = [0; 2];
        }
        for direction in Direction::BOTH {
            let side = direction as usize;
            let counters = &value.directions[side];
            self.counts[side] += Count::from(counters);
            self.largest[side] = self.largest[side].max(counters.largest);
            self.tcp_flags[side] |= flags[side];
            // The field is 0 where the packets of the interval had none. A reset may be by
            // somebody else, which its hop limit shows beside that of the others.
            let is_reset = flags[side] & RST != 0 && self.hop_limit[side] != 0;
            if counters.hop_limit != 0 && !is_reset {
                self.hop_limit[side] = counters.hop_limit;
            }
        }
        self.tcp = TcpState::from_flags(self.tcp_flags);
        self.may_live = self.is_closed() && tcp::opens(flags);
        if let Some(facts) = &counts.facts {
            facts::add(self.facts.get_or_insert_default(), facts);
        }
        self.last_seen = clock.now();
        let [bytes, packets] = [
            value.directions.map(|c| c.bytes),
            value.directions.map(|c| c.packets),
        ];
        self.history.record(bytes, packets, clock);
    }
}
