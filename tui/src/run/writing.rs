//! From a source into an output, until one of them or the user ends it.

use std::io;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::sleep;

use super::signals::Signals;
use super::start::finish;
use crate::export::{Output, Queue};
use crate::model::{Device, Envelope, Event, Watch};
use crate::source::Stop;

/// Bytes of events that wait for a slow reader: two intervals of a full flow map.
pub const WAITING: usize = 32 << 20;
/// How long the output has to write what is queued, once no further event is taken.
const LAST_LINES: Duration = Duration::from_millis(400);

/// A source whose events are written.
pub struct Writing {
    output: Output,
    stop: Stop,
    pump: JoinHandle<Pumped>,
    pumped: Option<Result<Pumped, JoinError>>,
    is_attached: Option<oneshot::Receiver<()>>,
}

/// What the task that hands events to the output has seen.
enum Pumped {
    /// The source has ended, with its reason if it gave one.
    Source(Option<String>),
    /// The output takes no more.
    Output,
}

/// How writing has ended.
pub struct Outcome {
    /// What came of the output; nothing where its end is missing, because it was too
    /// slow.
    pub written: Option<io::Result<()>>,
    /// Why the source has ended by itself.
    pub reason: Option<String>,
}

impl Writing {
    /// Begins to hand events to the output.
    pub fn start(
        events: mpsc::Receiver<Envelope>,
        queue: Queue,
        output: Output,
        stop: Stop,
    ) -> Self {
        let (attached, is_attached) = oneshot::channel();
        Self {
            output,
            stop,
            pump: tokio::spawn(pump(events, queue, attached)),
            pumped: None,
            is_attached: Some(is_attached),
        }
    }

    /// Waits for what comes first: a signal, the source or the output ends, the output
    /// is complete, the time is over, counted from when all devices are attached, or
    /// something else, with its name.
    pub async fn until_over(
        &mut self,
        signals: &mut Signals,
        duration: Option<Duration>,
        other: impl Future<Output = &'static str>,
    ) {
        let elapsed = elapsed(self.is_attached.take(), duration);
        let reason = tokio::select! {
            biased;
            () = signals.any() => "a signal has come",
            other = other => other,
            () = self.output.complete() => "the output is complete",
            () = elapsed => "the time is over",
            ended = &mut self.pump, if self.pumped.is_none() => {
                self.pumped = Some(ended);
                "the source or the output has ended"
            }
        };
        tracing::info!(reason, "ending");
    }

    /// Ends the source. What was counted up to here is still written, unless a signal
    /// has come and the output is stuck: it is given up when `give_up` is over, which
    /// begins once the source has ended.
    ///
    /// # Errors
    /// The source's.
    pub async fn end(
        self,
        signals: &mut Signals,
        give_up: impl Future<Output = ()>,
    ) -> anyhow::Result<Outcome> {
        let Self {
            mut output,
            stop,
            pump,
            pumped,
            ..
        } = self;
        let (ended, has_ended) = oneshot::channel();
        let source = async {
            let result = finish(stop.ask()).await;
            // There is no receiver once all is written.
            let _ = ended.send(());
            result
        };
        let abort = pump.abort_handle();
        let patience = async {
            signals.any().await;
            // Its last events come after the programs are detached, which takes
            // seconds where there are many.
            let _ = has_ended.await;
            give_up.await;
            abort.abort();
            sleep(LAST_LINES).await;
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
        Ok(match written {
            Some((Ok(pumped), written)) => Outcome {
                written: Some(written),
                reason: match pumped {
                    Pumped::Source(reason) => reason,
                    Pumped::Output => None,
                },
            },
            _ => Outcome {
                written: None,
                reason: None,
            },
        })
    }
}

/// Hands events to the output until either side ends. Reports when all devices of the
/// start are attached to.
async fn pump(
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
            Event::Ended(ended) => reason = Some(ended.to_string()),
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

/// Waits for the end of the measurement. Attaching to many devices takes seconds,
/// which do not count.
async fn elapsed(is_attached: Option<oneshot::Receiver<()>>, duration: Option<Duration>) {
    match (duration, is_attached) {
        (Some(duration), Some(is_attached)) => {
            // An error is that the source has ended, which others notice.
            let _ = is_attached.await;
            sleep(duration).await;
        }
        _ => std::future::pending().await,
    }
}
