//! Options that several commands have.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Which configuration holds.
#[derive(Clone, Debug, Args)]
pub struct ConfigArgs {
    /// Read this configuration file [default: ~/.config/nkview/config.toml]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// What was usual before.
#[derive(Debug, Args)]
pub struct BaselineArgs {
    /// Report peers that a container did not talk to in this recording
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub baseline: Option<PathBuf>,
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
