//! What TCP's headers show, direction by direction: retransmissions, gaps,
//! duplicate acknowledgments, closed windows (RFC 9293, RFC 5681).
//!
//! The lasting state is written without locks. Packets of one direction seldom
//! run on two CPUs at once; when they do, one of them may be judged by older
//! numbers. The counts themselves are atomic.

use probe_common::{
    Reason,
    parse::{
        Packet,
        number::tcp::{ACK, FIN, RST, SYN},
    },
    table::tcp::{
        DIRECTION, DUPLICATE_ACKS, FLAGS, GAPS, LAST, ODD, RETRANSMITTED, RETRANSMITTED_BYTES,
        RETRANSMITTED_FULL, SEQUENCE, ZERO_WINDOWS, seen,
    },
};

use crate::{
    skb::{Skb, meet},
    table::atomic_add,
};

/// A TCP segment, or the large one that it will be cut from.
pub struct Segment {
    pub flags: u8,
    pub window: u16,
    pub sequence: u32,
    pub acknowledgment: u32,
    pub payload: u32,
    /// Segments of the wire.
    pub segments: u64,
}

/// Follows the segment; returns what it shows that deserves an event, or
/// [`Reason::Sample`].
///
/// # Safety
/// `line` is the slot's TCP line in its map, and `side` 0 or 1.
#[inline(always)]
pub unsafe fn follow(skb: &Skb, line: *mut u64, side: u32, segment: &Segment) -> Reason {
    let Segment {
        flags,
        window,
        sequence,
        acknowledgment,
        payload,
        segments,
    } = *segment;
    // SAFETY: the caller's.
    unsafe {
        let words = line.wrapping_add(side as usize * DIRECTION);
        let other = line.wrapping_add((side as usize ^ 1) * DIRECTION);
        let last = words.add(LAST).read_volatile();
        if flags & (SYN | FIN | RST) != 0 {
            count_flags(words.add(LAST), last, flags);
        }
        // Its numbers are often not the connection's.
        if flags & RST != 0 {
            return Reason::Sample;
        }
        let numbers = words.add(SEQUENCE).read_volatile();
        let highest = numbers as u32;
        let mut seen = (last >> 16) as u8;
        let mut event = Reason::Sample;
        let is_syn = flags & SYN != 0;
        let phantom = u32::from(flags & (SYN | FIN) != 0);
        let end = sequence.wrapping_add(payload).wrapping_add(phantom);
        let mut new_highest = end;
        if is_syn {
            // Not one that is sent again.
            if seen & seen::SEQUENCE == 0 || highest != end {
                seen = seen::SEQUENCE | seen::SYN;
                if flags & ACK == 0 {
                    seen |= seen::CLIENT;
                }
            }
        } else if seen & seen::SEQUENCE == 0 {
            seen |= seen::SEQUENCE;
        } else {
            let beyond = end.wrapping_sub(highest) as i32;
            let before = highest.wrapping_sub(sequence) as i32;
            if beyond <= 0 {
                new_highest = highest;
            }
            if payload == 0 {
                // A pure acknowledgment carries no data, but a FIN takes a sequence number.
                if flags & FIN == 0 {
                    new_highest = highest;
                }
            } else if before > 0 {
                let old = if beyond < 0 {
                    payload
                } else {
                    payload.min(before as u32)
                };
                // A keep-alive may send the last byte again (RFC 9293, 3.8.4).
                let is_keep_alive = beyond == 0 && payload == 1;
                if !is_keep_alive {
                    let step = segments << RETRANSMITTED_BYTES | u64::from(old);
                    add_below(words.add(RETRANSMITTED), step, RETRANSMITTED_FULL);
                }
            } else if before < 0 {
                add_below(words.add(ODD), 1 << GAPS.0, GAPS.1);
            }
        }
        // Verified once from here on, not once for each way through the above.
        seen = skb.forget(seen.into()) as u8;
        let payload = skb.forget(payload.into()) as u32;
        meet();
        if payload != 0 && seen & seen::DATA == 0 {
            if seen & seen::SYN != 0 {
                event = Reason::FirstData;
            }
            seen |= seen::DATA;
        }
        seen = skb.forget(seen.into()) as u8;
        let payload = skb.forget(payload.into()) as u32;
        meet();
        let old_window = last as u16;
        let old_acknowledgment = (numbers >> 32) as u32;
        if flags & ACK != 0 {
            if window == 0 && (seen & seen::ACK == 0 || old_window != 0) {
                add_below(words.add(ODD), 1 << ZERO_WINDOWS.0, ZERO_WINDOWS.1);
                event = Reason::ZeroWindow;
            }
            let repeats = seen & seen::ACK != 0
                && payload == 0
                && flags & (SYN | FIN) == 0
                && acknowledgment == old_acknowledgment
                && window == old_window;
            // Only while there is data to acknowledge.
            if repeats && other.add(SEQUENCE).cast::<u32>().read_volatile() != acknowledgment {
                add_below(words.add(ODD), 1 << DUPLICATE_ACKS.0, DUPLICATE_ACKS.1);
            }
            seen |= seen::ACK;
            if !is_syn && seen & (seen::CLIENT | seen::HANDSHAKE) == seen::CLIENT {
                event = Reason::HandshakeAck;
                seen |= seen::HANDSHAKE;
            }
            if acknowledgment != old_acknowledgment {
                words
                    .add(SEQUENCE)
                    .cast::<u32>()
                    .add(1)
                    .write_volatile(acknowledgment);
            }
        }
        seen = skb.forget(seen.into()) as u8;
        meet();
        if new_highest != highest {
            words
                .add(SEQUENCE)
                .cast::<u32>()
                .write_volatile(new_highest);
        }
        let new_last = u32::from(window) | u32::from(seen) << 16;
        if new_last != last as u32 & 0x00ff_ffff {
            words.add(LAST).cast::<u32>().write_volatile(new_last);
        }
        event
    }
}

/// Counts SYN, SYN-ACK, FIN and RST, each for as long as its count is below half
/// of its range.
#[inline(always)]
unsafe fn count_flags(word: *mut u64, last: u64, flags: u8) {
    let mut step = 0;
    let mut add = |which: u32| {
        let count = FLAGS + which * 8;
        if last & 0x80 << count == 0 {
            step |= 1_u64 << count;
        }
    };
    if flags & (SYN | ACK) == SYN {
        add(0);
    } else if flags & SYN != 0 {
        add(1);
    }
    if flags & FIN != 0 {
        add(2);
    }
    if flags & RST != 0 {
        add(3);
    }
    if step != 0 {
        // SAFETY: the caller's.
        unsafe { atomic_add(word, step) };
    }
}

/// Adds as long as no count has reached half of its range: then the adds of all
/// CPUs that still see it below cannot make it overflow.
#[inline(always)]
unsafe fn add_below(word: *mut u64, step: u64, full: u64) {
    // SAFETY: the caller's.
    unsafe {
        if word.read_volatile() & full == 0 {
            atomic_add(word, step);
        }
    }
}
