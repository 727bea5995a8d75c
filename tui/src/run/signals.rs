//! The signals that ask a process to end.

use std::sync::mpsc;
use std::thread;

use anyhow::Context;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::probe::sys;

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
}

impl Signals {
    /// Starts to listen.
    ///
    /// # Errors
    /// When handlers or a thread are refused.
    pub fn listen() -> anyhow::Result<Self> {
        let (ask, asked) = watch::channel(false);
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
                ];
                let [mut interrupt, mut terminate, mut hangup] = match join(handled) {
                    Ok(signals) => signals,
                    Err(error) => return ready.send(Err(error)),
                };
                ready.send(Ok(()))?;
                tokio::select! {
                    () = next(&mut interrupt) => {}
                    () = next(&mut terminate) => {}
                    () = next(&mut hangup) => {}
                }
                tracing::info!("asked to end by a signal");
                ask.send_replace(true);
                // Not a second one of the others: supervisors send those in pairs.
                next(&mut interrupt).await;
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
        Ok(Self { asked })
    }

    /// Waits for the first of them, which may have come already.
    pub async fn any(&mut self) {
        if self.asked.wait_for(|asked| *asked).await.is_err() {
            std::future::pending().await
        }
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
