//! How this machine is watched: shared by all commands that do.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::values::seconds;

/// The arguments that decide how this machine is watched, which have no meaning for a
/// recording.
pub const WATCHING: [&str; 9] = [
    "devices",
    "interval",
    "max_flows",
    "cover_redirect",
    "local",
    "uplink",
    "no_trace",
    "events_per_second",
    "every_packet",
];
/// Those of the pair that can be created.
pub const PAIR: [&str; 4] = ["create", "mode", "peer_netns", "no_create"];

/// How to count.
#[derive(Debug, Args)]
#[command(next_help_heading = "Counting")]
pub struct ProbeArgs {
    /// Polling interval in seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1")]
    pub interval: Duration,
    /// Flows that are counted one by one at a time; packets of further flows
    /// count as untracked. Preallocates about 390 bytes of kernel memory per flow
    #[arg(long, value_name = "FLOWS", default_value_t = 131_072, value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub max_flows: u32,
    /// Count packets to a container at its own end of the netkit or veth pair, in
    /// its namespace, instead of at the hook of the near end. This sees packets redirected
    /// past that hook (bpf_redirect_peer), but not those dropped behind it
    #[arg(long)]
    pub cover_redirect: bool,
    /// Which end of a veth pair is local whose other end is in another network
    /// namespace: the container that it leads to, or this host. "In" is towards the local
    /// end. Of netkit it is always the container
    #[arg(long, value_enum, value_name = "END", default_value_t)]
    pub local: Local,
    /// Watch the device of the default route, too. Each packet of the node then runs
    /// the program; a packet of a watched pair that leaves by it is summed once
    #[arg(long)]
    pub uplink: bool,
    /// Do not trace what the kernel drops and resets, nor which processes sockets
    /// belong to: attach nothing but the packet program
    #[arg(long)]
    pub no_trace: bool,
}

/// Which end of a veth pair is local.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Local {
    /// What the pair leads to
    #[default]
    Container,
    /// This side
    Host,
}

/// Which packets to capture.
#[derive(Debug, Args)]
#[command(next_help_heading = "Packets")]
pub struct EventArgs {
    /// Packet events per second and CPU, plus 10% random samples
    #[arg(long, value_name = "PACKETS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(..=10_000_000))]
    pub events_per_second: u32,
    /// Capture every packet; what overflows the ring buffer is counted as lost
    #[arg(long, conflicts_with = "events_per_second")]
    pub every_packet: bool,
}

/// The pair that is created where there is none, or where one is asked for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Creating a netkit pair")]
pub struct PairArgs {
    /// Create a pair of this name; the peer is NAME with 'p' appended [default: nk0]
    #[arg(long, value_name = "NAME", conflicts_with = "devices")]
    pub create: Option<String>,
    /// With (l2) or without (l3) MAC addresses [default: l3]
    #[arg(long, value_enum, conflicts_with = "devices")]
    pub mode: Option<PairMode>,
    /// Move the peer to this network namespace, as named by `ip netns`
    #[arg(long, value_name = "NAME", conflicts_with = "devices")]
    pub peer_netns: Option<String>,
    /// Never create a pair
    #[arg(long, conflicts_with_all = ["create", "mode", "peer_netns"])]
    pub no_create: bool,
}

/// Whether the ends of a pair have MAC addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PairMode {
    /// With MAC addresses, ARP and neighbor discovery
    L2,
    /// Without, as most containers have it
    #[default]
    L3,
}
