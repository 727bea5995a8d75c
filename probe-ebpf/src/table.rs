//! The flow table: open addressing in an array of pages, which user space reads
//! and clears in place. `ARCHITECTURE.md` explains why nothing is lost.
//!
//! Nothing here waits: a program may be interrupted anywhere by another one.

use core::arch::asm;

use probe_common::table::{
    Geometry, KEY_WORDS, PROBES, SEEDS, SLOTS,
    protocol::{self, ProgramWords},
    slot, state,
};

use crate::maps;

/// Two windows are tried, each in a page of its own.
const WINDOWS: u64 = 2;

/// The last slot of a page, which is a mask as well.
const LAST: i32 = SLOTS as i32 - 1;

/// A slot in its page.
#[derive(Clone, Copy)]
pub struct Slot {
    words: *mut u64,
    /// The page.
    pub row: u32,
    /// The slot's number in the page.
    pub at: u64,
    /// Whether the flow has just been given it.
    pub is_new: bool,
}

/// What is added to a flow.
pub struct Step {
    pub len: u32,
    pub extra_segments: u64,
    pub tcp_flags: u8,
    pub hop_limit: u8,
}

impl Slot {
    /// The flow's slot, or an empty one that is now its own; nothing when there is
    /// no room.
    #[inline(always)]
    pub fn of(key: [u64; KEY_WORDS]) -> Option<Self> {
        let geometry = maps::geometry()?;
        // SAFETY: maps' memory, within the bounds that the verifier checks.
        unsafe {
            let hash = hash(key, (&raw const (*geometry).seeds).cast());
            let tag = hash >> 32;
            let pages = u64::from((&raw const (*geometry).pages).read_volatile());
            let mut row = ((tag * pages) >> 32) as u32;
            let mut position = tag;
            let mut page = maps::page(row)?;
            let mut at = masked::<LAST>(position);
            let mut words = slot_of(page, at);
            // Three of four flows are where they are looked for first.
            if protocol::differences(Words(words), words.read_volatile(), tag, key) == 0 {
                return Some(Self {
                    words,
                    row,
                    at,
                    is_new: false,
                });
            }
            let mut tried = 0_u64;
            while tried < PROBES * WINDOWS {
                if tried == PROBES {
                    // Behind the pages that are now full, where there are any.
                    let total = u64::from((&raw const (*geometry).total).read_volatile());
                    let start = if pages < total { pages } else { 0 };
                    row = (start + (((hash & 0xffff_ffff) * (total - start)) >> 32)) as u32;
                    position = hash;
                    page = maps::page(row)?;
                }
                at = masked::<LAST>(position);
                words = slot_of(page, at);
                let found = words.read_volatile();
                // Both, always: each branch of the loop is followed in each round.
                if protocol::differences(Words(words), found, tag, key) == 0 {
                    return Some(Self {
                        words,
                        row,
                        at,
                        is_new: false,
                    });
                }
                if found == state::EMPTY && protocol::claim(Words(words), tag, key) {
                    return Some(Self {
                        words,
                        row,
                        at,
                        is_new: true,
                    });
                }
                position = position.wrapping_add(1);
                tried += 1;
            }
            None
        }
    }

    /// The slot's number in the table.
    #[inline(always)]
    pub fn number(self) -> u32 {
        self.row * SLOTS as u32 + self.at as u32
    }

    /// Counts a packet of one direction; true for the first in the epoch.
    #[inline(always)]
    pub fn add(self, side: u32, epoch: u32, step: &Step) -> bool {
        let Step {
            len,
            extra_segments,
            tcp_flags,
            hop_limit,
        } = *step;
        let parity = (epoch & 1) as usize;
        // SAFETY: the slot is in a map's memory. Other CPUs and user space write
        // to the same words, so no reference is made and all adds are atomic.
        unsafe {
            let is_first = protocol::count(
                Words(self.words),
                side as usize,
                parity,
                len,
                extra_segments,
                || {
                    if let Some(dirty) = maps::dirty(self.row) {
                        atomic_or(dirty, protocol::dirty_bit(parity as u64, self.at));
                    }
                },
            );
            let flags = u64::from(tcp_flags) << (32 + (parity as u32 * 2 + side) * 8);
            let seen = self.words.add(slot::FLAGS);
            if seen.read_volatile() & flags != flags {
                atomic_or(seen, flags);
            }
            let meta = self.words.add(slot::META).cast::<u32>().add(side as usize);
            let was = meta.read_volatile();
            let hop_limit = u32::from(hop_limit);
            let largest = was >> 8;
            if largest < len || was & 0xff != hop_limit {
                meta.write_volatile(largest.max(len) << 8 | hop_limit);
            }
            is_first
        }
    }
}

/// A slot's words.
#[derive(Clone, Copy)]
struct Words(*mut u64);

// SAFETY of all of it: a slot of a map's page, and words within it. Other CPUs and
// user space write to it at the same time, so no reference is made.
impl ProgramWords for Words {
    #[inline(always)]
    fn load(self, word: usize) -> u64 {
        // SAFETY: see above.
        unsafe { self.0.add(word).read() }
    }

    #[inline(always)]
    fn store(self, word: usize, value: u64) {
        // SAFETY: see above.
        unsafe { self.0.add(word).write(value) }
    }

    #[inline(always)]
    fn store_lower(self, word: usize, value: u32) {
        // SAFETY: see above.
        unsafe { self.0.add(word).cast::<u32>().write(value) }
    }

    #[inline(always)]
    fn compare_exchange(self, word: usize, expected: u64, new: u64) -> u64 {
        let mut found = expected;
        // SAFETY: see above.
        unsafe {
            asm!(
                "r0 = cmpxchg_64({p} + 0, r0, {new})",
                p = in(reg) self.0.add(word),
                new = in(reg) new,
                inout("r0") found,
            );
        }
        found
    }

    #[inline(always)]
    fn exchange(self, word: usize, value: u64) {
        let mut live = value;
        // SAFETY: see above.
        unsafe {
            asm!("{v} = xchg_64({p} + 0, {v})", p = in(reg) self.0.add(word), v = inout(reg) live);
        }
        let _ = live;
    }

    #[inline(always)]
    fn fetch_add(self, word: usize, value: u64) -> u64 {
        // SAFETY: see above.
        unsafe { fetch_add(self.0.add(word), value) }
    }

    #[inline(always)]
    fn add(self, word: usize, value: u64) {
        // SAFETY: see above.
        unsafe { atomic_add(self.0.add(word), value) }
    }

    #[inline(always)]
    fn or(self, word: usize, bits: u64) {
        // SAFETY: see above.
        unsafe { atomic_or(self.0.add(word), bits) }
    }

    #[inline(always)]
    fn opaque(mut number: u64) -> u64 {
        // SAFETY: no instruction at all.
        unsafe { asm!("/* {n} */", n = inout(reg) number) };
        number
    }

    #[inline(always)]
    fn bounded(word: usize) -> usize {
        masked::<{ slot::WORDS as i32 - 1 }>(word as u64) as usize
    }
}

/// Pairs of 32-bit words with 64-bit seeds, of which the upper bits are
/// 2-universal; mixed afterwards, without which structured addresses and ports
/// meet in few pages.
#[inline(always)]
unsafe fn hash(key: [u64; KEY_WORDS], seeds: *const u64) -> u64 {
    // SAFETY: the caller's: there are SEEDS of them.
    unsafe {
        let seed = |index: usize| seeds.add(index).read();
        let pair = |index: usize| {
            let high = seed(2 * index).wrapping_add(key[index] >> 32);
            let low = seed(2 * index + 1).wrapping_add(key[index] & 0xffff_ffff);
            high.wrapping_mul(low)
        };
        let mut hash = seed(SEEDS - 1)
            .wrapping_add(pair(0))
            .wrapping_add(pair(1))
            .wrapping_add(pair(2))
            .wrapping_add(pair(3))
            .wrapping_add(pair(4))
            .wrapping_add(seed(10).wrapping_mul(key[5]));
        hash ^= hash >> 32;
        hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

#[inline(always)]
fn slot_of(page: *mut u64, at: u64) -> *mut u64 {
    page.wrapping_add(at as usize * slot::WORDS)
}

/// The number's bits of `MASK`. The compiler must not see through it: it would
/// move the mask away from where the verifier looks.
#[inline(always)]
pub fn masked<const MASK: i32>(mut number: u64) -> u64 {
    // SAFETY: it only masks a register.
    unsafe { asm!("{n} &= {mask}", n = inout(reg) number, mask = const MASK) };
    number
}

/// `AtomicU64::fetch_add` does not compile for the BPF target.
///
/// # Safety
/// `pointer` is valid for writes and aligned.
#[inline(always)]
unsafe fn fetch_add(pointer: *mut u64, value: u64) -> u64 {
    let mut old = value;
    // SAFETY: the caller's.
    unsafe {
        asm!("{v} = atomic_fetch_add((u64 *)({p} + 0), {v})", p = in(reg) pointer, v = inout(reg) old);
    }
    old
}

/// # Safety
/// `pointer` is valid for writes and aligned.
#[inline(always)]
pub unsafe fn atomic_add(pointer: *mut u64, value: u64) {
    // SAFETY: the caller's.
    unsafe {
        asm!("lock *(u64 *)({p} + 0) += {v}", p = in(reg) pointer, v = in(reg) value);
    }
}

/// # Safety
/// `pointer` is valid for writes and aligned.
#[inline(always)]
unsafe fn atomic_or(pointer: *mut u64, value: u64) {
    // SAFETY: the caller's.
    unsafe {
        asm!("lock *(u64 *)({p} + 0) |= {v}", p = in(reg) pointer, v = in(reg) value);
    }
}

const _: () = assert!(slot::WORDS * SLOTS * 8 == 4096 && size_of::<Geometry>() == 8 + SEEDS * 8);
