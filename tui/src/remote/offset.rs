//! The clock of a host, as seen from here.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::{Event, Moment};

#[cfg(test)]
mod tests;

/// How much the offset may grow with each interval: clocks drift less, and what
/// arrives late is late by more.
const DRIFT: SignedDuration = SignedDuration::from_millis(1);

/// What is added to a host's moments so that they are this machine's: what arrived
/// with the least delay decides.
#[derive(Debug, Default)]
pub struct Offset {
    offset: Option<SignedDuration>,
    /// The end of the last interval, here.
    last: Moment,
}

impl Offset {
    /// Puts an event on the clocks of this machine, which show these times now.
    pub fn apply(&mut self, event: &mut Event, now: Moment, wall: Timestamp) {
        if let Some(moment) = event.moment() {
            self.learn(moment, now, matches!(event, Event::Interval(_)));
        }
        match event {
            Event::Interval(interval) => {
                // Intervals come in the order of time.
                self.last = self.here(interval.at).max(self.last);
                interval.at = self.last;
                let since = signed(interval.at).saturating_sub(signed(now));
                interval.wall = wall.checked_add(since).unwrap_or(wall);
            }
            Event::Packets(packets) => {
                for packet in packets {
                    packet.at = self.here(packet.at);
                }
            }
            Event::Signals(signals) => {
                let own = std::iter::once(&mut signals.at);
                let errors = signals.socket_errors.iter_mut().map(|it| &mut it.at);
                let neighbors = signals.neighbors.iter_mut().map(|it| &mut it.at);
                let resets = signals.resets.iter_mut().map(|it| &mut it.at);
                for at in own.chain(errors).chain(neighbors).chain(resets) {
                    *at = self.here(*at);
                }
            }
            Event::Notice(notice) => notice.at = self.here(notice.at),
            Event::Blocks(blocks) => {
                for block in blocks {
                    block.since = self.here(block.since);
                }
            }
            _ => {}
        }
    }

    fn learn(&mut self, moment: Moment, now: Moment, may_grow: bool) {
        let seen = signed(now).saturating_sub(signed(moment));
        self.offset = Some(match self.offset {
            Some(offset) if seen <= offset => seen,
            Some(offset) if may_grow => offset + (seen - offset).min(DRIFT),
            Some(offset) => offset,
            None => seen,
        });
    }

    /// A moment of the host, here.
    fn here(&self, moment: Moment) -> Moment {
        let here = signed(moment).saturating_add(self.offset.unwrap_or_default());
        // Before moment 0 there is none.
        here.try_into().unwrap_or_default()
    }
}

fn signed(moment: Duration) -> SignedDuration {
    SignedDuration::try_from(moment).unwrap_or(SignedDuration::MAX)
}
