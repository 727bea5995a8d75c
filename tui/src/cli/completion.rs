//! What a shell completes: the command line, devices and filters.
//!
//! The script of a shell starts nkview with [`VARIABLE`] set and takes what it
//! prints. So the words are always those of the installed version, and devices
//! are those of the moment.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;

use clap::{CommandFactory, ValueEnum};
use clap_complete::CompleteEnv;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::Shells;

use super::{Cli, Shell};
use crate::filter::{self, Seen};

/// The environment variable by which a script asks for completions.
const VARIABLE: &str = "NKVIEW_COMPLETE";
/// Where the kernel lists the devices of this network namespace.
const DEVICES: &str = "/sys/class/net";

/// Completes a command line, if that is what this process was started for; then
/// it does not return.
pub fn answer() {
    CompleteEnv::with_factory(Cli::command)
        .var(VARIABLE)
        .bin("nkview")
        .complete();
}

/// Writes the script that a shell has to read.
///
/// # Errors
/// It cannot be written.
pub fn write_script(shell: Shell, out: &mut dyn Write) -> io::Result<()> {
    let name = shell.to_possible_value();
    let shells = Shells::builtins();
    let completer = name
        .as_ref()
        .and_then(|name| shells.completer(name.get_name()));
    let completer = completer.ok_or(io::ErrorKind::Unsupported)?;
    completer.write_registration(VARIABLE, "nkview", "nkview", "nkview", out)
}

/// The devices whose names start with what is typed.
#[must_use]
pub fn devices(typed: &OsStr) -> Vec<CompletionCandidate> {
    devices_in(Path::new(DEVICES), typed)
}

fn devices_in(directory: &Path, typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.as_encoded_bytes();
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        // Files there, such as bonding_masters, are no devices.
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name())
        .filter(|name| name.as_encoded_bytes().starts_with(typed))
        .collect();
    names.sort();
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// The filters that what is typed can go on to, a word longer.
#[must_use]
pub fn filter(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else {
        return Vec::new();
    };
    // Shells hand over the quote that a filter of several words begins with, and keep
    // it in front of what they insert.
    let typed = typed.strip_prefix(['\'', '"']).unwrap_or(typed);
    filter::complete(typed, typed.chars().count(), &Seen::default())
        .into_iter()
        .map(|completion| {
            let before: String = typed.chars().take(completion.range.start).collect();
            let help = (!completion.meaning.is_empty()).then(|| completion.meaning.into());
            CompletionCandidate::new(before + &completion.text).help(help)
        })
        .collect()
}

#[cfg(test)]
mod tests;
