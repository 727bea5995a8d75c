//! The rules: each claims what holds now, from the evidence alone.

mod application;
mod blocks;
mod connecting;
mod conntrack;
mod devices;
mod dns;
mod drops;
mod floods;
mod fragments;
mod hardware;
mod icmp;
mod latency;
mod loops;
mod neighbors;
mod nics;
mod one_way;
mod resets;
mod sightings;
mod stacks;
mod target;
mod transfer;
mod way_back;

use super::claims::Claim;
use super::view::View;

/// A rule.
type Rule = fn(&View<'_>, &mut Vec<Claim>);

/// All rules. Where two claim the same kind about the same address, the first has
/// the better evidence: who asks for a neighbor and in vain, then what the kernel
/// itself reports about a flow.
pub const ALL: &[Rule] = &[
    neighbors::rule,
    drops::rule,
    application::rule,
    connecting::rule,
    conntrack::rule,
    devices::rule,
    dns::rule,
    floods::rule,
    fragments::rule,
    hardware::rule,
    icmp::rule,
    latency::rule,
    loops::rule,
    nics::rule,
    one_way::rule,
    resets::rule,
    sightings::rule,
    stacks::rule,
    transfer::rule,
    way_back::rule,
    // Of what all others claim.
    blocks::rule,
];

/// `10.0.0.1, 10.0.0.2 and 3 more`.
fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    const NAMED: usize = 3;
    let items: Vec<String> = items.into_iter().map(|it| it.to_string()).collect();
    match items.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] if items.len() <= NAMED => format!("{} and {last}", head.join(", ")),
        _ => format!(
            "{} and {} more",
            items[..NAMED].join(", "),
            items.len() - NAMED
        ),
    }
}

/// `12 s`, `0.3 s`, `45 ms`, `80 µs`.
fn span(time: std::time::Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds >= 9.95 {
        format!("{seconds:.0} s")
    } else if seconds >= 0.95 {
        format!("{seconds:.1} s")
    } else if seconds >= 0.000_95 {
        format!("{:.0} ms", seconds * 1e3)
    } else if seconds >= 0.000_000_95 {
        format!("{:.0} µs", seconds * 1e6)
    } else {
        "no time".to_owned()
    }
}

/// `02:00:00:00:00:01`.
fn hardware(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// Whose network stack it is: this node's, or that of a container behind a device.
fn stack_name(view: &View<'_>, stack: &crate::model::stack::Stack) -> String {
    if stack.is_own {
        return "this node".to_owned();
    }
    let device = view
        .devices
        .values()
        .find(|it| stack.devices.contains(&it.index));
    match device {
        Some(device) => match device.leads_to() {
            Some(name) => format!("{name} (behind {})", device.name),
            None => format!("the host behind {}", device.name),
        },
        None => format!("the host in network namespace {}", stack.namespace),
    }
}
