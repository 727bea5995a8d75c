//! A program in a pseudo-terminal, and what its screen shows.

use std::{
    ffi::OsString,
    io::{Read, Write},
    num::NonZero,
    path::Path,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// The program and its terminal.
pub struct Pty {
    parser: vt100::Parser,
    output: Receiver<Vec<u8>>,
    input: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    /// The terminal is there for as long as this is.
    _master: Box<dyn MasterPty + Send>,
}

impl Pty {
    /// Starts a program in a working directory and a terminal of this size with all
    /// colors.
    ///
    /// # Errors
    /// There is no pseudo-terminal, or the program does not start.
    pub fn start(
        program: &Path,
        arguments: &[OsString],
        directory: &Path,
        (columns, rows): (NonZero<u16>, NonZero<u16>),
    ) -> anyhow::Result<Self> {
        let pair = native_pty_system()
            .openpty(PtySize {
                rows: rows.get(),
                cols: columns.get(),
                pixel_width: 0,
                pixel_height: 0,
            })
            .context("cannot open a pseudo-terminal")?;
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.cwd(directory);
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        command.env_remove("NO_COLOR");
        command.env_remove("SSH_CONNECTION");
        let child = pair
            .slave
            .spawn_command(command)
            .with_context(|| format!("cannot start {}", program.display()))?;
        let input = pair.master.take_writer().context("no way to type")?;
        let mut reader = pair.master.try_clone_reader().context("no way to read")?;
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 65_536];
            // A pseudo-terminal ends in an error on Linux.
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            parser: vt100::Parser::new(rows, columns, 0),
            output,
            input,
            child,
            _master: pair.master,
        })
    }

    /// Types.
    ///
    /// # Errors
    /// The program has ended.
    pub fn types(&mut self, keys: &str) -> anyhow::Result<()> {
        self.input
            .write_all(keys.as_bytes())
            .and_then(|()| self.input.flush())
            .context("cannot type: has the program ended?")
    }

    /// Lets the program run for a time.
    ///
    /// # Errors
    /// It ends before, with what its screen shows.
    pub fn runs_for(&mut self, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        loop {
            match self
                .output
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(bytes) => self.parser.process(&bytes),
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the program has ended: {}", self.screen().contents())
                }
            }
        }
    }

    /// The program's process.
    ///
    /// # Errors
    /// It has ended.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.process_id().context("the program has ended")
    }

    /// The screen.
    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// Waits for the program's end.
    ///
    /// # Errors
    /// It fails.
    pub fn end(mut self) -> anyhow::Result<()> {
        while let Ok(bytes) = self.output.recv() {
            self.parser.process(&bytes);
        }
        let status = self.child.wait().context("cannot wait for the program")?;
        ensure!(
            status.success(),
            "the program failed: {}",
            self.screen().contents()
        );
        Ok(())
    }
}
