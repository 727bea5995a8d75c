//! Arguments of `nkview record`.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCompleter;

use super::completion;
use super::probe::{EventArgs, ProbeArgs, WATCHING};
use super::shared::{ConfigArgs, RedactArgs};
use super::values::{FilterText, filter, seconds, size};

/// Arguments of `nkview record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// Copy a recording instead of watching, e.g. with --redact; no root needed.
    /// Given several times, these recordings become one
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = WATCHING)]
    pub from: Vec<PathBuf>,
    /// The file to create
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Device names or globs (lxc*) [default: all netkit pairs]
    #[arg(value_name = "DEVICE", add = ArgValueCompleter::new(completion::devices))]
    pub devices: Vec<String>,
    /// Overwrite the file if it exists
    #[arg(long)]
    pub force: bool,
    /// Stop after this many seconds, counted from when all devices are attached
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// Stop when the file has about this many bytes, e.g. 500M or 2G; with --rotate,
    /// begin the next
    #[arg(long, value_name = "BYTES", value_parser = size)]
    pub max_size: Option<u64>,
    /// Stop when the file covers this many seconds; with --rotate, begin the next
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub max_time: Option<Duration>,
    /// Write one file after the other (NAME-0001.nkv, ...), each as --max-size and
    /// --max-time say, and keep only this many
    #[arg(long, value_name = "FILES")]
    pub rotate: Option<NonZero<u32>>,
    /// Record only flows and packets that match, e.g. "not port 22"; others count as
    /// filtered
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "",
        value_parser = filter,
        hide_default_value = true,
        add = ArgValueCompleter::new(completion::filter)
    )]
    pub filter: FilterText,
    /// Keep at least this many bytes of each captured packet (128 are captured);
    /// without it only headers, ARP, ICMP and DNS are kept
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = clap::value_parser!(u16).range(1..=128),
        conflicts_with = "redact"
    )]
    pub snapshot: Option<u16>,
    /// Replacing names and addresses.
    #[command(flatten)]
    pub redact: RedactArgs,
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
