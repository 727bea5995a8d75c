//! A log for bug reports. Off by default, never on the screen, bounded, and
//! written by a thread of its own, so that a slow disk holds up nothing.
//!
//! Only nkview's own events are logged. Down to `info` they name no device, host
//! or address; no packet's bytes are ever logged.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::fs::OFlags;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::cli::{Cli, Command, LogLevel};

#[cfg(test)]
mod tests;

/// Names the file when the option does not.
const VARIABLE: &str = "NKVIEW_LOG";
/// The file's largest size.
const SIZE: u64 = 10 << 20;
/// Lines that wait for the disk; further ones are dropped.
const WAITING: usize = 1024;
/// How long the end of the program waits for the disk.
const PATIENCE: Duration = Duration::from_millis(200);

/// The log, while it is written. Dropping it waits for what is on its way.
pub struct Log(Option<Lines>);

/// Starts the log, if the command line or the environment asks for one.
///
/// # Errors
/// When the file cannot be used.
pub fn start(cli: &Cli) -> anyhow::Result<Log> {
    let variable = || std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
    let Some(path) = cli.log.clone().or_else(|| variable().map(PathBuf::from)) else {
        return Ok(Log(None));
    };
    let (file, length) =
        open(&path).with_context(|| format!("cannot write a log to {}", path.display()))?;
    let lines = Lines::start(file, SIZE.saturating_sub(length))
        .context("cannot start a thread for the log")?;
    let level = match cli.log_level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(lines.clone())
        // Libraries log names and addresses.
        .with_filter(Targets::new().with_target(env!("CARGO_CRATE_NAME"), level));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
        .context("cannot start the log")?;
    let system = rustix::system::uname();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        kernel = %system.release().to_string_lossy(),
        machine = %system.machine().to_string_lossy(),
        command = name(cli.command.as_ref()),
        "started"
    );
    Ok(Log(Some(lines)))
}

/// Logs how the program ends.
pub fn ended<T>(outcome: &anyhow::Result<T>) {
    match outcome {
        Ok(_) => tracing::info!("ended"),
        // Its text may name devices.
        Err(error) => {
            tracing::error!("ended with an error");
            tracing::debug!("{error:#}");
        }
    }
}

const fn name(command: Option<&Command>) -> &'static str {
    match command {
        None => "screen",
        #[cfg(feature = "demo")]
        Some(Command::Demo(_)) => "demo",
        Some(Command::Block(_)) => "block",
        Some(Command::Ssh(_)) => "ssh",
        Some(Command::Stream(_)) => "stream",
        Some(Command::Record(_)) => "record",
        Some(Command::Replay(_)) => "replay",
        Some(Command::Diagnose(_)) => "diagnose",
        Some(Command::WatchFor(_)) => "watch-for",
        Some(Command::Serve(_)) => "serve",
        Some(Command::Devices(_)) => "devices",
        Some(Command::Doctor(_)) => "doctor",
        Some(Command::Config) => "config",
        Some(Command::Completions(_)) => "completions",
    }
}

/// Opens a file for appending, and returns its length. It is created for its owner
/// alone. Links and what is no file are refused: as root, either could be a trap.
fn open(path: &Path) -> anyhow::Result<(File, u64)> {
    // Without O_NONBLOCK, opening a named pipe would wait for its reader.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ELOOP) => io::Error::other("it is a symbolic link; name a regular file"),
            _ => error,
        })?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        bail!("it is not a regular file");
    }
    Ok((file, metadata.len()))
}

/// What the thread that writes gets.
enum Message {
    Line(Vec<u8>),
    /// Answer when all before it is written.
    Flush(SyncSender<()>),
}

/// Takes lines and never waits for the disk.
#[derive(Clone)]
struct Lines(SyncSender<Message>);

impl Lines {
    /// Starts the thread, which writes at most `room` bytes.
    fn start(file: impl Write + Send + 'static, room: u64) -> io::Result<Self> {
        let (lines, waiting) = sync_channel(WAITING);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write(file, room, &waiting))?;
        Ok(Self(lines))
    }

    /// Waits until what came before is written, but not for long.
    fn flush(&self) {
        let (done, is_done) = sync_channel(1);
        if self.0.try_send(Message::Flush(done)).is_ok() {
            // A disk that is too slow loses the last lines.
            let _ = is_done.recv_timeout(PATIENCE);
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(lines) = &self.0 {
            lines.flush();
        }
    }
}

const FULL: &[u8] = b"the log has reached its largest size and ends here\n";

fn write(mut file: impl Write, mut room: u64, waiting: &Receiver<Message>) {
    let mut is_full = false;
    for message in waiting {
        match message {
            Message::Line(line) if !is_full => {
                is_full = (line.len() + FULL.len()) as u64 > room;
                let text = if is_full { FULL } else { &line };
                // The file may have been full before.
                let Some(rest) = room.checked_sub(text.len() as u64) else {
                    continue;
                };
                room = rest;
                // A log that cannot be written is no reason to end, and there is no
                // place to report it to.
                let _ = file.write_all(text);
            }
            Message::Line(_) => {}
            Message::Flush(done) => {
                let _ = done.send(());
            }
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.0.try_send(Message::Line(line.to_vec())) {
            Ok(()) | Err(TrySendError::Full(_)) => Ok(line.len()),
            Err(TrySendError::Disconnected(_)) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
