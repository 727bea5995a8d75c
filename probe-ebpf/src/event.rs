//! The packets that deserve a look, within a budget.

use aya_ebpf::{bindings::BPF_RB_NO_WAKEUP, helpers::bpf_ktime_get_ns};
use probe_common::{
    Attachment, LinkLayer, PacketEvent, Reason, Settings, TotalsValue, parse::Headers,
};

use crate::{
    counting::Flow,
    maps::{self, PACKETS},
    skb::Skb,
};

/// Why the packet gets an event, if it does and the budget allows it to be
/// tried.
#[inline(always)]
pub fn reason(headers: &Headers, flow: Flow, settings: &Settings) -> Option<Reason> {
    if flow == Flow::New {
        Some(Reason::First)
    } else if headers.is_tcp_event() {
        Some(Reason::TcpFlags)
    } else if headers.is_control() {
        Some(Reason::Control)
    } else if headers.is_dns() {
        Some(Reason::Dns)
    } else if settings.samples != 0 || settings.every_packet != 0 {
        Some(Reason::Sample)
    } else {
        None
    }
}

/// Sends the event, or counts why not.
#[inline(always)]
pub fn send(
    skb: &Skb,
    attachment: &Attachment,
    link_layer: LinkLayer,
    reason: Reason,
    settings: &Settings,
    totals: &mut TotalsValue,
) {
    if settings.every_packet == 0 && !take(reason, settings) {
        if reason != Reason::Sample {
            totals.over_budget[reason as usize] += 1;
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
        (&raw mut (*event).cookie).write(0);
        (&raw mut (*event).cgroup).write(0);
        (&raw mut (*event).len).write(skb.len());
        (&raw mut (*event).mark).write(skb.mark());
        (&raw mut (*event).device).write(attachment.device as u16);
        (&raw mut (*event).gso_segs).write(skb.gso_segs() as u16);
        (&raw mut (*event).vlan_tci).write(skb.vlan_tci());
        (&raw mut (*event).direction).write(attachment.direction as u16);
        (&raw mut (*event).reason).write(reason as u16);
        (&raw mut (*event).link_layer).write(link_layer as u32);
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
fn take(reason: Reason, settings: &Settings) -> bool {
    let Some(budget) = maps::budget() else {
        return false;
    };
    if budget.epoch != settings.epoch {
        budget.epoch = settings.epoch;
        budget.events = settings.events;
        budget.samples = settings.samples;
    }
    let left = if reason == Reason::Sample {
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
