//! nkview from the sources, with the rights that it needs.

use std::{ffi::OsString, os::unix::process::CommandExt};

use anyhow::Context;

use crate::program::Program;

/// What is handed on to nkview.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// nkview's arguments, `--help` too
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Builds nkview, with its profile `quick`, and becomes it, so that its exit status is this
/// process's and it gets the signals.
///
/// # Errors
/// It does not build or start, or this is not root and there is no sudo.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let nkview = Program::build_one(
        &["build", "--profile", "quick", "--package", "nkview"],
        "nkview",
    )?;
    let error = nkview.as_root()?.args(&args.args).exec();
    Err(error).with_context(|| format!("starting {}", nkview.path.display()))
}
