//! nkview shows every flow that crosses a device, exactly counted in the
//! kernel.

pub mod app;
pub mod cli;
pub mod dissect;
pub mod filter;
pub mod flow;
pub mod keys;
pub mod probe;
pub mod run;
pub mod runtime;
pub mod source;
pub mod stream;
#[cfg(test)]
mod synthetic;
pub mod terminal;
pub mod ui;

use std::process::ExitCode;

use clap::Parser;

/// Reads the command line and carries it out.
#[must_use]
pub fn main() -> ExitCode {
    let cli::Cli { command } = cli::Cli::parse();
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| match command {
            cli::Command::Stream(args) => runtime.block_on(run::stream(args)),
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nkview: {error:#}");
            ExitCode::FAILURE
        }
    }
}
