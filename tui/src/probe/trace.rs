//! What the kernel reports besides packets: drops, errors of sockets, neighbors that
//! do not answer, resets, and whose sockets they are. Seen by programs on
//! tracepoints, of the whole machine.

mod btf;
mod collector;
mod drops;
mod layout;
mod object;
mod owners;

use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use bytemuck::Zeroable;
use probe_common::signal::{SignalEvent, SignalKind};

pub use self::collector::Tracing;
use self::drops::{Drops, text, tuple};
use self::layout::Kernel;
use self::object::{LoadError, Programs};
use self::owners::Owners;
use super::monotonic::{monotonic_now, since, thread_cpu_time};
use super::refusal::Limits;
use crate::model::Signals;
use crate::model::signal::{
    NeighborFailed, Reset, ResetBy, SocketError, Trace, TraceStatus, Where,
};
use crate::sys;

/// Events that one reading takes at most; what waits longer is taken by the next.
const AT_ONCE: usize = 4096;
/// The most of a CPU that looking for the owners of sockets may take: a look goes
/// through the descriptors of all processes.
const SHARE: f64 = 0.01;

/// The tracing programs and what is known from earlier readings.
pub struct Tracer {
    kernel: Kernel,
    programs: Programs,
    drops: Drops,
    owners: Owners,
    /// When owners may be looked for again.
    not_before: Instant,
    period: u32,
    /// The kernel's clock at the source's start.
    started: u64,
}

impl Tracer {
    /// Loads and attaches the programs. Moments are counted from `started`, in
    /// nanoseconds of `CLOCK_MONOTONIC`.
    ///
    /// # Errors
    /// A sentence: why nothing is traced, and what to do about it.
    pub fn start(started: u64) -> Result<Self, String> {
        let btf = fs::read(btf::VMLINUX).map_err(|error| no_btf(&error))?;
        let kernel = Kernel::of(&btf).map_err(|error| error.to_string())?;
        drop(btf);
        let programs = Programs::load(&kernel).map_err(explain);
        // aya's own form of the kernel's types takes ten times what is kept.
        sys::give_back_freed_memory();
        let programs = programs?;
        Ok(Self {
            kernel,
            programs,
            drops: Drops::default(),
            owners: Owners::default(),
            not_before: Instant::now(),
            period: 1,
            started,
        })
    }

    /// What cannot be seen on this kernel, and why, one sentence each.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.programs.missing
    }

    /// Asks for the owner of a socket, which a later reading will have.
    pub fn ask(&mut self, cookie: u64) {
        self.owners.ask(cookie, self.period);
    }

    /// What has happened since the last reading. To be called once a second.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read(&mut self) -> io::Result<Signals> {
        self.period = self.period.wrapping_add(1);
        let period = self.period;
        self.programs.begin(period).map_err(io::Error::other)?;
        let mut signals = Signals {
            drops: self.drops.read(&mut self.programs, &self.kernel, period)?,
            ..Signals::default()
        };
        self.read_events(&mut signals);
        if self.not_before <= Instant::now() && self.owners.is_due(period) {
            let before = thread_cpu_time();
            let held = self.programs.sockets()?;
            self.owners.learn(held, period);
            let cost = thread_cpu_time().saturating_sub(before);
            self.not_before = Instant::now() + cost.div_f64(SHARE);
        }
        signals.owners = self.owners.answers();
        signals.trace = Some(Trace::On(self.status()?));
        signals.at = since(self.started, monotonic_now());
        Ok(signals)
    }

    fn status(&self) -> io::Result<TraceStatus> {
        let tally = self.programs.tally().map_err(io::Error::other)?;
        Ok(TraceStatus {
            missing: self.programs.missing.clone(),
            skipped: self.programs.skipped(),
            lost: tally.lost,
            unplaced: tally.unplaced,
            without_flow: tally.without_flow,
            noise: tally.noise,
        })
    }

    fn read_events(&mut self, signals: &mut Signals) {
        for _ in 0..AT_ONCE {
            let Some(item) = self.programs.signals.next() else {
                return;
            };
            let mut event = SignalEvent::zeroed();
            let target = bytemuck::bytes_of_mut(&mut event);
            let Some(bytes) = item.get(..target.len()) else {
                continue;
            };
            target.copy_from_slice(bytes);
            drop(item);
            self.owners.ask(event.cookie, self.period);
            let at = since(self.started, event.time);
            match SignalKind::from_number(event.kind) {
                Some(SignalKind::SocketError) => signals.socket_errors.push(SocketError {
                    at,
                    namespace: event.namespace,
                    cookie: event.cookie,
                    tuple: tuple(&event.tuple),
                    errno: event.value,
                }),
                Some(SignalKind::NeighborFailed) => {
                    signals.neighbors.push(neighbor(&event, at));
                }
                Some(SignalKind::ResetSent) => {
                    signals.resets.push(self.reset(&event, at, ResetBy::Sent));
                }
                Some(SignalKind::ResetReceived) => {
                    signals
                        .resets
                        .push(self.reset(&event, at, ResetBy::Received));
                }
                None => {}
            }
        }
    }

    fn reset(&self, event: &SignalEvent, at: Duration, by: ResetBy) -> Reset {
        Reset {
            at,
            by,
            namespace: event.namespace,
            cookie: event.cookie,
            tuple: tuple(&event.tuple),
            state: u8::try_from(event.state).unwrap_or(0),
            reason: self.kernel.reset_reason(event.value),
        }
    }
}

fn neighbor(event: &SignalEvent, at: Duration) -> NeighborFailed {
    let address = Ipv6Addr::from(event.tuple.destination);
    NeighborFailed {
        at,
        device: Where {
            namespace: event.namespace,
            index: event.device,
            device: text(&event.device_name),
        },
        address: match address.to_ipv4_mapped() {
            Some(v4) if v4 != Ipv4Addr::UNSPECIFIED => v4.into(),
            _ => address.into(),
        },
    }
}

fn no_btf(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound if !Path::new("/sys/kernel").exists() => format!(
            "cannot read {}, the kernel's type information (BTF): mount sysfs on /sys",
            btf::VMLINUX
        ),
        // The kernel makes the directory together with the file.
        io::ErrorKind::NotFound if Path::new("/sys/kernel/btf").exists() => format!(
            "{}, the kernel's type information (BTF), is hidden by the sandbox that this runs in",
            btf::VMLINUX
        ),
        io::ErrorKind::NotFound => "this kernel has no type information (BTF): it takes one that \
                                    is built with CONFIG_DEBUG_INFO_BTF"
            .to_owned(),
        _ => format!("cannot read {}: {error}", btf::VMLINUX),
    }
}

fn explain(error: LoadError) -> String {
    let error = anyhow::Error::new(error);
    let limits = Limits::now();
    // Of aya's errors the last one is the kernel's.
    let refused = error.chain().last().and_then(|last| {
        let refused = last.downcast_ref::<io::Error>()?;
        limits.of_bpf(refused)
    });
    match refused {
        Some(_) if !limits.missing().is_empty() => format!(
            "it takes {}, which this process lacks",
            limits.missing().join(" and ")
        ),
        Some(reason) => format!("cannot load the tracing programs: {reason}"),
        None => format!("{error:#}"),
    }
}
