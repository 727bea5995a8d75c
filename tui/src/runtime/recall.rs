//! What the source has reported lately, to go back to.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use crate::app::past::Past;
use crate::model::{Envelope, Event, Moment};
use crate::recording::{self, Head, History, Item, LOOK_BACK, READ_BACK};

#[cfg(test)]
mod tests;

/// Events that wait to be encoded, which takes nothing but CPU.
const WAITING: usize = 16;

/// Remembers what is reported, and finds out what was known at a moment.
#[derive(Debug, Default)]
pub(super) struct Recall {
    memory: Option<Memory>,
    /// What was asked for last, and is not being found out yet.
    wanted: Option<Past>,
    running: Option<JoinHandle<Past>>,
}

#[derive(Debug)]
struct Memory {
    history: Arc<Mutex<History>>,
    events: SyncSender<Envelope>,
}

impl Recall {
    /// Remembers up to this many bytes.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn new(head: Head, bytes: u64) -> anyhow::Result<Self> {
        let history = Arc::new(Mutex::new(History::new(head, bytes)?));
        let (events, waiting) = sync_channel::<Envelope>(WAITING);
        let written = Arc::clone(&history);
        std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || {
                for envelope in waiting {
                    let mut history = written.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Err(error) = history.event(&envelope) {
                        tracing::warn!("cannot remember what was reported: {error}");
                    }
                }
            })?;
        Ok(Self {
            memory: Some(Memory { history, events }),
            ..Self::default()
        })
    }

    /// Remembers an event. Returns how far back all reaches, where that may have
    /// changed.
    pub(super) fn remember(&self, envelope: &Envelope) -> Option<Moment> {
        let memory = self.memory.as_ref()?;
        if matches!(envelope.event, Event::Reply(_)) {
            return None;
        }
        // The thread ends with this.
        let _ = memory.events.send(envelope.clone());
        if !matches!(envelope.event, Event::Interval(_)) {
            return None;
        }
        let history = memory.history.lock();
        history.unwrap_or_else(PoisonError::into_inner).begin()
    }

    /// All that is remembered, several times.
    pub(super) fn all<const N: usize>(&self) -> Option<[recording::Past; N]> {
        let history = self.memory.as_ref()?.history.lock();
        let history = history.unwrap_or_else(PoisonError::into_inner);
        Some(std::array::from_fn(|_| history.all()))
    }

    /// Asks what was known at a moment, of which `past` knows nothing yet. Of several
    /// such questions the last one is answered.
    pub(super) fn ask(&mut self, past: Past) {
        self.wanted = Some(past);
        self.start();
    }

    fn start(&mut self) {
        if self.running.is_some() {
            return;
        }
        let (Some(memory), Some(past)) = (&self.memory, self.wanted.take()) else {
            return;
        };
        let history = Arc::clone(&memory.history);
        self.running = Some(tokio::task::spawn_blocking(move || find(&history, past)));
    }

    /// Waits for an answer. It may be cancelled.
    pub(super) async fn answer(&mut self) -> Past {
        loop {
            let Some(running) = &mut self.running else {
                return std::future::pending().await;
            };
            let found = running.await;
            self.running = None;
            self.start();
            if let Ok(past) = found {
                return past;
            }
        }
    }
}

/// What was known at a moment.
fn find(history: &Mutex<History>, mut past: Past) -> Past {
    let at = past.at;
    let history = history.lock().unwrap_or_else(PoisonError::into_inner);
    let mut read = history.before(at, READ_BACK, LOOK_BACK);
    // Others go on remembering.
    drop(history);
    past.since = read.since;
    // Memory can be read.
    while let Ok(Some(item)) = read.reader.next_item() {
        if let Item::Event(envelope) = item {
            if envelope.event.moment().is_some_and(|moment| moment > at) {
                break;
            }
            past.apply(&envelope);
        }
    }
    past
}
