//! What the program costs a packet, in nanoseconds, by `BPF_PROG_TEST_RUN`, and
//! what other maps and an event for every packet would cost; beside it the program
//! with the hash maps that the flow table has replaced, and drops that are traced.
//!
//! The figures are medians of interleaved rounds, on one CPU and on all at a
//! time, each pinned. Run it as root on a quiet machine: `cargo xtask bench
//! kernel`.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark ends at the first thing that fails"
)]

mod assembler;
mod block;
mod drops;
mod flows;
#[path = "../shared/machine.rs"]
mod machine;
mod maps;
mod packets;
mod path;
mod reader;
mod rounds;

use rounds::Processors;

fn main() {
    println!("{}\n", machine::describe());
    let processors = Processors::new();
    processors.pin(0);
    path::table(&processors);
    path::first_packets();
    flows::tables();
    drops::table();
    block::table(&processors);
    maps::tables(&processors);
    println!("\nat the end: {}", machine::describe());
}
