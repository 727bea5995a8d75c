//! A recording as a source: what was reported then, at the pace of then or faster.

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;

use crate::model::{Envelope, Event, Level, Moment, Notice, Reply, Request};
use crate::recording::{Head, Item, Reader};
use crate::source::{Producer, Source};
use clock::Clock;

mod clock;

#[cfg(test)]
mod tests;

/// Items that are read ahead.
const AHEAD: usize = 4;
/// What a recording answers to every request.
const REFUSAL: &str = "this is a recording, in which nothing can be changed";

/// How a recording is played.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How many times faster than it was recorded; nothing for as fast as the
    /// consumer takes it.
    pub speed: Option<f64>,
    /// How much of it, in its own time; nothing for all.
    pub duration: Option<Duration>,
}

/// A recording that was opened.
#[derive(Debug)]
pub struct Recording {
    reader: Reader<BufReader<File>>,
}

impl Recording {
    /// Opens a recording and reads its head.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("cannot read the recording {}", path.display());
        let file = File::open(path).with_context(cannot)?;
        let reader = Reader::open(BufReader::new(file)).with_context(cannot)?;
        Ok(Self { reader })
    }

    /// What it is of.
    #[must_use]
    pub const fn head(&self) -> &Head {
        self.reader.head()
    }

    /// Plays it, from within a runtime.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(self, options: Options) -> anyhow::Result<Source> {
        let Head {
            session,
            kernel,
            nkview,
            ..
        } = self.head().clone();
        let mut session = session;
        session.privileges = None;
        session.remark = Some(format!("recorded by nkview {nkview} on Linux {kernel}"));
        let (source, producer) = Source::new(session);
        let (items, read) = mpsc::channel(AHEAD);
        std::thread::Builder::new()
            .name("replay".to_owned())
            .spawn(move || self.read(&items))
            .context("cannot start a thread that reads the recording")?;
        tokio::spawn(play(read, producer, options));
        Ok(source)
    }

    /// Reads to the end, or until nobody takes it any more.
    fn read(mut self, items: &mpsc::Sender<Item>) {
        loop {
            let item = match self.reader.next_item() {
                // It answers a request of those who recorded it.
                Ok(Some(Item::Event(Envelope {
                    event: Event::Reply(_),
                    ..
                }))) => continue,
                Ok(Some(item)) => item,
                Ok(None) => return,
                Err(error) => {
                    let text = format!("The recording cannot be read any further: {error}.");
                    // Nobody may be left to read it.
                    let _ = items.blocking_send(Item::Damage(text));
                    return;
                }
            };
            if items.blocking_send(item).is_err() {
                return;
            }
        }
    }
}

/// Hands out events when their time has come, and answers requests.
async fn play(mut items: mpsc::Receiver<Item>, producer: Producer, options: Options) {
    let Producer {
        events,
        mut requests,
        mut stopping,
    } = producer;
    let mut clock = Clock::new(options.speed);
    // What is to be sent now, the answers first, and what has to wait.
    let mut replies = VecDeque::new();
    let mut due: Option<Envelope> = None;
    let mut is_over = false;
    let mut is_asked = true;
    loop {
        if is_over && due.is_none() && replies.is_empty() {
            break;
        }
        let has_room = !replies.is_empty() || due.is_some();
        let wait = async {
            // Answers do not wait for the clock.
            if let (Some(envelope), true) = (&due, replies.is_empty()) {
                clock.wait(&envelope.event).await;
            }
            events.reserve().await
        };
        tokio::select! {
            biased;
            () = stopping.asked() => break,
            request = requests.recv(), if is_asked => match request {
                Some(request) => replies.push_back(refuse(&request)),
                None => is_asked = false,
            },
            item = items.recv(), if due.is_none() && !is_over => {
                due = item.and_then(|item| clock.envelope(item, options.duration));
                if due.is_none() {
                    is_over = true;
                    if options.speed.is_some() {
                        due = Some(Event::Ended("the recording ends here".to_owned()).into());
                    }
                }
            }
            permit = wait, if has_room => {
                let Ok(permit) = permit else { break };
                match replies.pop_front().or_else(|| due.take()) {
                    Some(envelope) => permit.send(envelope),
                    None => drop(permit),
                }
            }
        }
    }
    stopping.ended(Ok(()));
}

fn refuse(request: &Request) -> Envelope {
    Event::Reply(Reply {
        id: request.id,
        result: Err(REFUSAL.to_owned()),
    })
    .into()
}

/// What cannot be shown otherwise.
fn warning(at: Moment, text: String) -> Envelope {
    Event::Notice(Notice {
        at,
        level: Level::Warning,
        text,
    })
    .into()
}
