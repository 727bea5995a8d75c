//! Arguments of `nkview diagnose`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCompleter;

use super::completion;
use super::probe::{EventArgs, ProbeArgs, WATCHING};
use super::shared::{BaselineArgs, ConfigArgs};
use super::values::{FilterText, filter, seconds};

/// Arguments of `nkview diagnose`.
#[derive(Debug, Args)]
pub struct DiagnoseArgs {
    /// Read recordings instead of watching, several by their clocks; no root needed
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = ValueHint::FilePath, conflicts_with_all = WATCHING)]
    pub from: Vec<PathBuf>,
    /// Device names or globs (lxc*) [default: all netkit pairs]
    #[arg(value_name = "DEVICE", add = ArgValueCompleter::new(completion::devices))]
    pub devices: Vec<String>,
    /// Watch for this many seconds, counted from when all devices are attached
    /// [default: 10; all of a recording]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// Report only problems of flows that match, e.g. "10.0.0.0/8 and port 443"
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "",
        value_parser = filter,
        hide_default_value = true,
        add = ArgValueCompleter::new(completion::filter)
    )]
    pub filter: FilterText,
    /// Output as JSON Lines: one object per problem, then a summary
    #[arg(long)]
    pub json: bool,
    /// What was usual.
    #[command(flatten)]
    pub usual: BaselineArgs,
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
