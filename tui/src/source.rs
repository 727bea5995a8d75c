//! The handle of a source: whatever reports devices, traffic and findings, be
//! it the kernel of this machine, a recording or another host.
//!
//! A source runs by itself, on tasks or threads of its own, and never waits for
//! its consumer: see [`Source::new`] for what it has to keep.

use anyhow::anyhow;
use tokio::sync::{mpsc, oneshot};

use crate::model::{Envelope, Request, Session};

#[cfg(test)]
mod tests;

/// Events that the channel holds for the consumer. What comes while it is full
/// is the source's to merge, keep or count.
const EVENTS: usize = 64;
/// Requests that the channel holds for the source.
const REQUESTS: usize = 16;

/// A source that has started. Consumers do not know what kind it is.
#[derive(Debug)]
pub struct Source {
    /// What is watched, known before the first event.
    pub session: Session,
    /// What it reports, in order. The channel is closed after the last event.
    pub events: mpsc::Receiver<Envelope>,
    /// What it is asked for. Each request gets one [`Reply`](crate::model::Reply)
    /// among the events.
    pub requests: mpsc::Sender<Request>,
    /// Ends it.
    pub stop: Stop,
    /// Makes it safe to stop this process; nothing where it always is.
    pub pause: Option<Pause>,
}

/// The source's own end of a [`Source`].
#[derive(Debug)]
pub struct Producer {
    /// Where its events go.
    pub events: mpsc::Sender<Envelope>,
    /// What it is asked for; closed when the consumer has gone.
    pub requests: mpsc::Receiver<Request>,
    /// Whether it is to end, and that it has.
    pub stopping: Stopping,
}

impl Source {
    /// A source and the end that feeds it. The producer
    ///
    /// - answers each request exactly once, also when it cannot carry it out;
    /// - ends when it is [asked](Stopping::asked) to, or when its events have no
    ///   receiver any more, and then reports [that it has](Stopping::ended);
    /// - must not wait for room in `events` where anything else depends on it.
    #[must_use]
    pub fn new(session: Session) -> (Self, Producer) {
        let (event_sender, events) = mpsc::channel(EVENTS);
        let (requests, request_receiver) = mpsc::channel(REQUESTS);
        let (ask, asked) = oneshot::channel();
        let (ended, has_ended) = oneshot::channel();
        let source = Self {
            session,
            events,
            requests,
            stop: Stop {
                ask,
                ended: has_ended,
            },
            pause: None,
        };
        let producer = Producer {
            events: event_sender,
            requests: request_receiver,
            stopping: Stopping { asked, ended },
        };
        (source, producer)
    }
}

/// Makes a source safe for as long as this process is stopped, as by Ctrl-Z: what
/// it has in the kernel must not decide over packets while nobody looks after it.
#[derive(Clone, Debug)]
pub struct Pause(mpsc::Sender<Pausing>);

/// A source that is safe. Dropping it lets the source go on.
#[derive(Debug)]
pub struct Paused {
    _goes_on: oneshot::Sender<()>,
}

/// The source's end of a [`Pause`].
#[derive(Debug)]
pub struct Pausing {
    ready: oneshot::Sender<()>,
    goes_on: oneshot::Receiver<()>,
}

impl Pause {
    /// A pause, and where the source hears of it.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Pausing>) {
        let (pause, asked) = mpsc::channel(1);
        (Self(pause), asked)
    }

    /// Waits until the source is safe; one that has ended is.
    pub async fn ask(&self) -> Paused {
        let (ready, is_ready) = oneshot::channel();
        let (go_on, goes_on) = oneshot::channel();
        if self.0.send(Pausing { ready, goes_on }).await.is_ok() {
            let _ = is_ready.await;
        }
        Paused { _goes_on: go_on }
    }
}

impl Pausing {
    /// Reports that the source is safe, and waits until it may go on.
    pub async fn wait(self) {
        // Whoever asked may have given up.
        let _ = self.ready.send(());
        let _ = self.goes_on.await;
    }
}

/// Ends a source. Dropping it does so, too.
#[derive(Debug)]
pub struct Stop {
    ask: oneshot::Sender<()>,
    ended: oneshot::Receiver<anyhow::Result<()>>,
}

impl Stop {
    /// Asks for the end. What the source has counted up to then is still
    /// reported; after that, `events` is closed.
    #[must_use]
    pub fn ask(self) -> Ended {
        // The source may have ended already.
        let _ = self.ask.send(());
        Ended(self.ended)
    }
}

/// A source that is ending.
#[derive(Debug)]
pub struct Ended(oneshot::Receiver<anyhow::Result<()>>);

impl Ended {
    /// Waits until nothing of the source is left on this machine: no program, no
    /// device. It does not depend on whether anybody takes its last events.
    ///
    /// # Errors
    /// When the source could not clean up, or has panicked.
    pub async fn wait(self) -> anyhow::Result<()> {
        self.0
            .await
            .unwrap_or_else(|_| Err(anyhow!("the source has panicked; this is a bug")))
    }
}

/// The source's end of a [`Stop`].
#[derive(Debug)]
pub struct Stopping {
    asked: oneshot::Receiver<()>,
    ended: oneshot::Sender<anyhow::Result<()>>,
}

impl Stopping {
    /// Waits until the end is asked for. It may be cancelled, but not be called
    /// again once it has returned.
    pub async fn asked(&mut self) {
        // Dropping the handle asks for it as well.
        let _ = (&mut self.asked).await;
    }

    /// Reports that nothing is left.
    pub fn ended(self, result: anyhow::Result<()>) {
        // There may be no receiver.
        let _ = self.ended.send(result);
    }
}
