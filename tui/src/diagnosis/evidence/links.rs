//! How the links of the watched devices have fared, from the lists of devices.

use std::collections::BTreeMap;

use crate::model::{Device, Moment};

/// The link of a watched device.
#[derive(Clone, Debug)]
pub struct Link {
    /// When the device was first listed.
    pub since: Moment,
    /// When the link changed last.
    pub last: Moment,
    /// Since when it is down, if it was up before.
    pub down_since: Option<Moment>,
    /// `carrier_changes` of the device, first and last.
    carrier_changes: [u32; 2],
    was_up: bool,
}

impl Link {
    /// How often its carrier has come or gone since it is watched.
    #[must_use]
    pub const fn changes(&self) -> u32 {
        self.carrier_changes[1].saturating_sub(self.carrier_changes[0])
    }
}

/// The links of the watched devices of a host, by slot.
#[derive(Clone, Debug, Default)]
pub struct Links(BTreeMap<u32, Link>);

impl Links {
    /// Takes over the state of a watched device.
    pub fn device(&mut self, slot: u32, device: &Device, now: Moment) {
        let link = self.0.entry(slot).or_insert(Link {
            since: now,
            last: now,
            down_since: None,
            carrier_changes: [device.carrier_changes; 2],
            was_up: false,
        });
        if link.carrier_changes[1] != device.carrier_changes {
            link.last = now;
        }
        link.carrier_changes[1] = device.carrier_changes;
        let is_up = device.up && device.carrier;
        link.was_up |= is_up;
        link.down_since = match link.down_since {
            _ if is_up || !link.was_up => None,
            None => Some(now),
            since => since,
        };
    }

    /// The device is gone.
    pub fn gone(&mut self, slot: u32) {
        self.0.remove(&slot);
    }

    /// The link of the device of a slot.
    #[must_use]
    pub fn get(&self, slot: u32) -> Option<&Link> {
        self.0.get(&slot)
    }
}
