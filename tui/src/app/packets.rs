//! The last packets that got an event.

use std::collections::VecDeque;

use super::action::Motion;
use super::flows::Criteria;
use super::list::{List, Scroll};
use crate::model::Packet;

#[cfg(test)]
mod tests;

/// Packets that are kept.
pub const KEPT: usize = 10_000;

/// A bounded queue of packets, each with a number that stays its own.
#[derive(Clone, Debug, Default)]
pub struct Packets {
    kept: VecDeque<Packet>,
    left: u64,
}

impl Packets {
    /// Appends packets; the oldest leave.
    pub fn extend(&mut self, packets: Vec<Packet>) {
        for packet in packets {
            if self.kept.len() == KEPT {
                self.kept.pop_front();
                self.left += 1;
            }
            self.kept.push_back(packet);
        }
    }

    /// The packets with their numbers, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Packet)> {
        (self.left..).zip(&self.kept)
    }

    /// A packet by its number, if it has not left.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Packet> {
        let place = number.checked_sub(self.left)?;
        self.kept.get(usize::try_from(place).ok()?)
    }

    /// Packets that are here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Packets that have left.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.left
    }
}

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
