//! What nkview costs the traffic and the machine, and whether it counts exactly:
//! UDP over a veth pair between two namespaces without a name, which are gone
//! when this ends, however it ends. Other tools are measured in the same run
//! where they are in PATH.
//!
//! Run it as root on a quiet machine: `cargo xtask bench traffic`, or `cargo xtask
//! bench traffic -- node` for what a node with many pods costs.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark ends at the first thing that fails"
)]

mod floods;
mod lab;
mod loads;
#[path = "../shared/machine.rs"]
mod machine;
mod node;
mod output;
mod sender;
mod watcher;

use lab::Lab;
use watcher::Tool;

/// A part of the measurements.
type Part = fn();

/// The parts by name.
const PARTS: [(&str, Part); 2] = [("load", load), ("node", node::table)];

fn main() {
    // Cargo gives options of its own.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| !it.starts_with('-'))
        .collect();
    if wanted.iter().any(|it| it == node::HOLD) {
        return node::hold();
    }
    println!("{}", machine::describe());
    for (name, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|it| it == name) {
            measure();
        }
    }
    println!("\nat the end: {}", machine::describe());
}

/// Floods and steady loads over the pair.
fn load() {
    let tools: Vec<Tool> = Tool::ALL.into_iter().filter(Tool::is_there).collect();
    for tool in &tools {
        println!("{}", tool.version());
    }
    for tool in Tool::ALL.iter().filter(|tool| !tool.is_there()) {
        println!("{} is not in PATH and not measured", tool.name());
    }
    let lab = Lab::new();
    floods::table(&lab, &tools);
    loads::table(&lab, &tools);
}
