//! Arguments of `nkview watch-for`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCompleter;

use super::completion;
use super::probe::{EventArgs, ProbeArgs, WATCHING};
use super::shared::{BaselineArgs, ConfigArgs};
use super::values::{FilterText, filter, seconds};

/// What follows the options of `nkview watch-for`.
pub const HELP: &str = "\
Examples:
  nkview watch-for 'remote 203.0.113.0/24' 'lxc*'
  nkview watch-for 'udp port 53 and not host 10.96.0.10' --count 1
  nkview watch-for --baseline last-week.nkv";

/// Arguments of `nkview watch-for`.
#[derive(Debug, Args)]
pub struct WatchForArgs {
    /// Which flows, e.g. "remote 203.0.113.0/24 and tcp"; with --baseline, "" for none
    #[arg(
        value_name = "FILTER",
        value_parser = filter,
        required_unless_present = "baseline",
        add = ArgValueCompleter::new(completion::filter)
    )]
    pub filter: Option<FilterText>,
    /// Device names or globs (lxc*) [default: all netkit pairs]
    #[arg(value_name = "DEVICE", add = ArgValueCompleter::new(completion::devices))]
    pub devices: Vec<String>,
    /// Read a recording instead of watching; no root needed. Given several times,
    /// these recordings are put together by their clocks
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = WATCHING)]
    pub from: Vec<PathBuf>,
    /// What was usual.
    #[command(flatten)]
    pub usual: BaselineArgs,
    /// Output as JSON Lines: the problem lines of nkview stream --json
    #[arg(long)]
    pub json: bool,
    /// Stop after this many seconds, counted from when all devices are attached
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// Stop after this many lines
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// How to count.
    #[command(flatten)]
    pub probe: ProbeArgs,
    /// How many packets to capture.
    #[command(flatten)]
    pub events: EventArgs,
    /// The user's settings.
    #[command(flatten)]
    pub config: ConfigArgs,
}
