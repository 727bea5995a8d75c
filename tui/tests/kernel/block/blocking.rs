//! A running `nkview block`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use nkview::model::Dropped;
use nkview::probe::block::elsewhere::{self, Found};
use rustix::process::{Pid, Signal, kill_process};

use crate::namespace::Namespace;
use crate::stream::NKVIEW;
use crate::wait::{self, PATIENCE};

/// It drops packets. Dropping it kills it.
pub struct Blocking {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Blocking {
    /// Starts it in a namespace, and waits until packets are dropped.
    pub fn start(namespace: &Namespace, rule: &str, time: &str) -> Self {
        let mut command = Command::new(NKVIEW);
        command.args(["block", rule, "--for", time, "--yes"]);
        Self::spawn(namespace, command)
    }

    /// Starts a command that becomes nkview.
    pub fn spawn(namespace: &Namespace, mut command: Command) -> Self {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = namespace.enter(|| command.spawn().unwrap());
        let output = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // The test may know enough.
                let _ = sender.send(line);
            }
        });
        let mut blocking = Self {
            child,
            lines,
            said: Vec::new(),
        };
        blocking.wait_for("that packets are dropped", |line| {
            line.starts_with("blocking ")
        });
        blocking
    }

    fn wait_for(&mut self, what: &str, is_wanted: impl Fn(&str) -> bool) {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("waited in vain for {what}: {:?}", self.said);
            };
            let found = is_wanted(&line);
            self.said.push(line);
            if found {
                return;
            }
        }
    }

    /// The rule as the kernel has it.
    pub fn found(&self) -> Option<Found> {
        let rules = elsewhere::find().unwrap();
        rules.into_iter().find(|rule| rule.pid == self.child.id())
    }

    /// What the kernel has counted.
    pub fn dropped(&self) -> [Dropped; 2] {
        self.found().unwrap().dropped
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end. Returns what it says of the packets that it dropped, if it
    /// says so.
    pub fn ended(mut self) -> (ExitStatus, Option<u64>, Vec<String>) {
        let status = wait::until("the end of nkview", || self.child.try_wait().unwrap());
        let mut said = std::mem::take(&mut self.said);
        said.extend(self.lines.iter());
        let dropped = said.iter().rev().find_map(|line| {
            // "Block expired, 1,234 packets dropped: lab0: …"
            let (start, _) = line.split_once(" dropped: ")?;
            let (_, count) = start.split_once(", ")?;
            let number = count.split(' ').next()?.replace(',', "");
            number.parse().ok()
        });
        (status, dropped, said)
    }

    /// Ends it as nothing can be prepared for.
    pub fn end_by(mut self, signal: Signal) {
        self.signal(signal);
        self.child.wait().unwrap();
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        // It has ended already, but for a test that failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
