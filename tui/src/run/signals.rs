//! The signals that ask a process to end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use anyhow::Context;
use rustix::process::Signal as Number;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::sys;
use crate::terminal::job;

/// The exit status of a program that was ended by SIGINT, as shells report it.
const INTERRUPTED: i32 = 130;

/// Whether the program was asked to end. A signal that is ignored when the program
/// starts, as `nohup` and shells without job control arrange it, stays ignored.
///
/// Signals are received on a thread of their own, so that nothing that blocks can
/// hold them up. A second Ctrl-C ends the process at once: the kernel then detaches
/// the programs, and the next start removes whatever else is left.
#[derive(Clone)]
pub struct Signals {
    asked: watch::Receiver<bool>,
    stops: watch::Receiver<u64>,
    /// Whether somebody prepares for a stop: see [`Signals::hold_stops`].
    is_held: Arc<AtomicBool>,
}

/// The requests to stop (SIGTSTP), which it is up to the holder to obey.
pub struct Stops {
    stops: watch::Receiver<u64>,
    is_held: Arc<AtomicBool>,
}

impl Stops {
    /// Waits for the next one. Never, when none can come any more.
    pub async fn next(&mut self) {
        if self.stops.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// Whether one has come since the last one that was waited for.
    pub fn has_come(&mut self) -> bool {
        let has_come = self.stops.has_changed().unwrap_or(false);
        self.stops.mark_unchanged();
        has_come
    }
}

impl Drop for Stops {
    fn drop(&mut self) {
        self.is_held.store(false, Ordering::SeqCst);
    }
}

impl Signals {
    /// Starts to listen.
    ///
    /// # Errors
    /// When handlers or a thread are refused.
    pub fn listen() -> anyhow::Result<Self> {
        let (ask, asked) = watch::channel(false);
        let (stop, stops) = watch::channel(0);
        let is_held = Arc::new(AtomicBool::new(false));
        let leaves_stops = Arc::clone(&is_held);
        let (ready, is_ready) = mpsc::sync_channel(1);
        let listen = move || {
            let prepared = Builder::new_current_thread()
                .enable_io()
                .build()
                .context("cannot start a runtime for signals");
            let runtime = match prepared {
                Ok(runtime) => runtime,
                Err(error) => return ready.send(Err(error)),
            };
            runtime.block_on(async {
                let handled = [
                    handle(SignalKind::interrupt()),
                    handle(SignalKind::terminate()),
                    handle(SignalKind::hangup()),
                    handle(SignalKind::from_raw(Number::TSTP.as_raw())),
                ];
                let [mut interrupt, mut terminate, mut hangup, mut suspend] = match join(handled) {
                    Ok(signals) => signals,
                    Err(error) => return ready.send(Err(error)),
                };
                ready.send(Ok(()))?;
                let suspended = async {
                    loop {
                        next(&mut suspend).await;
                        if leaves_stops.load(Ordering::SeqCst) {
                            stop.send_modify(|number| *number += 1);
                        } else {
                            stop_process();
                        }
                    }
                };
                let asked = async {
                    tokio::select! {
                        () = next(&mut interrupt) => {}
                        () = next(&mut terminate) => {}
                        () = next(&mut hangup) => {}
                    }
                    tracing::info!("asked to end by a signal");
                    ask.send_replace(true);
                    // Not a second one of the others: supervisors send those in pairs.
                    next(&mut interrupt).await;
                };
                tokio::select! {
                    () = suspended => {}
                    () = asked => {}
                }
                std::process::exit(INTERRUPTED)
            })
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(listen)
            .context("cannot start a thread for signals")?;
        is_ready
            .recv()
            .context("the thread for signals has failed")??;
        Ok(Self {
            asked,
            stops,
            is_held,
        })
    }

    /// Leaves it to the caller to stop the process when it is asked to (SIGTSTP),
    /// as long as what this returns lives. Otherwise it is stopped at once.
    pub fn hold_stops(&self) -> Stops {
        self.is_held.store(true, Ordering::SeqCst);
        let mut stops = self.stops.clone();
        stops.mark_unchanged();
        Stops {
            stops,
            is_held: Arc::clone(&self.is_held),
        }
    }

    /// Waits for the first of them, which may have come already.
    pub async fn any(&mut self) {
        if self.asked.wait_for(|asked| *asked).await.is_err() {
            std::future::pending().await
        }
    }
}

/// Stops this process until it is continued, if there is a shell for that.
pub fn stop_process() {
    if job::has_job_control()
        && let Err(error) = job::stop()
    {
        tracing::warn!(%error, "cannot stop this process");
    }
}

/// A signal, unless it is ignored.
fn handle(kind: SignalKind) -> anyhow::Result<Option<Signal>> {
    if sys::is_ignored(kind.as_raw_value()) {
        return Ok(None);
    }
    signal(kind).map(Some).context("cannot listen for signals")
}

fn join<const N: usize>(
    handled: [anyhow::Result<Option<Signal>>; N],
) -> anyhow::Result<[Option<Signal>; N]> {
    let mut signals = [const { None }; N];
    for (signal, handled) in signals.iter_mut().zip(handled) {
        *signal = handled?;
    }
    Ok(signals)
}

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
