//! Arguments of `nkview block`.

use std::time::Duration;

use clap::Args;

use crate::app::blocking::time;

/// What follows the options of `nkview block`.
pub const HELP: &str = "\
A RULE is terms of the filter language that all have to match; \"and\" between them may
be left out, and \"DEVICE:\" in front stands for \"dev DEVICE\". It can be about devices,
addresses, ports, protocols, the ethertype and the direction.

Examples:
  nkview block 'lxc1: 10.0.9.21 tcp port 5432 in' --for 10m
  nkview block 'eth0: src 192.0.2.0/24, 2001:db8::/32' --for 90s
  nkview block --list
  nkview block --lift all";

/// Arguments of `nkview block`.
#[derive(Debug, Args)]
pub struct BlockArgs {
    /// What to drop, e.g. 'lxc1: 10.0.9.21/32 tcp port 5432 in'
    #[arg(value_name = "RULE", required_unless_present_any = ["list", "lift"])]
    pub rule: Option<String>,
    /// For how long: 90s, 10m, 1h; at most 24h. Above an hour it asks twice
    #[arg(
        long = "for",
        value_name = "TIME",
        value_parser = time,
        required_unless_present_any = ["list", "lift"]
    )]
    pub time: Option<Duration>,
    /// Do not ask; for scripts, and up to an hour
    #[arg(long)]
    pub yes: bool,
    /// Allow a rule about everything, or about ARP or ICMPv6, on one container's device
    #[arg(long)]
    pub all: bool,
    /// List the rules of all nkviews on this machine, and what they dropped
    #[arg(long, conflicts_with_all = ["rule", "time", "yes", "all"])]
    pub list: bool,
    /// End the rule with this number, as --list shows it, or all of them
    #[arg(
        long,
        value_name = "NUMBER|all",
        value_parser = lift,
        conflicts_with_all = ["rule", "time", "yes", "all", "list"]
    )]
    pub lift: Option<Lift>,
}

/// Which rules `nkview block --lift` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lift {
    /// All.
    All,
    /// The one with this number.
    Number(u32),
}

fn lift(text: &str) -> Result<Lift, String> {
    match text {
        "all" => Ok(Lift::All),
        number => number
            .parse()
            .map(Lift::Number)
            .map_err(|_| "expected a number, as --list shows it, or all".to_owned()),
    }
}
