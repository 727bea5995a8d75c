//! Writes nkview's man pages into a directory: those of the commands from the
//! definition of the command line and the table of keys, those of filters and of the
//! configuration from the tables that the help and `nkview config` print.

mod command;
mod config;
mod filter;
mod page;

use std::{env, fs, path::Path};

use anyhow::{Context, ensure};
use clap::CommandFactory;
use jiff::{Timestamp, tz::TimeZone};
use nkview::cli::Cli;

/// The name of the manual, in the heads of its pages.
const MANUAL: &str = "nkview manual";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    ensure!(
        arguments.len() == 1,
        "usage: pages DIRECTORY: one argument, where to write the man pages"
    );
    let directory = Path::new(&arguments[0]);
    fs::create_dir_all(directory).with_context(|| format!("creating {}", directory.display()))?;
    let write = |name: &str, text: &[u8]| {
        let path = directory.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    };
    let date = date(env::var("SOURCE_DATE_EPOCH").ok().as_deref())?;
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    for command in std::iter::once(&cli).chain(cli.get_subcommands()) {
        let (name, text) = command::page(command, &date)?;
        write(&name, &text)?;
    }
    write("nkview-filter.7", filter::page(&date).render().as_bytes())?;
    write("nkview-config.5", config::page(&date).render().as_bytes())
}

/// The day in the foot of the pages: that of `epoch`, in seconds since 1970, or
/// today.
fn date(epoch: Option<&str>) -> anyhow::Result<String> {
    let moment = match epoch {
        Some(epoch) => epoch
            .parse()
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .with_context(|| format!("SOURCE_DATE_EPOCH is {epoch}: not seconds since 1970"))?,
        None => Timestamp::now(),
    };
    Ok(moment.to_zoned(TimeZone::UTC).date().to_string())
}

#[cfg(test)]
mod tests;
