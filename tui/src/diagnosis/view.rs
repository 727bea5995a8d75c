//! What rules read.

use std::collections::BTreeMap;

use super::evidence::Evidence;
use super::finding::Subject;
use super::thresholds::Thresholds;
use crate::model::{Device, LocalEnd, Moment, Watch};

/// What rules read.
pub struct View<'a> {
    /// The end of the last interval.
    pub now: Moment,
    pub evidence: &'a Evidence,
    /// The watched devices by slot.
    pub devices: &'a BTreeMap<u32, Device>,
    pub thresholds: &'a Thresholds,
}

impl View<'_> {
    /// The name of the device of a slot, and the container that it leads to.
    pub fn device(&self, slot: u32) -> String {
        match self.devices.get(&slot) {
            Some(device) => match device.leads_to() {
                Some(to) => format!("{} ({to})", device.name),
                None => device.name.clone(),
            },
            None => format!("device {slot}"),
        }
    }

    /// Whether a direction is that of what the device of a slot sends.
    pub fn is_sent(&self, slot: u32, direction: usize) -> bool {
        let local = match self.devices.get(&slot).map(|device| &device.watch) {
            Some(Watch::Yes { local, .. }) => *local,
            _ => LocalEnd::Here,
        };
        direction == local.sent() as usize
    }

    /// The device of a slot, to go to.
    pub fn device_subject(&self, slot: u32) -> Option<Subject> {
        self.devices.get(&slot).map(|device| Subject::Device {
            name: device.name.clone(),
        })
    }
}
