//! What is known of devices beyond their links: the other end of a
//! pair, the namespace and the container that it is in, and the programs on all
//! hooks.
//!
//! It is looked up when devices change and now and then, but never for each interval.
//! It blocks: it goes through `/proc` and into other namespaces. What the user may not
//! know is left out; looking does not fail.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;

use anyhow::Context;
use tokio::task::block_in_place;

use super::devices::{self, Link, PeerId};
use super::netns;
use crate::model::{Device, HookChain, Namespace, Peer, PeerDevice, Watch};

pub mod cgroups;
mod chains;
mod container;
mod filters;
mod kubelet;
mod lookup;
mod namespaces;
mod pins;

use kubelet::Kubelet;

pub(super) use lookup::Lookup;
pub use namespaces::{PeerLocation, Place, Places};

/// All devices of this thread's namespace, none of them watched.
///
/// # Errors
/// When the kernel does not list them.
pub async fn list() -> anyhow::Result<Vec<Device>> {
    block_in_place(|| {
        let links = devices::list().context("cannot list the devices")?;
        let inventory = Inventory::look(&links, &HashSet::new());
        let device = |link| inventory.device(link, Watch::No);
        Ok(links.iter().map(device).collect())
    })
}

/// What was found out about the devices of one namespace.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    peers: HashMap<u32, Peer>,
    places: HashMap<i32, Place>,
    chains: HashMap<u32, Vec<HookChain>>,
    /// Why the chains are not known.
    chains_unknown: Option<String>,
}

impl Inventory {
    /// Looks at the devices of this thread's namespace. `ours` are the ids of
    /// the programs that this process has attached.
    #[must_use]
    pub fn look(links: &[Link], ours: &HashSet<u32>) -> Self {
        let ends = links.iter().filter_map(|link| link.peer);
        let wanted: BTreeSet<i32> = ends.filter_map(|end| end.namespace).collect();
        let places = Places::find(&wanted);
        let kubelet = match wanted.is_empty() {
            true => Kubelet::default(),
            false => Kubelet::read(),
        };
        let seen: HashMap<i32, Seen> = wanted
            .iter()
            .map(|&id| (id, Seen::of(id, &places, &kubelet)))
            .collect();
        let mut peers = HashMap::new();
        let mut found = Vec::new();
        let mut chains_unknown = None;
        // Reading these needs no capability; without netlink there are no links.
        let mut filters = filters::all().unwrap_or_default();
        for link in links {
            let filters = filters.remove(&link.index).unwrap_or_default();
            found.extend(filters.into_iter().map(|chain| (link.index, chain)));
            match chains::on(link) {
                Ok(chains) => found.extend(chains.into_iter().map(|chain| (link.index, chain))),
                Err(error) => {
                    chains_unknown = Some(format!(
                        "cannot list the programs on hooks: {error}; it needs CAP_NET_ADMIN"
                    ));
                }
            }
            let Some(end) = link.peer else {
                continue;
            };
            let seen = end.namespace.and_then(|id| seen.get(&id));
            peers.insert(link.index, peer(end, links, seen));
            let of_peer = seen.map_or(&[][..], |seen| &seen.chains);
            let of_peer = of_peer.iter().filter(|(index, _)| *index == end.index);
            found.extend(of_peer.map(|(_, chain)| (link.index, chain.clone())));
        }
        let mut chains = HashMap::<u32, Vec<HookChain>>::new();
        for (index, chain) in chains::describe(found, ours) {
            chains.entry(index).or_default().push(chain);
        }
        Self {
            peers,
            places: places.found,
            chains,
            chains_unknown,
        }
    }

    /// A device, with what is known of it.
    #[must_use]
    pub fn device(&self, link: &Link, watch: Watch) -> Device {
        Device {
            name: link.name.clone(),
            altnames: link.altnames.clone(),
            index: link.index,
            kind: link.kind.clone(),
            up: link.up,
            carrier: link.carrier,
            carrier_changes: link.carrier_changes,
            qdisc: link.qdisc.clone(),
            xdp: chains::xdp(link),
            mtu: link.mtu,
            mac: link.mac.clone(),
            counters: link.counters,
            peer: self.peer(link),
            chains: match &self.chains_unknown {
                Some(reason) => Err(reason.clone()),
                None => Ok(self.chains.get(&link.index).cloned().unwrap_or_default()),
            },
            watch,
        }
    }

    /// Where the counters of a device's peer can be read.
    #[must_use]
    pub fn peer_location(&self, link: &Link) -> Option<PeerLocation> {
        let peer = self.peer(link)?;
        let place = match peer.namespace {
            Some(namespace) => Some(self.places.get(&namespace.id)?.clone()),
            None => None,
        };
        let index = peer.index;
        Some(PeerLocation { place, index })
    }

    fn peer(&self, link: &Link) -> Option<Peer> {
        // What was found belongs to the pair as it was then.
        let end = link.peer?;
        let is_same = |peer: &&Peer| {
            peer.index == end.index && peer.namespace.as_ref().map(|it| it.id) == end.namespace
        };
        let known = self.peers.get(&link.index).filter(is_same).cloned();
        Some(known.unwrap_or_else(|| peer(end, &[], None)))
    }

    /// Whether a namespace without a process was found: its container may
    /// be about to start.
    #[must_use]
    pub fn is_early(&self) -> bool {
        let namespaces = self.peers.values().filter_map(|it| it.namespace.as_ref());
        namespaces.into_iter().any(|it| it.pid.is_none())
    }
}

/// A namespace, and what is in it.
struct Seen {
    namespace: Namespace,
    links: Vec<Link>,
    chains: Vec<(u32, HookChain)>,
}

impl Seen {
    fn of(id: i32, places: &Places, kubelet: &Kubelet) -> Self {
        let place = places.found.get(&id);
        let mut unknown = place.is_none().then(|| places.why_not_found());
        let mut inside = Inside::default();
        if let Some(place) = place {
            match place.open().and_then(|file| look_inside(&file)) {
                Ok(it) => inside = it,
                Err(error) => {
                    unknown = Some(format!(
                        "cannot look into the namespace: {error:#}; it needs CAP_SYS_ADMIN"
                    ));
                }
            }
        }
        let pid = place.and_then(|place| place.pid);
        let namespace = Namespace {
            id,
            name: place.and_then(|place| place.name.clone()),
            pid,
            container: pid.and_then(container::of).map(|mut container| {
                kubelet.name(&mut container);
                container
            }),
            unknown,
        };
        Self {
            namespace,
            links: inside.links,
            chains: inside.chains,
        }
    }
}

#[derive(Default)]
struct Inside {
    links: Vec<Link>,
    chains: Vec<(u32, HookChain)>,
}

fn look_inside(namespace: &File) -> anyhow::Result<Inside> {
    netns::enter(namespace, || {
        let links = devices::list()?;
        let mut chains = Vec::new();
        let mut filters = filters::all().unwrap_or_default();
        for link in &links {
            let filters = filters.remove(&link.index).unwrap_or_default();
            for mut chain in chains::on(link)?.into_iter().chain(filters) {
                chain.of_peer = true;
                chains.push((link.index, chain));
            }
        }
        Ok(Inside { links, chains })
    })?
}

/// A peer; `seen` is the other namespace that it is in.
fn peer(end: PeerId, here: &[Link], seen: Option<&Seen>) -> Peer {
    let links = match end.namespace {
        None => here,
        Some(_) => seen.map_or(&[][..], |seen| &seen.links),
    };
    let link = links.iter().find(|link| link.index == end.index);
    Peer {
        index: end.index,
        namespace: end.namespace.map(|id| {
            let nothing = || Namespace {
                id,
                name: None,
                pid: None,
                container: None,
                unknown: None,
            };
            seen.map_or_else(nothing, |seen| seen.namespace.clone())
        }),
        device: link.map(|link| PeerDevice {
            name: link.name.clone(),
            mac: link.mac.clone(),
            mtu: link.mtu,
            up: link.up,
            counters: link.counters,
        }),
    }
}
