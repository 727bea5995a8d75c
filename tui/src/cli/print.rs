//! Arguments of the commands that print something and end: devices, doctor and completions.

use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCompleter;

use super::completion;
use super::shared::ConfigArgs;
use super::values::{FilterText, filter};

/// Arguments of `nkview devices`.
#[derive(Debug, Args)]
pub struct DevicesArgs {
    /// Device names or globs (lxc*) [default: all devices]
    #[arg(value_name = "DEVICE", add = ArgValueCompleter::new(completion::devices))]
    pub devices: Vec<String>,
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
    /// The user's settings.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Arguments of `nkview doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Output as JSON Lines: one object per line
    #[arg(long)]
    pub json: bool,
    /// The user's settings.
    #[command(flatten)]
    pub config: ConfigArgs,
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
