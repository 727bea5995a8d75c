//! `cargo xtask vm`: runs a command, or the kernel tests, under another kernel.
//!
//! The kernel is Debian's and runs in an emulated machine. The command sees this
//! machine's files, but what it writes, and the network devices that it makes,
//! are gone with the machine.

mod console;
mod cpio;
mod image;
mod kernel;
mod machine;
mod session;
mod terminal;

use std::{
    env,
    ffi::{OsStr, OsString},
    process::ExitCode,
    str::FromStr,
    time::Duration,
};

use anyhow::Context;
use vm_init::{Size, Spec};

use image::Image;
pub use kernel::Kernel;
pub use session::Outcome;

/// The variables that the command in the machine inherits,
const INHERITED: [&str; 6] = ["CI", "COLORTERM", "HOME", "LANG", "NO_COLOR", "TERM"];

/// and the starts of the names of others.
const INHERITED_STARTS: [&str; 6] = ["CARGO", "INSTA_", "LC_", "NKVIEW", "PROPTEST_", "RUST"];

const DEFAULT_SIZE: Size = Size {
    columns: 80,
    rows: 24,
};

/// The arguments of `cargo xtask vm`.
#[derive(clap::Args)]
pub struct Args {
    /// The series of the kernel: 6.12, 6.1, 6.18, 7.3, or all of them, one after the other
    #[arg(long, value_name = "SERIES", default_value = "6.12")]
    kernel: Kernels,
    /// Give COMMAND a terminal of this size; without, it has one as large as yours if you have one.
    /// In it Ctrl-] ends the machine, whatever COMMAND does
    #[arg(long, value_name = "COLSxROWS")]
    size: Option<Size>,
    /// End COMMAND after this time with status 124
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// What to run as root in the current directory; without, your shell, or the kernel tests
    /// where there is no terminal or more than one kernel
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Args {
    /// The kernels whose tests are to be run, if that and no command is asked for.
    pub fn tested_kernels(&self) -> Option<&[Kernel]> {
        let kernels = &self.kernel.0;
        let has_shell = kernels.len() == 1 && self.terminal().is_some();
        (self.command.is_empty() && !has_shell).then_some(kernels)
    }

    /// The size of the command's terminal, if it is to have one.
    fn terminal(&self) -> Option<Size> {
        self.size
            .or_else(|| terminal::is_there().then(|| terminal::size().unwrap_or(DEFAULT_SIZE)))
    }
}

/// One kernel or more.
#[derive(Clone)]
struct Kernels(Vec<Kernel>);

impl FromStr for Kernels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" {
            return Ok(Self(Kernel::ALL.into()));
        }
        match Kernel::ALL
            .into_iter()
            .find(|kernel| kernel.series() == text)
        {
            Some(kernel) => Ok(Self(vec![kernel])),
            None => {
                let known = Kernel::ALL.map(Kernel::series).join(", ");
                Err(format!("there are {known} and all"))
            }
        }
    }
}

/// Runs the task; its exit status is the command's, or that of the first command
/// that failed.
///
/// # Errors
/// A machine cannot be prepared, does not boot or crashes.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let timeout = args.timeout.map(Duration::from_secs);
    let terminal = args.terminal();
    let command = match args.command.as_slice() {
        [] => vec![env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into())],
        command => command.to_vec(),
    };
    if let [kernel] = args.kernel.0[..] {
        let outcome = run_in(kernel, command, &[], terminal, timeout)?;
        return Ok(exit_code(outcome.status));
    }
    let mut worst = 0;
    for &kernel in &args.kernel.0 {
        let outcome = run_command(kernel, &command, &[], timeout)?;
        println!(
            "{:5} {:32} status {}, {:.1} s to boot, {:.1} s in all",
            kernel.series(),
            outcome.release,
            outcome.status,
            outcome.boot.as_secs_f64(),
            outcome.total.as_secs_f64(),
        );
        if worst == 0 {
            worst = outcome.status;
        }
    }
    Ok(exit_code(worst))
}

/// Fetches a kernel and what its machine needs, once.
///
/// # Errors
/// Something is missing; the message says what.
pub fn prepare(kernel: Kernel) -> anyhow::Result<()> {
    Image::prepare(kernel).map(drop)
}

/// Runs a command without a terminal as root under another kernel, in the
/// current directory and with `environment` besides what it inherits. Its output
/// is shown as it comes.
///
/// # Errors
/// The machine cannot be prepared, does not boot or crashes. That the command
/// fails, or has not ended in its time, is reported by its status.
pub fn run_command(
    kernel: Kernel,
    command: &[OsString],
    environment: &[(OsString, OsString)],
    timeout: Option<Duration>,
) -> anyhow::Result<Outcome> {
    run_in(kernel, command.to_vec(), environment, None, timeout)
}

fn run_in(
    kernel: Kernel,
    command: Vec<OsString>,
    environment: &[(OsString, OsString)],
    terminal: Option<Size>,
    timeout: Option<Duration>,
) -> anyhow::Result<Outcome> {
    let image = Image::prepare(kernel)?;
    let programs = image.tools.scripts();
    let mut path = vec![programs.clone()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let path = env::join_paths(path).context("PATH has an impossible directory")?;
    let spec = Spec {
        command,
        environment: env::vars_os()
            .filter(|(name, _)| is_inherited(name))
            .chain([("PATH".into(), path)])
            .chain(environment.iter().cloned())
            .collect(),
        directory: env::current_dir().context("there is no current directory")?,
        terminal,
        modules: image.kernel.modules.clone(),
        modprobe: programs.join("modprobe"),
    };
    session::run(&image, &spec, timeout)
}

fn is_inherited(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    INHERITED.iter().any(|inherited| name == *inherited)
        || INHERITED_STARTS
            .iter()
            .any(|start| bytes.starts_with(start.as_bytes()))
}

fn exit_code(status: i32) -> ExitCode {
    ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests;
