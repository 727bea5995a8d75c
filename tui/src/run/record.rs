//! `nkview record`: what a live source reports, into a file.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::fs::{Gid, OFlags, Uid, fchown};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::options;
use super::signals::Signals;
use super::start::{finish, start};
use super::stream::{Pumped, WAITING, elapsed, pump};
use super::variable;
use crate::cli::RecordArgs;
use crate::export::{Output, Sink};
use crate::model::{Envelope, Event};
use crate::probe::live::Options;
use crate::probe::preflight;
use crate::recording::{Head, Writer, without_payload};
use crate::source::Source;

#[cfg(test)]
mod tests;

/// How long the disk may take, once a signal has come and the source has ended.
const LAST_FRAMES: Duration = Duration::from_secs(5);

/// Creates the file of a recording, for its owner alone; under sudo that is the user
/// who called it. Links are not followed, and nothing is overwritten without `force`.
///
/// # Errors
/// When it cannot be created.
pub fn create(path: &Path, force: bool) -> anyhow::Result<File> {
    let cannot = || format!("cannot create {}", path.display());
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    // Without O_NONBLOCK, opening a named pipe would wait for its reader.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    options.custom_flags(flags);
    if force {
        options.create(true);
    } else {
        options.create_new(true);
    }
    let file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("{} exists; --force overwrites it", path.display())
        }
        opened => opened.with_context(cannot)?,
    };
    let metadata = file.metadata().with_context(cannot)?;
    ensure!(
        metadata.is_file() && metadata.nlink() == 1,
        "{} is no file of its own: it is a device or has several names; choose another file",
        path.display()
    );
    file.set_permissions(Permissions::from_mode(0o600))
        .with_context(cannot)?;
    if let Some((user, group)) = caller() {
        fchown(&file, Some(user), Some(group))
            .with_context(|| format!("cannot give {} to the user of sudo", path.display()))?;
    }
    file.set_len(0).with_context(cannot)?;
    Ok(file)
}

/// The user that called sudo, if this process is root by it.
fn caller() -> Option<(Uid, Gid)> {
    let id = |name| variable(name)?.parse().ok();
    let is_root = rustix::process::geteuid().is_root();
    is_root.then_some(())?;
    Some((
        Uid::from_raw(id("SUDO_UID")?),
        Gid::from_raw(id("SUDO_GID")?),
    ))
}

/// Records until the time is over, the file is full or a signal comes.
///
/// # Errors
/// When nothing can be watched, or the file cannot be written.
pub async fn record(args: RecordArgs, file: File, mut signals: Signals) -> anyhow::Result<()> {
    if args.devices.is_empty() && !preflight::has_netkit() {
        bail!(
            "this kernel has no netkit (it came with Linux 6.7, as CONFIG_NETKIT); name the \
             devices to watch through other hooks"
        );
    }
    let options = Options {
        devices: args.devices.clone(),
        // From its first interval on all is counted.
        attach_first: true,
        ..options::live(&args.probe, &args.events)
    };
    let Some(source) = start(options, &mut signals).await? else {
        return Ok(());
    };
    let Source {
        session,
        events,
        // Without requests it goes on, without the channel for them it ends.
        requests: _requests,
        stop,
        ..
    } = source;
    let head = Head {
        session,
        kernel: rustix::system::uname()
            .release()
            .to_string_lossy()
            .into_owned(),
        nkview: env!("CARGO_PKG_VERSION").to_owned(),
        options: std::env::args().skip(1).collect(),
    };
    let path = args.file.display();
    let cannot = || format!("cannot write {path}; what it holds can be replayed");
    let file_for_size = file.try_clone().with_context(cannot)?;
    let sink = Recorder {
        writer: Writer::new(BufWriter::new(file), &head).with_context(cannot)?,
        snapshot: args.snapshot.unwrap_or(0) as usize,
        most: args.max_size.unwrap_or(u64::MAX),
    };
    let (queue, mut output) =
        Output::start(Box::new(sink), WAITING).context("cannot start a thread for the file")?;
    report(&format!("recording to {path}; Ctrl-C ends it"));
    let (attached, is_attached) = oneshot::channel();
    let mut pump = tokio::spawn(pump(events, queue, attached));
    let mut pumped = None;
    let reason = tokio::select! {
        biased;
        () = signals.any() => "a signal has come",
        () = output.complete() => "the file has its size",
        () = elapsed(is_attached, args.duration) => "the time is over",
        ended = &mut pump => {
            pumped = Some(ended);
            "the source or the output has ended"
        }
    };
    tracing::info!(reason, "ending");
    // What was counted up to here is still written, unless a signal came and the disk
    // is stuck. Nothing is attached any more while it waits for that.
    let (ended, has_ended) = oneshot::channel();
    let source = async {
        let result = finish(stop.ask()).await;
        // There is no receiver once all is written.
        let _ = ended.send(());
        result
    };
    let patience = async {
        signals.any().await;
        let _ = has_ended.await;
        sleep(LAST_FRAMES).await;
    };
    let written = async {
        let pumped = match pumped {
            Some(pumped) => pumped,
            None => pump.await,
        };
        (pumped, output.ended().await)
    };
    let written = async {
        tokio::select! {
            biased;
            written = written => Some(written),
            () = patience => None,
        }
    };
    let (stopped, written) = tokio::join!(source, written);
    stopped?;
    let Some((Ok(pumped), written)) = written else {
        bail!("the end of {path} is missing: the disk took too long; the rest can be replayed");
    };
    written.with_context(cannot)?;
    if let Ok(metadata) = file_for_size.metadata() {
        report(&format!("{path} has {} bytes", metadata.len()));
    }
    match pumped {
        Pumped::Source(Some(reason)) => bail!(reason),
        Pumped::Source(None) | Pumped::Output => Ok(()),
    }
}

/// Reports progress on stderr.
fn report(text: &str) {
    if io::stderr().is_terminal() {
        let _ = writeln!(io::stderr(), "nkview: {}", crate::text::clean(text));
    }
}

/// Writes a recording up to a size.
struct Recorder<W: Write> {
    writer: Writer<W>,
    /// Bytes that are kept of each packet, where its headers are shorter.
    snapshot: usize,
    /// With this many bytes it is complete.
    most: u64,
}

impl<W: Write + Send> Sink for Recorder<W> {
    fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        if self.is_complete() || matches!(envelope.event, Event::Reply(_)) {
            return Ok(());
        }
        let envelope = without_payload(envelope, self.snapshot);
        self.writer.event(&envelope)?;
        self.writer.flush()
    }

    fn lost(&mut self, packets: u64) -> io::Result<()> {
        if self.is_complete() {
            return Ok(());
        }
        self.writer.lost(packets)
    }

    fn is_complete(&self) -> bool {
        self.writer.bytes() >= self.most
    }

    fn finish(&mut self) -> io::Result<()> {
        self.writer.finish()
    }
}
