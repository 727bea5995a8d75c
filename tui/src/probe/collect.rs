//! Collectors: what is read from time to time, and when each of them is served.
//!
//! A new one implements [`Collector`] and is handed to the [`Schedule`] in
//! [`live::start`](super::live::start); nothing else has to know of it.

use std::time::{Duration, Instant};

use crate::model::{Command, Event};

pub mod conntrack;
pub(super) mod containers;
pub(super) mod intervals;
pub(super) mod ring;
pub mod route;
pub mod sockets;
pub mod stack;
pub(super) mod stacks;
mod suspects;

#[cfg(test)]
mod tests;

/// Reads something from time to time and reports it as events.
///
/// Collectors are polled one at a time. A poll may block for as long as reading
/// takes, some ten milliseconds: the others wait meanwhile, hooks and signals
/// do not. One that takes longer than its period only delays itself.
pub trait Collector: Send {
    /// The time from one poll to the next. It may change: it is asked for after
    /// each poll.
    fn period(&self) -> Duration;

    /// Reads what there is now. An [`Event::Ended`] ends the source.
    fn poll(&mut self) -> Vec<Event>;

    /// Another collector has read this, or this one.
    fn observe(&mut self, _event: &Event) {}

    /// Carries out a command; nothing if it belongs to another collector.
    fn command(&mut self, _command: &Command) -> Option<Result<(), String>> {
        None
    }

    /// The programs are about to be detached: reads what it must read before.
    fn before_end(&mut self) {}

    /// What is left to report when all programs are detached. It must not take
    /// longer than a poll.
    fn finish(&mut self) -> Vec<Event> {
        Vec::new()
    }
}

/// All collectors, and when each is due.
#[derive(Default)]
pub struct Schedule {
    entries: Vec<Entry>,
}

struct Entry {
    collector: Box<dyn Collector>,
    due: Instant,
}

impl Schedule {
    /// Adds a collector, which is due after its first period.
    pub fn add(&mut self, collector: Box<dyn Collector>) {
        let due = Instant::now() + collector.period();
        self.entries.push(Entry { collector, due });
    }

    /// Lets all collectors wait for their periods from now on.
    pub fn restart(&mut self) {
        for entry in &mut self.entries {
            entry.due = Instant::now() + entry.collector.period();
        }
    }

    /// When the next one is due.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.entries.iter().map(|entry| entry.due).min()
    }

    /// Polls the collector that is overdue for longest; nothing when none is due.
    /// After a poll that took long there is a pause of half a period, so that each
    /// of the others gets its turn.
    pub fn poll(&mut self) -> Vec<Event> {
        let longest = self.entries.iter_mut().min_by_key(|entry| entry.due);
        let Some(entry) = longest.filter(|entry| entry.due <= Instant::now()) else {
            return Vec::new();
        };
        let events = entry.collector.poll();
        let period = entry.collector.period();
        entry.due = (entry.due + period).max(Instant::now() + period / 2);
        for entry in &mut self.entries {
            for event in &events {
                entry.collector.observe(event);
            }
        }
        events
    }

    /// Hands a command to the collector that it belongs to.
    pub fn command(&mut self, command: &Command) -> Option<Result<(), String>> {
        let mut entries = self.entries.iter_mut();
        entries.find_map(|entry| entry.collector.command(command))
    }

    /// The programs are about to be detached.
    pub fn before_end(&mut self) {
        for entry in &mut self.entries {
            entry.collector.before_end();
        }
    }

    /// What is left to report, once everything is detached.
    pub fn finish(&mut self) -> Vec<Event> {
        let entries = self.entries.iter_mut();
        entries.flat_map(|entry| entry.collector.finish()).collect()
    }
}
