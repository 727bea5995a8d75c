//! The collectors' turns.

use tokio::task::block_in_place;

use super::Task;
use crate::model::{Event, Level};

impl Task {
    /// Lets the collectors begin once everything that must be is attached to.
    pub(super) fn begin_to_count(&mut self) {
        if self.attach_first && !self.attaching.is_done() {
            return;
        }
        for text in self.notices.take().into_iter().flatten() {
            self.notice(Level::Info, text);
        }
        if self.attach_first {
            self.attach_first = false;
            self.collectors.restart();
        }
    }

    /// Polls the collector that is overdue for longest. False when the source
    /// cannot go on.
    pub(super) fn collect(&mut self) -> bool {
        let events = block_in_place(|| self.collectors.poll());
        let mut goes_on = true;
        for event in events {
            let is_interval = matches!(event, Event::Interval(_));
            log(&event);
            goes_on &= !matches!(event, Event::Ended(_));
            self.outbox.push(event);
            if is_interval {
                self.report_blocks();
                self.watched.turned();
                if self.outbox.has_no_interval() {
                    self.watched.delivered();
                }
            }
        }
        goes_on
    }
}

/// What the log has of an event, without names and addresses.
fn log(event: &Event) {
    match event {
        Event::Interval(interval) => tracing::debug!(
            length = ?interval.length,
            flows = interval.flows.len(),
            read = ?interval.probe.read,
            "interval"
        ),
        Event::Ended(_) => tracing::error!("the source has ended by itself"),
        _ => {}
    }
}
