//! How programs and user space write to a slot at the same time and lose nothing.
//! `ARCHITECTURE.md` says why that holds.
//!
//! Generic over how words are accessed: the same code runs in the kernel, in user
//! space and in the model that tries the orders in which it can happen.

use super::{
    BYTE_HALVES, BYTES, HALVES, KEY_WORDS, PACKET_HALVES, slot,
    state::{BUSY, EMPTY, LIVE, RETIRED},
};

/// A slot as programs see it. None of this waits, and a program may be interrupted
/// between any two of them.
pub trait ProgramWords: Copy {
    /// A plain load.
    fn load(self, word: usize) -> u64;
    /// A plain store.
    fn store(self, word: usize, value: u64);
    /// A plain store to the lower half; others may write to the upper one.
    fn store_lower(self, word: usize, value: u32);
    /// Stores `new` if the word is `expected`; returns what it was. A full barrier.
    fn compare_exchange(self, word: usize, expected: u64, new: u64) -> u64;
    /// Stores, with a full barrier.
    fn exchange(self, word: usize, value: u64);
    /// Adds; returns what it was.
    fn fetch_add(self, word: usize, value: u64) -> u64;
    /// Adds.
    fn add(self, word: usize, value: u64);
    /// Sets bits.
    fn or(self, word: usize, bits: u64);
    /// The same number, of which a compiler knows nothing.
    #[inline(always)]
    fn opaque(number: u64) -> u64 {
        number
    }
    /// The same index of a word, of which the kernel's verifier sees that it is in the
    /// slot: that of Linux 6.1 forgets it on the way here.
    #[inline(always)]
    fn bounded(word: usize) -> usize {
        word
    }
}

/// A slot as its owner sees it, who is alone: user space.
pub trait OwnerWords: Copy {
    /// Loads, and sees all that was stored before what it finds.
    fn load_acquire(self, word: usize) -> u64;
    /// A plain load.
    fn load(self, word: usize) -> u64;
    /// A plain store.
    fn store(self, word: usize, value: u64);
    /// Stores; whoever finds this sees all that was stored before.
    fn store_release(self, word: usize, value: u64);
    /// Keeps only these bits, atomically.
    fn and(self, word: usize, bits: u64);
}

/// What differs in the slot from a live flow with this tag and key: 0 if it is its.
/// `found` is the slot's state.
#[inline(always)]
pub fn differences<W: ProgramWords>(words: W, found: u64, tag: u64, key: [u64; KEY_WORDS]) -> u64 {
    let word = |index: usize| words.load(slot::KEY + index);
    let mut differs = word(0) ^ key[0];
    differs |= word(1) ^ key[1];
    differs |= word(2) ^ key[2];
    differs |= word(3) ^ key[3];
    differs |= word(4) ^ key[4];
    // The upper half has flags.
    differs |= (word(5) ^ key[5]) << 32;
    // Or the compiler would make a branch of each word.
    (found ^ (LIVE | tag)) | W::opaque(differs)
}

/// Whether the empty slot is the flow's now, with the key in it.
#[inline(always)]
pub fn claim<W: ProgramWords>(words: W, tag: u64, key: [u64; KEY_WORDS]) -> bool {
    if words.compare_exchange(slot::STATE, EMPTY, BUSY | tag) != EMPTY {
        return false;
    }
    // Who has changed EMPTY to BUSY alone writes the key, and it is not read before
    // the slot is LIVE.
    words.store(slot::KEY, key[0]);
    words.store(slot::KEY + 1, key[1]);
    words.store(slot::KEY + 2, key[2]);
    words.store(slot::KEY + 3, key[3]);
    words.store(slot::KEY + 4, key[4]);
    words.store_lower(slot::KEY + 5, key[5] as u32);
    words.exchange(slot::STATE, LIVE | tag);
    true
}

/// Counts a packet of one direction in the half of an epoch. For the first one in it
/// `is_first` is called, and this is true.
#[inline(always)]
pub fn count<W: ProgramWords>(
    words: W,
    direction: usize,
    parity: usize,
    len: u32,
    extra_segments: u64,
    is_first: impl FnOnce(),
) -> bool {
    let (hot, more) = (slot::hot(direction, parity), slot::more(direction, parity));
    let step = 1 << BYTES | u64::from(len);
    let old = words.fetch_add(hot, step);
    let carry = !old & old.wrapping_add(step) & HALVES;
    if carry != 0 {
        let packets = carry >> 63 << PACKET_HALVES;
        let bytes = (carry >> (BYTES - 1) & 1) << BYTE_HALVES;
        words.add(W::bounded(more), packets + bytes);
        words.add(hot, carry.wrapping_neg());
    }
    if extra_segments != 0 {
        words.add(W::bounded(more), extra_segments);
    }
    if old == 0 {
        is_first();
    }
    old == 0
}

/// The bit of a page's word in DIRTY that says that the slot has counts.
#[must_use]
#[inline(always)]
pub const fn dirty_bit(parity: u64, at: u64) -> u64 {
    1 << (parity * 32 + at)
}

/// Takes a page's bits of an epoch that has ended from its word in DIRTY.
pub fn take_dirty(word: impl OwnerWords, parity: usize) -> u32 {
    let shift = parity as u32 * 32;
    let bits = (word.load(0) >> shift) as u32;
    if bits != 0 {
        // The other half is being written.
        word.and(0, !(u64::from(u32::MAX) << shift));
    }
    bits
}

/// What a slot has of an epoch that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The hash's upper half.
    pub tag: u32,
    /// The flow.
    pub key: [u64; KEY_WORDS],
    /// Or-ed TCP flags, a byte a direction.
    pub flags: u16,
    /// For each direction the words of its counts.
    pub counts: [[u64; 2]; 2],
}

/// Takes a slot's counts of an epoch, which are then zero. No program writes them:
/// a grace period has passed since the next epoch began.
pub fn take(words: impl OwnerWords, parity: usize) -> Taken {
    let tag = words.load_acquire(slot::STATE) as u32;
    let mut key: [u64; KEY_WORDS] = core::array::from_fn(|index| words.load(slot::KEY + index));
    let flags = (key[KEY_WORDS - 1] >> (32 + parity * 16)) as u16;
    if flags != 0 {
        let mask = 0xffff << (32 + parity * 16);
        words.and(slot::FLAGS, !mask);
    }
    key[KEY_WORDS - 1] &= u64::from(u32::MAX);
    let take = |word: usize| {
        let value = words.load(word);
        if value != 0 {
            words.store(word, 0);
        }
        value
    };
    let counts = [0, 1]
        .map(|direction| [slot::hot(direction, parity), slot::more(direction, parity)].map(take));
    Taken {
        tag,
        key,
        flags,
        counts,
    }
}

/// Makes the flow one that programs no longer find. Those that have found it may
/// still add to it.
pub fn retire(words: impl OwnerWords) {
    let tag = words.load(slot::STATE) & u64::from(u32::MAX);
    words.store(slot::STATE, RETIRED | tag);
}

/// Makes a slot empty that was retired before the last grace period: nobody holds it
/// any more. Not one with counts, which are read first: programs that had found it
/// may have added to the running epoch. `clear` clears what the flow has elsewhere.
pub fn free<E>(words: impl OwnerWords, clear: impl FnOnce() -> Result<(), E>) -> Result<bool, E> {
    if (slot::COUNTS..slot::WORDS).any(|word| words.load(word) != 0) {
        return Ok(false);
    }
    clear()?;
    for word in slot::KEY..slot::COUNTS {
        words.store(word, 0);
    }
    words.store_release(slot::STATE, EMPTY);
    Ok(true)
}
