//! What the program costs a packet, in nanoseconds, by `BPF_PROG_TEST_RUN`, and
//! what other maps and an event for every packet would cost; beside it the program
//! with the hash maps that the flow table has replaced, and drops that are traced.
//!
//! The figures are medians of interleaved rounds, on one CPU and on all at a
//! time, each pinned. Run it as root on a quiet machine: `cargo xtask bench
//! kernel`, or `cargo xtask bench kernel -- block` for one part.

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

/// A part of the measurements.
type Part = fn(&Processors);

/// The parts by name.
const PARTS: [(&str, Part); 5] = [
    ("path", |processors| {
        path::table(processors);
        path::first_packets();
    }),
    ("flows", |_| flows::tables()),
    ("drops", |_| drops::table()),
    ("block", block::table),
    ("maps", maps::tables),
];

fn main() {
    // Cargo gives options of its own.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| !it.starts_with('-'))
        .collect();
    println!("{}\n", machine::describe());
    let processors = Processors::new();
    processors.pin(0);
    for (name, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|it| it == name) {
            measure(&processors);
        }
    }
    println!("\nat the end: {}", machine::describe());
}
