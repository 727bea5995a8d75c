//! The application on a screen whose bytes are counted.

use std::io::{self, Write};
use std::time::Instant;

use nkview::app::action::Action;
use nkview::app::{App, Appearance, Colors};
use nkview::filter::Filter;
use nkview::keys::Keymap;
use nkview::model::{Event, Interval, Totals};
use nkview::terminal::{Console, Line, Output};
use nkview::ui;
use probe_common::Direction;
use ratatui::layout::{Position, Rect};
use ratatui::{Terminal, TerminalOptions, Viewport};

use crate::synthetic::{self, Synthetic};

/// Takes everything, as a fast terminal does.
struct Sink;

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Line for Sink {}

/// The application and its screen.
pub struct Drawn {
    pub app: App,
    keymap: Keymap,
    terminal: Terminal<Output<Sink>>,
}

impl Drawn {
    pub fn new() -> Self {
        let appearance = Appearance {
            colors: Colors::True,
            ..Appearance::default()
        };
        let options = TerminalOptions {
            viewport: Viewport::Fixed(Rect::new(0, 0, 140, 45)),
        };
        let mut terminal = Terminal::with_options(Output::new(Sink), options).unwrap();
        // As a terminal that answers.
        terminal.backend_mut().cursor_is_at(Position::new(2, 1));
        Self {
            keymap: Keymap::default(),
            app: App::new(synthetic::session(), appearance, Filter::everything()),
            terminal,
        }
    }

    /// Draws; returns the bytes that it took.
    pub fn frame(&mut self) -> u64 {
        let before = self.terminal.backend().written();
        let mut geometry = None;
        self.terminal
            .draw(|frame| geometry = Some(ui::draw(&self.app, &self.keymap, frame)))
            .unwrap();
        let extent = geometry.unwrap().extent;
        self.app.update(Action::Drawn(extent));
        self.terminal.backend().written() - before
    }

    /// Milliseconds from an action to the end of its frame.
    pub fn timed(&mut self, action: Action) -> f64 {
        let start = Instant::now();
        self.app.update(action);
        self.frame();
        start.elapsed().as_secs_f64() * 1e3
    }

    /// Median and worst of the bytes of a minute's intervals.
    fn bytes(&mut self, mut next: impl FnMut() -> Interval) -> (u64, u64) {
        let mut sizes: Vec<u64> = (0..60)
            .map(|_| {
                self.app
                    .update(Action::Source(Event::Interval(next()).into()));
                self.frame()
            })
            .collect();
        sizes.sort_unstable();
        (sizes[sizes.len() / 2], sizes[sizes.len() - 1])
    }
}

/// The bytes of a table of flows whose rates vary, in the second minute.
pub fn busy(flows: usize) -> (u64, u64) {
    let mut source = Synthetic::new(1, flows);
    let mut drawn = Drawn::new();
    for event in source.story(70) {
        drawn.app.update(Action::Source(event));
    }
    drawn.frame();
    drawn.bytes(|| source.interval())
}

/// The bytes of a table of a few flows that are always the same.
pub fn idle() -> (u64, u64) {
    let mut source = Synthetic::new(1, 200);
    let mut steady = source.story(1).into_iter();
    let mut steady = steady
        .find_map(|envelope| match envelope.event {
            Event::Interval(interval) => Some(interval),
            _ => None,
        })
        .unwrap();
    steady.flows.truncate(5);
    for device in &mut steady.devices {
        let of_device = |direction: Direction| {
            let flows = steady.flows.iter();
            let counts = flows
                .filter(|flow| flow.key.device == device.slot)
                .map(|flow| flow.value.directions[direction as usize]);
            counts.fold(Totals::default(), |mut sum, counts| {
                sum.packets += counts.packets;
                sum.segments += counts.packets + counts.extra_segments;
                sum.bytes += counts.bytes;
                sum
            })
        };
        device.directions = Direction::BOTH.map(of_device);
    }
    let mut drawn = Drawn::new();
    let mut next = || {
        steady.at += steady.length;
        steady.clone()
    };
    // Until the windows and graphs are full.
    drawn.bytes(&mut next);
    drawn.bytes(&mut next);
    drawn.bytes(next)
}
