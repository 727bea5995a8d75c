//! The list of captured packets.

use super::action::Motion;
use super::flows::Criteria;
use super::list::{List, Scroll};
use crate::traffic::Packets;

#[cfg(test)]
mod tests;

/// The state of the view: what passes the filter, selection, detail.
#[derive(Debug)]
pub struct PacketsView {
    /// The selection, by number.
    pub list: List<u64>,
    /// Whether the newest packet stays in sight.
    pub follow: bool,
    /// Whether the selected packet is shown in full.
    pub detail: bool,
    /// How far that is scrolled.
    pub inside: Scroll,
}

impl Default for PacketsView {
    fn default() -> Self {
        Self {
            list: List::default(),
            follow: true,
            detail: false,
            inside: Scroll::default(),
        }
    }
}

impl PacketsView {
    /// Recomputes the rows.
    pub fn refresh(&mut self, packets: &Packets, criteria: Criteria<'_>) {
        let passes = packets
            .iter()
            .filter(|(_, packet)| criteria.passes(packet))
            .map(|(number, _)| number);
        self.list.settle(passes.collect());
        if self.follow {
            self.list.scroll(i32::MAX);
        }
    }

    /// Moves the selection. The last packet is followed.
    pub fn step(&mut self, motion: Motion) {
        self.list.step(motion);
        self.inside = Scroll::default();
        self.follow = self.list.selected() == self.list.rows().last().copied();
    }

    /// Selects a packet; the newest are not followed any more.
    pub fn select(&mut self, number: u64) {
        self.follow = false;
        self.inside = Scroll::default();
        self.list.select(number);
    }

    /// Scrolls. Away from the last packet, it is not followed any more.
    pub fn scroll(&mut self, rows: i32) {
        self.follow = false;
        self.list.scroll(rows);
    }
}
