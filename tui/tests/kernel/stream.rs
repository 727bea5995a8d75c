//! A running `nkview stream`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use rustix::pipe::fcntl_setpipe_size;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::namespace::Namespace;
use crate::report::Report;
use crate::wait::PATIENCE;

/// Runs nkview in a namespace to its end, without a terminal. One that goes on
/// is killed, and has not succeeded.
pub fn run(namespace: &Namespace, args: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    let patience = PATIENCE.as_secs().to_string();
    command.args(["--signal", "KILL", &patience, NKVIEW]);
    let command = command.args(args).stdin(Stdio::null());
    namespace.enter(|| command.output().unwrap())
}

/// Runs nkview, which has to refuse, and returns what it says.
pub fn refusal(namespace: &Namespace, args: &[&str]) -> String {
    let output = run(namespace, args);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{args:?} was accepted");
    let names_itself = ["nkview: ", "error: "]
        .iter()
        .any(|start| said.starts_with(start));
    assert!(names_itself, "{args:?}: {said:?}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// The binary.
pub const NKVIEW: &str = env!("CARGO_BIN_EXE_nkview");

/// A running stream, and what it has said. Dropping it kills it.
pub struct Stream {
    child: Child,
    lines: Receiver<String>,
    said: Vec<Value>,
    /// Held by whoever wants nothing to be read.
    gate: Arc<Mutex<()>>,
}

/// Bytes of a pipe that takes all lines of an interval at once.
const ROOMY: usize = 1 << 20;

impl Stream {
    /// Starts it in a namespace and waits until it counts.
    pub fn start(namespace: &Namespace, args: &[&str]) -> Self {
        Self::run(namespace, Command::new(NKVIEW), args)
    }

    /// As [`Self::start`], by a command that ends with the binary.
    pub fn run(namespace: &Namespace, command: Command, args: &[&str]) -> Self {
        Self::spawn(namespace, command, args, None)
    }

    /// As [`Self::start`], with a pipe that a few lines fill, however slow the
    /// machine is.
    pub fn narrow(namespace: &Namespace, args: &[&str]) -> Self {
        const PAGE: usize = 4096;
        Self::spawn(namespace, Command::new(NKVIEW), args, Some(PAGE))
    }

    fn spawn(
        namespace: &Namespace,
        mut command: Command,
        args: &[&str],
        pipe: Option<usize>,
    ) -> Self {
        command.args(["stream", "--json"]).args(args);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = namespace.enter(|| command.spawn().unwrap());
        let output = child.stdout.take().unwrap();
        fcntl_setpipe_size(&output, pipe.unwrap_or(ROOMY)).unwrap();
        let output = BufReader::new(output);
        let (sender, lines) = mpsc::channel();
        let gate = Arc::new(Mutex::new(()));
        let is_open = Arc::clone(&gate);
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                drop(is_open.lock());
                // Taken as fast as possible, or on a slow machine nkview would give
                // up writing. The test may know enough.
                let _ = sender.send(line);
            }
        });
        let mut stream = Self {
            child,
            lines,
            said: Vec::new(),
            gate,
        };
        stream.wait_for("its start", |line| line["type"] == "start");
        stream
    }

    /// The next line that is wanted. Those on the way are kept.
    pub fn wait_for(&mut self, what: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                let _ = self.child.kill();
                let mut errors = String::new();
                let stderr = self.child.stderr.take();
                let _ = stderr.map(|mut stderr| stderr.read_to_string(&mut errors));
                panic!("waited in vain for {what}: {errors}");
            };
            let line = parsed(line);
            self.said.push(line.clone());
            if is_wanted(&line) {
                return line;
            }
        }
    }

    /// Reads nothing until this is dropped, but for a line.
    pub fn stall(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap()
    }

    /// A line that is wanted, among those that were said by now.
    pub fn poll(&mut self, is_wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let new = self.said.len();
        self.said.extend(self.lines.try_iter().map(parsed));
        self.said[new..]
            .iter()
            .find(|line| is_wanted(line))
            .cloned()
    }

    /// Sends a signal, and returns all that was said until the end.
    pub fn end(mut self, signal: Signal) -> Report {
        kill_process(self.pid(), signal).unwrap();
        self.said.extend(self.lines.iter().map(parsed));
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status} after {signal:?}");
        Report::new(std::mem::take(&mut self.said))
    }

    /// Waits for its end, whatever it has said.
    pub fn ended(&mut self) -> ExitStatus {
        crate::wait::until("the end of the stream", || self.child.try_wait().unwrap())
    }

    /// Ends it as nothing can be prepared for.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

/// A line of JSON, or the text that is none.
fn parsed(line: String) -> Value {
    serde_json::from_str(&line).unwrap_or(Value::String(line))
}

impl Drop for Stream {
    fn drop(&mut self) {
        // It has ended already, but for a test that failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
