//! Programs that watch the device while it is sent over it.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use crate::lab::{DEVICE, Lab};
use crate::output::Output;

pub const NKVIEW: &str = env!("CARGO_BIN_EXE_nkview");
/// Columns and rows.
pub const SIZE: (u16, u16) = (140, 45);
/// A program that takes longer to start or to end hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// A program that has drawn something and then nothing for so long is ready.
const SETTLED: Duration = Duration::from_millis(300);

/// A program with a screen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    Nkview,
    Bandwhich,
    Rustnet,
    Netwatch,
}

impl Tool {
    pub const ALL: [Self; 4] = [Self::Nkview, Self::Bandwhich, Self::Rustnet, Self::Netwatch];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Nkview => "nkview",
            Self::Bandwhich => "bandwhich",
            Self::Rustnet => "rustnet",
            Self::Netwatch => "netwatch",
        }
    }

    const fn program(self) -> &'static str {
        match self {
            Self::Nkview => NKVIEW,
            _ => self.name(),
        }
    }

    /// So that it watches the device and asks no name server.
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Nkview => &[DEVICE],
            Self::Bandwhich => &["--interface", DEVICE, "--no-resolve"],
            Self::Rustnet => &["--interface", DEVICE, "--no-resolve-dns"],
            // It watches what devices there are.
            Self::Netwatch => &[],
        }
    }

    pub fn is_there(&self) -> bool {
        self.says_version().is_some()
    }

    pub fn version(self) -> String {
        self.says_version().unwrap_or_default()
    }

    fn says_version(self) -> Option<String> {
        let mut command = Command::new(self.program());
        let output = command
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .ok()?;
        let said = String::from_utf8_lossy(&output.stdout);
        Some(said.lines().next().unwrap_or(self.name()).to_owned())
    }
}

/// Seconds of CPU that a process or thread has used, by its `stat`.
pub fn seconds(stat: &str) -> Option<f64> {
    // Behind the name, which may hold spaces: utime and stime are fields 14 and 15
    // of proc_pid_stat(5).
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let mut time = || times.next()?.parse::<u64>().ok();
    let ticks = time()? + time()?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// A tool in a terminal. Dropping it kills it.
pub struct Screen {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    input: Box<dyn Write + Send>,
    pub output: Output,
    _master: Box<dyn MasterPty + Send>,
}

impl Screen {
    /// Starts it and waits until it has drawn.
    pub fn start(lab: &Lab, tool: Tool) -> Self {
        let (cols, rows) = SIZE;
        let size = PtySize {
            rows,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(tool.program());
        command.args(tool.arguments());
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        for variable in ["NO_COLOR", "SSH_CONNECTION", "SUDO_UID", "SUDO_GID"] {
            command.env_remove(variable);
        }
        let slave = pair.slave;
        let child = lab
            .near
            .enter(move || slave.spawn_command(command).unwrap());
        let screen = Self {
            child,
            input: pair.master.take_writer().unwrap(),
            output: Output::of(pair.master.try_clone_reader().unwrap()),
            _master: pair.master,
        };
        screen.settle(tool);
        screen
    }

    fn settle(&self, tool: Tool) {
        let start = Instant::now();
        let mut last = (0, start);
        while last.0 == 0 || last.1.elapsed() < SETTLED {
            assert!(start.elapsed() < PATIENCE, "{} does not start", tool.name());
            thread::sleep(Duration::from_millis(20));
            let bytes = self.output.bytes();
            // Some draw all the time.
            if bytes != last.0 && start.elapsed() < SETTLED * 5 {
                last = (bytes, Instant::now());
            }
        }
    }

    pub fn types(&mut self, keys: &[u8]) {
        self.input.write_all(keys).unwrap();
        self.input.flush().unwrap();
    }

    /// What the terminal shows, if all of it was drawn within the bytes that are
    /// kept.
    pub fn shown(&self) -> String {
        let (columns, rows) = SIZE;
        let [columns, rows] = [columns, rows].map(|cells| cells.try_into().unwrap());
        let mut parser = vt100::Parser::new(rows, columns, 0);
        parser.process(&self.output.last());
        parser.screen().contents()
    }

    /// Seconds of CPU so far, of all its threads.
    pub fn seconds(&self) -> f64 {
        seconds(&self.proc("stat")).unwrap()
    }

    /// Resident memory in bytes.
    pub fn memory(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        kib.parse::<u64>().unwrap() * 1024
    }

    fn proc(&self, file: &str) -> String {
        let pid = self.child.process_id().unwrap();
        fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running `nkview stream --json`.
pub struct Stream {
    child: Child,
    output: Output,
}

impl Stream {
    /// Starts it and waits until it counts.
    pub fn start(lab: &Lab) -> Self {
        let mut command = Command::new(NKVIEW);
        command.args(["stream", "--json", DEVICE]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = lab.near.enter(|| command.spawn().unwrap());
        let output = Output::of(child.stdout.take().unwrap());
        let start = Instant::now();
        while output.bytes() == 0 {
            assert!(start.elapsed() < PATIENCE, "nkview stream does not start");
            thread::sleep(Duration::from_millis(20));
        }
        Self { child, output }
    }

    /// Ends it; returns the packets that it counted towards the device.
    pub fn end(mut self) -> u64 {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "nkview stream failed: {status}");
        let said = String::from_utf8(self.output.end()).unwrap_or_default();
        let last = said.lines().rev().map(serde_json::from_str);
        let mut totals = last.map_while(Result::<serde_json::Value, _>::ok);
        let totals = totals.find(|line| line["type"] == "totals").unwrap();
        totals["in"]["packets"].as_u64().unwrap()
    }
}
