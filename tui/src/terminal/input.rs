//! What comes from the terminal's side: keys, its answers, signals of job
//! control, and reports of what was written to it.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use crossterm::event::Event;
use futures::Stream;
use ratatui::layout::Position;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::writer::OPEN;
use parser::Parser;

mod parser;

/// How long an answer to a question at the start may take.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Reads of stdin that may wait.
const QUEUE: usize = 16;
/// How often it is looked whether the terminal is nkview's again.
const CLOSED_DELAY: Duration = Duration::from_millis(50);

/// One input.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A key, the mouse, pasted text, or another size.
    Event(Event),
    /// All that was written before the last question has been processed
    /// (answer to DSR, `CSI 5 n`).
    Ready,
    /// Where the cursor is (answer to DSR, `CSI 6 n`), from (0, 0).
    Cursor(Position),
    /// Whether the background is light (answer to OSC 11).
    Background(bool),
    /// The last frame was written.
    Written,
    /// The process was asked to stop (SIGTSTP).
    Stop,
    /// The process goes on after it was stopped (SIGCONT).
    Continue,
}

/// Inputs from the terminal that is stdin.
#[derive(Debug)]
pub(super) struct Inputs {
    bytes: mpsc::Receiver<io::Result<Vec<u8>>>,
    parser: Parser,
    opened: Instant,
    waiting: VecDeque<Input>,
    resize: Signal,
    stop: Signal,
    go_on: Signal,
    written: mpsc::UnboundedReceiver<io::Result<()>>,
}

impl Inputs {
    /// Listens to stdin, to signals, and to what a writer reports.
    ///
    /// # Errors
    /// When one of them cannot be listened to.
    pub(super) fn open(
        written: mpsc::UnboundedReceiver<io::Result<()>>,
        expects_answer: bool,
    ) -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        let (reads, bytes) = mpsc::channel(QUEUE);
        thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || read(&reads))
            .context("cannot start the thread that reads keys")?;
        let mut parser = Parser::default();
        parser.expects_answer = expects_answer;
        Ok(Self {
            bytes,
            parser,
            opened: Instant::now(),
            waiting: VecDeque::new(),
            resize: listen(SignalKind::window_change())?,
            stop: listen(SignalKind::from_raw(Number::TSTP.as_raw()))?,
            go_on: listen(SignalKind::from_raw(Number::CONT.as_raw()))?,
            written,
        })
    }

    /// The inputs as they come. It ends when the terminal hangs up.
    pub(super) fn stream(self) -> impl Stream<Item = io::Result<Input>> {
        futures::stream::unfold(self, async |mut inputs| {
            let next = inputs.next().await?;
            Some((next, inputs))
        })
    }

    async fn next(&mut self) -> Option<io::Result<Input>> {
        loop {
            if let Some(input) = self.waiting.pop_front() {
                return Some(Ok(input));
            }
            self.parser.expects_answer &= self.opened.elapsed() < ANSWER_TIME;
            let delay = self.parser.delay();
            let bytes = async {
                match delay {
                    Some(delay) => timeout(delay, self.bytes.recv()).await.ok(),
                    None => Some(self.bytes.recv().await),
                }
            };
            tokio::select! {
                Some(()) = self.stop.recv() => return Some(Ok(Input::Stop)),
                Some(()) = self.go_on.recv() => return Some(Ok(Input::Continue)),
                Some(()) = self.resize.recv() => {
                    // The size itself is asked for when it is drawn.
                    return Some(Ok(Input::Event(Event::Resize(0, 0))));
                }
                Some(result) = self.written.recv() => {
                    return Some(result.map(|()| Input::Written));
                }
                bytes = bytes => match bytes {
                    None => self.parser.timeout(&mut self.waiting),
                    Some(Some(Ok(bytes))) => self.parser.feed(&bytes, &mut self.waiting),
                    Some(Some(Err(error))) => return Some(Err(error)),
                    Some(None) => return None,
                },
            }
        }
    }
}

/// Reads stdin until it hangs up, but takes nothing that is meant for the shell:
/// what is typed while the terminal is not nkview's.
fn read(reads: &mpsc::Sender<io::Result<Vec<u8>>>) {
    let stdin = rustix::stdio::stdin();
    let mut buffer = [0; 4096];
    loop {
        if let Err(Errno::INTR) = poll(&mut [PollFd::new(&stdin, PollFlags::IN)], None) {
            continue;
        }
        if !OPEN.load(Ordering::SeqCst) {
            thread::sleep(CLOSED_DELAY);
            continue;
        }
        let bytes = match rustix::io::read(stdin, &mut buffer) {
            // What reading from a terminal that has hung up returns.
            Ok(0) | Err(Errno::IO) => return,
            Ok(length) => Ok(buffer[..length].to_vec()),
            Err(Errno::INTR | Errno::AGAIN) => continue,
            Err(error) => Err(error.into()),
        };
        let is_over = bytes.is_err();
        if reads.blocking_send(bytes).is_err() || is_over {
            return;
        }
    }
}
