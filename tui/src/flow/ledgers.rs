//! The ledgers of all devices.

use std::collections::BTreeMap;

use super::Ledger;

/// A device, for as long as its slot stands for it. Slots are used again, ids
/// are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(u64);

impl DeviceId {
    /// This one, and goes on to the next.
    const fn take(&mut self) -> Self {
        let id = *self;
        self.0 += 1;
        id
    }
}

/// A ledger for the device that each slot stands for, and one for all devices
/// there ever were.
#[derive(Clone, Debug)]
pub(super) struct Ledgers {
    by_slot: BTreeMap<u32, (DeviceId, Ledger)>,
    total: Ledger,
    next: DeviceId,
}

impl Default for Ledgers {
    fn default() -> Self {
        Self {
            by_slot: BTreeMap::new(),
            total: Ledger::new(),
            next: DeviceId(0),
        }
    }
}

impl Ledgers {
    /// The ledger of the device that a slot stands for.
    pub(super) fn current(&self, slot: u32) -> Option<(DeviceId, &Ledger)> {
        let (id, ledger) = self.by_slot.get(&slot)?;
        Some((*id, ledger))
    }

    /// Those of all slots, by slot.
    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = (u32, &Ledger)> {
        self.by_slot
            .iter()
            .map(|(slot, (_, ledger))| (*slot, ledger))
    }

    /// The sums over all devices.
    pub(super) const fn total(&self) -> &Ledger {
        &self.total
    }

    /// Writes to the ledger of a slot's device and to that of all.
    pub(super) fn book(&mut self, slot: u32, write: impl Fn(&mut Ledger)) {
        let next = &mut self.next;
        let (_, ledger) = self
            .by_slot
            .entry(slot)
            .or_insert_with(|| (next.take(), Ledger::new()));
        write(ledger);
        write(&mut self.total);
    }

    /// A slot begins to stand for another device.
    pub(super) fn reassign(&mut self, slot: u32) {
        let new = (self.next.take(), Ledger::new());
        self.by_slot.insert(slot, new);
    }
}
