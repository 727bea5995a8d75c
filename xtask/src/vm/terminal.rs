//! The terminal that this task runs in.

use std::io::{IsTerminal, Write, stdin, stdout};

use anyhow::Context;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use vm_init::Size;

/// Ctrl-], the key that ends the machine, whatever runs in it.
pub const ESCAPE: u8 = 0x1d;

/// What a program that was killed has not undone: synchronized output, bracketed
/// paste, mouse reports, the alternate screen, a hidden cursor and colors.
const RESET: &str = "\x1b[?2026l\x1b[?2004l\x1b[?1006l\x1b[?1003l\x1b[?1002l\x1b[?1000l\
                     \x1b[?1049l\x1b[?25h\x1b[0m\r\n";

/// Whether this task has a terminal.
pub fn is_there() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

/// The terminal's size, if it has one.
pub fn size() -> Option<Size> {
    let size = tcgetwinsize(stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some(Size {
        columns: size.ws_col,
        rows: size.ws_row,
    })
}

/// Keys, Ctrl-C among them, come as they are typed and are not shown, until
/// this is dropped.
pub struct Raw(Termios);

impl Raw {
    /// Begins it.
    ///
    /// # Errors
    /// Standard input is no terminal.
    pub fn begin() -> anyhow::Result<Self> {
        let before = tcgetattr(stdin()).context("cannot read the terminal's modes")?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Drain, &raw)
            .context("cannot set the terminal's modes")?;
        Ok(Self(before))
    }

    /// Ends it when the program in the machine could not put the terminal back.
    pub fn end_abruptly(self) {
        // A terminal that has gone needs no modes.
        let _ = stdout()
            .write_all(RESET.as_bytes())
            .and_then(|()| stdout().flush());
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that has gone needs no modes.
        let _ = tcsetattr(stdin(), OptionalActions::Drain, &self.0);
    }
}
