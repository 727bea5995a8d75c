//! The counting path: one slot and a few adds a packet, never sampled.

use probe_common::{
    Reason, TotalsValue,
    parse::{Headers, Packet, number::ip, number::tcp::FIN},
    table::{KEY_WORDS, tcp::WORDS},
};

use crate::{
    maps,
    skb::Skb,
    socket,
    table::{Slot, Step},
    tcp::{self, Segment},
};

/// The outcome for the packet's flow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It has a slot, and had it before.
    Known,
    /// It has been given one: its first packet, or its first after a pause.
    New,
    /// The table had no room for it.
    Untracked,
}

/// Bytes of an Ethernet header.
const ETHERNET: u32 = 14;

/// The packet's bytes and segments.
#[derive(Clone, Copy)]
pub struct Size {
    pub len: u32,
    pub segments: u32,
}

/// Counts the packet in the totals. A loopback device counts bytes from the network
/// header on (`loopback_xmit()` in `drivers/net/loopback.c`).
#[inline(always)]
pub fn see(skb: &Skb, headers: &Headers, is_loopback: bool, totals: &mut TotalsValue) -> Size {
    let len = match is_loopback {
        true => skb.len().saturating_sub(ETHERNET),
        false => skb.len(),
    };
    let segments = skb.segments(headers.payload);
    totals.packets += 1;
    totals.extra_segments += u64::from(segments - 1);
    totals.bytes += u64::from(len);
    Size { len, segments }
}

/// Counts a packet that is to have no flow.
#[inline(always)]
pub fn filter_out(size: Size, totals: &mut TotalsValue) {
    totals.filtered_packets += 1;
    totals.filtered_bytes += u64::from(size.len);
}

/// Counts the packet in its flow; returns the reason for an event that TCP gives.
/// `side` is the direction as the number 0 or 1: where an address is computed
/// from it, the verifier has one path to follow, not two.
#[inline(always)]
pub fn count(
    skb: &Skb,
    headers: &Headers,
    key: [u64; KEY_WORDS],
    size: Size,
    side: u32,
    epoch: u32,
    totals: &mut TotalsValue,
) -> (Flow, Option<Reason>) {
    let Some(slot) = Slot::of(key) else {
        totals.untracked_packets += 1;
        totals.untracked_bytes += u64::from(size.len);
        return (Flow::Untracked, None);
    };
    let step = Step {
        len: size.len,
        extra_segments: u64::from(size.segments - 1),
        tcp_flags: headers.tcp_flags,
        hop_limit: headers.hop_limit,
    };
    // Whether the slot is new is known on each of the ways out of the search.
    let is_new = skb.forget(slot.is_new.into()) != 0;
    let is_first_in_epoch = slot.add(side, epoch, &step);
    let mut shown = Reason::Sample as u64;
    // TCP is never without a flag, but for what is damaged.
    if headers.tcp_flags != 0
        && let Some(lines) = maps::tcp_lines(slot.row)
    {
        let segment = Segment {
            flags: headers.tcp_flags,
            window: headers.window,
            sequence: headers.sequence,
            acknowledgment: headers.acknowledgment,
            payload: headers.payload,
            segments: size.segments.into(),
        };
        let line = lines.wrapping_add(slot.at as usize * WORDS);
        // SAFETY: the line is in the page, of which `at` is a slot.
        shown = skb.forget(unsafe { tcp::follow(skb, line, side, &segment) } as u64);
    }
    let is_of_interest = match headers.key.protocol {
        ip::TCP => is_first_in_epoch || headers.tcp_flags & FIN != 0,
        _ => is_new,
    };
    if is_of_interest {
        socket::tell(skb, headers.key.protocol, slot.number(), side, epoch);
    }
    let reason = match shown {
        5 => Some(Reason::FirstData),
        6 => Some(Reason::ZeroWindow),
        7 => Some(Reason::HandshakeAck),
        _ => None,
    };
    let flow = if is_new { Flow::New } else { Flow::Known };
    (flow, reason)
}
