//! Which device a slot of a host stands for.

use std::collections::BTreeMap;

use crate::model::{Device, DeviceName, HostId, Watch};

/// The devices that were watched, each once for each name, because a slot may
/// come to stand for another device.
#[derive(Default)]
pub struct Slots {
    /// The hosts' names by their numbers, where there are several.
    hosts: Vec<String>,
    devices: Vec<Watched>,
    /// The place in `devices` of the device that a slot stands for now.
    places: BTreeMap<(HostId, u32), usize>,
    /// The slots of the devices with these interface indices.
    indices: BTreeMap<(HostId, u32), u32>,
}

/// A device that is or was watched.
pub struct Watched {
    /// Its name, behind that of its host and a slash where there are several.
    pub name: String,
    /// The host's name, where there are several.
    node: Option<String>,
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
        let node = self.node.as_deref();
        // Behind the host's name and the slash.
        let own = node.map_or(0, |node| node.len() + 1);
        DeviceName {
            name: &self.name[own..],
            leads_to: self.leads_to.as_deref(),
            node,
        }
    }
}

impl Slots {
    /// Of the hosts of these names; the only host needs none.
    pub fn of(hosts: &[String]) -> Self {
        Self {
            hosts: hosts.to_vec(),
            ..Self::default()
        }
    }

    /// What a device of a host is called here.
    pub fn qualified(&self, host: HostId, device: &str) -> String {
        match self.hosts.get(usize::from(host.0)) {
            Some(host) => format!("{host}/{device}"),
            None => device.to_owned(),
        }
    }

    /// Takes in the list of a host's devices.
    pub fn update(&mut self, host: HostId, devices: &[Device]) {
        for device in devices {
            if let Watch::Yes { slot, .. } = device.watch {
                let place = self.place_of_name(host, &device.name);
                let container = device.container();
                let watched = &mut self.devices[place];
                watched.container = container.map(|it| it.label().to_owned());
                let pod = container.and_then(|it| it.pod.as_ref());
                watched.pod = pod.and_then(|pod| pod.name.clone());
                watched.netns = device.namespace().and_then(|it| it.name.clone());
                watched.leads_to = device.leads_to().map(ToOwned::to_owned);
                self.places.insert((host, slot), place);
                // Another device may have had the slot.
                self.indices
                    .retain(|(of, _), known| (*of, *known) != (host, slot));
                self.indices.insert((host, device.index), slot);
            }
        }
    }

    /// The slot of the device with this interface index; nothing where none was
    /// watched.
    pub fn slot(&self, host: HostId, index: u32) -> Option<u32> {
        self.indices.get(&(host, index)).copied()
    }

    /// The place in [`Self::devices`] of a slot's device. A slot that no list has
    /// named gets a device of its own.
    pub fn place(&mut self, host: HostId, slot: u32) -> usize {
        if let Some(place) = self.places.get(&(host, slot)) {
            return *place;
        }
        let place = self.place_of_name(host, &format!("#{slot}"));
        self.places.insert((host, slot), place);
        place
    }

    /// All of them, in the order in which they came.
    pub fn devices(&self) -> &[Watched] {
        &self.devices
    }

    fn place_of_name(&mut self, host: HostId, name: &str) -> usize {
        let name = self.qualified(host, name);
        let known = self.devices.iter().position(|device| device.name == name);
        known.unwrap_or_else(|| {
            self.devices.push(Watched {
                name,
                node: self.hosts.get(usize::from(host.0)).cloned(),
                container: None,
                pod: None,
                netns: None,
                leads_to: None,
            });
            self.devices.len() - 1
        })
    }
}
