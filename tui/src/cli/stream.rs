//! Arguments of `nkview stream`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCompleter;

use super::completion;
use super::probe::{EventArgs, PAIR, PairArgs, ProbeArgs, WATCHING};
use super::shared::{ConfigArgs, RedactArgs};
use super::values::{FilterText, filter, seconds};

/// Arguments of `nkview stream`.
#[derive(Debug, Args)]
pub struct StreamArgs {
    /// Read recordings instead of watching, several by their clocks; no root needed
    #[arg(
        long,
        value_name = "FILE",
        num_args = 1..,
        value_hint = ValueHint::FilePath,
        conflicts_with_all = WATCHING,
        conflicts_with_all = PAIR
    )]
    pub from: Vec<PathBuf>,
    /// Device names or globs (lxc*) [default: all netkit pairs]
    #[arg(value_name = "DEVICE", add = ArgValueCompleter::new(completion::devices))]
    pub devices: Vec<String>,
    /// What to write.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Replacing names and addresses.
    #[command(flatten)]
    pub redact: RedactArgs,
    /// The pair to create.
    #[command(flatten)]
    pub pair: PairArgs,
    /// How to count.
    #[command(flatten)]
    pub probe: ProbeArgs,
    /// Which packets to capture.
    #[command(flatten)]
    pub events: EventArgs,
    /// The user's settings.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// What `nkview stream` writes, and for how long.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
#[group(id = "output")]
pub struct OutputArgs {
    /// The format.
    #[command(flatten)]
    pub format: FormatArgs,
    /// Also write packets, with JSON
    #[arg(long, conflicts_with = "top")]
    pub packets: bool,
    /// Write flows, too, with --text; JSON has them anyway
    #[arg(long, conflicts_with = "pcapng")]
    pub flows: bool,
    /// Write only matching flows, packets and look-ups, e.g. "10.0.0.0/8 and not
    /// port 22"; problems and totals still cover everything
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "",
        value_parser = filter,
        hide_default_value = true,
        add = ArgValueCompleter::new(completion::filter)
    )]
    pub filter: FilterText,
    /// Stop after this many seconds, counted from when all devices are attached
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// Stop after this many packets; if no packets are written, flows, or tables
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Stop when stdin ends
    #[arg(long)]
    pub until_eof: bool,
}

/// The format of `nkview stream`; NDJSON if none is named.
#[derive(Clone, Copy, Debug, Args)]
#[group(id = "format", multiple = false)]
pub struct FormatArgs {
    /// Write JSON Lines: one object per line, flows by default. The default
    #[arg(long)]
    pub json: bool,
    /// Write a line for each captured packet, as tcpdump does
    #[arg(long)]
    pub text: bool,
    /// Write captured packets as pcapng, for Wireshark; all of them with
    /// --every-packet
    #[arg(long)]
    pub pcapng: bool,
    /// Write everything as a recording, as it happens, for another nkview to read
    #[arg(long, conflicts_with_all = ["packets", "flows", "filter", "count"])]
    pub wire: bool,
    /// Write a table of the busiest flows for each interval
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub top: Option<u32>,
}
