//! `nkview stream`: what a live source reports, on stdout.

use std::io::{self, BufWriter, IsTerminal};
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::stdio;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::options;
use super::record;
use super::signals::Signals;
use super::start::{finish, start};
use super::variable;
use crate::cli::{FormatArgs, StreamArgs};
use crate::config::Config;
use crate::diagnosis::Kind;
use crate::export::{
    Limits, Ndjson, Output, Pcapng, Queue, Recorder, Selection, Sink, Stdout, Text, Top, is_stuck,
    reader_gone,
};
use crate::model::{Device, Envelope, Event, Session, Watch};
use crate::probe::live::Options;
use crate::probe::preflight;
use crate::replay::Recording;
use crate::source::Source;

/// Bytes of events that wait for a slow reader: two intervals of a full flow map.
pub const WAITING: usize = 32 << 20;
/// How long the source's last events may wait for room, once a signal has come
/// and the source has ended.
const LAST_EVENTS: Duration = Duration::from_millis(400);
/// How long the output has after that to write what is queued.
const LAST_LINES: Duration = Duration::from_millis(400);
/// How long a reader that is slow may take for the last events.
const AT_MOST: Duration = Duration::from_secs(20);

/// What the task that hands events to the output has seen.
pub enum Pumped {
    /// The source has ended, with its reason if it gave one.
    Source(Option<String>),
    /// The output takes no more.
    Output,
}

/// Prints what a live source or a recording reports, until the time is over or a signal ends it.
pub async fn stream(
    args: StreamArgs,
    recording: Option<Recording>,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let is_live = recording.is_none();
    if is_live && args.devices.is_empty() && !preflight::has_netkit() {
        bail!(
            "this kernel has no netkit (it came with Linux 6.7, as CONFIG_NETKIT); name the \
             devices to watch through other hooks"
        );
    }
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
    let (config, notice) = Config::load(variable)?;
    let selection = Selection {
        filter: args.output.filter.resolve(&config.named_filters())?,
        flows: if format.text {
            args.output.flows
        } else {
            !format.pcapng
        },
        packets: args.output.packets || format.text || format.pcapng,
        remaining: args.output.count,
    };
    // A recording has a time of its own.
    let duration = args.output.duration.filter(|_| is_live);
    if let Some(notice) = notice {
        tracing::warn!("{notice}");
    }
    let silenced = config.silenced()?;
    let options = Options {
        devices: args.devices,
        // From its first line on all is counted.
        attach_first: true,
        create: options::pair(args.pair),
        ..options::live(&args.probe, &args.events)
    };
    let started = match recording {
        Some(recording) => Some(recording.start(args.output.duration)?),
        None => start(options, &mut signals).await?,
    };
    let Some(source) = started else {
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
    let sink = sink(session, selection, format, silenced).context("cannot write to stdout")?;
    let (queue, mut output) =
        Output::start(sink, WAITING).context("cannot start a thread for the output")?;
    let queue = if is_live { queue } else { queue.keeping_all() };
    // Attaching to many devices takes seconds, which do not count.
    let (attached, is_attached) = oneshot::channel();
    let mut pump = tokio::spawn(pump(events, queue, attached));
    let mut pumped = None;
    let mut has_signal = false;
    let reason = tokio::select! {
        biased;
        () = signals.any() => {
            has_signal = true;
            "a signal has come"
        }
        () = no_reader => "the reader has gone",
        () = no_writer => "stdin has ended",
        () = output.complete() => "enough is written",
        () = elapsed(is_attached, duration) => "the time is over",
        ended = &mut pump => {
            pumped = Some(ended);
            "the source or the output has ended"
        }
    };
    tracing::info!(reason, "ending");

    // What is counted up to here is still written, unless a signal came and the
    // reader is stuck.
    let (ended, has_ended) = oneshot::channel();
    let source = async {
        let result = finish(stop.ask()).await;
        // There is no receiver once all lines are written.
        let _ = ended.send(());
        result
    };
    let abort = pump.abort_handle();
    let patience = async {
        if !has_signal {
            signals.any().await;
        }
        // Its last events come after the programs are detached, which takes
        // seconds where there are many.
        let _ = has_ended.await;
        give_up_reading().await;
        abort.abort();
        sleep(LAST_LINES).await;
    };
    let lines = async {
        let pumped = match pumped {
            Some(pumped) => pumped,
            None => pump.await,
        };
        (pumped, output.ended().await)
    };
    let lines = async {
        tokio::select! {
            biased;
            lines = lines => Some(lines),
            () = patience => None,
        }
    };
    let (stopped, lines) = tokio::join!(source, lines);
    stopped?;
    let Some((Ok(pumped), written)) = lines else {
        bail!("the last lines are missing: stdout was not read when nkview had to end");
    };
    written.context("cannot write to stdout")?;
    match pumped {
        Pumped::Source(Some(reason)) => bail!(reason),
        Pumped::Source(None) | Pumped::Output => Ok(()),
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
fn sink(
    session: Session,
    selection: Selection,
    format: FormatArgs,
    silenced: Vec<Kind>,
) -> io::Result<Box<dyn Sink>> {
    let zone = TimeZone::system();
    Ok(if format.text {
        Box::new(Text::new(&session, Stdout, selection, zone))
    } else if format.pcapng {
        Box::new(Pcapng::new(&session, Stdout, selection)?)
    } else if format.wire {
        Box::new(Recorder::new(
            BufWriter::new(Stdout),
            record::head(session),
            Limits::NONE,
        )?)
    } else if let Some(rows) = format.top {
        Box::new(Top::new(&session, Stdout, selection, zone, rows as usize))
    } else {
        Box::new(Ndjson::new(session, Stdout, selection).without(silenced))
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

/// Hands events to the output until either side ends. Tells when all devices of the
/// start are attached to.
pub async fn pump(
    mut events: mpsc::Receiver<Envelope>,
    queue: Queue,
    attached: oneshot::Sender<()>,
) -> Pumped {
    let mut attached = Some(attached);
    let mut reason = None;
    while let Some(envelope) = events.recv().await {
        match &envelope.event {
            Event::Devices(devices) if !devices.iter().any(is_starting) => {
                // There may be no time to measure.
                attached.take().map(|attached| attached.send(()));
            }
            Event::Ended(text) => reason = Some(text.clone()),
            _ => {}
        }
        if queue.send(envelope).await.is_err() {
            return Pumped::Output;
        }
    }
    Pumped::Source(reason)
}

fn is_starting(device: &Device) -> bool {
    device.watch == Watch::Starting
}

/// Waits for the end of the measurement, which begins when all is attached.
pub async fn elapsed(is_attached: oneshot::Receiver<()>, duration: Option<Duration>) {
    match duration {
        Some(duration) => {
            // An error is that the source has ended, which others notice.
            let _ = is_attached.await;
            sleep(duration).await;
        }
        None => std::future::pending().await,
    }
}
