//! The devices of a host, and the names that flows' slots stand for.

use std::collections::HashSet;

use crate::model::{Device, DeviceName, DeviceTotals, LinkCounters, LocalEnd, Namespace, Watch};
use crate::text::clean;

/// Slots that have names: those of some dozens of hosts.
const SLOTS: usize = 64 * probe_common::limits::DEVICES as usize;

/// The devices as the source listed them last.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    all: Vec<Device>,
    names: SlotNames,
    listed: bool,
}

/// The names of slots; those of devices that are gone are remembered, because
/// their flows are still there.
#[derive(Clone, Debug, Default)]
pub struct SlotNames {
    names: Vec<Option<Names>>,
    /// The place of each label among all of them.
    places: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Names {
    index: u32,
    /// Whether the device is gone, so that the slot may be given to another.
    gone: bool,
    device: String,
    /// The host that the device is on, where several are watched, and both names.
    node: Option<(String, String)>,
    leads_to: Option<String>,
    /// Whether its local end is this host, and not what it leads to.
    is_of_host: bool,
    namespace: Option<Namespace>,
}

impl SlotNames {
    /// The device's name, with that of its host where several are watched.
    #[must_use]
    pub fn get(&self, slot: u32) -> &str {
        let names = self.names.get(slot as usize).and_then(Option::as_ref);
        let node = names.and_then(|names| names.node.as_ref());
        node.map_or(self.of(slot).name, |(_, both)| both)
    }

    /// The host that the device is on, where several are watched.
    #[must_use]
    pub fn node(&self, slot: u32) -> Option<&str> {
        self.of(slot).node
    }

    /// What the device leads to, where that is the local end, or else its own name.
    #[must_use]
    pub fn label(&self, slot: u32) -> &str {
        let names = self.names.get(slot as usize).and_then(Option::as_ref);
        let is_of_host = names.is_some_and(|names| names.is_of_host);
        let DeviceName { name, leads_to, .. } = self.of(slot);
        leads_to.filter(|_| !is_of_host).unwrap_or(name)
    }

    /// The other network namespace that the device leads to.
    #[must_use]
    pub fn namespace(&self, slot: u32) -> Option<&Namespace> {
        let names = self.names.get(slot as usize)?.as_ref()?;
        names.namespace.as_ref()
    }

    /// All that the device is called.
    #[must_use]
    pub fn of(&self, slot: u32) -> DeviceName<'_> {
        let names = self.names.get(slot as usize).and_then(Option::as_ref);
        names.map_or_else(
            || DeviceName::from("?"),
            |names| DeviceName {
                name: &names.device,
                leads_to: names.leads_to.as_deref(),
                node: names.node.as_ref().map(|(node, _)| node.as_str()),
            },
        )
    }

    /// Whether its device is not watched any more, so that nothing is added to what it
    /// has counted.
    #[must_use]
    pub fn is_gone(&self, slot: u32) -> bool {
        let names = self.names.get(slot as usize).and_then(Option::as_ref);
        names.is_some_and(|names| names.gone)
    }

    /// A number that sorts like the [`label`](Self::label), as people count:
    /// `v2` before `v10`. The same for the same label.
    #[must_use]
    pub fn place(&self, slot: u32) -> usize {
        self.places.get(slot as usize).copied().unwrap_or_default()
    }

    fn find_places(&mut self) {
        let labels: Vec<&str> = (0..self.names.len() as u32)
            .map(|slot| self.label(slot))
            .collect();
        let mut order = labels.clone();
        order.sort_by(|a, b| alphanumeric_sort::compare_str(a, b));
        order.dedup();
        let place = |label: &&str| {
            order.partition_point(|other| alphanumeric_sort::compare_str(other, label).is_lt())
        };
        self.places = labels.iter().map(place).collect();
    }

    /// Names a slot. Returns whether it stood for another device before.
    fn set(&mut self, slot: u32, device: &Device, gone: bool) -> bool {
        let slot = slot as usize;
        if slot >= SLOTS {
            return false;
        }
        if self.names.len() <= slot {
            self.names.resize(slot + 1, None);
        }
        let is_of_host = match device.watch {
            Watch::Yes { local, .. } => local == LocalEnd::Here,
            _ => self.names[slot].as_ref().is_some_and(|old| old.is_of_host),
        };
        // No device's own name has a slash (dev_valid_name).
        let both = device.name.split_once('/');
        let old = self.names[slot].replace(Names {
            index: device.index,
            gone,
            device: both.map_or(&*device.name, |(_, name)| name).to_owned(),
            node: both.map(|(node, _)| (node.to_owned(), device.name.clone())),
            leads_to: device.leads_to().map(clean),
            is_of_host,
            namespace: device.namespace().cloned(),
        });
        old.is_some_and(|old| old.index != device.index || (old.gone && !gone))
    }
}

/// Keeps what a device has counted by the last interval where that is more than
/// when the devices were listed, which can be long ago.
fn keep_counted(old: &Device, device: &mut Device) {
    device.counters = newer(old.counters, device.counters);
    let old = old.peer.as_ref().and_then(|peer| peer.device.as_ref());
    let end = device.peer.as_mut().and_then(|peer| peer.device.as_mut());
    if let (Some(old), Some(end)) = (old, end) {
        end.counters = newer(old.counters, end.counters);
    }
}

/// Of the counters of one device those that were read later.
fn newer(a: LinkCounters, b: LinkCounters) -> LinkCounters {
    let sum =
        |LinkCounters { rx, tx }: LinkCounters| rx.packets + rx.dropped + tx.packets + tx.dropped;
    if sum(a) > sum(b) { a } else { b }
}

impl Devices {
    /// Takes over the devices that are known now. Returns the slots that begin
    /// to stand for another device.
    pub fn replace(&mut self, devices: &[Device]) -> Vec<u32> {
        let mut devices = devices.to_vec();
        let mut reassigned = Vec::new();
        for device in &devices {
            let (slot, gone) = match device.watch {
                Watch::Yes { slot, .. } => (slot, false),
                Watch::Gone { slot } => (slot, true),
                Watch::No | Watch::Starting | Watch::Failed(_) => continue,
            };
            if self.names.set(slot, device, gone) {
                reassigned.push(slot);
            }
        }
        self.names.find_places();
        for device in &mut devices {
            let is_it = |old: &&Device| old.index == device.index && old.name == device.name;
            if let Some(old) = self.all.iter().find(is_it) {
                keep_counted(old, device);
            }
        }
        devices.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.cmp_by_name(b)));
        // One that is not watched any more, or again, is no other device that is gone:
        // what it was before only names its slot.
        let mut listed = HashSet::new();
        devices.retain(|device| {
            let is_new = listed.insert(device.index);
            is_new || !matches!(device.watch, Watch::Gone { .. })
        });
        self.all = devices;
        self.listed = true;
        reassigned
    }

    /// Takes over what the devices themselves have counted.
    pub fn count(&mut self, totals: &[DeviceTotals]) {
        for totals in totals {
            let is_meant = |device: &&mut Device| matches!(device.watch, Watch::Yes { slot, .. } if slot == totals.slot);
            let Some(device) = self.all.iter_mut().find(is_meant) else {
                continue;
            };
            device.counters = totals.counters.unwrap_or(device.counters);
            let end = device.peer.as_mut().and_then(|peer| peer.device.as_mut());
            if let (Some(end), Some(counters)) = (end, totals.peer_counters) {
                end.counters = counters;
            }
        }
    }

    /// All devices, watched ones first.
    #[must_use]
    pub fn all(&self) -> &[Device] {
        &self.all
    }

    /// Whether the source has listed its devices.
    #[must_use]
    pub const fn are_listed(&self) -> bool {
        self.listed
    }

    /// Names of the slots.
    #[must_use]
    pub const fn names(&self) -> &SlotNames {
        &self.names
    }

    /// The devices that are watched or about to be.
    pub fn watched(&self) -> impl Iterator<Item = &Device> {
        self.all
            .iter()
            .filter(|device| matches!(device.watch, Watch::Yes { .. } | Watch::Starting))
    }

    /// How many of how many devices are attached to, until all are.
    #[must_use]
    pub fn progress(&self) -> Option<(usize, usize)> {
        let (mut done, mut all) = (0, 0);
        for device in self.watched() {
            all += 1;
            done += usize::from(device.watch != Watch::Starting);
        }
        (done < all).then_some((done, all))
    }
}

const fn rank(device: &Device) -> u8 {
    use crate::model::DeviceKind;
    match (&device.watch, &device.kind) {
        (Watch::Yes { .. } | Watch::Starting, _) => 0,
        (Watch::Failed(_), _) => 1,
        (Watch::No, DeviceKind::Netkit(_)) => 2,
        (Watch::No, _) => 3,
        (Watch::Gone { .. }, _) => 4,
    }
}
