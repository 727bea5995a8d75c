//! Who talked to whom before: what a recording says.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use probe_common::FlowKey;
use probe_common::parse::number::ether;

use super::datagrams::ends;
use crate::model::{Device, Event, Watch};

/// Peers that are remembered, at most.
const MOST: usize = 1_000_000;

/// The peers of each container, or of a device that leads to none, by the name of the
/// container or device.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    peers: BTreeMap<String, HashSet<IpAddr>>,
    known: usize,
    /// The names of the devices by slot, while it is learnt.
    slots: BTreeMap<u32, String>,
    /// Whether it had more peers than there is room for.
    is_full: bool,
}

impl Baseline {
    /// Learns from what was reported then.
    pub fn learn(&mut self, event: &Event) {
        match event {
            Event::Devices(devices) => {
                for device in devices {
                    if let Watch::Yes { slot, .. } = device.watch {
                        let name = name(device).to_owned();
                        self.peers.entry(name.clone()).or_default();
                        self.slots.insert(slot, name);
                    }
                }
            }
            Event::Interval(interval) => {
                for flow in &interval.flows {
                    let [_, remote] = ends(&flow.key).map(|it| it.address);
                    if is_peer(&flow.key, remote) {
                        self.add(flow.key.device, remote);
                    }
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, slot: u32, remote: IpAddr) {
        let peers = self.slots.get(&slot).and_then(|it| self.peers.get_mut(it));
        let Some(peers) = peers else {
            return;
        };
        if self.known >= MOST {
            self.is_full |= !peers.contains(&remote);
        } else if peers.insert(remote) {
            self.known += 1;
        }
    }

    /// The peers that a device's container, or the device, had; nothing where it was
    /// not watched then, so that nothing can be said of it.
    #[must_use]
    pub fn peers(&self, device: &Device) -> Option<&HashSet<IpAddr>> {
        self.peers.get(name(device))
    }

    /// The names of the containers and devices that it is of.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.peers.keys().map(String::as_str)
    }

    /// Whether it had more peers than there is room for, so that it is of no use.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.known == 0
    }
}

/// What keeps its name: the container where one is behind the device.
fn name(device: &Device) -> &str {
    device.leads_to().unwrap_or(&device.name)
}

/// Whether the remote end of a flow is somebody that one talks to: neither everybody
/// nor a neighbor that was only looked for.
pub fn is_peer(key: &FlowKey, remote: IpAddr) -> bool {
    let is_to_all = match remote {
        IpAddr::V4(it) => it.is_multicast() || it.is_broadcast() || it.octets()[3] == 255,
        IpAddr::V6(it) => it.is_multicast() || it.is_unicast_link_local(),
    };
    matches!(key.ether_type, ether::IPV4 | ether::IPV6) && !is_to_all && !remote.is_unspecified()
}
