//! The flows of intervals, as what has changed since each was last seen.
//!
//! A flow gets the next number when it is first seen after a keyframe; its key is
//! written then. From then on an interval has its number, a bit for each word that
//! is not as it was, and by how much these have changed. Numbers, bits and changes
//! are columns of their own, which compress better.

use hashbrown::HashMap;
use probe_common::{Counters, FlowKey, FlowValue};
use serde::{Deserialize, Serialize};

use super::varint;
use crate::model::{FlowCounts, FlowFacts, Socket, TcpCounts, TcpSocket};

/// Words of a flow's counts.
const COUNTS: usize = 14;
/// Words of what else is known: of each direction nine of TCP and nine of the socket.
const FACTS: usize = 36;
/// The bit, behind those of the counts, of a flow with facts.
const HAS_FACTS: u64 = 1 << COUNTS;

/// The flows of an interval.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Columns {
    /// How many.
    count: u32,
    /// The keys of those that are new.
    keys: Vec<FlowKey>,
    /// The number of each, as the difference from the one before.
    numbers: Vec<u8>,
    /// Which words have changed.
    masks: Vec<u8>,
    /// By how much.
    changes: Vec<u8>,
}

/// What was last seen of a flow.
#[derive(Clone, Debug, Default)]
struct Last {
    value: FlowValue,
    facts: Option<Box<FlowFacts>>,
}

/// Writes flows.
#[derive(Debug, Default)]
pub struct Encoder {
    numbers: HashMap<FlowKey, u32, foldhash::fast::RandomState>,
    last: Vec<Last>,
}

/// Reads flows.
#[derive(Debug, Default)]
pub struct Decoder {
    keys: Vec<FlowKey>,
    last: Vec<Last>,
}

impl Encoder {
    /// How many flows it knows.
    pub fn len(&self) -> usize {
        self.last.len()
    }

    /// The flows of the next interval.
    pub fn encode(&mut self, flows: &[FlowCounts]) -> Columns {
        let mut columns = Columns {
            count: flows.len() as u32,
            ..Columns::default()
        };
        let mut before = 0;
        for flow in flows {
            let number = *self.numbers.entry(flow.key).or_insert_with(|| {
                columns.keys.push(flow.key);
                self.last.push(Last::default());
                self.last.len() as u32 - 1
            });
            varint::put_change(&mut columns.numbers, before, number.into());
            before = number.into();
            columns.flow(&mut self.last[number as usize], flow);
        }
        columns
    }
}

impl Columns {
    fn flow(&mut self, last: &mut Last, flow: &FlowCounts) {
        let mask = self.words(&counts(&last.value), &counts(&flow.value));
        last.value = flow.value;
        let has_facts = if flow.facts.is_some() { HAS_FACTS } else { 0 };
        varint::put(&mut self.masks, mask | has_facts);
        if let Some(facts) = &flow.facts {
            let known = last.facts.get_or_insert_default();
            let before = words_of(known, known);
            let mask = self.words(&before, &words_of(facts, known));
            varint::put(&mut self.masks, mask);
            known.tcp = facts.tcp;
            for (known, socket) in known.sockets.iter_mut().zip(facts.sockets) {
                *known = socket.or(*known);
            }
        }
    }

    /// Writes the words that are not as before, and returns which.
    fn words<const N: usize>(&mut self, before: &[u64; N], now: &[u64; N]) -> u64 {
        let mut mask = 0;
        for (bit, (&before, &now)) in before.iter().zip(now).enumerate() {
            if before != now {
                mask |= 1 << bit;
                varint::put_change(&mut self.changes, before, now);
            }
        }
        mask
    }
}

impl Decoder {
    /// The flows of the next interval; nothing when the columns contradict each
    /// other.
    pub fn decode(&mut self, columns: &Columns) -> Option<Vec<FlowCounts>> {
        let mut keys = columns.keys.iter();
        let [mut numbers, mut masks, mut changes] =
            [&columns.numbers, &columns.masks, &columns.changes].map(Vec::as_slice);
        // A flow takes a byte of each column at least.
        let mut flows = Vec::with_capacity((columns.count as usize).min(numbers.len()));
        let mut before = 0;
        for _ in 0..columns.count {
            let number = varint::take_change(&mut numbers, before)?;
            before = number;
            let place = usize::try_from(number).ok()?;
            if place == self.last.len() {
                self.keys.push(*keys.next()?);
                self.last.push(Last::default());
            }
            let last = self.last.get_mut(place)?;
            let mask = varint::take(&mut masks)?;
            let words = take_words(&mut changes, mask & !HAS_FACTS, counts(&last.value))?;
            last.value = value(&words)?;
            let facts = if mask & HAS_FACTS == 0 {
                None
            } else {
                let known = last.facts.get_or_insert_default();
                let mask = varint::take(&mut masks)?;
                let words = take_words(&mut changes, mask, words_of(known, known))?;
                let facts = facts(&words)?;
                known.tcp = facts.tcp;
                for (known, socket) in known.sockets.iter_mut().zip(facts.sockets) {
                    *known = socket.or(*known);
                }
                Some(Box::new(facts))
            };
            flows.push(FlowCounts {
                key: self.keys[place],
                value: last.value,
                facts,
            });
        }
        let is_all =
            keys.next().is_none() && [numbers, masks, changes].iter().all(|rest| rest.is_empty());
        is_all.then_some(flows)
    }
}

fn take_words<const N: usize>(
    changes: &mut &[u8],
    mask: u64,
    mut words: [u64; N],
) -> Option<[u64; N]> {
    if mask >> N != 0 {
        return None;
    }
    for (bit, word) in words.iter_mut().enumerate() {
        if mask >> bit & 1 == 1 {
            *word = varint::take_change(changes, *word)?;
        }
    }
    Some(words)
}

/// What changes most often comes first, so that the bits of most flows fit a byte.
fn counts(FlowValue { directions: [a, b] }: &FlowValue) -> [u64; COUNTS] {
    [
        a.packets,
        b.packets,
        a.bytes,
        b.bytes,
        a.window.into(),
        b.window.into(),
        a.extra_segments,
        b.extra_segments,
        a.largest.into(),
        b.largest.into(),
        a.tcp_flags.into(),
        b.tcp_flags.into(),
        a.hop_limit.into(),
        b.hop_limit.into(),
    ]
}

/// The inverse of [`counts`].
fn value(words: &[u64; COUNTS]) -> Option<FlowValue> {
    let direction = |side: usize| {
        let word = |number: usize| words[2 * number + side];
        Some(Counters {
            packets: word(0),
            bytes: word(1),
            window: word(2).try_into().ok()?,
            extra_segments: word(3),
            largest: word(4).try_into().ok()?,
            tcp_flags: word(5).try_into().ok()?,
            hop_limit: word(6).try_into().ok()?,
        })
    };
    Some(FlowValue {
        directions: [direction(0)?, direction(1)?],
    })
}

/// The fields in a socket's first word.
mod socket {
    pub const NONE: u64 = 0;
    pub const OTHER: u64 = 1;
    pub const TCP: u64 = 2;
    pub const TCP_WITHOUT_LEAST: u64 = 3;
}

/// The words of facts. Of a socket that is not there they are what is known of it,
/// so that its return costs nothing.
fn words_of(facts: &FlowFacts, known: &FlowFacts) -> [u64; FACTS] {
    let mut words = [0; FACTS];
    for side in 0..2 {
        let tcp = &facts.tcp[side];
        let counts = [
            tcp.retransmitted.into(),
            tcp.retransmitted_bytes,
            tcp.gaps.into(),
            tcp.duplicate_acks.into(),
            tcp.zero_windows.into(),
            tcp.syn.into(),
            tcp.syn_ack.into(),
            tcp.fin.into(),
            tcp.rst.into(),
        ];
        let kind = match &facts.sockets[side] {
            None => socket::NONE,
            Some(Socket { tcp: None, .. }) => socket::OTHER,
            Some(Socket { tcp: Some(tcp), .. }) if tcp.min_rtt.is_none() => {
                socket::TCP_WITHOUT_LEAST
            }
            Some(_) => socket::TCP,
        };
        let known = facts.sockets[side]
            .or(known.sockets[side])
            .unwrap_or_default();
        let state = known.tcp.unwrap_or_default();
        let socket = [
            kind,
            known.cookie,
            known.cgroup,
            state.srtt.into(),
            state.min_rtt.unwrap_or_default().into(),
            state.cwnd.into(),
            state.mss.into(),
            state.total_retrans.into(),
            state.packets_out.into(),
        ];
        for (number, (count, word)) in counts.into_iter().zip(socket).enumerate() {
            // Sockets change each time, counts of TCP seldom.
            words[2 * number + side] = word;
            words[2 * (9 + number) + side] = count;
        }
    }
    words
}

/// The inverse of [`words_of`].
fn facts(words: &[u64; FACTS]) -> Option<FlowFacts> {
    let mut facts = FlowFacts::default();
    for side in 0..2 {
        let word = |number: usize| words[2 * number + side];
        let short = |number: usize| u32::try_from(word(number)).ok();
        let byte = |number: usize| u8::try_from(word(number)).ok();
        facts.tcp[side] = TcpCounts {
            retransmitted: short(9)?,
            retransmitted_bytes: word(10),
            gaps: short(11)?,
            duplicate_acks: short(12)?,
            zero_windows: short(13)?,
            syn: byte(14)?,
            syn_ack: byte(15)?,
            fin: byte(16)?,
            rst: byte(17)?,
        };
        let tcp = TcpSocket {
            srtt: short(3)?,
            min_rtt: Some(short(4)?),
            cwnd: short(5)?,
            mss: short(6)?,
            total_retrans: short(7)?,
            packets_out: short(8)?,
        };
        let of = |tcp| Socket {
            cookie: word(1),
            cgroup: word(2),
            tcp,
        };
        facts.sockets[side] = match word(0) {
            socket::NONE => None,
            socket::OTHER => Some(of(None)),
            socket::TCP => Some(of(Some(tcp))),
            socket::TCP_WITHOUT_LEAST => Some(of(Some(TcpSocket {
                min_rtt: None,
                ..tcp
            }))),
            _ => return None,
        };
    }
    Some(facts)
}
