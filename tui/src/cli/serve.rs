//! Arguments of `nkview serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCompleter;

use super::completion;
use super::probe::{EventArgs, ProbeArgs, WATCHING};
use super::shared::ConfigArgs;

/// Arguments of `nkview serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Read recordings instead of watching, several by their clocks; no root needed
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = ValueHint::FilePath, conflicts_with_all = WATCHING)]
    pub from: Vec<PathBuf>,
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
    /// Serve the rates of the flows with the most bytes in the last interval, with their
    /// addresses as labels: so many of each host
    #[arg(long, value_name = "FLOWS", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub top: Option<u32>,
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
    /// The user's settings.
    #[command(flatten)]
    pub config: ConfigArgs,
}
