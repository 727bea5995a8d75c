//! When to draw, and how much.
//!
//! Automatic updates are drawn for a share of the time only, within the byte
//! budget, and not before the terminal has processed the last frame. A line that
//! buffers, such as sshd's, takes a frame in no time and hands it on for seconds:
//! only the terminal's answer to a query behind the frame shows when that is
//! done. How long the answers take gives the bytes that a frame may have, so that
//! a key finds little before it on the line.

use std::collections::VecDeque;
use std::num::NonZero;
use std::time::Duration;

use anyhow::Context as _;
use crossterm::event::Event;
use ratatui::Terminal;
use tokio::time::Instant;

use crate::app::App;
use crate::app::action::Action;
use crate::app::bindings::Context;
use crate::keys::Keymap;
use crate::terminal::{Console, Line as _};
use crate::ui::{self, geometry::Geometry};

#[cfg(test)]
mod tests;

/// Of the time, at most one part in so many is spent on drawing what nobody
/// asked for.
const SHARE: u32 = 8;
/// How long the line may be busy with one frame.
const FRAME_TIME: Duration = Duration::from_millis(250);
/// Bytes that a frame may have on the slowest line.
const SMALLEST: usize = 256;
/// A line that is asked for more than this a frame is not slow.
const LARGEST: usize = 1 << 20;
/// How long an answer is waited for from a terminal that has answered before,
/// and from one that has not.
const ANSWER_TIME: Duration = Duration::from_secs(10);
const FIRST_ANSWER_TIME: Duration = Duration::from_secs(1);
/// Questions to a terminal that never answers.
const QUESTIONS: u32 = 5;

/// When to draw, and what was drawn.
#[derive(Debug)]
pub(super) struct Frame {
    wanted: Option<Instant>,
    /// Whether what is wanted was asked for by the user.
    is_asked_for: bool,
    /// Bytes per second that may be written.
    rate: Option<NonZero<u32>>,
    /// When all that was written is paid for: until then, nothing is drawn that
    /// nobody asked for.
    paid: Instant,
    pace: Pace,
    /// When the last frame was begun, while it is being written.
    writing: Option<Instant>,
    geometry: Geometry,
    keymap: Keymap,
}

impl Frame {
    /// The first frame is drawn after this time, or as soon as the user acts.
    pub(super) fn new(rate: Option<NonZero<u32>>, delay: Duration, keymap: Keymap) -> Self {
        Self {
            wanted: Some(Instant::now() + delay),
            is_asked_for: true,
            rate,
            paid: Instant::now(),
            pace: Pace::default(),
            writing: None,
            geometry: Geometry::default(),
            keymap,
        }
    }

    pub(super) fn pause(&self) -> Duration {
        self.paid.saturating_duration_since(Instant::now())
    }

    /// Charges a frame of `bytes` that was begun at `start`: with a share
    /// of the time, and with its part of the byte budget.
    pub(super) fn pay(&mut self, start: Instant, bytes: u64) {
        let now = Instant::now();
        self.paid = self.paid.max(now + (now - start) * SHARE);
        if let Some(rate) = self.rate {
            let time = bytes as f64 / f64::from(rate.get());
            self.paid = self.paid.max(now) + Duration::from_secs_f64(time);
        }
    }

    /// Wants a frame that the user asked for.
    pub(super) fn want(&mut self) {
        self.is_asked_for = true;
        self.want_within(Duration::ZERO);
    }

    /// Wants a frame within a time, but not before the last are paid for.
    pub(super) fn want_soon(&mut self, within: Duration) {
        self.want_within(self.pause().max(within));
    }

    fn want_within(&mut self, within: Duration) {
        let at = Instant::now() + within;
        self.wanted = Some(self.wanted.map_or(at, |wanted| wanted.min(at)));
    }

    /// When to draw, as far as the terminal has taken what was drawn before.
    pub(super) fn due(&self, is_busy: bool) -> Option<Instant> {
        let wanted = self.wanted.filter(|_| !is_busy)?;
        Some(match self.pace.waits_until(self.is_asked_for) {
            Some(answer) => wanted.max(answer),
            None => wanted,
        })
    }

    /// The terminal has processed all up to the last question.
    pub(super) fn answered(&mut self) {
        self.pace.answered();
    }

    /// The last frame was written.
    pub(super) fn written(&mut self) {
        if let Some(start) = self.writing.take() {
            self.pay(start, 0);
        }
    }

    /// Whatever was written is lost: the process was stopped.
    pub(super) fn forget(&mut self) {
        self.pace.unanswered.clear();
        self.writing = None;
    }

    /// Draws; returns what the state needs to know of the picture.
    pub(super) fn draw<B>(
        &mut self,
        terminal: &mut Terminal<B>,
        app: &mut App,
    ) -> anyhow::Result<Vec<Action>>
    where
        B: Console,
        B::Error: Send + Sync + 'static,
    {
        let (start, before) = (Instant::now(), terminal.backend().written());
        self.wanted = None;
        if std::mem::take(&mut self.is_asked_for) {
            terminal.backend_mut().begin_at_top();
        }
        self.pace.expire();
        terminal
            .backend_mut()
            .limit(self.pace.limit, self.pace.asks());
        let mut geometry = Geometry::default();
        terminal
            .draw(|frame| geometry = ui::draw(app, &self.keymap, frame))
            .context("cannot draw")?;
        let bytes = terminal.backend().written() - before;
        if bytes > 0 && self.pace.asks() {
            self.pace.asked(start, bytes as usize);
        }
        self.pay(start, bytes);
        self.writing = terminal.backend_mut().line().is_busy().then_some(start);
        if !terminal.backend().is_whole() {
            self.want_within(Duration::ZERO);
        }
        self.geometry = geometry;
        Ok(self.geometry.feedback())
    }

    /// What an input does.
    pub(super) fn action(&mut self, app: &App, input: Event) -> Option<Action> {
        match input {
            Event::Key(key) => self.keymap.action(app.context(), key),
            Event::Mouse(mouse) => self.geometry.action(mouse),
            Event::Paste(text) => (app.context() == Context::Filter).then_some(Action::Paste(text)),
            Event::Resize(..) => {
                self.want();
                None
            }
            Event::FocusGained | Event::FocusLost => None,
        }
    }
}

/// Bytes in flight to the terminal, as far as its answers show.
#[derive(Debug)]
struct Pace {
    /// When each frame without an answer was begun, and its bytes.
    unanswered: VecDeque<(Instant, usize)>,
    /// Bytes that a frame may have.
    limit: usize,
    /// The shortest time that an answer took: the line's own delay.
    delay: Option<Duration>,
    /// Questions without an answer since the last one.
    in_vain: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            unanswered: VecDeque::new(),
            limit: LARGEST,
            delay: None,
            in_vain: 0,
        }
    }
}

impl Pace {
    /// Whether the terminal is asked.
    const fn asks(&self) -> bool {
        self.in_vain < QUESTIONS
    }

    fn asked(&mut self, at: Instant, bytes: usize) {
        self.unanswered.push_back((at, bytes));
    }

    fn answered(&mut self) {
        self.in_vain = 0;
        let Some((at, bytes)) = self.unanswered.pop_front() else {
            return;
        };
        let took = at.elapsed();
        let delay = self.delay.map_or(took, |delay| delay.min(took));
        self.delay = Some(delay);
        let busy = took - delay;
        if busy > FRAME_TIME {
            let bytes = bytes as f64 * FRAME_TIME.as_secs_f64() / busy.as_secs_f64();
            self.limit = (bytes as usize).clamp(SMALLEST, LARGEST);
        } else if busy < FRAME_TIME / 2 && bytes * 2 > self.limit {
            self.limit = (self.limit * 2).min(LARGEST);
        }
    }

    /// Until when an answer is waited for before the next frame, if at all.
    fn waits_until(&self, is_asked_for: bool) -> Option<Instant> {
        let on_the_line: usize = self.unanswered.iter().map(|(_, bytes)| bytes).sum();
        let room = if is_asked_for {
            self.limit + self.limit / 2
        } else {
            0
        };
        let (last, _) = self.unanswered.back()?;
        (on_the_line > room).then(|| *last + self.patience())
    }

    const fn patience(&self) -> Duration {
        match self.delay {
            Some(_) => ANSWER_TIME,
            None => FIRST_ANSWER_TIME,
        }
    }

    /// Gives up waiting for answers that are overdue.
    fn expire(&mut self) {
        let patience = self.patience();
        let before = self.unanswered.len();
        self.unanswered.retain(|(at, _)| at.elapsed() < patience);
        let expired = before - self.unanswered.len();
        self.in_vain = self.in_vain.saturating_add(expired as u32);
    }
}
