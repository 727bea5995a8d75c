//! User space's side of the flow table: reading and clearing it in place, and
//! taking slots back from flows that have gone.
//!
//! The layout is in `probe_common::table`; `ARCHITECTURE.md` has the protocol and
//! why it is exact. There is one owner, which calls, an epoch after the other,
//! [`FlowTable::collect`] after the grace period that ends it, and then
//! [`FlowTable::tidy`].

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashTable;
use probe_common::parse::number::ip;
use probe_common::table::protocol::{self, OwnerWords};
use probe_common::table::{Geometry, SLOTS, slot, tcp, unpack_counts};
use probe_common::{Counters, Direction, FlowKey, SocketRecord};

use fit::Fit;

use crate::model::{FlowCounts, Socket, TcpCounts, TcpSocket};
use crate::sys::{self, MappedArray};

/// Slots for each flow that is to fit: with half of them in use, one flow in ten
/// thousand finds no room.
pub const SLOTS_PER_FLOW: u32 = 2;

/// Slots that are read ahead of the one that is being read.
const AHEAD: usize = 12;
/// A part of the table that one turn looks through for idle flows.
const SCAN: usize = 16;

/// A slot without a user.
const FREE: u16 = 0;
/// A slot that is retired.
const RETIRED: u16 = 1;
/// From here on, the epoch of the slot's last packet, modulo the rest.
const FIRST_EPOCH: u16 = 2;

/// The table in this process's memory, and what is remembered of its slots.
pub struct FlowTable {
    slots: MappedArray,
    tcp: MappedArray,
    dirty: MappedArray,
    seeds: [u64; probe_common::table::SEEDS],
    fit: Fit,
    /// Of each slot: [`FREE`], [`RETIRED`], or when its flow last had a packet.
    last: Vec<u16>,
    in_use: usize,
    /// Slots that are retired.
    retired: Vec<u32>,
    /// Where the search for idle flows goes on.
    scanned: usize,
    /// Buffers that each turn needs: the slots with counts, and where their flows
    /// are in the result, by tag.
    found: Vec<u32>,
    positions: Vec<u32>,
    by_tag: HashTable<(u32, u32)>,
}

/// Words that are mapped.
#[derive(Clone, Copy)]
struct Words<'a>(&'a [AtomicU64]);

impl OwnerWords for Words<'_> {
    fn load_acquire(self, word: usize) -> u64 {
        self.0[word].load(Ordering::Acquire)
    }

    fn load(self, word: usize) -> u64 {
        self.0[word].load(Ordering::Relaxed)
    }

    fn store(self, word: usize, value: u64) {
        self.0[word].store(value, Ordering::Relaxed);
    }

    fn store_release(self, word: usize, value: u64) {
        self.0[word].store(value, Ordering::Release);
    }

    fn and(self, word: usize, bits: u64) {
        self.0[word].fetch_and(bits, Ordering::Relaxed);
    }
}

/// The pages of a table for this many flows.
#[must_use]
pub const fn pages_for(flows: u32) -> u32 {
    let slots = flows as u64 * SLOTS_PER_FLOW as u64;
    slots.div_ceil(SLOTS as u64) as u32
}

impl FlowTable {
    /// The table in these maps, which are still empty.
    ///
    /// # Errors
    /// When they are not laid out as expected.
    pub fn new(
        slots: BorrowedFd<'_>,
        tcp_lines: BorrowedFd<'_>,
        dirty: BorrowedFd<'_>,
    ) -> io::Result<Self> {
        let slots = MappedArray::new(slots, SLOTS * slot::WORDS)?;
        let total = slots.len();
        // Nobody must be able to choose flows that all meet in one page.
        let random = RandomState::new();
        Ok(Self {
            slots,
            tcp: MappedArray::new(tcp_lines, SLOTS * tcp::WORDS)?,
            dirty: MappedArray::new(dirty, 1)?,
            seeds: std::array::from_fn(|index| random.hash_one(index)),
            fit: Fit::new(total),
            last: vec![FREE; total * SLOTS],
            in_use: 0,
            retired: Vec::new(),
            scanned: 0,
            found: Vec::new(),
            positions: Vec::new(),
            by_tag: HashTable::new(),
        })
    }

    /// What the programs must know.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        Geometry {
            pages: u32::try_from(self.fit.pages()).unwrap_or(u32::MAX),
            total: u32::try_from(self.slots.len()).unwrap_or(u32::MAX),
            seeds: self.seeds,
        }
    }

    /// Slots in use, those of idle flows included.
    #[must_use]
    pub const fn in_use(&self) -> usize {
        self.in_use
    }

    /// All slots.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.last.len()
    }

    /// Takes the counts of an epoch that has ended: no program writes them any
    /// more. Each flow is there once. `sockets` are the socket records of that epoch.
    ///
    /// # Errors
    /// When a part of the table cannot be mapped.
    pub fn collect(&mut self, epoch: u32, sockets: &[SocketRecord]) -> io::Result<Vec<FlowCounts>> {
        self.find(epoch)?;
        let mut flows: Vec<FlowCounts> = Vec::with_capacity(self.found.len());
        self.by_tag.clear();
        self.positions.clear();
        let now = moment(epoch);
        for place in 0..self.found.len() {
            if let Some(&ahead) = self.found.get(place + AHEAD) {
                let words = self.words(ahead)?;
                sys::prefetch(&words[0]);
                sys::prefetch(&words[slot::COUNTS]);
            }
            let number = self.found[place];
            let last = &mut self.last[number as usize];
            match *last {
                RETIRED => {}
                FREE => {
                    self.in_use += 1;
                    *last = now;
                }
                _ => {
                    self.fit.touched(*last, now);
                    *last = now;
                }
            }
            let (tag, counts) = self.take(number, epoch)?;
            let position = match self.by_tag.find(spread(tag), |&(other, position)| {
                other == tag && flows[position as usize].key == counts.key
            }) {
                // The flow has a second slot: two CPUs saw it first at the same time,
                // or it was retired just when it went on.
                Some(&(_, position)) => {
                    add(&mut flows[position as usize], &counts);
                    position
                }
                None => {
                    let position = flows.len() as u32;
                    flows.push(counts);
                    self.by_tag
                        .insert_unique(spread(tag), (tag, position), |&(tag, _)| spread(tag));
                    position
                }
            };
            self.positions.push(position);
        }
        for record in sockets {
            // They were found in ascending order.
            if let Ok(place) = self.found.binary_search(&record.slot)
                && let Some(direction) = Direction::from_number(record.direction)
            {
                let flow = &mut flows[self.positions[place] as usize];
                flow.facts.get_or_insert_default().sockets[direction as usize] =
                    Some(socket(record));
            }
        }
        Ok(flows)
    }

    /// Takes slots back after `epoch` has been collected. Between two calls there
    /// must have been a grace period. Returns whether the programs need the new geometry.
    ///
    /// # Errors
    /// When a part of the table cannot be mapped.
    pub fn tidy(&mut self, epoch: u32) -> io::Result<bool> {
        self.free()?;
        self.retire(epoch)?;
        let kept = self.in_use - self.retired.len();
        Ok(self.fit.change(kept, moment(epoch)))
    }

    /// The slots with counts in the epoch, ascending.
    fn find(&mut self, epoch: u32) -> io::Result<()> {
        let parity = epoch as usize & 1;
        self.found.clear();
        for row in 0..self.dirty.len() {
            let mut bits = protocol::take_dirty(Words(self.dirty.element(row)?), parity);
            while bits != 0 {
                let at = bits.trailing_zeros();
                self.found.push(row as u32 * SLOTS as u32 + at);
                bits &= bits - 1;
            }
        }
        Ok(())
    }

    fn words(&self, number: u32) -> io::Result<&[AtomicU64]> {
        let (row, at) = (number as usize / SLOTS, number as usize % SLOTS);
        Ok(&self.slots.element(row)?[at * slot::WORDS..][..slot::WORDS])
    }

    fn tcp_words(&self, number: u32) -> io::Result<&[AtomicU64]> {
        let (row, at) = (number as usize / SLOTS, number as usize % SLOTS);
        Ok(&self.tcp.element(row)?[at * tcp::WORDS..][..tcp::WORDS])
    }

    /// The slot's counts of an epoch, which are then zero.
    fn take(&self, number: u32, epoch: u32) -> io::Result<(u32, FlowCounts)> {
        let parity = (epoch & 1) as usize;
        let words = self.words(number)?;
        let protocol::Taken {
            tag,
            key,
            flags,
            counts,
        } = protocol::take(Words(words), parity);
        let mut flow = FlowCounts {
            key: FlowKey::unpack(key),
            ..FlowCounts::default()
        };
        let meta = words[slot::META].load(Ordering::Relaxed);
        for (direction, counters) in flow.value.directions.iter_mut().enumerate() {
            let [hot, more] = counts[direction];
            let (packets, bytes, extra_segments) = unpack_counts(hot, more);
            if packets == 0 {
                continue;
            }
            let meta = (meta >> (direction * 32)) as u32;
            *counters = Counters {
                packets,
                extra_segments,
                bytes,
                largest: meta >> 8,
                window: 0,
                tcp_flags: (flags >> (direction * 8)) as u8,
                hop_limit: meta as u8,
            };
        }
        if flow.key.protocol == ip::TCP {
            self.take_tcp(number, &mut flow)?;
        }
        Ok((tag, flow))
    }

    /// What TCP has shown until now: not of one epoch, but each once.
    fn take_tcp(&self, number: u32, flow: &mut FlowCounts) -> io::Result<()> {
        let words = self.tcp_words(number)?;
        let mut counts = [TcpCounts::default(); 2];
        for direction in 0..2 {
            let words = &words[direction * tcp::DIRECTION..][..tcp::DIRECTION];
            let take = |index: usize| match words[index].load(Ordering::Relaxed) {
                0 => 0,
                _ => words[index].swap(0, Ordering::Relaxed),
            };
            let retransmitted = take(tcp::RETRANSMITTED);
            let odd = take(tcp::ODD);
            let mut last = words[tcp::LAST].load(Ordering::Relaxed);
            if last >> tcp::FLAGS != 0 {
                // The lower half is what lasts.
                last = words[tcp::LAST].fetch_and(u64::from(u32::MAX), Ordering::Relaxed);
            }
            let [.., syn, syn_ack, fin, rst] = last.to_le_bytes();
            counts[direction] = TcpCounts {
                retransmitted: (retransmitted >> tcp::RETRANSMITTED_BYTES) as u32,
                retransmitted_bytes: retransmitted & ((1 << tcp::RETRANSMITTED_BYTES) - 1),
                gaps: (odd >> tcp::GAPS.0) as u32,
                duplicate_acks: (odd >> tcp::DUPLICATE_ACKS.0 & 0xff_ffff) as u32,
                zero_windows: (odd & 0xf_ffff) as u32,
                syn,
                syn_ack,
                fin,
                rst,
            };
            let counters = &mut flow.value.directions[direction];
            if counters.packets != 0 {
                counters.window = last as u16;
            }
        }
        if counts != [TcpCounts::default(); 2] {
            flow.facts.get_or_insert_default().tcp = counts;
        }
        Ok(())
    }

    /// Empties the slots that were retired before the last grace period: nobody
    /// holds them any more.
    fn free(&mut self) -> io::Result<()> {
        let mut retired = std::mem::take(&mut self.retired);
        let mut result = Ok(());
        retired.retain(|&number| match self.try_free(number) {
            Ok(true) => {
                self.last[number as usize] = FREE;
                self.in_use -= 1;
                false
            }
            Ok(false) => true,
            Err(error) => {
                result = Err(error);
                true
            }
        });
        self.retired = retired;
        result
    }

    /// Makes a retired slot empty. Not one with counts: programs that had found it
    /// may have added to the running epoch, which is read first.
    fn try_free(&self, number: u32) -> io::Result<bool> {
        protocol::free(Words(self.words(number)?), || {
            for word in self.tcp_words(number)? {
                word.store(0, Ordering::Relaxed);
            }
            Ok(())
        })
    }

    /// Retires flows that have been idle for long: the fuller the table, the sooner.
    fn retire(&mut self, epoch: u32) -> io::Result<()> {
        let total = self.last.len();
        let (patience, scan) = match self.in_use * 4 / total.max(1) {
            0 => (20, SCAN),
            1 => (3, SCAN),
            _ => (1, 1),
        };
        if self.in_use == 0 {
            return Ok(());
        }
        let now = moment(epoch);
        let count = total.div_ceil(scan);
        for _ in 0..count {
            let number = self.scanned;
            self.scanned = (self.scanned + 1) % total;
            let last = self.last[number];
            if last < FIRST_EPOCH || age(now, last) < patience {
                continue;
            }
            let number = number as u32;
            protocol::retire(Words(self.words(number)?));
            self.fit.touched(last, now);
            self.last[number as usize] = RETIRED;
            self.retired.push(number);
        }
        Ok(())
    }
}

/// What is remembered of an epoch.
const fn moment(epoch: u32) -> u16 {
    FIRST_EPOCH + (epoch % EPOCHS as u32) as u16
}

/// Epochs that can be distinguished; a slot is visited long before they
/// come round.
const EPOCHS: u16 = u16::MAX - FIRST_EPOCH;

/// Epochs from one moment to another.
const fn age(now: u16, then: u16) -> u16 {
    if now >= then {
        now - then
    } else {
        EPOCHS - (then - now)
    }
}

/// A tag as a hash of which all bits are used.
const fn spread(tag: u32) -> u64 {
    (tag as u64) << 32 | tag as u64
}

/// Adds the counts of a flow's other slot.
fn add(flow: &mut FlowCounts, other: &FlowCounts) {
    for (sum, counters) in flow.value.directions.iter_mut().zip(other.value.directions) {
        if counters.packets == 0 {
            continue;
        }
        sum.packets += counters.packets;
        sum.extra_segments += counters.extra_segments;
        sum.bytes += counters.bytes;
        sum.largest = sum.largest.max(counters.largest);
        sum.window = counters.window;
        sum.tcp_flags |= counters.tcp_flags;
        sum.hop_limit = counters.hop_limit;
    }
    let Some(other) = &other.facts else {
        return;
    };
    let facts = flow.facts.get_or_insert_default();
    for (sum, counts) in facts.tcp.iter_mut().zip(other.tcp) {
        *sum += counts;
    }
}

fn socket(record: &SocketRecord) -> Socket {
    Socket {
        cookie: record.cookie,
        cgroup: record.cgroup,
        tcp: (record.is_tcp != 0).then_some(TcpSocket {
            srtt: record.srtt,
            min_rtt: (record.min_rtt != u32::MAX).then_some(record.min_rtt),
            cwnd: record.cwnd,
            mss: record.mss,
            total_retrans: record.total_retrans,
            packets_out: record.packets_out,
        }),
    }
}

mod fit;
#[cfg(test)]
mod tests;
