//! Frames as bytes: whole, synchronized, and nothing where nothing changed. On
//! a slow line a frame is what the line takes in a moment, and the next one
//! brings more.

use std::io::{self, Write};

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, EndSynchronizedUpdate};
use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect, Size};
use unicode_width::UnicodeWidthStr;

use super::cells;

#[cfg(test)]
mod tests;

/// A line feed from the column of [`PROBED`], and the question where that leads.
pub(super) const PROBE_LINE_FEED: &str = "\x1b[1;3H\n\x1b[6n";
/// Where it leads if it keeps the column.
const PROBED: Position = Position::new(2, 1);
/// The question whether all so far has been processed (DSR).
const ASK_READY: &[u8] = b"\x1b[5n";

/// A backend that knows what the terminal shows and writes what differs, each
/// frame at once between the marks of a synchronized update (DEC private mode
/// 2026).
#[derive(Debug)]
pub struct Output<W> {
    line: W,
    /// What the terminal shows.
    shown: Buffer,
    /// What it is to show.
    wanted: Buffer,
    is_cleared: bool,
    /// The cursor as the terminal has it, if that is known.
    cursor: Option<Cursor>,
    /// The cursor as it is to be; not shown without a place.
    place: Option<Position>,
    /// Bytes of one frame, or of its first row if that takes more.
    limit: usize,
    /// The row at which a frame goes on that could not be written whole.
    next_row: u16,
    is_whole: bool,
    asks: bool,
    /// Whether a line feed keeps the column: not in line feed mode (LNM), nor
    /// where a terminal is set to return with each.
    line_feeds: bool,
    /// Whether only ASCII is written.
    ascii: bool,
    written: u64,
}

/// What a frame changes.
struct Changes {
    cells: Vec<(u16, u16, Cell)>,
    /// The cells as the terminal reads them.
    bytes: Vec<u8>,
}

/// Where a terminal's bytes go, and what else can be asked of it. The defaults
/// are those of one that takes all at once.
pub trait Line: Write {
    /// Whether what was written is still under way.
    fn is_busy(&self) -> bool {
        false
    }

    /// Sets the terminal up for drawing.
    ///
    /// # Errors
    /// When its modes cannot be changed.
    fn set_up(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Whether there is a shell to continue this process once it has stopped.
    fn has_job_control(&self) -> bool {
        false
    }

    /// Asks all processes of this job to stop.
    ///
    /// # Errors
    /// When they cannot be signalled.
    fn ask_to_stop(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Restores the terminal and stops this process, if it can be continued.
    ///
    /// # Errors
    /// When it cannot be signalled.
    fn stop(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Takes the mouse, or leaves it to the terminal's own selection.
    fn use_mouse(&mut self, _is_used: bool) {}
}

/// What a terminal can do besides showing cells.
pub trait Console: Backend {
    /// Where its bytes go.
    type Line: Line;

    /// Where its bytes go.
    fn line(&mut self) -> &mut Self::Line;

    /// Bytes that were written to it so far.
    fn written(&self) -> u64;

    /// Limits the next frames to this many bytes of changed cells, but to a row at least,
    /// and asks after each whether it has been processed.
    fn limit(&mut self, bytes: usize, asks: bool);

    /// Begins the next frame at the top, where a key shows first what it does, also if
    /// the last one was not whole.
    fn begin_at_top(&mut self) {}

    /// Whether the last frame brought all that is to be shown.
    fn is_whole(&self) -> bool;

    /// The terminal reports its cursor position.
    fn cursor_is_at(&mut self, _position: Position) {}

    /// Whether it is to show ASCII only.
    fn ascii(&mut self, _is_ascii: bool) {}

    /// Puts text into the clipboard of the terminal's user.
    ///
    /// # Errors
    /// When it cannot be written to.
    fn copy(&mut self, text: &str) -> io::Result<()>;
}

impl<W: Line> Console for Output<W> {
    type Line = W;

    fn line(&mut self) -> &mut W {
        &mut self.line
    }

    fn written(&self) -> u64 {
        self.written
    }

    fn limit(&mut self, bytes: usize, asks: bool) {
        self.limit = bytes;
        self.asks = asks;
    }

    fn begin_at_top(&mut self) {
        self.next_row = 0;
    }

    fn is_whole(&self) -> bool {
        self.is_whole
    }

    fn cursor_is_at(&mut self, position: Position) {
        self.line_feeds = position == PROBED;
    }

    fn ascii(&mut self, is_ascii: bool) {
        self.ascii = is_ascii;
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut bytes = Vec::new();
        queue!(bytes, CopyToClipboard::to_clipboard_from(text))?;
        self.send(&bytes)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cursor {
    Hidden,
    At(Position),
    /// Shown somewhere.
    Shown,
}

impl<W: Write> Output<W> {
    /// A backend that writes here.
    pub fn new(line: W) -> Self {
        Self {
            line,
            shown: Buffer::default(),
            wanted: Buffer::default(),
            is_cleared: false,
            cursor: None,
            place: None,
            limit: usize::MAX,
            next_row: 0,
            is_whole: true,
            asks: false,
            line_feeds: false,
            ascii: false,
            written: 0,
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.line.write_all(bytes)?;
        self.line.flush()
    }

    /// Makes room for a screen of this size.
    fn make_room(&mut self, size: Size) {
        if size == self.wanted.area.as_size() {
            return;
        }
        for buffer in [&mut self.shown, &mut self.wanted] {
            let mut larger = Buffer::empty(Rect::from((Position::ORIGIN, size)));
            for place in buffer.area.intersection(larger.area).positions() {
                larger[place] = std::mem::take(&mut buffer[place]);
            }
            *buffer = larger;
        }
    }

    /// Forgets what the terminal shows, and clears it with the next frame.
    fn forget(&mut self) {
        self.shown.reset();
        self.wanted.reset();
        self.is_cleared = true;
        self.cursor = None;
        self.next_row = 0;
    }

    /// What is to be written, as far as the limit lets it.
    fn changes(&mut self) -> io::Result<Changes> {
        let changes = self.shown.diff(&self.wanted);
        let mut rows: Vec<_> = changes.chunk_by(|a, b| a.1 == b.1).collect();
        // Where something is typed, that comes first.
        let start = self.place.map_or(self.next_row, |place| place.y);
        let before = rows.partition_point(|row| row[0].1 < start);
        rows.rotate_left(before);
        let first = |count: usize| {
            let mut cells: Vec<_> = rows[..count].concat();
            cells.sort_by_key(|(x, y, _)| (*y, *x));
            cells
        };
        let encoded = |count: usize| {
            let mut bytes = Vec::new();
            let cells = first(count).into_iter();
            cells::write(cells, self.wanted.area.width, self.line_feeds, &mut bytes)?;
            io::Result::Ok(bytes)
        };
        // At least a row, or it would never get on.
        let mut fitting = (rows.len(), encoded(rows.len())?);
        if fitting.1.len() > self.limit && rows.len() > 1 {
            let mut too_many = rows.len();
            fitting = (1, encoded(1)?);
            while fitting.0 + 1 < too_many {
                let count = fitting.0.midpoint(too_many);
                let bytes = encoded(count)?;
                if bytes.len() > self.limit {
                    too_many = count;
                } else {
                    fitting = (count, bytes);
                }
            }
        }
        let (count, bytes) = fitting;
        self.is_whole = count == rows.len();
        self.next_row = match rows[..count].last() {
            Some(row) if !self.is_whole => row[0].1 + 1,
            _ => 0,
        };
        let cells = first(count).into_iter();
        let cells = cells.map(|(x, y, cell)| (x, y, cell.clone())).collect();
        Ok(Changes { cells, bytes })
    }
}

/// Puts a cell into a buffer, over the cells that it covers.
fn put(buffer: &mut Buffer, (x, y): (u16, u16), cell: &Cell) {
    let end = x.saturating_add(cell.symbol().width() as u16);
    for covered in x + 1..end.min(buffer.area.right()) {
        buffer[(covered, y)] = Cell::default();
    }
    buffer[(x, y)] = cell.clone();
}

impl<W: Write> Backend for Output<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        for (x, y, cell) in content {
            let Size { width, height } = self.wanted.area.as_size();
            self.make_room(Size::new(width.max(x + 1), height.max(y + 1)));
            if self.ascii && !cell.symbol().is_ascii() {
                let mut plain = cell.clone();
                plain.set_symbol("?");
                put(&mut self.wanted, (x, y), &plain);
            } else {
                put(&mut self.wanted, (x, y), cell);
            }
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.place = None;
        Ok(())
    }

    /// It is shown as soon as it has a place.
    fn show_cursor(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// What was set last. A terminal is not asked: its answer comes late, or
    /// never, over a slow line.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.place.unwrap_or(Position::ORIGIN))
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.place = Some(position.into());
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.forget();
        Ok(())
    }

    fn clear_region(&mut self, _: ClearType) -> io::Result<()> {
        self.forget();
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        crossterm::terminal::size().map(Size::from)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        let size = crossterm::terminal::window_size()?;
        Ok(WindowSize {
            columns_rows: Size::new(size.columns, size.rows),
            pixels: Size::new(size.width, size.height),
        })
    }

    /// Writes the frame.
    fn flush(&mut self) -> io::Result<()> {
        let mut frame = Vec::new();
        if std::mem::take(&mut self.is_cleared) {
            queue!(frame, Clear(crossterm::terminal::ClearType::All))?;
        }
        let Changes { cells, bytes } = self.changes()?;
        if !cells.is_empty() {
            frame.extend(bytes);
            for (x, y, cell) in &cells {
                put(&mut self.shown, (*x, *y), cell);
            }
            // Writing moves it.
            if let Some(Cursor::At(_)) = self.cursor {
                self.cursor = Some(Cursor::Shown);
            }
        }
        let cursor = self.place.map_or(Cursor::Hidden, Cursor::At);
        if self.cursor != Some(cursor) {
            match cursor {
                Cursor::At(place) => queue!(frame, MoveTo(place.x, place.y), Show)?,
                _ => queue!(frame, Hide)?,
            }
            self.cursor = Some(cursor);
        }
        if frame.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(frame.len() + 24);
        queue!(bytes, BeginSynchronizedUpdate)?;
        bytes.append(&mut frame);
        queue!(bytes, EndSynchronizedUpdate)?;
        if self.asks {
            bytes.extend(ASK_READY);
        }
        self.send(&bytes)
    }
}
