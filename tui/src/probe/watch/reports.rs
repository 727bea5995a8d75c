//! What others are to know of the devices that are watched: the guard, the
//! collectors, the rules that drop packets, and the consumer.

use std::time::Duration;

use super::Watched;
use super::entry::{Entry, State};
use crate::model::{Device, Watch};
use crate::probe::block::tally::Tally;
use crate::probe::devices::Link;
use crate::probe::guard::Guarded;
use crate::probe::inventory::Inventory;
use crate::probe::{fate, rules};

/// How long a removed device is still listed; its flows are idle by then.
const REMEMBERED: Duration = Duration::from_secs(120);

impl Watched {
    /// What the guard looks at.
    #[must_use]
    pub fn guarded(&self) -> Vec<Guarded> {
        let guarded = |entry: &Entry| {
            Some(Guarded {
                slot: entry.slot,
                attached: entry.attached()?.clone(),
            })
        };
        self.devices.iter().filter_map(guarded).collect()
    }

    /// The name of a slot's device.
    #[must_use]
    pub fn name(&self, slot: u32) -> Option<&str> {
        let entry = self.devices.iter().find(|entry| entry.slot == slot)?;
        Some(&entry.link.name)
    }

    /// The slots whose counters can have moved since the last turn.
    #[must_use]
    pub fn slots(&self) -> Vec<u32> {
        let moving = self
            .devices
            .iter()
            .filter(|entry| !matches!(entry.state, State::Gone(_)));
        moving.map(|entry| entry.slot).collect()
    }

    /// The devices that are watched now, with what their peers count.
    #[must_use]
    pub fn with_peers(&self, inventory: &Inventory) -> Vec<fate::Watched> {
        let entries = self.devices.iter();
        let attached = entries.filter(|entry| matches!(entry.state, State::Attached(_)));
        attached
            .map(|entry| fate::Watched {
                slot: entry.slot,
                index: entry.link.index,
                name: entry.link.name.clone(),
                peer: inventory.peer_location(&entry.link),
                comparison: entry.comparison(),
            })
            .collect()
    }

    /// What rules have dropped at each device whose counters can have moved, by slot.
    #[must_use]
    pub fn tallies(&self) -> Vec<(u32, Tally)> {
        let entries = self.devices.iter();
        let moving = entries.filter(|entry| !matches!(entry.state, State::Gone(_)));
        moving
            .map(|entry| (entry.slot, entry.tally.clone()))
            .collect()
    }

    /// The devices that rules can be applied to.
    #[must_use]
    pub fn places(&self) -> Vec<rules::Place> {
        let place = |entry: &Entry| {
            Some(rules::Place {
                name: entry.link.name.clone(),
                attached: entry.attached()?.clone(),
            })
        };
        self.devices.iter().filter_map(place).collect()
    }

    /// The ids of our programs.
    pub fn programs(&self) -> impl Iterator<Item = u32> {
        let attached = self.devices.iter().filter(|it| it.attached().is_some());
        attached.flat_map(|entry| entry.programs.iter().copied())
    }

    /// All devices there are, and those that were watched until lately.
    #[must_use]
    pub fn describe(
        &self,
        links: &[Link],
        inventory: &Inventory,
        wanted: impl Fn(&Link) -> bool,
    ) -> Vec<Device> {
        let mut devices: Vec<Device> = links
            .iter()
            .map(|link| {
                let watch = match self.state(link) {
                    Watch::Starting if !wanted(link) => Watch::No,
                    state => state,
                };
                inventory.device(link, watch)
            })
            .collect();
        let lately = self.devices.iter().filter(|entry| match entry.state {
            State::Attached(_) => false,
            State::Ending | State::Read => true,
            State::Gone(since) => since.elapsed() < REMEMBERED,
        });
        let gone = |entry: &Entry| Watch::Gone { slot: entry.slot };
        devices.extend(lately.map(|entry| inventory.device(&entry.link, gone(entry))));
        devices
    }
}
