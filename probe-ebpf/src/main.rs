//! The program that the program of every hook goes on with. It counts the packet's
//! flow, sends packets worth a look to user space, and returns the hook's
//! verdict, which leaves the packet's fate to the rest of the chain.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod counting;
mod event;
mod maps;
mod object;
mod skb;
mod socket;
mod table;
mod tcp;
mod verifier;

use aya_ebpf::{macros::classifier, programs::TcContext};
use probe_common::{
    Attachment, Direction, FlowKey, LinkLayer,
    parse::{Headers, Packet, parse_sent},
    verdict,
};

use crate::skb::Skb;

/// The one program, for both hooks of netkit, of tcx and of clsact.
#[classifier]
pub fn nkview(ctx: TcContext) -> i32 {
    let (Some(attachment), Some(settings)) = (maps::attachment(), maps::settings()) else {
        return verdict::NEXT;
    };
    // Read once: all that is written for this packet belongs to one epoch.
    let epoch = settings.epoch;
    let skb = Skb::new(&ctx);
    let link_layer = if attachment.link_layer != 0 || skb.is_looped_back() {
        LinkLayer::None
    } else {
        LinkLayer::Ethernet
    };
    let headers = parse_sent(&skb, link_layer, attachment.device);
    let mut headers = forget(&skb, &headers);
    let link_layer = skb.forget(link_layer as u64) as u32;
    skb::meet();
    let is_loopback = attachment.direction == Attachment::EITHER;
    let mut side = attachment.direction & 1;
    if is_loopback {
        side = headers.key.orient() as u32;
    } else if side == Direction::In as u32 {
        headers.turn_round();
    }
    headers.put_outer_tag(skb.vlan_tci());
    let key = headers.key.pack();
    let side = table::masked::<1>(skb.forget(side.into())) as u32;
    // SAFETY: this is the only reference that the program takes.
    if let Some(totals) = unsafe { maps::totals(epoch, attachment.device, side) } {
        let size = counting::see(&skb, &headers, is_loopback, totals);
        if settings.push_down != 0 && !maps::is_in_prefixes(&headers.key) {
            counting::filter_out(size, totals);
            return attachment.verdict;
        }
        let (flow, shown) = counting::count(&skb, &headers, key, size, side, epoch, totals);
        if let Some(reason) = event::reason(&headers, flow, shown, &settings) {
            let cause = event::Cause {
                reason,
                flow,
                side,
                link_layer,
            };
            event::send(
                &skb,
                attachment.device,
                &headers,
                size,
                &cause,
                &settings,
                totals,
            );
        }
    }
    attachment.verdict
}

/// The same headers, of which the verifier knows nothing.
#[inline(always)]
fn forget(skb: &Skb, headers: &Headers) -> Headers {
    let numbers = skb.forget(u64::from(headers.sequence) | u64::from(headers.acknowledgment) << 32);
    let rest = skb.forget(
        u64::from(headers.payload)
            | u64::from(headers.window) << 32
            | u64::from(headers.tcp_flags) << 48
            | u64::from(headers.hop_limit) << 56,
    );
    Headers {
        key: FlowKey::unpack(headers.key.pack().map(|word| skb.forget(word))),
        tcp_flags: (rest >> 48) as u8,
        hop_limit: (rest >> 56) as u8,
        window: (rest >> 32) as u16,
        sequence: numbers as u32,
        acknowledgment: (numbers >> 32) as u32,
        payload: rest as u32,
    }
}
