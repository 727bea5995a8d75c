//! A recording as a source: what was reported then, at the pace of then or faster.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::sync::mpsc;

use crate::diagnosis::Policy;
use crate::model::{Event, Moment, Reply, Request, Session};
use crate::recording::{Head, Reader};
use crate::source::{Producer, Source};
use file::Shared;
use player::{Player, REFUSAL};
use track::{Timed, Track, sender};

mod clock;
mod file;
mod marks;
mod player;
mod track;

#[cfg(test)]
mod tests;

/// Items that are read ahead.
const AHEAD: usize = 4;
/// Recordings that can be shown together.
const MOST: usize = 64;

/// A recording that was opened.
#[derive(Debug)]
pub struct Recording {
    track: Track,
}

impl Recording {
    /// Opens recordings and reads their heads. Several are put together by the wall
    /// clocks of their hosts, as they were when each recording began.
    ///
    /// # Errors
    /// When one cannot be read, or is none, or there are none or too many.
    pub fn open_all(paths: &[impl AsRef<Path>]) -> anyhow::Result<Self> {
        ensure!(
            (1..=MOST).contains(&paths.len()),
            "{} recordings cannot be shown together, only 1 to {MOST}",
            paths.len()
        );
        let recordings = paths.iter().map(|path| {
            let path = path.as_ref();
            let cannot = || format!("cannot read the recording {}", path.display());
            let file = Shared::new(File::open(path).with_context(cannot)?);
            let reader = Reader::open(file.again()).with_context(cannot)?;
            Ok((reader.head().clone(), file))
        });
        Ok(Self {
            track: Track::new(recordings.collect::<anyhow::Result<_>>()?),
        })
    }

    /// What a copy of it begins with. Of several, that is the hosts of all, and
    /// otherwise what the first one is.
    #[must_use]
    pub fn head(&self) -> Head {
        let first = self.first().clone();
        if self.track.parts().len() == 1 {
            return first;
        }
        Head {
            session: Session {
                remark: None,
                ..self.session()
            },
            ..first
        }
    }

    fn first(&self) -> &Head {
        // There is one at least.
        &self.track.parts()[0].head
    }

    fn session(&self) -> Session {
        let Head {
            session,
            kernel,
            nkview,
            ..
        } = self.first().clone();
        let hosts = self.track.hosts();
        let recorded = format!("recorded by nkview {nkview} on Linux {kernel}");
        if self.track.parts().len() == 1 {
            return Session {
                privileges: None,
                remark: Some(recorded),
                ..session
            };
        }
        Session {
            host: match &hosts[..] {
                [one] => one.clone(),
                [one, other] => format!("{one}, {other}"),
                _ => format!("{} hosts", hosts.len()),
            },
            hosts: if hosts.len() > 1 { hosts } else { Vec::new() },
            started: self.track.started(),
            remark: Some(format!("{} recordings", self.track.parts().len())),
            privileges: None,
        }
    }

    /// Reads it as fast as the consumer takes it, up to this much of its own time,
    /// from within a runtime. Then the source ends.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(self, duration: Option<Duration>) -> anyhow::Result<Source> {
        let (source, producer) = Source::new(self.session());
        let (items, read) = mpsc::channel(AHEAD);
        std::thread::Builder::new()
            .name("replay".to_owned())
            .spawn(move || self.track.read(None, sender(items)))
            .context("cannot start a thread that reads the recording")?;
        tokio::spawn(hand_on(read, producer, duration));
        Ok(source)
    }

    /// Plays it at a speed in hundredths of the recorded one, from within a
    /// runtime. At the end it waits to be asked for another moment. Problems on the
    /// time line are judged by this policy.
    ///
    /// # Errors
    /// When it cannot be read, or no thread be started.
    pub fn play(self, speed: u32, policy: Policy) -> anyhow::Result<Source> {
        let (source, producer) = Source::new(self.session());
        tokio::spawn(Player::new(self.track, speed, policy)?.play(producer));
        Ok(source)
    }
}

/// Hands on what is read, and answers requests.
async fn hand_on(mut items: mpsc::Receiver<Timed>, producer: Producer, duration: Option<Duration>) {
    let Producer {
        events,
        mut requests,
        mut stopping,
    } = producer;
    let mut begin: Option<Moment> = None;
    let mut is_asked = true;
    loop {
        let envelope = tokio::select! {
            biased;
            () = stopping.asked() => break,
            request = requests.recv(), if is_asked => match request {
                Some(Request { id, .. }) => Event::Reply(Reply {
                    id,
                    result: Err(REFUSAL.to_owned()),
                })
                .into(),
                None => {
                    is_asked = false;
                    continue;
                }
            },
            item = items.recv() => {
                let Some((at, envelope)) = item else { break };
                if envelope.event.moment().is_some() {
                    let begin = *begin.get_or_insert(at);
                    if duration.is_some_and(|duration| at.saturating_sub(begin) > duration) {
                        break;
                    }
                }
                envelope
            }
        };
        tokio::select! {
            biased;
            () = stopping.asked() => break,
            sent = events.send(envelope) => if sent.is_err() { break },
        }
    }
    stopping.ended(Ok(()));
}
