use std::cell::RefCell;
use std::rc::Rc;

use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::*;

/// Bytes that stay readable while a terminal writes them.
#[derive(Clone, Default)]
struct Bytes(Rc<RefCell<Vec<u8>>>);

impl Bytes {
    fn take(&self) -> String {
        String::from_utf8(self.0.take()).unwrap()
    }
}

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Line for Bytes {}

fn terminal(width: u16, height: u16) -> (Terminal<Output<Bytes>>, Bytes) {
    let bytes = Bytes::default();
    let options = TerminalOptions {
        viewport: Viewport::Fixed(Rect::new(0, 0, width, height)),
    };
    let terminal = Terminal::with_options(Output::new(bytes.clone()), options).unwrap();
    (terminal, bytes)
}

fn draw(terminal: &mut Terminal<Output<Bytes>>, text: &str, cursor: Option<Position>) {
    terminal
        .draw(|frame| {
            frame.buffer_mut().set_string(0, 0, text, Style::new());
            if let Some(cursor) = cursor {
                frame.set_cursor_position(cursor);
            }
        })
        .unwrap();
}

#[test]
fn a_frame_is_one_synchronized_update() {
    let (mut terminal, bytes) = terminal(20, 2);
    draw(&mut terminal, "hello", None);
    let frame = bytes.take();
    assert!(frame.starts_with("\x1b[?2026h"), "{frame:?}");
    assert!(frame.ends_with("\x1b[?2026l"), "{frame:?}");
    assert!(frame.contains("hello"));
    assert_eq!(frame.matches("2026h").count(), 1, "{frame:?}");
}

#[test]
fn a_frame_without_a_change_is_no_byte() {
    let (mut terminal, bytes) = terminal(20, 2);
    draw(&mut terminal, "hello", None);
    bytes.take();
    draw(&mut terminal, "hello", None);
    assert_eq!(bytes.take(), "");
    draw(&mut terminal, "hello", Some(Position::new(2, 0)));
    assert!(bytes.take().contains("\x1b[?25h"));
    draw(&mut terminal, "hello", Some(Position::new(2, 0)));
    assert_eq!(bytes.take(), "");
}

#[test]
fn the_cursor_returns_after_each_change() {
    let (mut terminal, bytes) = terminal(20, 2);
    let place = Position::new(2, 0);
    draw(&mut terminal, "hello", Some(place));
    bytes.take();
    draw(&mut terminal, "hellO", Some(place));
    let frame = bytes.take();
    assert!(
        frame.contains('O') && frame.contains("\x1b[1;3H"),
        "{frame:?}"
    );
}

#[test]
fn what_is_copied_goes_to_the_clipboard_and_is_counted() {
    let (mut terminal, bytes) = terminal(20, 2);
    draw(&mut terminal, "hello", None);
    bytes.take();
    let before = terminal.backend().written();
    terminal.backend_mut().copy("10.0.0.1").unwrap();
    let written = bytes.take();
    assert!(written.contains("\x1b]52;c;MTAuMC4wLjE="), "{written:?}");
    assert_eq!(terminal.backend().written() - before, written.len() as u64);
}

/// An answer would have to be read by whoever reads the keys.
#[test]
fn the_terminal_is_not_asked_where_the_cursor_is() {
    let bytes = Bytes::default();
    let mut output = Output::new(bytes.clone());
    output.show_cursor().unwrap();
    let place = Position::new(2, 1);
    output.set_cursor_position(place).unwrap();
    assert_eq!(output.get_cursor_position().unwrap(), place);
    Backend::flush(&mut output).unwrap();
    assert!(!bytes.take().contains("\x1b[6n"));
}

/// As on a slow line: each frame brings some of it, and the last one the rest.
#[test]
fn a_limited_frame_goes_on_where_the_last_ended() {
    let (mut terminal, bytes) = terminal(20, 8);
    terminal.backend_mut().limit(40, true);
    let mut shown = vt100::Parser::default();
    let mut frames = 0;
    loop {
        terminal
            .draw(|frame| {
                for row in 0..8 {
                    let text = format!("row {row} of {}", 10 + frames);
                    frame.buffer_mut().set_string(0, row, text, Style::new());
                }
            })
            .unwrap();
        let frame = bytes.take();
        assert!(frame.ends_with("\x1b[5n"), "{frame:?}");
        shown.process(frame.as_bytes());
        // The picture changes meanwhile, for a while.
        frames += u16::from(frames < 3);
        if terminal.backend().is_whole() {
            break;
        }
    }
    let picture = shown.screen().contents();
    for row in 0..8 {
        assert!(picture.contains(&format!("row {row} of 13")), "{picture}");
    }
}

/// Rows of many colors, which take several times the bytes of their text.
fn draw_colors(terminal: &mut Terminal<Output<Bytes>>, shift: u8) {
    terminal
        .draw(|frame| {
            let buffer = frame.buffer_mut();
            for place in buffer.area.positions() {
                let color = Color::Indexed((place.x as u8 + shift) % 200 + 20);
                buffer[place].set_symbol("x").set_fg(color);
            }
        })
        .unwrap();
}

#[test]
fn a_limited_frame_has_no_more_bytes_whatever_its_colors() {
    let (mut terminal, bytes) = terminal(40, 20);
    // The marks around a frame, hiding the cursor, and the question.
    const AROUND: usize = 40;
    for limit in [1000, 2000, 5000] {
        terminal.backend_mut().limit(limit, true);
        let mut largest = 0;
        for shift in 1..=30 {
            draw_colors(&mut terminal, shift);
            let frame = bytes.take().len();
            assert!(frame <= limit + AROUND, "{frame} of {limit}");
            largest = largest.max(frame);
        }
        assert!(largest > limit / 2, "{largest} of {limit}");
    }
}

#[test]
fn a_frame_that_was_asked_for_begins_at_the_top() {
    let (mut terminal, bytes) = terminal(40, 20);
    terminal.backend_mut().limit(1000, true);
    draw_colors(&mut terminal, 1);
    assert!(!terminal.backend().is_whole());
    bytes.take();
    // What is shown at the top changes again.
    draw_colors(&mut terminal, 2);
    assert!(!bytes.take().contains("\x1b[1;1H"), "it goes on below");
    terminal.backend_mut().begin_at_top();
    draw_colors(&mut terminal, 3);
    assert!(bytes.take().contains("\x1b[1;1H"));
}

#[test]
fn where_there_is_only_ascii_nothing_else_is_written() {
    let (mut terminal, bytes) = terminal(20, 2);
    terminal.backend_mut().ascii(true);
    draw(&mut terminal, "pod-漢é", None);
    let frame = bytes.take();
    assert!(frame.is_ascii() && frame.contains("pod-"), "{frame:?}");
}
