//! The program that is attached to every hook. It counts the packet's flow,
//! tells user space of packets that deserve a look, and returns the verdict it
//! was told to, which leaves the packet's fate to the rest of the chain.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod counting;
mod event;
mod maps;
mod skb;

use aya_ebpf::{macros::classifier, programs::TcContext};
use probe_common::{Direction, LinkLayer, parse::parse, verdict};

use crate::skb::Skb;

/// The one program, for both hooks of netkit, of tcx and of clsact.
#[classifier]
pub fn nkview(ctx: TcContext) -> i32 {
    let (Some(attachment), Some(settings)) = (maps::attachment(), maps::settings()) else {
        return verdict::NEXT;
    };
    let direction = match attachment.direction {
        0 => Direction::In,
        _ => Direction::Out,
    };
    // Read once: all that is written for this packet belongs to one epoch.
    let epoch = settings.epoch;
    let skb = Skb::new(&ctx);
    let link_layer = if attachment.link_layer != 0 || skb.is_looped_back() {
        LinkLayer::None
    } else {
        LinkLayer::Ethernet
    };
    let mut headers = parse(&skb, link_layer, attachment.device, direction);
    headers.put_outer_tag(skb.vlan_tci());
    let side = attachment.direction & 1;
    if let Some(totals) = maps::totals(epoch, attachment.device, side) {
        if settings.push_down != 0 && !maps::is_in_prefixes(&headers.key) {
            counting::count_filtered(&skb, totals);
            return attachment.verdict;
        }
        let flow = counting::count(&skb, &headers, side, epoch, totals);
        if let Some(reason) = event::reason(&headers, flow, &settings) {
            event::send(&skb, &attachment, link_layer, reason, &settings, totals);
        }
    }
    attachment.verdict
}

/// The helpers that the programs call and the licence that they ask for.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    loop {}
}
