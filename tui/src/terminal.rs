//! The terminal: set up for a full screen, and left as it was, whatever
//! happens.

use std::io::{self, IsTerminal, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::execute;
use crossterm::terminal::{
    Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;

pub use output::{Console, Output};

mod cells;
mod output;
#[cfg(test)]
mod tests;

/// Whether the terminal is set up. It is one for the whole process, and a
/// panic has to know.
static OPEN: AtomicBool = AtomicBool::new(false);

/// The terminal, set up. It is restored when this is dropped, and before the
/// message of a panic is written.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal<Output<Tty>>,
}

impl Screen {
    /// Sets the terminal up: raw mode, alternate screen, mouse, bracketed
    /// paste.
    ///
    /// # Errors
    /// When stdin or stdout is no terminal, or it cannot be set up.
    pub fn open() -> anyhow::Result<Self> {
        check()?;
        restore_on_panic();
        enable_raw_mode().context("cannot set the terminal to raw mode")?;
        OPEN.store(true, Ordering::SeqCst);
        let screen = Self {
            terminal: Terminal::new(Output::new(Tty)).context("cannot set up the terminal")?,
        };
        execute!(
            io::stdout(),
            EnterAlternateScreen,
            Clear(ClearType::All),
            EnableMouseCapture,
            EnableBracketedPaste
        )
        .context("cannot set up the terminal")?;
        Ok(screen)
    }

    /// What to draw on.
    pub const fn terminal(&mut self) -> &mut Terminal<Output<Tty>> {
        &mut self.terminal
    }
}

/// Whether there is a terminal to draw on and to read keys from. Asked before
/// anything is attached.
///
/// # Errors
/// When stdin or stdout is no terminal.
pub fn check() -> anyhow::Result<()> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        bail!(
            "cannot draw: stdin or stdout is not a terminal; `nkview stream --json` gives the \
             same data as text"
        );
    }
    Ok(())
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Leaves the terminal as it was. Errors are of no use any more: the terminal
/// may be gone.
fn restore() {
    if OPEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(
            io::stdout(),
            EndSynchronizedUpdate,
            DisableBracketedPaste,
            DisableMouseCapture,
            LeaveAlternateScreen,
            Show
        );
        let _ = disable_raw_mode();
    }
}

fn restore_on_panic() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let message = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            message(panic);
        }));
    });
}

/// Stdout, for as long as the terminal is set up. What is written later, such
/// as the rest of a frame that a panic has cut, is dropped.
#[derive(Debug)]
pub struct Tty;

impl Write for Tty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if OPEN.load(Ordering::SeqCst) {
            io::stdout().write(bytes)
        } else {
            Ok(bytes.len())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}
