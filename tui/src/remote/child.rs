//! The process through which a host is reached, and its end.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::process::{self, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::push::Program;
use crate::sys;

/// Lines of the process's stderr that are kept: the last ones.
const LINES: usize = 3;
/// Bytes of each of them.
const LINE: u64 = 400;
/// How often it is looked whether the process has ended.
const LOOK: Duration = Duration::from_millis(10);

/// A process, in a session of its own: it has no terminal to ask questions on, and
/// all that it starts can be ended with it.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    /// Closing it ends nkview on the host.
    stdin: Option<ChildStdin>,
    complaints: Complaints,
    is_silent: Option<oneshot::Receiver<()>>,
    is_reaped: bool,
}

/// What the process wrote to stderr last.
#[derive(Clone, Debug, Default)]
struct Complaints(Arc<Mutex<VecDeque<String>>>);

impl Child {
    /// Starts it; returns it with its stdout.
    ///
    /// # Errors
    /// Why it cannot be started, in a phrase.
    pub fn start(mut command: Command) -> Result<(Self, ChildStdout), String> {
        let program = command.get_program().to_string_lossy().into_owned();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        sys::in_own_session(&mut command);
        let mut process = command
            .spawn()
            .map_err(|error| format!("cannot start {program}: {error}"))?;
        let pipes = (process.stdout.take(), process.stderr.take());
        let mut child = Self {
            stdin: process.stdin.take(),
            process,
            complaints: Complaints::default(),
            is_silent: None,
            is_reaped: false,
        };
        // If this fails, dropping the child ends it.
        let (Some(stdout), Some(stderr)) = pipes else {
            return Err(format!("{program} has no pipes"));
        };
        child
            .listen(stderr)
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok((child, stdout))
    }

    /// Sends a program on its stdin, which stays open.
    ///
    /// # Errors
    /// Why it cannot be sent, in a phrase.
    pub fn send(&mut self, program: &Program) -> Result<(), String> {
        let cannot = |error| format!("cannot send the program: {error}");
        let Some(stdin) = &self.stdin else {
            return Err("it takes no program".to_owned());
        };
        let stdin = stdin.as_fd().try_clone_to_owned().map_err(cannot)?;
        let program = program.clone();
        std::thread::Builder::new()
            .name("remote stdin".to_owned())
            .spawn(move || {
                // Why nobody takes it is reported on stderr.
                let _ = program.write(File::from(stdin));
            })
            .map_err(cannot)?;
        Ok(())
    }

    fn listen(&mut self, stderr: ChildStderr) -> std::io::Result<()> {
        let complaints = self.complaints.clone();
        let (silent, is_silent) = oneshot::channel();
        self.is_silent = Some(is_silent);
        std::thread::Builder::new()
            .name("remote stderr".to_owned())
            .spawn(move || {
                complaints.collect(BufReader::new(stderr));
                // Nobody may be waiting.
                let _ = silent.send(());
            })?;
        Ok(())
    }

    /// Ends it and all that it has started. It has `patience` to end by itself when
    /// its stdin is closed, and as long again when it is asked to. Returns what it
    /// complained about, or else its status.
    pub async fn end(mut self, patience: Duration) -> String {
        drop(self.stdin.take());
        if !self.has_ended_within(patience).await {
            self.kill(Signal::TERM);
            let _ = self.has_ended_within(patience).await;
        }
        if let Some(is_silent) = self.is_silent.take() {
            // Others may have its stderr, and need not end.
            let _ = timeout(patience, is_silent).await;
        }
        let complaints = self.complaints.text();
        match (complaints, self.reap()) {
            (Some(complaints), _) => complaints,
            (None, Some(status)) if status.success() => "the connection ended".to_owned(),
            (None, Some(status)) => {
                // `signal: 9 (SIGKILL)`, `exit status: 1`.
                let status = status.to_string().replacen(": ", " ", 1);
                format!("the connection ended with {status}")
            }
            (None, None) => "the connection does not end".to_owned(),
        }
    }

    /// Waits for its end, but leaves its number taken, so that no other process can
    /// be meant by it.
    async fn has_ended_within(&self, patience: Duration) -> bool {
        let begin = Instant::now();
        loop {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            match waitid(WaitId::Pid(self.pid()), options) {
                Ok(None) if begin.elapsed() < patience => sleep(LOOK).await,
                Ok(None) => return false,
                Ok(Some(_)) | Err(_) => return true,
            }
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    fn kill(&self, signal: Signal) {
        // It may have ended already.
        let _ = kill_process_group(self.pid(), signal);
    }

    /// Ends what is left of it, and takes its status.
    fn reap(&mut self) -> Option<process::ExitStatus> {
        if std::mem::replace(&mut self.is_reaped, true) {
            return None;
        }
        // Its status was taken before where it has ended.
        let ended = self.process_has_ended();
        self.kill(Signal::KILL);
        let status = self.process.wait().ok();
        status.filter(|_| ended)
    }

    fn process_has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.pid()), options), Ok(None))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.reap();
    }
}

impl Complaints {
    fn collect(&self, mut reader: impl BufRead) {
        loop {
            let mut line = Vec::new();
            let read = (&mut reader).take(LINE).read_until(b'\n', &mut line);
            if !matches!(read, Ok(1..)) {
                return;
            }
            let line = String::from_utf8_lossy(&line).trim().to_owned();
            if line.is_empty() {
                continue;
            }
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push_back(line);
            if lines.len() > LINES {
                lines.pop_front();
            }
        }
    }

    fn text(&self) -> Option<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }
}
