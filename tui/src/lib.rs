//! nkview shows every flow that crosses a device, exactly counted in the
//! kernel.

mod about;
pub mod app;
pub mod cli;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod diagnosis;
mod dissect;
mod export;
mod files;
pub mod filter;
mod flow;
pub mod keys;
mod listing;
mod log;
pub mod model;
pub mod probe;
mod process;
pub mod recording;
mod redact;
mod remote;
pub mod replay;
mod report;
mod run;
mod runtime;
mod source;
#[cfg(test)]
mod synthetic;
pub mod sys;
pub mod terminal;
mod text;
pub mod traffic;
pub mod ui;
mod watching;

use std::process::ExitCode;

use clap::Parser;

/// Reads the command line and carries it out.
#[must_use]
pub fn main() -> ExitCode {
    // A shell that wants to complete a command line; this ends the process then.
    cli::completion::answer();
    let cli = cli::Cli::parse();
    let status = run::status_of_failure(&cli);
    let ended = log::start(&cli).and_then(|log| {
        let ended = run::run(cli);
        log::ended(&ended);
        // What waits to be written is written before the process ends.
        drop(log);
        ended
    });
    match ended {
        Ok(status) => status,
        Err(error) => {
            // It may quote names from the command line, a file or the network.
            let text = text::clean_lines(&format!("{error:#}"));
            eprintln!("nkview: {}", run::in_locale(&text));
            ExitCode::from(status)
        }
    }
}
