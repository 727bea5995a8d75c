//! Writes nkview's man pages into a directory: those of the commands from the
//! definition of the command line, those of filters and of the configuration from
//! the tables that the help and `nkview config` print.

mod config;
mod filter;
mod page;

use std::{env, fs, path::Path};

use anyhow::{Context, ensure};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
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
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    for command in std::iter::once(&cli).chain(cli.get_subcommands()) {
        let (name, text) = command_page(command)?;
        write(&name, &text)?;
    }
    write("nkview-filter.7", filter::page().render().as_bytes())?;
    write("nkview-config.5", config::page().render().as_bytes())
}

/// The page of a command: the name of its file, and its text.
fn command_page(command: &Command) -> anyhow::Result<(String, Vec<u8>)> {
    let man = Man::new(command.clone())
        .date("")
        .source(page::SOURCE)
        .manual(MANUAL);
    let mut text = Vec::new();
    man.render(&mut text)
        .with_context(|| format!("the page of {}", command.get_name()))?;
    let others = ["nkview(1)", "nkview-filter(7)", "nkview-config(5)"];
    let own = format!("{}(1)", command.get_display_name().unwrap_or_default());
    let others = others.into_iter().filter(|other| *other != own);
    text.extend(page::see_also(others).render().into_bytes());
    Ok((man.get_filename(), text))
}

#[cfg(test)]
mod tests;
