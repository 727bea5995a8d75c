//! What waits for the consumer. Nothing that fills it waits for the consumer.
//!
//! What may be lost depends on what it is: intervals are added up, of lists of
//! devices the last one counts, replies and notices are kept, of signals the
//! newest are, and packets are dropped. What was lost is counted and reported.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::model::{
    Block, Device, EndReason, Envelope, Event, Interval, Level, Merged, Moment, Notice, Reply,
    Signals,
};
use crate::text::plural;

#[cfg(test)]
mod tests;

/// Notices that are kept; of more, the newest.
const NOTICES: usize = 256;
/// Signals that are kept; of more, the newest. With the network stacks of some
/// hundred namespaces one of them takes a megabyte.
const SIGNALS: usize = 8;

/// Events on their way to the consumer.
#[derive(Debug)]
pub struct Outbox {
    events: mpsc::Sender<Envelope>,
    devices: Option<Vec<Device>>,
    replies: VecDeque<Reply>,
    notices: VecDeque<Notice>,
    interval: Option<Box<Merged>>,
    blocks: Option<Vec<Block>>,
    signals: VecDeque<Box<Signals>>,
    ended: Option<EndReason>,
    /// Packets that were dropped since the last interval, and since the consumer
    /// became late.
    dropped: u64,
    missed: u64,
    /// Signals that were dropped since the consumer became late.
    missed_signals: u64,
}

impl Outbox {
    /// Empty.
    #[must_use]
    pub const fn new(events: mpsc::Sender<Envelope>) -> Self {
        Self {
            events,
            devices: None,
            replies: VecDeque::new(),
            notices: VecDeque::new(),
            interval: None,
            blocks: None,
            signals: VecDeque::new(),
            ended: None,
            dropped: 0,
            missed: 0,
            missed_signals: 0,
        }
    }

    /// Reports an event, now or when the consumer has room for it.
    pub fn push(&mut self, mut event: Event) {
        if let Event::Interval(interval) = &mut event {
            interval.probe.late += std::mem::take(&mut self.dropped);
        }
        let event = if self.is_empty() {
            match self.events.try_send(event.into()) {
                Ok(()) => return,
                Err(TrySendError::Full(envelope) | TrySendError::Closed(envelope)) => {
                    envelope.event
                }
            }
        } else {
            event
        };
        match event {
            Event::Devices(devices) => self.devices = Some(devices),
            Event::Interval(interval) => self.add(interval),
            Event::Packets(packets) => {
                self.dropped += packets.len() as u64;
                self.missed += packets.len() as u64;
            }
            Event::Notice(notice) => {
                keep(&mut self.notices, notice, NOTICES);
            }
            Event::Signals(signals) => {
                self.missed_signals += keep(&mut self.signals, signals, SIGNALS);
            }
            Event::Blocks(blocks) => self.blocks = Some(blocks),
            Event::Reply(reply) => self.replies.push_back(reply),
            Event::Ended(reason) => self.ended = Some(reason),
            // Those of a replay or another host alone.
            Event::Playback(_) | Event::Marks { .. } | Event::Reach(_) => {}
        }
    }

    fn add(&mut self, interval: Interval) {
        match &mut self.interval {
            Some(merged) => merged.add(interval),
            None => self.interval = Some(Box::new(Merged::new(interval))),
        }
    }

    /// Whether the consumer has been given everything, and knows what it missed.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.is_empty() && self.missed == 0 && self.missed_signals == 0
    }

    fn is_empty(&self) -> bool {
        self.devices.is_none()
            && self.replies.is_empty()
            && self.notices.is_empty()
            && self.interval.is_none()
            && self.blocks.is_none()
            && self.signals.is_empty()
            && self.ended.is_none()
    }

    /// Whether no interval waits.
    #[must_use]
    pub const fn has_no_interval(&self) -> bool {
        self.interval.is_none()
    }

    /// Replies that were not taken yet.
    #[must_use]
    pub fn replies(&self) -> usize {
        self.replies.len()
    }

    /// Waits until the consumer has room, and gives it what comes next. It may be
    /// cancelled. False when the consumer has gone.
    pub async fn deliver(&mut self, now: Moment) -> bool {
        let events = self.events.clone();
        let Ok(permit) = events.reserve().await else {
            return false;
        };
        if let Some(event) = self.next(now) {
            permit.send(event.into());
        }
        true
    }

    /// The devices come first: the rest speaks of them.
    fn next(&mut self, now: Moment) -> Option<Event> {
        if let Some(devices) = self.devices.take() {
            return Some(Event::Devices(devices));
        }
        if let Some(reply) = self.replies.pop_front() {
            return Some(Event::Reply(reply));
        }
        if let Some(notice) = self.notices.pop_front() {
            return Some(Event::Notice(notice));
        }
        if let Some(merged) = self.interval.take() {
            return Some(Event::Interval(merged.into_interval()));
        }
        if let Some(blocks) = self.blocks.take() {
            return Some(Event::Blocks(blocks));
        }
        if let Some(signals) = self.signals.pop_front() {
            return Some(Event::Signals(signals));
        }
        if let Some(text) = self.losses() {
            return Some(Event::Notice(Notice {
                at: now,
                level: Level::Warning,
                text,
            }));
        }
        self.ended.take().map(Event::Ended)
    }

    /// What the consumer has missed, where that was not reported yet.
    fn losses(&mut self) -> Option<String> {
        let packets = std::mem::take(&mut self.missed);
        let signals = std::mem::take(&mut self.missed_signals);
        let lost = match (packets, signals) {
            (0, 0) => return None,
            (_, 0) => format!(
                "{} dropped here; all were counted",
                plural(packets, "captured packet")
            ),
            (0, _) => format!(
                "lost {} of kernel drops, errors and counters",
                plural(signals, "report")
            ),
            _ => format!(
                "{} dropped here, all were counted; lost {} of kernel drops, errors and counters",
                plural(packets, "captured packet"),
                plural(signals, "report")
            ),
        };
        Some(format!("the output was too slow: {lost}"))
    }
}

/// Keeps the newest, no more than `limit`; returns how many were dropped for it.
fn keep<T>(queue: &mut VecDeque<T>, item: T, limit: usize) -> u64 {
    queue.push_back(item);
    let excess = queue.len().saturating_sub(limit);
    queue.drain(..excess);
    excess as u64
}
