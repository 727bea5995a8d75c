//! The command line.

use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::engine::ArgValueCompleter;

use crate::app::blocking::time;
use crate::filter::{Filter, NamedFilters};

pub mod completion;

/// Show what is wrong on the network of this machine's containers, and every flow
/// that crosses their devices, or any other, counted exactly in the kernel.
///
/// Without DEVICE, all netkit pairs of this network namespace are watched as they
/// come and go. If there is none, the pair nk0/nk0p is created, watched, and
/// removed on exit.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = AFTER_HELP)]
pub struct Cli {
    /// A command; without one, the screen.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Arguments of the screen.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// Append a log for bug reports to this file, up to 10 MiB [env: NKVIEW_LOG]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Log"
    )]
    pub log: Option<PathBuf>,
    /// How much to log: error, warn, info, debug or trace; the last two name devices
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "LEVEL",
        help_heading = "Log"
    )]
    pub log_level: LogLevel,
}

/// What a first-time reader of the help may want next.
const AFTER_HELP: &str = "\
Examples:
  sudo nkview                       watch all netkit pairs
  sudo nkview 'lxc*' eth0           watch these devices
  sudo nkview demo                  try it on a private network with traffic
  sudo nkview diagnose eth0         report what is wrong, and end

It needs root, or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; `nkview doctor` says
what is missing. On the screen, ? shows the keys.";

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What went wrong
    Error,
    /// What may be going wrong
    Warn,
    /// What nkview does, without names and addresses
    #[default]
    Info,
    /// What it does in each interval, and to which device
    Debug,
    /// Everything
    Trace,
}

/// The commands besides the screen.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch a small private network with real traffic
    ///
    /// It is made of network namespaces, which no other process sees. Nothing of it
    /// remains on exit.
    #[cfg(feature = "demo")]
    Demo(DemoArgs),
    /// Watch for a while and report what is wrong, with evidence
    ///
    /// The exit status is 0 when there is no problem, 1 when there are problems, and
    /// 2 when it could not look.
    Diagnose(DiagnoseArgs),
    /// Write flows and packets to stdout: JSON, text, tables, or pcapng
    Stream(StreamArgs),
    /// Record flows, packets and everything else to a file, for replay
    Record(RecordArgs),
    /// Show a recording on the screen, on any machine and without root
    Replay(ReplayArgs),
    /// Watch other hosts over SSH, all in one screen
    ///
    /// It runs nkview on each host through your own ssh, with your configuration,
    /// agent and jump hosts, and reads what that reports. nkview has to be installed
    /// there; here it needs no root. Hosts that are lost are tried again.
    #[command(after_help = SSH_HELP)]
    Ssh(SshArgs),
    /// Drop the packets that a rule matches, for a limited time
    ///
    /// It shows what would be dropped, asks, and stays in the foreground until the time
    /// is over. The kernel judges the time, and lifts the rule when nkview ends, however
    /// that happens. Nothing else of nkview ever drops a packet.
    #[command(after_help = BLOCK_HELP)]
    Block(BlockArgs),
    /// Report flows that match a filter when they appear, and touch no packet
    ///
    /// A line for each pair of hosts; again when it comes back after a minute. The exit
    /// status is 0 when something appeared, 1 when nothing did, and 2 when it could not
    /// look.
    #[command(after_help = WATCH_FOR_HELP)]
    WatchFor(WatchForArgs),
    /// Serve counters and findings to Prometheus (OpenMetrics over HTTP)
    Serve(ServeArgs),
    /// List devices, their peers, containers and programs
    ///
    /// Of a pair it shows the other end with its namespace and container, and of each
    /// device the programs on its hooks in the order in which they run. Nothing is
    /// attached.
    Devices(DevicesArgs),
    /// Check what this kernel and user can do, and how to fix the rest
    Doctor(DoctorArgs),
    /// Print the default configuration, with comments
    Config,
    /// Print the completion script of a shell
    ///
    /// Devices and filters are completed, too. For bash, put this into ~/.bashrc:
    /// source <(nkview completions bash)
    Completions(CompletionsArgs),
}

/// Arguments of `nkview`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Device names or globs (lxc*): a netkit primary is watched through both
    /// netkit hooks, any other device through tcx
    #[arg(value_name = "DEVICE", add = ArgValueCompleter::new(completion::devices))]
    pub devices: Vec<String>,
    /// Appearance.
    #[command(flatten)]
    pub screen: ScreenArgs,
    /// What was usual.
    #[command(flatten)]
    pub usual: BaselineArgs,
    /// How to count.
    #[command(flatten)]
    pub probe: ProbeArgs,
    /// Which packets to capture.
    #[command(flatten)]
    pub events: EventArgs,
    /// Going back in time.
    #[command(flatten)]
    pub history: HistoryArgs,
    /// Dropping packets.
    #[command(flatten)]
    pub blocking: BlockingArgs,
    /// What recordings and bundles are written with.
    #[command(flatten)]
    pub redact: RedactArgs,
    /// The pair to create.
    #[command(flatten)]
    pub pair: PairArgs,
}

/// Whether packets may be dropped from the screen.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Blocking")]
pub struct BlockingArgs {
    /// Let the key B drop the packets of what is selected, after asking, for a limited
    /// time (see nkview-block(1))
    #[arg(long)]
    pub allow_block: bool,
}

/// How much is remembered on the screen.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Going back in time")]
pub struct HistoryArgs {
    /// Memory for the last minutes, which the keys [ and ] go back to; 0 for none
    #[arg(long, value_name = "BYTES", default_value = "64Mi", value_parser = size_or_none)]
    pub history: u64,
}

/// Whether names and addresses are replaced in what is written to files.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Passing it on")]
pub struct RedactArgs {
    /// Replace addresses and names in what is written, the same one always by the same
    /// other one, and leave out payload and free text. Addresses keep their common
    /// prefixes; ports, sizes and times stay
    #[arg(long)]
    pub redact: bool,
    /// Replace as other recordings with the same key do: a file of 16 random bytes or
    /// more, to be kept secret [default: a new key each time]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "redact")]
    pub redact_key: Option<PathBuf>,
}

/// Arguments of `nkview demo`.
#[cfg(feature = "demo")]
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Add faults that come and go, which the Problems view then finds
    #[arg(long)]
    pub faults: bool,
    /// How to count.
    #[command(flatten)]
    pub probe: ProbeArgs,
    /// Which packets to capture.
    #[command(flatten)]
    pub events: EventArgs,
    /// Going back in time.
    #[command(flatten)]
    pub history: HistoryArgs,
    /// What recordings and bundles are written with.
    #[command(flatten)]
    pub redact: RedactArgs,
    /// Appearance.
    #[command(flatten)]
    pub screen: ScreenArgs,
    /// Dropping packets.
    #[command(flatten)]
    pub blocking: BlockingArgs,
}

/// Arguments of `nkview record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// Copy a recording instead of watching, e.g. with --redact; no root needed
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = WATCHING)]
    pub from: Option<PathBuf>,
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
}

/// Arguments of `nkview replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The recording; several, of one host or of several, are put together by their
    /// clocks
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Play it this many times faster
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = speed)]
    pub speed: f64,
    /// Appearance.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// Arguments of `nkview stream`.
#[derive(Debug, Args)]
pub struct StreamArgs {
    /// Read a recording instead of watching; no root needed
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = LIVE)]
    pub from: Option<PathBuf>,
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
    /// Also write flows, with --text
    #[arg(long, conflicts_with = "pcapng")]
    pub flows: bool,
    /// Write only matching flows and packets, e.g. "10.0.0.0/8 and not port 22";
    /// totals still cover everything
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

/// Arguments of `nkview diagnose`.
#[derive(Debug, Args)]
pub struct DiagnoseArgs {
    /// Read a recording instead of watching; no root needed
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = WATCHING)]
    pub from: Option<PathBuf>,
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
}

/// What follows the options of `nkview watch-for`.
const WATCH_FOR_HELP: &str = "\
Examples:
  nkview watch-for 'remote 203.0.113.0/24' 'lxc*'
  nkview watch-for 'udp port 53 and not host 10.96.0.10' --count 1
  nkview watch-for --baseline last-week.nkv";

/// Arguments of `nkview watch-for`.
#[derive(Debug, Args)]
pub struct WatchForArgs {
    /// Which flows, e.g. "remote 203.0.113.0/24 and tcp"
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
    /// Read a recording instead of watching; no root needed
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = WATCHING)]
    pub from: Option<PathBuf>,
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
}

/// What was usual before.
#[derive(Debug, Args)]
pub struct BaselineArgs {
    /// Report peers that a container did not talk to in this recording
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub baseline: Option<PathBuf>,
}

/// What follows the options of `nkview ssh`.
const SSH_HELP: &str = "\
ssh asks no questions here (BatchMode): log in with a key or agent, or open a shared
connection before (ControlMaster).

Examples:
  nkview ssh node1 admin@node2
  nkview ssh node1 node2 -- 'lxc*' --uplink
  nkview ssh --nkview nkview root@node1
  nkview ssh --via 'kubectl exec -i -n kube-system {} --' nkview-x7k2p nkview-9fwd4";

/// Arguments of `nkview ssh`.
#[derive(Debug, Args)]
pub struct SshArgs {
    /// The hosts, as ssh takes them: [USER@]HOST, or a name of its configuration
    #[arg(value_name = "HOST", required = true, value_hint = ValueHint::Hostname)]
    pub hosts: Vec<String>,
    /// Reach the hosts by this shell command instead of ssh; {} stands for the host,
    /// and what to run there is appended
    #[arg(long, value_name = "COMMAND")]
    pub via: Option<String>,
    /// What starts nkview on the hosts [default: sudo -n nkview; with --via: nkview]
    #[arg(long, value_name = "COMMAND")]
    pub nkview: Option<String>,
    /// Devices and options for nkview on the hosts, as `nkview stream` takes them
    #[arg(
        last = true,
        value_name = "DEVICES AND OPTIONS",
        allow_hyphen_values = true
    )]
    pub args: Vec<String>,
    /// Going back in time.
    #[command(flatten)]
    pub history: HistoryArgs,
    /// Appearance.
    #[command(flatten)]
    pub screen: ScreenArgs,
    /// What recordings and bundles are written with.
    #[command(flatten)]
    pub redact: RedactArgs,
}

/// What follows the options of `nkview block`.
const BLOCK_HELP: &str = "\
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

/// Arguments of `nkview serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Read a recording instead of watching; no root needed
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = WATCHING)]
    pub from: Option<PathBuf>,
    /// Device names or globs (lxc*) [default: all netkit pairs]
    #[arg(value_name = "DEVICE", add = ArgValueCompleter::new(completion::devices))]
    pub devices: Vec<String>,
    /// Serve /metrics and /healthz on this address; 127.0.0.1:9911 unless --unix or
    /// --textfile is given
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Serve on a Unix socket
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub unix: Option<PathBuf>,
    /// Write a file for node_exporter's textfile collector, every ten seconds
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub textfile: Option<PathBuf>,
    /// Send flow records of each interval to an IPFIX collector, over UDP
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub ipfix: Option<SocketAddr>,
    /// Send them over TCP
    #[arg(long, requires = "ipfix")]
    pub ipfix_tcp: bool,
    /// How to count.
    #[command(flatten)]
    pub probe: ProbeArgs,
    /// How many packets to capture.
    #[command(flatten)]
    pub events: EventArgs,
}

/// Arguments of `nkview devices`.
#[derive(Debug, Args)]
pub struct DevicesArgs {
    /// List only devices that match: dev, netns, container and pod, e.g. "netns blue"
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "",
        value_parser = filter,
        hide_default_value = true,
        add = ArgValueCompleter::new(completion::filter)
    )]
    pub filter: FilterText,
    /// Output as JSON Lines: one object per line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `nkview doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Output as JSON Lines: one object per line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `nkview completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// The shells that can complete nkview's command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash
    Bash,
    /// The Z shell
    Zsh,
    /// The friendly interactive shell
    Fish,
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
    /// With MAC addresses, ARP and neighbour discovery
    L2,
    /// Without, as most containers have it
    #[default]
    L3,
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

/// Appearance.
#[derive(Debug, Args)]
#[command(next_help_heading = "Screen")]
pub struct ScreenArgs {
    /// Initial display filter, e.g. 10.0.0.0/8 or "fd00::/8 and not port 22"
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "",
        value_parser = filter,
        hide_default_value = true,
        add = ArgValueCompleter::new(completion::filter)
    )]
    pub filter: FilterText,
    /// Apply the filter's prefixes in the kernel; other packets only count as
    /// filtered, and widening the filter does not bring them back
    #[arg(long)]
    pub push_down: bool,
    /// Show rates in bits per second
    #[arg(long)]
    pub bits: bool,
    /// Use only ASCII characters
    #[arg(long)]
    pub ascii: bool,
    /// Use colours for a light background
    #[arg(long, overrides_with = "dark", action = ArgAction::SetTrue)]
    pub light: bool,
    /// Use colours for a dark background
    #[arg(long, overrides_with = "light", action = ArgAction::SetTrue)]
    pub dark: bool,
    /// Bytes per second written to the terminal for automatic updates: on a slow
    /// link they become less frequent; keys are still answered at once
    #[arg(long, value_name = "BYTES")]
    pub max_draw_rate: Option<NonZero<u32>>,
    /// Leave the mouse to the terminal, so that it selects text
    #[arg(long)]
    pub no_mouse: bool,
    /// Keep the final screen in the terminal
    #[arg(long)]
    pub keep_screen: bool,
}

/// What decides how this machine is watched, which a recording has behind it.
const WATCHING: [&str; 8] = [
    "devices",
    "interval",
    "max_flows",
    "cover_redirect",
    "local",
    "no_trace",
    "events_per_second",
    "every_packet",
];
/// As [`WATCHING`], where a pair can be made, too.
const LIVE: [&str; 12] = [
    "devices",
    "interval",
    "max_flows",
    "cover_redirect",
    "local",
    "no_trace",
    "events_per_second",
    "every_packet",
    "create",
    "mode",
    "peer_netns",
    "no_create",
];

/// A number of bytes, in powers of 1000 (k, M, G, T) or 1024 (Ki, Mi, Gi, Ti).
fn size(text: &str) -> Result<u64, String> {
    let split = text
        .find(|it: char| !it.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = match unit {
        "" => Some(1),
        "k" | "K" => Some(1_000),
        "M" => Some(1_000_000),
        "G" => Some(1_000_000_000),
        "T" => Some(1_000_000_000_000),
        "Ki" => Some(1 << 10),
        "Mi" => Some(1 << 20),
        "Gi" => Some(1 << 30),
        "Ti" => Some(1 << 40),
        _ => None,
    };
    let bytes = unit.zip(number.parse().ok());
    bytes
        .and_then(|(unit, number): (u64, u64)| number.checked_mul(unit))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "expected a number of bytes, such as 500M or 2Gi".to_owned())
}

/// As [`size`], or 0.
fn size_or_none(text: &str) -> Result<u64, String> {
    if text == "0" { Ok(0) } else { size(text) }
}

fn speed(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|speed| (0.01..=1000.0).contains(speed))
        .ok_or_else(|| "expected a number from 0.01 to 1000".to_owned())
}

/// From a tenth of a second to a day.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.1..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "expected a number of seconds from 0.1 to 86400".to_owned())
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

/// A filter as it was typed: names in it are known when the configuration is read.
#[derive(Clone, Debug, Default)]
pub struct FilterText(String);

impl FilterText {
    /// The filter, with what its names stand for.
    ///
    /// # Errors
    /// It has a name that the configuration does not know, or uses one where it
    /// cannot stand.
    pub fn resolve(&self, named: &NamedFilters) -> anyhow::Result<Filter> {
        named
            .parse(&self.0)
            .map_err(|error| anyhow!("--filter {}: {error}", self.0.escape_debug()))
    }
}

fn filter(text: &str) -> Result<FilterText, String> {
    if !text.contains('@') {
        Filter::parse(text).map_err(|error| error.to_string())?;
    }
    Ok(FilterText(text.to_owned()))
}

#[cfg(test)]
mod tests;
