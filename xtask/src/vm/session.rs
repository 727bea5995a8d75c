//! A machine's life: boot, command, end.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH},
    iterator::Signals,
};
use vm_init::{Report, Spec};

use crate::vm::{
    console::Console,
    image::Image,
    machine::{Channels, Machine},
    terminal,
};

/// A boot takes about three seconds, and many times that on a host that has
/// much else to do.
const BOOT_LIMIT: Duration = Duration::from_secs(60);

/// How often it is tried: an emulated processor is not quite a real one.
const BOOTS: u32 = 3;

/// The status of a command whose time is over, as `timeout` has it.
const TIMED_OUT: i32 = 124;

/// How a command in a machine ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its status as a shell would report it; 124 if it timed out.
    pub status: i32,
    /// What it wrote on standard output, or in its terminal.
    pub stdout: Vec<u8>,
    /// The machine's kernel, as `uname -r` has it.
    pub release: String,
    /// From the machine's start to the command's.
    pub boot: Duration,
    /// From the machine's start to its end.
    pub total: Duration,
}

/// Boots a machine and runs the command of the spec in it. Its output appears
/// on this task's, and it is given what is typed if both have a terminal.
///
/// # Errors
/// The machine does not boot, its kernel panics, or it cannot start the command.
pub fn run(image: &Image, spec: &Spec, timeout: Option<Duration>) -> anyhow::Result<Outcome> {
    let Booted {
        machine,
        output,
        errors,
        mut control,
        console,
        events,
        sender,
        release,
        started,
    } = boot(image, spec)?;
    let boot = started.elapsed();
    let raw = if spec.terminal.is_some() && terminal::is_there() {
        let keys = output.try_clone().context("cannot share a socket")?;
        send_keys(keys, sender.clone());
        report_signals(sender)?;
        Some(terminal::Raw::begin()?)
    } else {
        None
    };
    let stdout = show(output, io::stdout());
    let stderr = show(errors, io::stderr());
    let end = wait_for_end(&events, &mut control, timeout);
    // With the machine ends what it writes.
    drop(machine);
    let stdout = stdout.join().unwrap_or_default();
    let _ = stderr.join();
    match (raw, &end) {
        (Some(raw), End::Status(_)) => drop(raw),
        (Some(raw), _) => raw.end_abruptly(),
        (None, _) => {}
    }
    let status = match end {
        End::Status(status) => match console.bug() {
            None => status,
            Some(bug) => bail!("the machine's kernel: {bug}. {}", console.last_lines()),
        },
        End::Interrupted(status) => status,
        End::Timeout => {
            eprintln!("The command's time is over");
            TIMED_OUT
        }
        End::Failed(reason) => bail!("in the machine: {reason}"),
        End::Closed => bail!("the machine crashed. {}", console.last_lines()),
    };
    Ok(Outcome {
        status,
        stdout,
        release,
        boot,
        total: started.elapsed(),
    })
}

/// What can happen to a machine.
enum Event {
    Report(Report),
    /// It has ended.
    Closed,
    /// This task has got a signal.
    Signal(i32),
    /// [`terminal::ESCAPE`] was typed.
    Escape,
}

/// A machine whose command is about to start.
struct Booted {
    machine: Machine,
    control: UnixStream,
    output: UnixStream,
    errors: UnixStream,
    console: Console,
    events: Receiver<Event>,
    sender: Sender<Event>,
    release: String,
    started: Instant,
}

fn boot(image: &Image, spec: &Spec) -> anyhow::Result<Booted> {
    for attempt in 1..=BOOTS {
        let started = Instant::now();
        let (machine, channels) = Machine::start(image, spec)?;
        let Channels {
            control,
            output,
            errors,
            console: serial,
            messages,
        } = channels;
        let (sender, events) = mpsc::channel();
        let mut console = Console::default();
        console.listen(serial, tell_end(&sender));
        for messages in messages {
            console.listen(messages, tell_end(&sender));
        }
        report_reports(
            control.try_clone().context("cannot share a socket")?,
            sender.clone(),
        );
        let trouble = match events.recv_timeout(BOOT_LIMIT) {
            Ok(Event::Report(Report::Ready(release))) => {
                return Ok(Booted {
                    machine,
                    control,
                    output,
                    errors,
                    console,
                    events,
                    sender,
                    release,
                    started,
                });
            }
            Ok(Event::Report(report)) => bail!("the machine does not boot: {report}"),
            Ok(_) | Err(RecvTimeoutError::Disconnected) => "crashed",
            Err(RecvTimeoutError::Timeout) => "hung",
        };
        drop(machine);
        let last_lines = console.last_lines();
        eprintln!("The machine {trouble} in boot {attempt} of {BOOTS}. {last_lines}");
    }
    bail!("the machine does not boot");
}

/// Why a machine is no longer needed.
enum End {
    /// The command has ended.
    Status(i32),
    /// This task is to end.
    Interrupted(i32),
    Timeout,
    Failed(String),
    Closed,
}

fn wait_for_end(
    events: &Receiver<Event>,
    control: &mut UnixStream,
    timeout: Option<Duration>,
) -> End {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        let event = match deadline {
            Some(deadline) => {
                match events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                    Ok(event) => event,
                    Err(RecvTimeoutError::Timeout) => return End::Timeout,
                    Err(RecvTimeoutError::Disconnected) => return End::Closed,
                }
            }
            None => events.recv().unwrap_or(Event::Closed),
        };
        match event {
            Event::Report(Report::Ended(status)) => return End::Status(status),
            Event::Report(Report::Failed(reason)) => return End::Failed(reason),
            Event::Report(Report::Ready(_)) => {}
            Event::Closed => return End::Closed,
            Event::Signal(SIGWINCH) => {
                if let Some(size) = terminal::size() {
                    // A machine that has just ended does not need it.
                    let _ = writeln!(control, "{size}");
                }
            }
            Event::Signal(signal) => return End::Interrupted(128 + signal),
            Event::Escape => return End::Interrupted(128 + SIGTERM),
        }
    }
}

/// The end of any of its sources is the machine's.
fn tell_end(events: &Sender<Event>) -> impl FnOnce() + Send + use<> {
    let events = events.clone();
    move || {
        // Nobody waits for a machine that is not needed any more.
        let _ = events.send(Event::Closed);
    }
}

fn report_reports(control: UnixStream, events: Sender<Event>) {
    thread::spawn(move || {
        for line in BufReader::new(control).lines().map_while(Result::ok) {
            let report = line.parse().unwrap_or_else(Report::Failed);
            if events.send(Event::Report(report)).is_err() {
                return;
            }
        }
    });
}

/// Signals that would end this task leave it time to end the machine and to restore
/// the terminal.
fn report_signals(events: Sender<Event>) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH])
        .context("cannot listen to signals")?;
    thread::spawn(move || {
        for signal in signals.forever() {
            if events.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Sends what is typed, until this task or the machine ends.
fn send_keys(mut to: UnixStream, events: Sender<Event>) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = io::stdin().read(&mut buffer) {
            let keys = &buffer[..length];
            if keys.contains(&terminal::ESCAPE) {
                let _ = events.send(Event::Escape);
                return;
            }
            if to.write_all(keys).is_err() {
                return;
            }
        }
    });
}

/// Shows what comes as it comes, and keeps it.
fn show(mut from: UnixStream, mut to: impl Write + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => {
                    all.extend(&buffer[..length]);
                    // Whoever does not want to see it can still want the status.
                    let _ = to.write_all(&buffer[..length]).and_then(|()| to.flush());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        all
    })
}
