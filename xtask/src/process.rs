//! Runs other programs, with errors that name them.

use std::{
    env,
    ffi::{OsStr, OsString},
    process::{Command, ExitStatus, Output, Stdio},
};

use anyhow::{Context, ensure};

use crate::project;

/// The cargo that runs this task, in the project's root.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_path());
    command.args(arguments).current_dir(project::root());
    command
}

/// The cargo that runs this task.
pub fn cargo_path() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs a command that must succeed; its output goes to the terminal.
///
/// # Errors
/// The program cannot be started or fails.
pub fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = status(command)?;
    ensure!(status.success(), "`{}` failed: {status}", shown(command));
    Ok(())
}

/// Runs a command to its end, however it ends.
///
/// # Errors
/// The program cannot be started.
pub fn status(command: &mut Command) -> anyhow::Result<ExitStatus> {
    command.status().with_context(|| cannot_start(command))
}

/// The standard output of a command that must succeed. What it writes to standard
/// error is part of the error.
///
/// # Errors
/// The program cannot be started, fails, or writes what is not UTF-8.
pub fn read(command: &mut Command) -> anyhow::Result<String> {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| cannot_start(command))?;
    ensure!(
        status.success(),
        "`{}` failed: {status}\n{}",
        shown(command),
        String::from_utf8_lossy(&stderr).trim_end()
    );
    String::from_utf8(stdout).with_context(|| format!("reading the output of `{}`", shown(command)))
}

/// Whether the shell would find a program of this name.
pub fn is_installed(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| {
        env::split_paths(&path).any(|directory| directory.join(program).is_file())
    })
}

fn cannot_start(command: &Command) -> String {
    format!(
        "cannot start {} (is it installed?)",
        command.get_program().display()
    )
}

fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}
