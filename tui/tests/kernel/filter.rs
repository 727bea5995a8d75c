//! The filters of queueing disciplines, which there were before hooks.

use std::process::Command;

use serde_json::Value;

use crate::namespace::{Namespace, run};

/// Where filters stand, of what comes in first.
pub const PARENTS: [&str; 2] = ["ingress", "egress"];

/// Lines of commands of `tc`.
pub fn tc(namespace: &Namespace, commands: &str) {
    let mut command = Command::new("tc");
    command.args(["-n", namespace.name(), "-batch", "-"]);
    run(&mut command, commands).unwrap_or_else(|said| panic!("tc: {said}\n{commands}"));
}

/// The filters of a device that are programs, in order.
pub fn programs(namespace: &Namespace, device: &str, parent: &str) -> Vec<Value> {
    let all = show(namespace, &["filter", "show", "dev", device, parent]);
    let is_program = |filter: &Value| filter["kind"] == "bpf" && filter["options"].is_object();
    all.into_iter().filter(is_program).collect()
}

/// The queueing disciplines of a device, but for those that every device has.
pub fn qdiscs(namespace: &Namespace, device: &str) -> Vec<String> {
    let all = show(namespace, &["qdisc", "show", "dev", device]);
    let kinds = all.iter().filter_map(|qdisc| qdisc["kind"].as_str());
    let added = kinds.filter(|kind| matches!(*kind, "clsact" | "ingress"));
    added.map(str::to_owned).collect()
}

/// What `tc` shows: nothing also where there is nothing that could have filters.
fn show(namespace: &Namespace, arguments: &[&str]) -> Vec<Value> {
    let mut command = Command::new("tc");
    command.args(["-n", namespace.name(), "-json"]);
    let output = command.args(arguments).output().unwrap();
    if output.stdout.trim_ascii().is_empty() {
        return Vec::new();
    }
    serde_json::from_slice(&output.stdout).unwrap()
}
