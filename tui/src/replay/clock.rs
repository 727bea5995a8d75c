//! When the events of a recording are due.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::warning;
use crate::model::{Envelope, Event, Moment};
use crate::recording::Item;

/// Tells the time of a recording.
#[derive(Debug)]
pub struct Clock {
    /// How many times faster than then; nothing for at once.
    speed: Option<f64>,
    /// The moment of the first event that has one, and when that was played.
    start: Option<(Moment, Instant)>,
    /// The moment of the last event.
    now: Moment,
}

impl Clock {
    pub const fn new(speed: Option<f64>) -> Self {
        Self {
            speed,
            start: None,
            now: Moment::ZERO,
        }
    }

    /// What an item is to whoever watches; nothing once `duration` is over.
    pub fn envelope(&mut self, item: Item, duration: Option<Duration>) -> Option<Envelope> {
        let envelope = match item {
            Item::Event(envelope) => envelope,
            Item::Lost(packets) => {
                let text = format!(
                    "{packets} packets are missing here: the disk was too slow to record them."
                );
                warning(self.now, text)
            }
            Item::Damage(text) => warning(self.now, text),
        };
        if let Some(moment) = moment(&envelope.event) {
            self.now = moment;
            let (start, _) = *self.start.get_or_insert((moment, Instant::now()));
            if duration.is_some_and(|duration| moment.saturating_sub(start) > duration) {
                return None;
            }
        }
        Some(envelope)
    }

    /// Waits until an event is due.
    pub async fn wait(&self, event: &Event) {
        let (Some(speed), Some((start, played)), Some(moment)) =
            (self.speed, self.start, moment(event))
        else {
            return;
        };
        let since = moment.saturating_sub(start).as_secs_f64() / speed;
        let since = Duration::try_from_secs_f64(since).unwrap_or(Duration::MAX);
        // A damaged clock must not hold up the rest for ever.
        if let Some(due) = played.checked_add(since) {
            sleep_until(due).await;
        }
    }
}

/// When an event was reported.
fn moment(event: &Event) -> Option<Moment> {
    match event {
        Event::Interval(interval) => Some(interval.at),
        Event::Packets(packets) => packets.last().map(|packet| packet.at),
        Event::Signals(signals) => Some(signals.at),
        Event::Notice(notice) => Some(notice.at),
        Event::Devices(_) | Event::Reply(_) | Event::Ended(_) => None,
    }
}
