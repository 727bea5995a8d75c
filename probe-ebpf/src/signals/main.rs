//! The tracing programs: drops, errors of sockets, neighbors that fail, resets,
//! and the iterator that finds the processes of sockets.
//!
//! They read the kernel's structures at offsets that user space has looked up in
//! the running kernel's BTF and put into read-only data. That is frozen before the
//! programs are loaded, so the verifier takes the offsets for constants, checks
//! that each load hits a member of the right type, and leaves out branches for
//! what this kernel does not have.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod drops;
mod event;
mod kernel;
mod maps;
#[path = "../object.rs"]
mod object;
mod packet;
mod sockets;
#[path = "../verifier.rs"]
mod verifier;

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use probe_common::signal::SignalKind;

use crate::kernel::layout;

/// A packet is dropped: `kfree_skb(skb, location, reason[, rx_sk])`.
#[btf_tracepoint(function = "kfree_skb")]
pub fn nkview_drop(ctx: BtfTracePointContext) -> i32 {
    // Read only where it exists: a load of an argument beyond the last one is
    // refused.
    let receiver = if layout!(drop_has_socket) != 0 {
        ctx.arg(3)
    } else {
        0
    };
    drops::count(ctx.arg(0), ctx.arg(1), ctx.arg(2), receiver);
    0
}

/// A socket gets an error: `inet_sk_error_report(sk)`.
#[btf_tracepoint(function = "inet_sk_error_report")]
pub fn nkview_error(ctx: BtfTracePointContext) -> i32 {
    event::socket_error(ctx.arg(0));
    0
}

/// A neighbor's timer has run: `neigh_timer_handler(neigh, err)`.
#[btf_tracepoint(function = "neigh_timer_handler")]
pub fn nkview_neigh(ctx: BtfTracePointContext) -> i32 {
    event::neighbor(ctx.arg(0));
    0
}

/// A reset is sent: `tcp_send_reset(sk, skb[, reason])`, without a socket where
/// none matches.
#[btf_tracepoint(function = "tcp_send_reset")]
pub fn nkview_reset(ctx: BtfTracePointContext) -> i32 {
    let reason = if layout!(reset_has_reason) != 0 {
        ctx.arg::<u64>(2) as i32
    } else {
        -1
    };
    event::reset(SignalKind::ResetSent, ctx.arg(0), ctx.arg(1), reason);
    0
}

/// A reset was received: `tcp_receive_reset(sk)`.
#[btf_tracepoint(function = "tcp_receive_reset")]
pub fn nkview_refused(ctx: BtfTracePointContext) -> i32 {
    event::reset(SignalKind::ResetReceived, ctx.arg(0), 0, -1);
    0
}
