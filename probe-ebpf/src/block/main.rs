//! The program that drops packets by one rule. It is attached behind the counting
//! program, a copy a hook, for as long as the rule holds. All that the rule does
//! not match is left to the rest of the chain.
//!
//! A rule never changes: its maps are frozen before a copy is loaded, so that no
//! packet is judged by half of one. Only its end can be brought forward.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod maps;
#[path = "../object.rs"]
mod object;
#[path = "../skb.rs"]
#[allow(dead_code, reason = "the counting program uses the rest")]
mod skb;
#[path = "../verifier.rs"]
mod verifier;

use aya_ebpf::{
    helpers::generated::bpf_ktime_get_boot_ns, macros::classifier, programs::TcContext,
};
use probe_common::{LinkLayer, parse::parse_sent, verdict};

use crate::skb::Skb;

/// The one program, for both hooks of netkit, of tcx and of clsact.
#[classifier]
pub fn nkview_block(ctx: TcContext) -> i32 {
    let Some(attachment) = maps::attachment() else {
        return verdict::NEXT;
    };
    let until = maps::until();
    if until == 0 {
        return attachment.verdict;
    }
    let Some(terms) = maps::terms(attachment.direction & 1) else {
        return attachment.verdict;
    };
    let skb = Skb::new(&ctx);
    let link_layer = if attachment.link_layer != 0 || skb.is_looped_back() {
        LinkLayer::None
    } else {
        LinkLayer::Ethernet
    };
    let headers = parse_sent(&skb, link_layer, 0);
    skb::meet();
    // The clock last: most packets do not match. No process has to be alive for the
    // rule to end.
    // SAFETY: the helper takes nothing.
    if !terms.match_sent(&headers.key, &maps::Sets) || unsafe { bpf_ktime_get_boot_ns() } >= until {
        return attachment.verdict;
    }
    // SAFETY: this is the only reference that the program takes.
    let Some(blocked) = (unsafe { maps::blocked() }) else {
        return attachment.verdict;
    };
    blocked.packets += 1;
    blocked.bytes += u64::from(skb.len());
    verdict::DROP
}
