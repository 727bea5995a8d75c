//! Carries out the commands.

use std::borrow::Cow;
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::CapabilitySet;

use crate::cli::{Cli, Command, similar_command};
#[cfg(feature = "demo")]
use crate::demo::Demo;
use crate::probe::live::{NoDevice, Options};
use crate::probe::privileges;
use crate::replay::Recording;
use crate::sys;
use crate::terminal;
use screen::{Keeping, User};
use signals::Signals;

mod appearance;
mod baseline;
mod block;
mod diagnose;
mod options;
mod own;
mod print;
mod record;
mod replay;
mod screen;
mod serve;
mod signals;
mod ssh;
mod start;
mod stream;
mod watch_for;
mod writing;

/// Carries out what the command line asks for.
///
/// # Errors
/// When it cannot be done, with what to do about it. Whatever was created or
/// attached is gone then.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if sys::was_stdout_closed() && cli.command.as_ref().is_some_and(writes_to_stdout) {
        bail!("cannot write: stdout is closed");
    }
    let done = match cli.command {
        Some(Command::Diagnose(args)) => {
            let recording = replay::open(&args.from)?;
            let baseline = baseline::read(args.usual.baseline.as_deref())?;
            return block_on(|signals| diagnose::diagnose(args, recording, baseline, signals));
        }
        Some(Command::WatchFor(args)) => {
            let recording = replay::open(&args.from)?;
            let baseline = baseline::read(args.usual.baseline.as_deref())?;
            return block_on(|signals| watch_for::watch_for(args, recording, baseline, signals));
        }
        None => {
            let args = cli.watch;
            let options = Options {
                devices: args.devices,
                create: options::pair(args.pair),
                ..options::live(&args.probe, &args.events)
            };
            terminal::check()?;
            let user = User::read(&args.screen.config, args.blocking.allow_block)?;
            let keeping = Keeping {
                baseline: baseline::read(args.usual.baseline.as_deref())?,
                ..Keeping::new(args.history, &args.redact)?
            };
            block_on(|signals| screen::show(options, args.screen, keeping, user, signals))
                .map_err(or_a_command)
        }
        #[cfg(feature = "demo")]
        Some(Command::Demo(args)) => {
            terminal::check()?;
            let user = User::read(&args.screen.config, args.blocking.allow_block)?;
            give_up_all_but(privileges::for_demo())?;
            // Before the runtime's threads, which then live in its namespace.
            let demo = Demo::enter(args.faults)?;
            let options = Options {
                devices: vec![demo.device().to_owned()],
                remark: Some(demo.remark()),
                ..options::live(&args.probe, &args.events)
            };
            let keeping = Keeping::new(args.history, &args.redact)?;
            block_on(|signals| screen::show(options, args.screen, keeping, user, signals))
        }
        Some(Command::Serve(args)) => {
            let recording = replay::open(&args.from)?;
            block_on(|signals| serve::serve(args, recording, signals))
        }
        Some(Command::Block(args)) => {
            // While the environments of other users' processes can be read.
            let plan = block::plan(&args)?;
            return block_on(|signals| block::block(args, plan, signals));
        }
        Some(Command::Stream(args)) => {
            let recording = replay::open(&args.from)?;
            let redaction = options::redaction(&args.redact)?;
            block_on(|signals| stream::stream(args, recording, redaction, signals))
        }
        Some(Command::Record(args)) => {
            let recording = replay::open(&args.from)?;
            let redaction = options::redaction(&args.redact)?;
            let target = record::Target::create(&args)?;
            block_on(|signals| record::record(args, recording, redaction, target, signals))
        }
        Some(Command::Replay(args)) => {
            terminal::check()?;
            // Nothing of it can be blocked, whatever the configuration says.
            let user = User::read(&args.screen.config, false)?;
            let recording = Recording::open_all(&args.files)?;
            block_on(|signals| replay::show(recording, args.speed, args.screen, user, signals))
        }
        Some(Command::Ssh(args)) => {
            let hosts = ssh::hosts(&args)?;
            terminal::check()?;
            let user = User::read(&args.screen.config, false)?;
            let keeping = Keeping::new(args.history, &args.redact)?;
            // Those of the user's commands that need privileges would not get them.
            block_on_with_privileges(|signals| {
                ssh::show(hosts, args.screen, keeping, user, signals)
            })
        }
        Some(Command::Devices(args)) => block_on(|_| print::devices(args)),
        Some(Command::Doctor(args)) => block_on(|_| print::doctor(args)),
        Some(Command::Config) => print::config(),
        Some(Command::Completions(args)) => print::completions(args),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// The exit status when a command fails. A diagnosis that could not look must not
/// be taken for one that found something.
#[must_use]
pub const fn status_of_failure(cli: &Cli) -> u8 {
    match cli.command {
        Some(Command::Diagnose(_) | Command::WatchFor(_)) => 2,
        _ => 1,
    }
}

/// Whether what a command finds goes to stdout, and nobody would learn of it otherwise.
const fn writes_to_stdout(command: &Command) -> bool {
    matches!(
        command,
        Command::Stream(_)
            | Command::Diagnose(_)
            | Command::WatchFor(_)
            | Command::Devices(_)
            | Command::Doctor(_)
            | Command::Config
            | Command::Completions(_)
    )
}

/// Text as the locale can show it.
#[must_use]
pub fn in_locale(text: &str) -> Cow<'_, str> {
    if appearance::is_utf8(variable) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(crate::text::ascii(text))
    }
}

/// A device that there is not may be a command that was mistyped.
fn or_a_command(error: anyhow::Error) -> anyhow::Error {
    let device = error.downcast_ref::<NoDevice>();
    match device.and_then(|NoDevice(name)| similar_command(name)) {
        Some(command) => anyhow!("{error:#}; did you mean the command `nkview {command}`?"),
        None => error,
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn give_up_all_but(keep: CapabilitySet) -> anyhow::Result<()> {
    privileges::give_up_all_but(keep).context(
        "cannot give up the capabilities that are not needed; a sandbox that forbids capset() \
         or prctl() must allow them",
    )
}

/// Lets the process have as many open files as it may: each hook takes three. Where
/// that fails, attaching to the last of many devices does, with the reason.
fn allow_open_files() {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limits.maximum,
        ..limits
    };
    let _ = setrlimit(Resource::Nofile, raised);
}

/// Carries out `work` in a runtime. From here on no signal ends the process
/// before it has cleaned up, and no thread has more privileges than watching
/// needs.
fn block_on<T, W: Future<Output = anyhow::Result<T>>>(
    work: impl FnOnce(Signals) -> W,
) -> anyhow::Result<T> {
    give_up_all_but(privileges::for_watching())?;
    block_on_with_privileges(work)
}

/// As [`block_on`], with the privileges that the process has.
fn block_on_with_privileges<T, W: Future<Output = anyhow::Result<T>>>(
    work: impl FnOnce(Signals) -> W,
) -> anyhow::Result<T> {
    sys::give_back_large_buffers();
    allow_open_files();
    let signals = Signals::listen()?;
    tokio::runtime::Builder::new_multi_thread()
        // The screen has the main thread; the source waits for the kernel.
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(work(signals))
}
