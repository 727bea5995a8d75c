//! When to draw.

use std::num::NonZero;
use std::time::Duration;

use anyhow::Context as _;
use crossterm::event::Event as Input;
use ratatui::Terminal;
use tokio::time::Instant;

use super::PATIENCE;
use crate::app::App;
use crate::app::action::Action;
use crate::app::bindings::Context;
use crate::keys::Keymap;
use crate::terminal::Console;
use crate::ui::{self, geometry::Geometry};

/// When to draw, and what was drawn.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) wanted: Option<Instant>,
    /// Bytes per second that may be written.
    rate: Option<NonZero<u32>>,
    /// When all that was written is paid for: until then, nothing is drawn that
    /// nobody asked for.
    paid: Instant,
    geometry: Geometry,
    keymap: Keymap,
}

impl Frame {
    pub(super) fn new(rate: Option<NonZero<u32>>, keymap: Keymap) -> Self {
        Self {
            wanted: Some(Instant::now()),
            rate,
            paid: Instant::now(),
            geometry: Geometry::default(),
            keymap,
        }
    }

    pub(super) fn pause(&self) -> Duration {
        self.paid.saturating_duration_since(Instant::now())
    }

    /// Pays for a frame of so many bytes that was begun at `start`: with a share
    /// of the time, and with its part of the byte budget.
    pub(super) fn pay(&mut self, start: Instant, bytes: u64) {
        let now = Instant::now();
        self.paid = self.paid.max(now + (now - start) * PATIENCE);
        if let Some(rate) = self.rate {
            let time = bytes as f64 / f64::from(rate.get());
            self.paid = self.paid.max(now) + Duration::from_secs_f64(time);
        }
    }

    pub(super) fn want(&mut self, within: Duration) {
        let at = Instant::now() + within;
        self.wanted = Some(self.wanted.map_or(at, |wanted| wanted.min(at)));
    }

    /// Draws; returns what the picture tells the state.
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
        let mut geometry = Geometry::default();
        terminal
            .draw(|frame| geometry = ui::draw(app, &self.keymap, frame))
            .context("cannot draw")?;
        self.pay(start, terminal.backend().written() - before);
        self.geometry = geometry;
        Ok(self.geometry.feedback())
    }

    /// What an input does.
    pub(super) fn action(&mut self, app: &App, input: Input) -> Option<Action> {
        match input {
            Input::Key(key) => self.keymap.action(app.context(), key),
            Input::Mouse(mouse) => self.geometry.action(mouse),
            Input::Paste(text) => (app.context() == Context::Filter).then_some(Action::Paste(text)),
            Input::Resize(..) => {
                self.want(Duration::ZERO);
                None
            }
            Input::FocusGained | Input::FocusLost => None,
        }
    }
}
