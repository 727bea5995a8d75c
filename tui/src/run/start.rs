//! Starting and ending a live source, whatever blocks.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::signals::{Signals, stop_process};
use crate::probe::live::{self, Options};
use crate::probe::preflight::{self, NO_NETKIT};
use crate::replay::Recording;
use crate::source::{Ended, Pause, Source};

/// How long detaching may take before the user is informed.
const PATIENCE: Duration = Duration::from_secs(1);

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
