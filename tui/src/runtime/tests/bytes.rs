//! How many bytes a screen takes, as they go over SSH.

use std::cell::Cell;
use std::io::{self, Write};
use std::rc::Rc;

use probe_common::Direction;
use ratatui::layout::{Position, Rect};
use ratatui::{Terminal, TerminalOptions, Viewport};

use crate::app::action::Action;
use crate::app::{App, Appearance, Colors};
use crate::filter::Filter;
use crate::keys::Keymap;
use crate::model::{Event, Interval, Totals};
use crate::synthetic::{self, Synthetic};
use crate::terminal::{Console as _, Line, Output};

/// Counts what is written.
#[derive(Clone, Default)]
struct Counter(Rc<Cell<usize>>);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Line for Counter {}

/// The bytes that each interval's frame of a screen of 140×45 takes.
fn bytes_an_interval(
    app: &mut App,
    before: usize,
    mut next: impl FnMut() -> Interval,
) -> Vec<usize> {
    let written = Counter::default();
    let options = TerminalOptions {
        viewport: Viewport::Fixed(Rect::new(0, 0, 140, 45)),
    };
    let mut terminal = Terminal::with_options(Output::new(written.clone()), options).unwrap();
    // As a terminal that answers.
    terminal.backend_mut().cursor_is_at(Position::new(2, 1));
    let mut frame = |app: &mut App| {
        app.update(Action::Source(Event::Interval(next()).into()));
        terminal
            .draw(|frame| drop(crate::ui::draw(app, &Keymap::default(), frame)))
            .unwrap();
        written.0.take()
    };
    for _ in 0..before {
        frame(app);
    }
    let mut sizes: Vec<usize> = (0..60).map(|_| frame(app)).collect();
    sizes.sort_unstable();
    sizes
}

fn app() -> (App, Synthetic) {
    let appearance = Appearance {
        colors: Colors::True,
        ..Appearance::default()
    };
    let mut app = App::new(synthetic::session(), appearance, Filter::everything());
    let mut source = Synthetic::new(1, 200);
    for event in source.story(70) {
        app.update(Action::Source(event));
    }
    (app, source)
}

#[test]
fn a_busy_table_takes_few_bytes() {
    let (mut app, mut source) = app();
    let sizes = bytes_an_interval(&mut app, 1, || source.interval());
    assert!(sizes[30] <= 1_024, "median of {sizes:?}");
}

#[test]
fn an_idle_table_takes_next_to_none() {
    let (mut app, mut source) = app();
    let mut steady = source.interval();
    steady.flows.truncate(5);
    for device in &mut steady.devices {
        device.directions = Direction::BOTH.map(|direction| Totals {
            packets: steady
                .flows
                .iter()
                .filter(|flow| flow.key.device == device.slot)
                .map(|flow| flow.value.directions[direction as usize].packets)
                .sum(),
            ..Totals::default()
        });
    }
    let sizes = bytes_an_interval(&mut app, 120, || {
        steady.at += steady.length;
        steady.clone()
    });
    assert!(sizes[30] <= 200, "median of {sizes:?}");
}
