//! Plays a recording, as it is asked to.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::mpsc;

use super::clock::Clock;
use super::marks;
use super::track::{Indices, Places, Timed, Track, sender};
use crate::diagnosis::Policy;
use crate::model::{Command, Envelope, Event, Moment, Playback, Reply, Request};
use crate::source::Producer;

/// Items that are read ahead.
const AHEAD: usize = 4;
/// What a recording answers to requests of a live source.
pub const REFUSAL: &str = "this is a recording, in which nothing can be changed";
/// Replies that wait before no more requests are taken.
const REPLIES: usize = 64;

/// A recording that is being played.
#[derive(Debug)]
pub struct Player {
    track: Arc<Track>,
    indices: Indices,
    clock: Clock,
    /// What is read ahead.
    items: mpsc::Receiver<Timed>,
    /// What comes next.
    next: Option<Timed>,
    /// Whether all was read.
    is_over: bool,
    /// Where it is being sought to.
    target: Option<Moment>,
    /// From here on everything was read.
    since: Moment,
    /// What is reported as soon as there is room.
    replies: VecDeque<Event>,
    marks: mpsc::Receiver<Event>,
}

impl Player {
    /// Starts to read.
    ///
    /// # Errors
    /// When the recording cannot be read, or no thread be started.
    pub fn new(track: Track, speed: u32, policy: Policy) -> anyhow::Result<Self> {
        let track = Arc::new(track);
        let indices = track.indices().context("cannot read the recording")?;
        let begin = indices.begin();
        let items = read(&track, None)?;
        let (found, marks) = mpsc::channel(AHEAD);
        let searched = Arc::clone(&track);
        thread("marks", move || {
            // The replay itself comes first.
            let _ = rustix::process::nice(10);
            marks::search(&searched, policy, &found);
        })?;
        let mut player = Self {
            track,
            indices,
            clock: Clock::new(begin, speed),
            items,
            next: None,
            is_over: false,
            target: None,
            since: begin,
            replies: VecDeque::new(),
            marks,
        };
        player.report(false);
        Ok(player)
    }

    /// Plays until the consumer is gone.
    pub async fn play(mut self, producer: Producer) {
        let Producer {
            events,
            mut requests,
            mut stopping,
        } = producer;
        let mut is_asked = true;
        let mut is_searched = false;
        loop {
            let is_due = self.next.is_some() || !self.replies.is_empty();
            let wait = async {
                // Answers do not wait for the clock.
                if let (Some((at, _)), true) = (&self.next, self.replies.is_empty()) {
                    self.clock.wait(*at).await;
                }
                events.reserve().await
            };
            tokio::select! {
                biased;
                () = stopping.asked() => break,
                () = events.closed() => break,
                request = requests.recv(), if is_asked && self.replies.len() < REPLIES => {
                    match request {
                        Some(request) => self.serve(request),
                        None => is_asked = false,
                    }
                }
                marks = self.marks.recv(), if !is_searched && self.replies.len() < REPLIES => {
                    match marks {
                        Some(marks) => self.replies.push_back(marks),
                        None => is_searched = true,
                    }
                }
                item = self.items.recv(), if self.next.is_none() && !self.is_over => {
                    self.take(item);
                }
                permit = wait, if is_due => {
                    let Ok(permit) = permit else { break };
                    let reply = self.replies.pop_front().map(Envelope::from);
                    let envelope = reply.or_else(|| self.next.take().map(|(_, it)| it));
                    if let Some(envelope) = envelope {
                        permit.send(envelope);
                    }
                }
            }
        }
        stopping.ended(Ok(()));
    }

    /// Takes over what was read next.
    fn take(&mut self, item: Option<Timed>) {
        self.is_over = item.is_none();
        let is_there = match (&item, self.target) {
            (Some((at, _)), Some(target)) => *at > target,
            (None, _) => true,
            (Some(_), None) => false,
        };
        if is_there {
            self.target = None;
            if self.is_over {
                self.clock.set(self.indices.end());
                self.clock.run(false);
            }
            self.report(false);
        }
        self.next = item;
    }

    fn serve(&mut self, Request { id, command }: Request) {
        let result = match command {
            Command::Seek(to) => self.seek(to).map_err(|error| format!("{error:#}")),
            Command::Play(true) if self.is_over => {
                self.clock.run(true);
                let begin = self.indices.begin();
                self.seek(begin).map_err(|error| format!("{error:#}"))
            }
            Command::Play(plays) => {
                self.clock.set(self.position());
                self.clock.run(plays);
                self.report(false);
                Ok(())
            }
            Command::Speed(speed) => {
                self.clock.set(self.position());
                self.clock.play_at(speed.max(1));
                self.report(false);
                Ok(())
            }
            _ => Err(REFUSAL.to_owned()),
        };
        self.replies.push_back(Event::Reply(Reply { id, result }));
    }

    /// Goes to a moment: on through what comes next where that is near, or else
    /// anew from far enough before it.
    fn seek(&mut self, to: Moment) -> anyhow::Result<()> {
        let to = to.clamp(self.indices.begin(), self.indices.end());
        let from = self.indices.places(to);
        let read = match &self.next {
            Some((at, _)) => *at,
            None => self.clock.now(),
        };
        let goes_on = self.position() <= to
            && !self.is_over
            && from.as_ref().is_none_or(|from| from.since <= read);
        if !goes_on {
            self.since = from.as_ref().map_or(Moment::ZERO, |from| from.since);
            self.items = self::read(&self.track, from)?;
            self.next = None;
            self.is_over = false;
        }
        self.clock.set(to);
        self.target = Some(to);
        self.report(!goes_on);
        Ok(())
    }

    /// Where it is: what is late holds it up.
    fn position(&self) -> Moment {
        let now = self.clock.now();
        let now = match &self.next {
            Some((at, _)) if self.target.is_none() => now.min(*at),
            _ => now,
        };
        now.clamp(self.indices.begin(), self.indices.end())
    }

    /// Reports where the replay is, before what comes next.
    fn report(&mut self, restarts: bool) {
        self.replies.push_back(Event::Playback(Playback {
            begin: self.indices.begin(),
            end: self.indices.end(),
            at: self.position(),
            since: self.since,
            speed: self.clock.speed(),
            is_playing: self.clock.is_running(),
            is_seeking: self.target.is_some(),
            restarts,
        }));
    }
}

fn read(track: &Arc<Track>, from: Option<Places>) -> anyhow::Result<mpsc::Receiver<Timed>> {
    let (items, read) = mpsc::channel(AHEAD);
    let track = Arc::clone(track);
    thread("replay", move || track.read(from.as_ref(), sender(items)))?;
    Ok(read)
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .context("cannot start a thread that reads the recording")?;
    Ok(())
}
