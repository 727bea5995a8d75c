//! Starting and ending a live source, whatever blocks, and for how long it is read.

use std::future::pending;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::signals::{Signals, stop_process};
use super::variable;
use crate::cli::ConfigArgs;
use crate::config::Config;
use crate::model::{Envelope, Event, Watch};
use crate::probe::live::{self, Options};
use crate::probe::preflight::{self, NO_NETKIT};
use crate::replay::Recording;
use crate::source::{Ended, Pause, Source, Stop};

/// How long detaching may take before the user is informed.
const PATIENCE: Duration = Duration::from_secs(1);

/// The configuration, for a command without a screen. Where it cannot be read, stderr
/// has the reason.
pub fn configuration(args: &ConfigArgs) -> anyhow::Result<Config> {
    let (config, notice) = Config::load(args.config.as_deref(), variable)?;
    if let Some(notice) = notice {
        tracing::warn!("{notice}");
        // Nobody may read it.
        let _ = writeln!(io::stderr(), "nkview: {notice}");
    }
    Ok(config)
}

/// Whether all devices of the start are attached to, or were refused.
pub fn are_all_attached(event: &Event) -> bool {
    match event {
        Event::Devices(devices) => !devices.iter().any(|it| it.watch == Watch::Starting),
        _ => false,
    }
}

/// For how long a command reads its source, once that has begun.
pub struct Period {
    length: Option<Duration>,
    until: Option<tokio::time::Instant>,
}

impl Period {
    /// For so long.
    pub const fn of(length: Duration) -> Self {
        Self {
            length: Some(length),
            until: None,
        }
    }

    /// Until something else ends it.
    pub const fn endless() -> Self {
        Self {
            length: None,
            until: None,
        }
    }

    /// Begins, unless it has begun before. Whether it has begun now.
    pub fn begin(&mut self) -> bool {
        let begins = self.until.is_none() && self.length.is_some();
        if begins {
            let until = |length| tokio::time::Instant::now().checked_add(length);
            self.until = self.length.and_then(until);
        }
        begins
    }

    /// Waits until it is over.
    pub async fn over(&self) {
        match self.until {
            Some(until) => sleep_until(until).await,
            None => pending().await,
        }
    }
}

/// Opens what a command without a screen reads: a recording, of which it wants the
/// first `duration`, or this machine. Nothing when a signal comes first.
pub async fn open(
    recording: Option<Recording>,
    duration: Option<Duration>,
    options: Options,
    signals: &mut Signals,
) -> anyhow::Result<Option<Source>> {
    if let Some(recording) = recording {
        return recording.start(duration).map(Some);
    }
    if options.devices.is_empty() && !preflight::has_netkit() {
        bail!("{NO_NETKIT}; name the devices to watch through other hooks");
    }
    start(options, signals).await
}

/// As [`connect`], for a command without a screen: when it is to stop (Ctrl-Z), that
/// is done when the source is safe.
pub async fn start(options: Options, signals: &mut Signals) -> anyhow::Result<Option<Source>> {
    let mut stops = signals.hold_stops();
    let source = connect(options, signals).await?;
    if let Some(pause) = source.as_ref().and_then(|source| source.pause.clone()) {
        tokio::spawn(async move {
            loop {
                stops.next().await;
                stop(&pause).await;
            }
        });
    }
    Ok(source)
}

/// Stops the process until it is continued, with a source that is safe.
pub async fn stop(pause: &Pause) {
    let paused = pause.ask().await;
    // Not until SIGCONT is received: the kernel drops one that is still pending when
    // the next SIGTSTP is sent.
    stop_process();
    drop(paused);
}

/// Starts a source; nothing when a signal comes first. What was attached up to then
/// is detached again.
pub async fn connect(options: Options, signals: &mut Signals) -> anyhow::Result<Option<Source>> {
    let start = Instant::now();
    // On the other thread, since attaching blocks.
    let mut starting = tokio::spawn(live::start(options));
    let started = tokio::select! {
        biased;
        started = &mut starting => started,
        () = signals.any() => {
            // A source that is cut off in the middle would leave filters and a pair.
            if let Ok(Ok(source)) = starting.await {
                finish(source.stop.ask()).await?;
            }
            return Ok(None);
        }
    };
    let source = started.context("the source has failed")??;
    tracing::info!(took = ?start.elapsed(), "the source has started");
    Ok(Some(source))
}

/// Ends a source whose last events are of no interest to anybody.
pub async fn end(stop: Stop, mut events: mpsc::Receiver<Envelope>) -> anyhow::Result<()> {
    let ended = stop.ask();
    // It must not wait for room.
    let rest = async { while events.recv().await.is_some() {} };
    tokio::join!(finish(ended), rest).0
}

/// Waits for the end of a source, with a message when that takes long: the kernel
/// waits for its CPUs each time that a program is detached.
pub async fn finish(ended: Ended) -> anyhow::Result<()> {
    let mut ended = std::pin::pin!(ended.wait());
    tokio::select! {
        biased;
        outcome = &mut ended => return outcome,
        () = tokio::time::sleep(PATIENCE) => {}
    }
    // Nobody may be left to read it, and stderr may block.
    std::thread::spawn(|| {
        let _ = writeln!(
            io::stderr(),
            "nkview: detaching programs; this takes a moment (Ctrl-C again to leave at once)"
        );
    });
    ended.await
}
