//! Which device a slot stands for.

use std::collections::BTreeMap;

use crate::model::{Device, DeviceName, Watch};

/// The devices that were watched, each once for each name, because a slot may
/// come to stand for another device.
#[derive(Default)]
pub struct Slots {
    devices: Vec<Watched>,
    /// The place in `devices` of the device that a slot stands for now.
    places: BTreeMap<u32, usize>,
}

/// A device that is or was watched.
pub struct Watched {
    /// Its name.
    pub name: String,
    /// The container that it leads to.
    pub container: Option<String>,
    /// Namespace and name of that container's pod.
    pub pod: Option<String>,
    /// The name of the network namespace that it leads to.
    pub netns: Option<String>,
    /// What it leads to, as filters know it.
    pub leads_to: Option<String>,
}

impl Watched {
    /// As filters know it.
    pub fn as_name(&self) -> DeviceName<'_> {
        DeviceName {
            name: &self.name,
            leads_to: self.leads_to.as_deref(),
            node: None,
        }
    }
}

impl Slots {
    /// Takes in the list of devices.
    pub fn update(&mut self, devices: &[Device]) {
        for device in devices {
            if let Watch::Yes { slot, .. } = device.watch {
                let place = self.place_of_name(&device.name);
                let container = device.container();
                let watched = &mut self.devices[place];
                watched.container = container.map(|it| it.label().to_owned());
                let pod = container.and_then(|it| it.pod.as_ref());
                watched.pod = pod.and_then(|pod| pod.name.clone());
                watched.netns = device.namespace().and_then(|it| it.name.clone());
                watched.leads_to = device.leads_to().map(ToOwned::to_owned);
                self.places.insert(slot, place);
            }
        }
    }

    /// The place in [`Self::devices`] of a slot's device. A slot that no list has
    /// named gets a device of its own.
    pub fn place(&mut self, slot: u32) -> usize {
        if let Some(place) = self.places.get(&slot) {
            return *place;
        }
        let place = self.place_of_name(&format!("#{slot}"));
        self.places.insert(slot, place);
        place
    }

    /// All of them, in the order in which they came.
    pub fn devices(&self) -> &[Watched] {
        &self.devices
    }

    fn place_of_name(&mut self, name: &str) -> usize {
        let known = self.devices.iter().position(|device| device.name == name);
        known.unwrap_or_else(|| {
            self.devices.push(Watched {
                name: name.to_owned(),
                container: None,
                pod: None,
                netns: None,
                leads_to: None,
            });
            self.devices.len() - 1
        })
    }
}
