//! Frames as bytes: whole, synchronized, and nothing where nothing changed.

use std::cell::Cell as Count;
use std::io::{self, Write};
use std::rc::Rc;

use crossterm::clipboard::CopyToClipboard;
use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

use super::cells;

#[cfg(test)]
mod tests;

/// A backend that writes each frame at once, between the marks of a
/// synchronized update (DEC private mode 2026), and writes no frame in which
/// nothing changes.
#[derive(Debug)]
pub struct Output<W: Write> {
    inner: CrosstermBackend<Collected<W>>,
    cursor: Option<Cursor>,
    /// Columns of the screen when it was last asked.
    width: Count<u16>,
    written: Rc<Count<u64>>,
}

/// What a terminal can do beside showing cells.
pub trait Console: Backend {
    /// Bytes that were written to it so far.
    fn written(&self) -> u64;

    /// Puts text into the clipboard of whoever sits in front of it.
    ///
    /// # Errors
    /// When it cannot be written to.
    fn copy(&mut self, text: &str) -> io::Result<()>;
}

impl<W: Write> Console for Output<W> {
    fn written(&self) -> u64 {
        self.written.get()
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        queue!(self.inner, CopyToClipboard::to_clipboard_from(text))?;
        Backend::flush(&mut self.inner)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cursor {
    Hidden,
    Shown,
    At(Position),
}

impl<W: Write> Output<W> {
    /// A backend that writes here.
    pub fn new(out: W) -> Self {
        let written = Rc::new(Count::new(0));
        Self {
            written: Rc::clone(&written),
            inner: CrosstermBackend::new(Collected {
                frame: Vec::new(),
                written,
                out,
            }),
            cursor: None,
            width: Count::new(u16::MAX),
        }
    }
}

impl<W: Write> Backend for Output<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        if let Some(Cursor::At(_)) = self.cursor {
            // Writing moves it.
            self.cursor = Some(Cursor::Shown);
        }
        cells::write(content, self.width.get(), &mut self.inner)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.cursor == Some(Cursor::Hidden) {
            return Ok(());
        }
        self.cursor = Some(Cursor::Hidden);
        self.inner.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if matches!(self.cursor, Some(Cursor::Shown | Cursor::At(_))) {
            return Ok(());
        }
        self.cursor = Some(Cursor::Shown);
        self.inner.show_cursor()
    }

    /// What was told last. A terminal is not asked: its answer would come among
    /// the keys, which are read elsewhere, and late or never over a slow line.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(match self.cursor {
            Some(Cursor::At(position)) => position,
            None | Some(Cursor::Hidden | Cursor::Shown) => Position::ORIGIN,
        })
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.cursor == Some(Cursor::At(position)) {
            return Ok(());
        }
        if self.cursor == Some(Cursor::Shown) {
            self.cursor = Some(Cursor::At(position));
        }
        self.inner.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.inner.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.inner.clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        let size = self.inner.size()?;
        self.width.set(size.width);
        Ok(size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.inner.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.inner)
    }
}

/// Collects what is written until it is flushed.
#[derive(Debug)]
struct Collected<W> {
    frame: Vec<u8>,
    written: Rc<Count<u64>>,
    out: W,
}

impl<W: Write> Write for Collected<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.frame.is_empty() {
            queue!(self.frame, BeginSynchronizedUpdate)?;
        }
        self.frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        queue!(self.frame, EndSynchronizedUpdate)?;
        let written = self.written.get() + self.frame.len() as u64;
        self.written.set(written);
        let result = self.out.write_all(&self.frame);
        self.frame.clear();
        result?;
        self.out.flush()
    }
}
