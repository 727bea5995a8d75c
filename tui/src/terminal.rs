//! The terminal: set up for a full screen, and left as it was, whatever
//! happens.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, Once, PoisonError};

use anyhow::{Context, bail};
use crossterm::cursor::Show;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::queue;
use crossterm::terminal::{
    Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
};
use futures::Stream;
use ratatui::Terminal;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

pub use input::Input;
pub use output::{Console, Line, Output};
use writer::{OPEN, Writer};

mod cells;
mod input;
pub(crate) mod job;
mod output;
#[cfg(test)]
mod tests;
mod writer;

/// Reports of buttons (DEC private mode 1000) in SGR's form (1006). Motion is
/// not asked for: each would cross the line for nothing.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";
/// The question for the background color.
const ASK_BACKGROUND: &str = "\x1b]11;?\x1b\\";

/// The terminal's modes before it was set up.
static MODES: Mutex<Option<Termios>> = Mutex::new(None);

/// What is wanted of the terminal.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Whether the mouse is nkview's. The terminal's own selection needs a
    /// modifier then.
    pub mouse: bool,
    /// Whether the terminal is asked for its background color.
    pub ask_background: bool,
}

/// The terminal, set up. It is restored when this is dropped, and before the
/// message of a panic is written.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal<Output<Tty>>,
    inputs: Option<input::Inputs>,
}

impl Screen {
    /// Sets the terminal up: raw mode, alternate screen, mouse, bracketed
    /// paste.
    ///
    /// # Errors
    /// When stdin or stdout is no terminal, or it cannot be set up.
    pub fn open(setup: Setup) -> anyhow::Result<Self> {
        check()?;
        restore_on_panic();
        let (reports, written) = mpsc::unbounded_channel();
        let inputs = input::Inputs::open(written, setup.ask_background)?;
        let mut tty = Tty {
            writer: Writer::start(reports)?,
            mouse: setup.mouse,
        };
        tty.set_up().context("cannot set up the terminal")?;
        if setup.ask_background {
            tty.writer.send(ASK_BACKGROUND.into());
        }
        let screen = Self {
            terminal: Terminal::new(Output::new(tty)).context("cannot set up the terminal")?,
            inputs: Some(inputs),
        };
        Ok(screen)
    }

    /// What to draw on.
    pub const fn terminal(&mut self) -> &mut Terminal<Output<Tty>> {
        &mut self.terminal
    }

    /// What comes from the terminal; nothing the second time.
    pub fn inputs(&mut self) -> impl Stream<Item = io::Result<Input>> + use<> {
        use futures::StreamExt;
        let inputs = self.inputs.take().map(input::Inputs::stream);
        futures::stream::iter(inputs).flatten()
    }

    /// Restores the terminal, and leaves a text in it as far as it takes one.
    pub fn close(self, text: String) {
        drop(self);
        if !text.is_empty() {
            writer::write_within(text.into_bytes());
        }
    }
}

/// Whether there is a terminal to draw on and to read keys from. Asked before
/// anything is attached.
///
/// # Errors
/// When stdin or stdout is no terminal, or one that cannot move its cursor.
pub fn check() -> anyhow::Result<()> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        bail!(
            "cannot draw: stdin or stdout is not a terminal; `nkview stream --json` gives the \
             same data as text"
        );
    }
    if std::env::var("TERM").is_ok_and(|term| term == "dumb") {
        bail!(
            "cannot draw: this terminal cannot move its cursor (TERM=dumb); set TERM to what it \
             is, such as xterm, or use `nkview stream --json`"
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
    if !OPEN.load(Ordering::SeqCst) {
        return;
    }
    writer::settle();
    if OPEN.swap(false, Ordering::SeqCst) {
        let mut bytes = Vec::new();
        // Writing to memory cannot fail.
        let _ = queue!(bytes, EndSynchronizedUpdate, DisableBracketedPaste);
        bytes.extend(MOUSE_OFF.bytes());
        let _ = queue!(bytes, LeaveAlternateScreen, Show);
        writer::finish(bytes);
        let modes = MODES.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(modes) = modes {
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &modes);
        }
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

/// The terminal that is stdin and stdout.
#[derive(Debug)]
pub struct Tty {
    writer: Writer,
    mouse: bool,
}

impl Write for Tty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Line for Tty {
    fn is_busy(&self) -> bool {
        writer::is_busy()
    }

    fn set_up(&mut self) -> io::Result<()> {
        let stdin = rustix::stdio::stdin();
        let mut raw = {
            let mut modes = MODES.lock().unwrap_or_else(PoisonError::into_inner);
            match &*modes {
                // Stopped by SIGSTOP: these are still to be restored.
                Some(modes) => modes.clone(),
                None => modes.insert(tcgetattr(stdin)?).clone(),
            }
        };
        raw.make_raw();
        tcsetattr(stdin, OptionalActions::Now, &raw)?;
        OPEN.store(true, Ordering::SeqCst);
        let mut bytes = Vec::new();
        queue!(bytes, EnterAlternateScreen, Clear(ClearType::All))?;
        queue!(bytes, EnableBracketedPaste)?;
        if self.mouse {
            bytes.extend(MOUSE_ON.bytes());
        }
        bytes.extend(output::PROBE_LINE_FEED.bytes());
        self.writer.send(bytes);
        Ok(())
    }

    fn has_job_control(&self) -> bool {
        job::has_job_control()
    }

    fn ask_to_stop(&mut self) -> io::Result<()> {
        job::ask_to_stop()
    }

    fn stop(&mut self) -> io::Result<()> {
        if !job::has_job_control() {
            return Ok(());
        }
        restore();
        job::stop()
    }

    fn use_mouse(&mut self, is_used: bool) {
        self.mouse = is_used;
        let mode = if is_used { MOUSE_ON } else { MOUSE_OFF };
        self.writer.send(mode.into());
    }
}
