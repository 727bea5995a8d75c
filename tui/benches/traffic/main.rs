//! What nkview costs the traffic and the machine, and whether it counts exactly:
//! UDP over a veth pair between two namespaces without a name, which are gone
//! when this ends, however it ends. Other tools are measured in the same run
//! where they are in PATH.
//!
//! Run it as root on a quiet machine: `cargo xtask bench traffic`.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark ends at the first thing that fails"
)]

mod floods;
mod lab;
mod loads;
#[path = "../shared/machine.rs"]
mod machine;
mod output;
mod sender;
mod watcher;

use lab::Lab;
use watcher::Tool;

fn main() {
    println!("{}", machine::describe());
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
    println!("\nat the end: {}", machine::describe());
}
