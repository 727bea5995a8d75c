//! Arguments of `nkview ssh`.

use clap::{Args, ValueHint};

use super::screen::{HistoryArgs, ScreenArgs};
use super::shared::RedactArgs;

/// What follows the options of `nkview ssh`.
pub const HELP: &str = "\
ssh asks no questions here (BatchMode): log in with a key or agent, or open a shared
connection before (ControlMaster).

Examples:
  nkview ssh node1 admin@node2
  nkview ssh node1 node2 -- 'lxc*' --uplink
  nkview ssh --push root@node1
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
    /// Send this nkview to the hosts, where none needs to be installed: it runs from a
    /// private temporary directory and is removed however it ends
    #[arg(long, conflicts_with = "nkview")]
    pub push: bool,
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
