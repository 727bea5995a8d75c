//! A connection to a host: the process that leads there, and what arrives.

use std::io::{self, Read};
use std::process::ChildStdout;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::backoff::Limits;
use super::child::Child;
use super::command::Host;
use crate::model::Event;
use crate::recording::{Error, Head, Item, Reader, SIGNATURE};

/// What arrives ahead of being handed on.
const AHEAD: usize = 4;
/// What a host may print before nkview does: banners of shells.
const BANNER: usize = 64 << 10;
/// Bytes of that which are quoted.
const QUOTED: usize = 120;

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Between tries.
    pub retry: Limits,
    /// For anything to arrive, and ten intervals at least.
    pub silence: Duration,
    /// For a process to end by itself.
    pub patience: Duration,
}

/// Why a connection has ended.
#[derive(Debug)]
pub struct Ended {
    /// In a phrase.
    pub reason: String,
}

/// What a host has sent.
#[derive(Debug)]
pub enum Arrived {
    /// What it is.
    Head(Box<Head>),
    /// What its source reported.
    Event(Event),
    /// So many packets are missing.
    Lost(u64),
    /// Something could not be read: a sentence.
    Damage(String),
    /// No more comes: why, where it was not the process's own end.
    End(Option<String>),
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    child: Child,
    arrived: mpsc::Receiver<Arrived>,
    timing: Timing,
    /// The length of an interval.
    interval: Duration,
    /// For the program to be sent, until something has come.
    sending: Duration,
}

/// Starts the process that leads to a host.
///
/// # Errors
/// Why it cannot be started, in a phrase.
pub fn open(host: &Host, timing: Timing) -> Result<Connection, String> {
    let (mut child, stdout) = Child::start(host.command())?;
    if let Some(program) = &host.program_to_send {
        child.send(program)?;
    }
    let (arriving, arrived) = mpsc::channel(AHEAD);
    std::thread::Builder::new()
        .name("remote".to_owned())
        .spawn(move || {
            let failure = read(stdout, &arriving).err();
            // Nobody may be left to read it.
            let _ = arriving.blocking_send(Arrived::End(failure));
        })
        .map_err(|error| format!("cannot start a thread: {error}"))?;
    Ok(Connection {
        child,
        arrived,
        timing,
        interval: Duration::ZERO,
        sending: host.sending(),
    })
}

impl Connection {
    /// What comes next. It may be cancelled.
    pub async fn next(&mut self) -> Arrived {
        let silence = self.timing.silence.max(self.interval.saturating_mul(10));
        let silence = silence.saturating_add(self.sending);
        match timeout(silence, self.arrived.recv()).await {
            Ok(Some(arrived)) => {
                self.sending = Duration::ZERO;
                if let Arrived::Event(Event::Interval(interval)) = &arrived {
                    self.interval = interval.length;
                }
                arrived
            }
            Ok(None) => Arrived::End(Some("the thread that reads it has failed".to_owned())),
            Err(_) => {
                let text = format!("nothing has come for {} s", silence.as_secs_f64().ceil());
                Arrived::End(Some(text))
            }
        }
    }

    /// Ends it. Returns why it has ended, which is `failure` where that is known.
    pub async fn close(self, failure: Option<String>) -> String {
        // Its thread is not to wait for a receiver.
        drop(self.arrived);
        let complaints = self.child.end(self.timing.patience).await;
        failure.unwrap_or(complaints)
    }
}

/// Hands on what arrives until the end. Fails, with the reason in a phrase, where it
/// is not to be read.
fn read(stdout: ChildStdout, arriving: &mpsc::Sender<Arrived>) -> Result<(), String> {
    let failed = |error: io::Error| format!("cannot read from the host: {error}");
    let Some(stream) = behind_banner(stdout)? else {
        return Ok(());
    };
    let mut reader = match Reader::open(stream) {
        Ok(reader) => reader,
        Err(Error::Version(version)) => {
            return Err(format!(
                "the nkview there is newer (format {version}): use the same version on both sides"
            ));
        }
        Err(Error::Io(error)) => return Err(failed(error)),
        // It was cut off, of which the process knows why.
        Err(Error::Head | Error::Foreign) => return Ok(()),
    };
    let head = Arrived::Head(Box::new(reader.head().clone()));
    let mut next = Some(head);
    while let Some(arrived) = next {
        if arriving.blocking_send(arrived).is_err() {
            break;
        }
        let item = reader.next_item().map_err(failed)?;
        next = item.map(|item| match item {
            Item::Event(envelope) => Arrived::Event(envelope.event),
            Item::Lost(packets) => Arrived::Lost(packets),
            Item::Damage(text) => Arrived::Damage(text),
        });
    }
    Ok(())
}

/// Skips what comes before nkview's own output, such as the banner of a login shell.
/// Nothing when there is no output at all.
fn behind_banner(mut stdout: ChildStdout) -> Result<Option<impl Read>, String> {
    let mut banner = Vec::new();
    let mut byte = [0];
    loop {
        match stdout.read(&mut byte) {
            Ok(0) if banner.is_empty() => return Ok(None),
            Ok(0) => return Err(unexpected(&banner)),
            Ok(_) => banner.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("cannot read from the host: {error}")),
        }
        if banner.ends_with(&SIGNATURE) {
            return Ok(Some(SIGNATURE.chain(stdout)));
        }
        if banner.len() > BANNER {
            return Err(unexpected(&banner));
        }
    }
}

/// That something else than nkview has answered.
fn unexpected(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(&output[..output.len().min(QUOTED)]).into_owned();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let line: String = line.unwrap_or_default().escape_debug().collect();
    format!("something else than nkview answered: \"{line}\"")
}
