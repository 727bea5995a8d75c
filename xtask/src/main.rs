//! The tasks of the project, one module a verb: `cargo xtask help` lists them.

mod check;
mod command;
mod test;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The tasks of the project")]
enum Task {
    /// Check the format and the lints
    Check,
    /// Run every test and count what ran
    Test,
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::Check => check::check(),
        Task::Test => test::run(),
    }
}
