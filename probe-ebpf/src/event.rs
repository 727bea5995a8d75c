//! Events for packets that are worth a look, within a budget.

use aya_ebpf::{bindings::BPF_RB_NO_WAKEUP, helpers::bpf_ktime_get_ns};
use probe_common::{
    PacketEvent, Reason, Settings, TotalsValue,
    parse::{
        Headers, Packet,
        number::{ip, port, tcp},
    },
};

use crate::{
    counting::{Flow, Size},
    maps::{self, KEPT, PACKETS},
    skb::Skb,
    table::masked,
};

/// The bits of a [`Reason`].
const REASONS: i32 = 7;

/// What becomes an event, and why.
pub struct Cause {
    pub reason: Reason,
    pub flow: Flow,
    /// The direction as a number.
    pub side: u32,
    /// [`probe_common::LinkLayer`] as a number.
    pub link_layer: u32,
}

/// Why the packet gets an event, if it does and the budget allows it to be
/// tried. `shown` is what TCP shows.
#[inline(always)]
pub fn reason(
    headers: &Headers,
    flow: Flow,
    shown: Option<Reason>,
    settings: &Settings,
) -> Option<Reason> {
    if flow == Flow::New && settings.moved == 0 {
        Some(Reason::First)
    } else if headers.is_tcp_event() {
        Some(Reason::TcpFlags)
    } else if headers.is_control() {
        Some(Reason::Control)
    } else if headers.is_dns() {
        Some(Reason::Dns)
    } else if shown.is_some() {
        shown
    } else if settings.samples != 0 || settings.every_packet != 0 {
        Some(Reason::Sample)
    } else {
        None
    }
}

/// The share of the events that the packet's kind has, or one that is none.
#[inline(always)]
fn kept(headers: &Headers, flow: Flow, side: u32) -> u64 {
    let key = &headers.key;
    if headers.tcp_flags & tcp::RST != 0 {
        1
    } else if headers.tcp_flags & (tcp::SYN | tcp::ACK) == tcp::SYN && flow != Flow::Known {
        0
    } else if headers.is_icmp_error() {
        2
    } else {
        let sender = if side == 0 {
            key.remote_port
        } else {
            key.local_port
        };
        if sender == port::DNS && matches!(key.protocol, ip::UDP | ip::TCP) {
            3
        } else {
            KEPT as u64
        }
    }
}

/// Sends the event, or counts why not.
#[inline(always)]
pub fn send(
    skb: &Skb,
    device: u32,
    headers: &Headers,
    size: Size,
    cause: &Cause,
    settings: &Settings,
    totals: &mut TotalsValue,
) {
    let Cause {
        reason,
        flow,
        side,
        link_layer,
    } = *cause;
    // Verified once from here on, not once for each reason and kind.
    let reason = masked::<REASONS>(skb.forget(reason as u64));
    let kept = masked::<REASONS>(skb.forget(kept(headers, flow, side)));
    if settings.every_packet == 0 && !take(reason, kept, settings) {
        if reason != Reason::Sample as u64
            && let Some(count) = totals.over_budget.get_mut(reason as usize)
        {
            *count += 1;
        }
        return;
    }
    let Some(mut entry) = PACKETS.reserve::<PacketEvent>(0) else {
        totals.lost += 1;
        return;
    };
    let event = entry.as_mut_ptr();
    // SAFETY: the reservation is as large as the event. The rest of `data` is
    // left as it is: user space reads `captured` bytes of it.
    unsafe {
        (&raw mut (*event).time).write(bpf_ktime_get_ns());
        (&raw mut (*event).cookie).write(skb.cookie());
        (&raw mut (*event).cgroup).write(skb.cgroup());
        (&raw mut (*event).len).write(skb.len());
        (&raw mut (*event).mark).write(skb.mark());
        (&raw mut (*event).device).write(device as u16);
        (&raw mut (*event).gso_segs).write(size.segments as u16);
        (&raw mut (*event).vlan_tci).write(skb.vlan_tci());
        (&raw mut (*event).direction).write(side as u16);
        (&raw mut (*event).reason).write(reason as u16);
        (&raw mut (*event).link_layer).write(link_layer);
        let captured = skb.snapshot(&raw mut (*event).data);
        (&raw mut (*event).captured).write(captured);
    }
    totals.events += 1;
    // User space reads on a timer: a wakeup costs more than the event.
    entry.submit(u64::from(BPF_RB_NO_WAKEUP));
}

/// Takes one event from this CPU's budget of the epoch; false when it is used
/// up.
#[inline(always)]
fn take(reason: u64, kept: u64, settings: &Settings) -> bool {
    // SAFETY: this is the only reference that the program takes.
    let Some(budget) = (unsafe { maps::budget() }) else {
        return false;
    };
    if budget.epoch != settings.epoch {
        // Half of the events are for all, the rest in equal shares for those kinds
        // that have one.
        let share = settings.events / (2 * KEPT as u32);
        budget.epoch = settings.epoch;
        budget.events = settings.events - share * KEPT as u32;
        budget.samples = settings.samples;
        budget.kept = [share; KEPT];
    }
    if let Some(left) = budget.kept.get_mut(kept as usize)
        && *left != 0
    {
        *left -= 1;
        return true;
    }
    let left = if reason == Reason::Sample as u64 {
        &mut budget.samples
    } else {
        &mut budget.events
    };
    if *left == 0 {
        return false;
    }
    *left -= 1;
    true
}
