//! The last captured packets.

use std::collections::VecDeque;

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
    pub fn extend(&mut self, packets: &[Packet]) {
        for packet in packets {
            if self.kept.len() == KEPT {
                self.kept.pop_front();
                self.left += 1;
            }
            self.kept.push_back(packet.clone());
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
