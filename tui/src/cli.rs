//! The command line.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Every flow that crosses a device, exactly counted in the kernel.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the flows of devices as NDJSON on stdout
    Stream(StreamArgs),
}

/// Arguments of `nkview stream`.
#[derive(Debug, Args)]
pub struct StreamArgs {
    /// The devices to watch, through their tcx hooks
    #[arg(required = true)]
    pub devices: Vec<String>,
    /// End after this many seconds (otherwise with Ctrl-C)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// Seconds between two readings of the counters
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1")]
    pub interval: Duration,
    /// Flows that are counted one by one in an interval, in all
    #[arg(long, value_name = "FLOWS", default_value_t = 131_072, value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub max_flows: u32,
}

/// From a tenth of a second to a day.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.1..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "expected a number of seconds from 0.1 to 86400".to_owned())
}
