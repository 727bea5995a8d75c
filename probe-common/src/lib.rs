//! What the eBPF programs and user space share: the records that cross the
//! boundary, and the packet parser.
//!
//! Everything here is `no_std`, free of padding and of `unsafe`, so that the
//! same code runs in the kernel, in unit tests and under a fuzzer.

#![no_std]
#![forbid(unsafe_code)]

pub mod block;
pub mod parse;
mod record;
pub mod signal;
pub mod table;

pub use record::{
    Attachment, Counters, Direction, FlowKey, FlowValue, KeyFlags, LinkLayer, PacketEvent, Reason,
    SNAPSHOT, Settings, SocketRecord, TotalsValue, limits, map, verdict,
};
