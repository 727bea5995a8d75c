//! Events on another clock.

use super::{Event, Moment};

impl Event {
    /// Changes each moment in it, as for another clock. That of a replay is its own.
    pub fn each_moment(&mut self, mut change: impl FnMut(&mut Moment)) {
        match self {
            Self::Interval(interval) => change(&mut interval.at),
            Self::Packets(packets) => packets.iter_mut().for_each(|it| change(&mut it.at)),
            Self::Signals(signals) => {
                change(&mut signals.at);
                let errors = signals.socket_errors.iter_mut().map(|it| &mut it.at);
                let neighbors = signals.neighbors.iter_mut().map(|it| &mut it.at);
                let resets = signals.resets.iter_mut().map(|it| &mut it.at);
                errors.chain(neighbors).chain(resets).for_each(change);
            }
            Self::Notice(notice) => change(&mut notice.at),
            Self::Blocks(blocks) => blocks.iter_mut().for_each(|it| change(&mut it.since)),
            _ => {}
        }
    }
}
