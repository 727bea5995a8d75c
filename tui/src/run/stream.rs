//! `nkview stream`: what a live source reports, on stdout.

use std::io::{self, BufWriter, IsTerminal};
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::stdio;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::options;
use super::record;
use super::signals::Signals;
use super::start::{configuration, open};
use super::writing::{Outcome, WAITING, Writing};
use crate::cli::{FormatArgs, StreamArgs};
use crate::export::{
    Limits, Narrowed, Ndjson, Output, Pcapng, Recorder, Redacted, Selection, Sink, Stdout, Text,
    Top, is_stuck, reader_gone, redacted_head,
};
use crate::filter::Filter;
use crate::probe::live::Options;
use crate::recording::Head;
use crate::redact::Redaction;
use crate::replay::Recording;
use crate::source::Source;

/// How long the source's last events may wait for room, once a signal has come
/// and the source has ended.
const LAST_EVENTS: Duration = Duration::from_millis(400);
/// How long a reader that is slow may take for the last events.
const AT_MOST: Duration = Duration::from_secs(20);

/// Prints what a live source or a recording reports, until the time is over or a signal ends it.
pub async fn stream(
    args: StreamArgs,
    recording: Option<Recording>,
    redaction: Option<Redaction>,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let is_live = recording.is_none();
    let no_reader = reader_gone().context("cannot start a thread for stdout")?;
    let format = args.output.format;
    let binary = [(format.pcapng, "pcapng"), (format.wire, "a recording")];
    if let Some((_, name)) = binary.iter().find(|(is_asked, _)| *is_asked)
        && io::stdout().is_terminal()
    {
        bail!("{name} is binary and stdout is a terminal: redirect it to a file or a pipe");
    }
    let no_writer = async {
        match args.output.until_eof {
            true => stdin_ended().await,
            false => std::future::pending().await,
        }
    };
    let config = configuration(&args.config)?;
    let mut selection = Selection {
        filter: args.output.filter.resolve(&config.named_filters())?,
        flows: if format.text {
            args.output.flows
        } else {
            !format.pcapng
        },
        packets: args.output.packets || format.text || format.pcapng,
        remaining: args.output.count,
        policy: config.policy()?,
    };
    // A recording has a time of its own.
    let duration = args.output.duration.filter(|_| is_live);
    let options = Options {
        create: options::pair(args.pair),
        ..options::attached(args.devices, &args.probe, &args.events)
    };
    // A copy of a recording is of whatever that is of.
    let copied = recording.as_ref().filter(|_| format.wire);
    let copied = copied.map(|recording| recording.head());
    let source = open(recording, args.output.duration, options, &mut signals).await?;
    let Some(source) = source else {
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
    let hosts = session.hosts.clone();
    let head = copied.unwrap_or_else(|| record::head(session));
    let sink = match redaction {
        Some(redaction) => {
            let filter = std::mem::replace(&mut selection.filter, Filter::everything());
            let policy = selection.policy.clone();
            let head = redacted_head(&head, &redaction);
            sink(head, selection, format).map(|sink| -> Box<dyn Sink> {
                let sink = Redacted::new(sink, redaction);
                if filter.is_everything() {
                    Box::new(sink)
                } else {
                    // It asks for the names that there were.
                    Box::new(Narrowed::new(sink, &hosts, filter, policy))
                }
            })
        }
        None => sink(head, selection, format),
    };
    let sink = sink.context("cannot write to stdout")?;
    let (queue, output) =
        Output::start(sink, WAITING).context("cannot start a thread for the output")?;
    let queue = if is_live { queue } else { queue.keeping_all() };
    let mut writing = Writing::start(events, queue, output, stop);
    let other = async {
        tokio::select! {
            biased;
            () = no_reader => "the reader has gone",
            () = no_writer => "stdin has ended",
        }
    };
    writing.until_over(&mut signals, duration, other).await;
    let Outcome { written, reason } = writing.end(&mut signals, give_up_reading()).await?;
    let Some(written) = written else {
        bail!("the last lines are missing: stdout was not read when nkview had to end");
    };
    written.context("cannot write to stdout")?;
    match reason {
        Some(reason) => bail!(reason),
        None => Ok(()),
    }
}

/// Waits until the reader has taken nothing for a while, or for long enough where
/// that cannot be known. A machine that is slow is no reader that is stuck.
async fn give_up_reading() {
    if is_stuck().is_none() {
        return sleep(LAST_EVENTS).await;
    }
    let look = LAST_EVENTS / 8;
    let mut stuck = Duration::ZERO;
    let mut all = Duration::ZERO;
    while stuck < LAST_EVENTS && all < AT_MOST {
        sleep(look).await;
        all += look;
        if is_stuck() == Some(true) {
            stuck += look;
        } else {
            stuck = Duration::ZERO;
        }
    }
}

/// The format that was asked for.
fn sink(head: Head, selection: Selection, format: FormatArgs) -> io::Result<Box<dyn Sink>> {
    let zone = TimeZone::system();
    let session = head.session.clone();
    Ok(if format.text {
        Box::new(Text::new(&session, Stdout, selection, zone))
    } else if format.pcapng {
        Box::new(Pcapng::new(&session, Stdout, selection)?)
    } else if format.wire {
        Box::new(Recorder::new(BufWriter::new(Stdout), head, Limits::NONE)?)
    } else if let Some(rows) = format.top {
        Box::new(Top::new(&session, Stdout, selection, zone, rows as usize))
    } else {
        Box::new(Ndjson::new(session, Stdout, selection))
    })
}

/// Waits until whoever writes to stdin has gone, or there is none.
async fn stdin_ended() {
    let (ended, has_ended) = oneshot::channel();
    let read = move || {
        let mut ignored = [0; 512];
        loop {
            match rustix::io::read(stdio::stdin(), &mut ignored) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let stdin = stdio::stdin();
                    // If that fails, so will reading.
                    let _ = poll(&mut [PollFd::new(&stdin, PollFlags::IN)], None);
                }
                Err(_) => break,
            }
        }
        // Nobody may be waiting any more.
        let _ = ended.send(());
    };
    let thread = std::thread::Builder::new().name("stdin".to_owned());
    if thread.spawn(read).is_ok() {
        // The thread ends by sending.
        let _ = has_ended.await;
    }
}
