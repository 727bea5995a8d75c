//! The counting path: one look-up and a few adds a packet, never sampled.

use core::arch::asm;

use probe_common::{MapCounters, MapValue, TotalsValue, parse::Headers};

use crate::{maps, skb::Skb};

/// What became of the packet's flow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It had packets in this epoch or in the one before.
    Known,
    /// It had none: a flow's first packet, or its first after a pause.
    New,
    /// The map had no room for it.
    Untracked,
}

/// Counts the packet in the totals and in its flow. `side` is the direction as
/// the number 0 or 1: where an address is computed from it, the verifier has one
/// path to follow, not two.
#[inline(always)]
pub fn count(
    skb: &Skb,
    headers: &Headers,
    side: u32,
    epoch: u32,
    totals: &mut TotalsValue,
) -> Flow {
    let (len, extra_segments) = see(skb, totals);
    let mut flow = Flow::Known;
    let mut value = maps::flow(epoch, &headers.key);
    if value.is_none() {
        // It fails when the map is full, and when another CPU was faster.
        if maps::insert(epoch, &headers.key).is_ok() {
            // The other map is the epoch before, complete and still.
            if maps::flow(epoch ^ 1, &headers.key).is_none() {
                flow = Flow::New;
            }
        }
        value = maps::flow(epoch, &headers.key);
    }
    let Some(value) = value else {
        totals.untracked_packets += 1;
        totals.untracked_bytes += u64::from(len);
        return Flow::Untracked;
    };
    add(value, headers, side, len, extra_segments);
    flow
}

/// Counts a packet that is to have no flow.
#[inline(always)]
pub fn count_filtered(skb: &Skb, totals: &mut TotalsValue) {
    let (len, _) = see(skb, totals);
    totals.filtered_packets += 1;
    totals.filtered_bytes += u64::from(len);
}

/// Counts the packet in the totals; returns its bytes, and its segments beyond
/// one.
#[inline(always)]
fn see(skb: &Skb, totals: &mut TotalsValue) -> (u32, u64) {
    let len = skb.len();
    let extra_segments = u64::from(skb.gso_segs().saturating_sub(1));
    totals.packets += 1;
    totals.extra_segments += extra_segments;
    totals.bytes += u64::from(len);
    (len, extra_segments)
}

/// Adds the packet to its flow, which other CPUs may do at the same time.
#[inline(always)]
fn add(value: *mut MapValue, headers: &Headers, side: u32, len: u32, extra_segments: u64) {
    // SAFETY: the look-up gave the pointer; elements are deleted only from the
    // map of a past epoch, when no program can still hold one of its elements.
    // No reference is made: other CPUs write to the same counters.
    unsafe {
        let counters = (&raw mut (*value).directions)
            .cast::<MapCounters>()
            .add(side as usize);
        atomic_add(&raw mut (*counters).packets, 1);
        atomic_add(&raw mut (*counters).bytes, u64::from(len));
        if extra_segments != 0 {
            atomic_add(&raw mut (*counters).extra_segments, extra_segments);
        }
        let flags = u64::from(headers.tcp_flags);
        if (&raw const (*counters).tcp_flags).read_volatile() & flags != flags {
            atomic_or(&raw mut (*counters).tcp_flags, flags);
        }
        if (&raw const (*counters).largest).read_volatile() < len {
            (&raw mut (*counters).largest).write_volatile(len);
        }
        let hop_limit = u32::from(headers.hop_limit);
        if (&raw const (*counters).hop_limit).read_volatile() != hop_limit {
            (&raw mut (*counters).hop_limit).write_volatile(hop_limit);
        }
    }
}

/// `AtomicU64::fetch_add` does not compile for the BPF target.
///
/// # Safety
/// `pointer` is valid for writes and aligned.
#[inline(always)]
unsafe fn atomic_add(pointer: *mut u64, value: u64) {
    // SAFETY: the caller's.
    unsafe {
        asm!("lock *(u64 *)({pointer} + 0) += {value}", pointer = in(reg) pointer, value = in(reg) value);
    }
}

/// # Safety
/// `pointer` is valid for writes and aligned.
#[inline(always)]
unsafe fn atomic_or(pointer: *mut u64, value: u64) {
    // SAFETY: the caller's.
    unsafe {
        asm!("lock *(u64 *)({pointer} + 0) |= {value}", pointer = in(reg) pointer, value = in(reg) value);
    }
}
