//! The commands that print something and end.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, bail};

use super::start::configuration;
use super::{in_locale, variable};
use crate::about::Behind;
use crate::cli::{CompletionsArgs, DevicesArgs, DoctorArgs, completion};
use crate::config::Config;
use crate::model::Device;
use crate::probe::{doctor, inventory};
use crate::text::wrap;
use crate::{config, listing};

/// Prints the default configuration.
pub fn config() -> anyhow::Result<()> {
    unless_closed(text(config::text_of_defaults().as_bytes()))
}

/// Prints the script for a shell.
pub fn completions(args: CompletionsArgs) -> anyhow::Result<()> {
    unless_closed(completion::write_script(
        args.shell,
        &mut io::stdout().lock(),
    ))
}

/// Prints the devices. Nothing is attached.
pub async fn devices(args: DevicesArgs) -> anyhow::Result<()> {
    let mut devices = listing::choose(inventory::list().await?, &args.devices)?;
    devices.sort_by(Device::cmp_by_name);
    let config = configuration(&args.config)?;
    let filter = args.filter.resolve(&config.named_filters())?;
    if let Err(term) = filter.is_about_devices() {
        bail!(
            "--filter: \"{term}\" is about flows; devices are chosen by dev, netns, container \
             and pod"
        );
    }
    devices.retain(|device| filter.matches_device(device, &Behind(device)));
    if devices.is_empty() && !filter.is_everything() {
        eprintln!("nkview: no device matches \"{filter}\"");
        return Ok(());
    }
    unless_closed(if args.json {
        listing::write_json(&devices, io::stdout().lock())
    } else {
        let mut table = Vec::new();
        listing::write_table(&devices, &mut table).and_then(|()| text(&table))
    })
}

/// Prints what the doctor finds; an error if nothing can be watched.
pub async fn doctor(args: DoctorArgs) -> anyhow::Result<()> {
    let mut findings = doctor::examine().await;
    findings.push(settings(args.config.config.as_deref(), variable));
    let written = if args.json {
        let mut stdout = io::stdout().lock();
        findings.iter().try_for_each(|finding| {
            serde_json::to_writer(&mut stdout, finding)?;
            stdout.write_all(b"\n")
        })
    } else {
        text(report(&findings, width()).as_bytes())
    };
    unless_closed(written)?;
    if findings.iter().any(doctor::Finding::is_fatal) {
        bail!("cannot watch any device in this environment");
    }
    Ok(())
}

/// How the configuration file stands, without which no other command starts.
fn settings(file: Option<&Path>, variable: impl Fn(&str) -> Option<String>) -> doctor::Finding {
    let (state, found, cure) = match Config::load(file, variable) {
        Ok((_, None)) => (doctor::State::Ok, "no mistake in it".to_owned(), None),
        Ok((_, Some(notice))) => (
            doctor::State::Without,
            notice,
            Some("let this user read it, or unset XDG_CONFIG_HOME or HOME"),
        ),
        Err(error) => (
            doctor::State::Fatal,
            format!("{error:#}"),
            Some("correct it, or move it away"),
        ),
    };
    doctor::Finding {
        what: "configuration",
        state,
        found,
        cure: cure.map(Into::into),
    }
}

/// What the doctor finds, in lines of at most `width` characters, and what follows
/// from it.
fn report(findings: &[doctor::Finding], width: usize) -> String {
    /// Where the words of a line start, behind its mark and name.
    const INDENT: usize = 20;
    let mut lines = String::new();
    for finding in findings {
        for line in finding.to_string().lines() {
            let split = line.char_indices().nth(INDENT);
            let (name, words) = line.split_at(split.map_or(line.len(), |(at, _)| at));
            let wrapped = wrap(words, width.saturating_sub(INDENT));
            lines.push_str(name);
            lines.push_str(&wrapped.join(&format!("\n{:INDENT$}", "")));
            lines.push('\n');
        }
    }
    if !findings.iter().any(doctor::Finding::is_fatal) {
        let all = findings.iter().all(|it| it.state == doctor::State::Ok);
        lines.push_str(if all {
            "\nnkview works here.\n"
        } else {
            "\nnkview works here, without what is marked with --.\n"
        });
    }
    lines
}

/// The columns of the terminal; a file has room for whole lines.
fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout());
    match size {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => usize::MAX,
    }
}

/// Prints text, in ASCII where the locale has no more.
fn text(bytes: &[u8]) -> io::Result<()> {
    let text = String::from_utf8_lossy(bytes);
    io::stdout().write_all(in_locale(&text).as_bytes())
}

/// A reader that has seen enough is no error.
pub(super) fn unless_closed(written: io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}

#[cfg(test)]
mod tests;
