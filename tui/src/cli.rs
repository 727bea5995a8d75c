//! The command line.

use std::num::NonZero;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::filter::Filter;
use crate::probe::pair::Mode;

/// Shows every flow that crosses the machine's netkit devices, or any other
/// device, exactly counted in the kernel.
///
/// Without DEVICE it watches all netkit pairs of this network namespace as they
/// come and go. Where there is none, it makes the pair nk0/nk0p, watches it, and
/// removes it on exit.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What else to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to do without a command.
    #[command(flatten)]
    pub watch: WatchArgs,
}

/// What else to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch a small private network with real traffic, which is gone on exit
    Demo(DemoArgs),
    /// Print the flows without a terminal, as NDJSON on stdout
    Stream(StreamArgs),
    /// List the devices: pairs, namespaces, containers, programs on the hooks
    Devices(DevicesArgs),
    /// Say what this kernel and user can do, and how to mend what they cannot
    Doctor(DoctorArgs),
    /// Print the default configuration, with comments
    Config,
}

/// Arguments of `nkview`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Names or globs (lxc*) of devices: a netkit primary is watched through
    /// both netkit hooks, anything else through tcx
    #[arg(value_name = "DEVICE")]
    pub devices: Vec<String>,
    /// The pair to make.
    #[command(flatten)]
    pub pair: PairArgs,
    /// How to count.
    #[command(flatten)]
    pub probe: ProbeArgs,
    /// How many packets to look at.
    #[command(flatten)]
    pub events: EventArgs,
    /// How it looks.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// Arguments of `nkview demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How to count.
    #[command(flatten)]
    pub probe: ProbeArgs,
    /// How many packets to look at.
    #[command(flatten)]
    pub events: EventArgs,
    /// How it looks.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// Arguments of `nkview stream`.
#[derive(Debug, Args)]
pub struct StreamArgs {
    /// Names or globs of devices; all netkit pairs when there is none
    #[arg(value_name = "DEVICE")]
    pub devices: Vec<String>,
    /// Print one JSON object a line: the only format, named so that others can come
    #[arg(long, required = true)]
    pub json: bool,
    /// Print a line for each packet that is looked at, too
    #[arg(long)]
    pub packets: bool,
    /// End so many seconds after all devices are watched; otherwise with Ctrl-C
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// The pair to make.
    #[command(flatten)]
    pub pair: PairArgs,
    /// How to count.
    #[command(flatten)]
    pub probe: ProbeArgs,
    /// How many packets to look at.
    #[command(flatten)]
    pub events: EventArgs,
}

/// Arguments of `nkview devices`.
#[derive(Debug, Args)]
pub struct DevicesArgs {
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `nkview doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// The pair that is made where there is none, or where one is asked for.
#[derive(Debug, Args)]
#[command(next_help_heading = "The pair that is made where there is none, or with one of these")]
pub struct PairArgs {
    /// Its name; the peer's is the same with a p behind [default: nk0]
    #[arg(long, value_name = "NAME", conflicts_with = "devices")]
    pub create: Option<String>,
    /// Whether its ends have MAC addresses [default: l3]
    #[arg(long, value_enum, conflicts_with = "devices")]
    pub mode: Option<Mode>,
    /// The network namespace of its peer, as `ip netns` names it
    #[arg(long, value_name = "NAME", conflicts_with = "devices")]
    pub peer_netns: Option<String>,
    /// Make none
    #[arg(long, conflicts_with_all = ["create", "mode", "peer_netns"])]
    pub no_create: bool,
}

/// How to count.
#[derive(Debug, Args)]
#[command(next_help_heading = "Counting")]
pub struct ProbeArgs {
    /// Seconds between two readings of the counters
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1")]
    pub interval: Duration,
    /// Flows that the kernel counts one by one in an interval; what finds no
    /// room is counted as untracked. For each, about 500 bytes of the kernel's
    /// memory are taken at the start
    #[arg(long, value_name = "FLOWS", default_value_t = 131_072, value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub max_flows: u32,
    /// Count what comes to a container at its own end of the netkit pair, in its
    /// namespace, instead of at the primary's hook: packets that are redirected
    /// past that hook (bpf_redirect_peer) are seen, those dropped behind it not
    #[arg(long)]
    pub cover_redirect: bool,
}

/// How many packets to look at.
#[derive(Debug, Args)]
#[command(next_help_heading = "Packets")]
pub struct EventArgs {
    /// Packets that each CPU shows at most, and a sample of a tenth more
    #[arg(long, value_name = "PACKETS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(..=10_000_000))]
    pub events_per_second: u32,
    /// Show every packet; what the ring buffer cannot take is counted as lost
    #[arg(long, conflicts_with = "events_per_second")]
    pub every_packet: bool,
}

/// How it looks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Screen")]
pub struct ScreenArgs {
    /// Show what matches only, as 10.0.0.0/8 or "fd00::/8 and not port 22"
    #[arg(long, value_name = "FILTER", default_value = "", value_parser = filter, hide_default_value = true)]
    pub filter: Filter,
    /// Let the kernel apply the prefixes of the filter: what has no end in them
    /// is counted as filtered and takes no room among the flows, but is not
    /// there when the filter is made wider
    #[arg(long)]
    pub push_down: bool,
    /// Rates in bits a second
    #[arg(long)]
    pub bits: bool,
    /// ASCII characters only
    #[arg(long)]
    pub ascii: bool,
    /// Colours for a light background
    #[arg(long, overrides_with = "dark", action = ArgAction::SetTrue)]
    pub light: bool,
    /// Colours for a dark background
    #[arg(long, overrides_with = "light", action = ArgAction::SetTrue)]
    pub dark: bool,
    /// Bytes a second that are written to the terminal for what moves by itself:
    /// on a slow link the picture then moves less often; keys are answered at once
    #[arg(long, value_name = "BYTES")]
    pub max_draw_rate: Option<NonZero<u32>>,
    /// Leave the last picture in the terminal
    #[arg(long)]
    pub keep_screen: bool,
}

/// From a tenth of a second to a day.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.1..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "expected a number of seconds from 0.1 to 86400".to_owned())
}

fn filter(text: &str) -> Result<Filter, String> {
    Filter::parse(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
