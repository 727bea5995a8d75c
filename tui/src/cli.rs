//! The command line: one module for the options of each command.

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum, ValueHint};

pub use block::{BlockArgs, Lift};
pub use diagnose::DiagnoseArgs;
pub use print::{CompletionsArgs, DevicesArgs, DoctorArgs, Shell};
pub use probe::{EventArgs, Local, PairArgs, PairMode, ProbeArgs};
pub use record::RecordArgs;
#[cfg(feature = "demo")]
pub use screen::DemoArgs;
pub use screen::{HistoryArgs, ReplayArgs, ScreenArgs, WatchArgs};
pub use serve::ServeArgs;
pub use shared::{ConfigArgs, RedactArgs};
pub use ssh::SshArgs;
pub use stream::{FormatArgs, StreamArgs};
pub use values::FilterText;
pub use watch_for::WatchForArgs;

mod block;
pub mod completion;
mod diagnose;
mod print;
mod probe;
mod record;
mod screen;
mod serve;
mod shared;
mod ssh;
mod stream;
mod values;
mod watch_for;

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
    #[command(after_help = ssh::HELP)]
    Ssh(SshArgs),
    /// Drop the packets that a rule matches, for a limited time
    ///
    /// It shows what would be dropped, asks, and stays in the foreground until the time
    /// is over. The kernel judges the time, and lifts the rule when nkview ends, however
    /// that happens. Nothing else of nkview ever drops a packet.
    #[command(after_help = block::HELP)]
    Block(BlockArgs),
    /// Report flows that match a filter when they appear, and touch no packet
    ///
    /// A line for each pair of hosts; again when it comes back after a minute. The exit
    /// status is 0 when something appeared, 1 when nothing did, and 2 when it could not
    /// look.
    #[command(after_help = watch_for::HELP)]
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

/// The command that was probably meant by a word.
#[must_use]
pub fn similar_command(word: &str) -> Option<String> {
    let command = Cli::command();
    let names = command.get_subcommands().map(clap::Command::get_name);
    let ranked = names.map(|name| (strsim::jaro_winkler(word, name), name));
    let (likeness, name) = ranked.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (likeness > 0.88).then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
