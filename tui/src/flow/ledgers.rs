//! The ledgers of all devices.

use std::collections::BTreeMap;

use super::Ledger;

/// A ledger for the device that each slot stands for, and one for all devices
/// there ever were.
#[derive(Clone, Debug)]
pub(super) struct Ledgers {
    by_slot: BTreeMap<u32, Ledger>,
    total: Ledger,
}

impl Default for Ledgers {
    fn default() -> Self {
        Self {
            by_slot: BTreeMap::new(),
            total: Ledger::new(),
        }
    }
}

impl Ledgers {
    /// The ledger of the device that a slot stands for.
    pub(super) fn current(&self, slot: u32) -> Option<&Ledger> {
        self.by_slot.get(&slot)
    }

    /// Those of all slots, by slot.
    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = (u32, &Ledger)> {
        self.by_slot.iter().map(|(slot, ledger)| (*slot, ledger))
    }

    /// The sums over all devices.
    pub(super) const fn total(&self) -> &Ledger {
        &self.total
    }

    /// Writes to the ledger of a slot's device and to that of all.
    pub(super) fn book(&mut self, slot: u32, write: impl Fn(&mut Ledger)) {
        write(self.by_slot.entry(slot).or_insert_with(Ledger::new));
        write(&mut self.total);
    }

    /// A slot begins to stand for another device.
    pub(super) fn reassign(&mut self, slot: u32) {
        self.by_slot.insert(slot, Ledger::new());
    }
}
