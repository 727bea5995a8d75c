//! The tracer as a collector of the live source.

use std::io;
use std::num::NonZeroU64;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Tracer;
use crate::model::signal::{Signals, Trace};
use crate::model::{Event, KeyFields, Moment, Packet};
use crate::probe::collect::Collector;
use crate::probe::monotonic::{monotonic_now, since};

/// How often it is read.
const PERIOD: Duration = Duration::from_secs(1);
/// How often it is looked whether the programs are loaded.
const STARTING: Duration = Duration::from_millis(100);
/// When there is nothing to read.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Loads the programs on a thread of its own, so that nothing waits for that, and
/// reads what they see.
pub struct Tracing {
    state: State,
    started: u64,
}

enum State {
    /// Nobody wants it, which has not been reported yet.
    LeftOut,
    Starting(JoinHandle<Result<Tracer, String>>),
    On(Box<Tracer>),
    Off,
}

impl Tracing {
    /// Begins to load the programs. Moments are counted from now on.
    ///
    /// # Errors
    /// There can be no more threads.
    pub fn begin() -> io::Result<Self> {
        let started = monotonic_now();
        let thread = thread::Builder::new().name("trace".to_owned());
        Ok(Self {
            state: State::Starting(thread.spawn(move || Tracer::start(started))?),
            started,
        })
    }

    /// Loads nothing, and reports that once.
    pub fn left_out() -> Self {
        Self {
            state: State::LeftOut,
            started: monotonic_now(),
        }
    }

    fn start(&mut self, loading: JoinHandle<Result<Tracer, String>>) -> Vec<Event> {
        if !loading.is_finished() {
            self.state = State::Starting(loading);
            return Vec::new();
        }
        let loaded = loading.join();
        match loaded.unwrap_or_else(|_| Err("loading the programs has panicked".to_owned())) {
            Ok(tracer) => {
                self.state = State::On(Box::new(tracer));
                self.poll()
            }
            Err(reason) => vec![self.off(reason)],
        }
    }

    fn off(&self, reason: String) -> Event {
        let at: Moment = since(self.started, monotonic_now());
        Event::Signals(Box::new(Signals {
            at,
            trace: Some(Trace::Off(reason)),
            ..Signals::default()
        }))
    }
}

/// The cookie of a packet's socket, unless that is one of the kernel's own: no process
/// has it, and looking for it is dear. ICMP is sent by processes only to ask for echoes.
fn of_a_process(packet: &Packet) -> Option<NonZeroU64> {
    let is_of_kernel = packet.key.icmp().is_some_and(|it| it.id.is_none());
    packet.cookie.filter(|_| !is_of_kernel)
}

impl Collector for Tracing {
    fn period(&self) -> Duration {
        match self.state {
            State::Starting(_) | State::LeftOut => STARTING,
            State::On(_) => PERIOD,
            State::Off => NEVER,
        }
    }

    fn poll(&mut self) -> Vec<Event> {
        match std::mem::replace(&mut self.state, State::Off) {
            State::LeftOut => vec![self.off("--no-trace leaves it out".to_owned())],
            State::Starting(loading) => self.start(loading),
            State::On(mut tracer) => match tracer.read() {
                Ok(signals) => {
                    self.state = State::On(tracer);
                    vec![Event::Signals(Box::new(signals))]
                }
                Err(error) => vec![self.off(format!("reading failed: {error}"))],
            },
            State::Off => Vec::new(),
        }
    }

    /// Asks for the owners of all sockets that flows and packets come from.
    fn observe(&mut self, event: &Event) {
        let State::On(tracer) = &mut self.state else {
            return;
        };
        match event {
            Event::Interval(interval) => {
                let facts = interval.flows.iter().filter_map(|flow| flow.facts.as_ref());
                for socket in facts.flat_map(|facts| facts.sockets).flatten() {
                    tracer.ask(socket.cookie);
                }
            }
            Event::Packets(packets) => {
                for cookie in packets.iter().filter_map(of_a_process) {
                    tracer.ask(cookie.get());
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self) -> Vec<Event> {
        self.poll()
    }
}
