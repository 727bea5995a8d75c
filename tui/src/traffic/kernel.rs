//! What the kernel reports besides packets, as far as it is shown: whose sockets
//! are whose, what was dropped lately, how queues stand, and how the tracing programs are doing.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use hashbrown::HashMap;

use crate::model::signal::{ContainerOf, Owner, Signals, Sockets, Trace};
use crate::model::stack::{FlowState, Neighbor, Qdisc, Stack};
use crate::model::{Container, Device, Moment, Socket, Tuple};

/// Owners that are remembered, also after they have gone: the latest.
const OWNERS: usize = 16_384;
/// How long drops are remembered.
const WINDOW: Duration = Duration::from_secs(60);
/// Places of drops that are kept of one reading: those with the most packets.
const PLACES: usize = 128;
/// Flows that were looked up and are remembered: the latest.
const FLOWS: usize = 256;

/// What the kernel of a host has reported.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    owners: HashMap<u64, Owner>,
    order: VecDeque<u64>,
    containers: HashMap<Sockets, Container>,
    drops: VecDeque<(Moment, Vec<(Place, u64)>)>,
    trace: Option<Trace>,
    links: Vec<Links>,
    /// The latest last.
    flows: VecDeque<FlowState>,
}

/// The queues and neighbors of the devices in one namespace, as they were read last.
#[derive(Clone, Debug)]
struct Links {
    is_own: bool,
    /// The watched devices that lead to it.
    devices: Vec<u32>,
    period: Option<Duration>,
    qdiscs: Vec<Qdisc>,
    neighbors: Vec<Neighbor>,
}

/// An end of a pair of devices, or the only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkEnd {
    /// The device itself.
    Own,
    /// Its peer.
    Peer,
}

/// Where and why packets were dropped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The kernel's name for the reason, such as `NETFILTER_DROP`.
    pub reason: String,
    /// The kernel function that dropped them.
    pub function: String,
    /// The device as it is called in its namespace, or empty.
    pub device: String,
    /// Whether such drops are part of healthy traffic.
    pub noise: bool,
}

impl Kernel {
    /// Takes over a reading.
    pub(super) fn apply(&mut self, signals: &Signals) {
        for owner in &signals.owners {
            if self.owners.insert(owner.cookie, owner.clone()).is_none() {
                self.order.push_back(owner.cookie);
            }
            if self.order.len() > OWNERS
                && let Some(oldest) = self.order.pop_front()
            {
                self.owners.remove(&oldest);
            }
        }
        for ContainerOf { sockets, container } in &signals.containers {
            if self.containers.len() >= OWNERS && !self.containers.contains_key(sockets) {
                // Rare enough that it is not worth an order.
                self.containers.clear();
            }
            self.containers.insert(*sockets, container.clone());
        }
        if signals.trace.is_some() {
            self.trace.clone_from(&signals.trace);
        }
        // A reading is of all namespaces.
        if !signals.stacks.is_empty() {
            self.links = signals.stacks.iter().map(Links::from).collect();
        }
        for flow in &signals.flows {
            self.flows
                .retain(|it| (it.device, it.tuple) != (flow.device, flow.tuple));
            self.flows.push_back(flow.clone());
            if self.flows.len() > FLOWS {
                self.flows.pop_front();
            }
        }
        if !signals.drops.is_empty() {
            let mut drops: Vec<_> = signals
                .drops
                .iter()
                .map(|drop| {
                    let place = Place {
                        reason: drop.reason.clone(),
                        function: drop.place.clone(),
                        device: drop.at.device.clone(),
                        noise: drop.noise,
                    };
                    (place, drop.packets)
                })
                .collect();
            drops.sort_by_key(|(_, packets)| std::cmp::Reverse(*packets));
            drops.truncate(PLACES);
            self.drops.push_back((signals.at, drops));
        }
        let is_old = |(at, _): &(Moment, _)| signals.at.saturating_sub(*at) > WINDOW;
        while self.drops.front().is_some_and(is_old) {
            self.drops.pop_front();
        }
    }

    /// The process that holds or held a socket, by the socket's cookie.
    #[must_use]
    pub fn owner(&self, cookie: u64) -> Option<&Owner> {
        self.owners.get(&cookie)
    }

    /// The container that a socket is in: of the process that holds it, or else of
    /// the cgroup that it was made in.
    #[must_use]
    pub fn container(&self, socket: &Socket) -> Option<&Container> {
        let of = |sockets| self.containers.get(&sockets);
        of(Sockets::Cookie(socket.cookie)).or_else(|| of(Sockets::Cgroup(socket.cgroup)))
    }

    /// The queueing disciplines of both ends of a device, where they were read, with
    /// the time that their counters are of.
    pub fn qdiscs(
        &self,
        device: &Device,
    ) -> impl Iterator<Item = (LinkEnd, &Qdisc, Option<Duration>)> {
        self.links.iter().flat_map(move |links| {
            let qdiscs = links.qdiscs.iter();
            qdiscs.filter_map(move |qdisc| {
                let end = links.end(device, qdisc.device)?;
                Some((end, qdisc, links.period))
            })
        })
    }

    /// The neighbors of both ends of a device that do not answer.
    pub fn silent_neighbors(&self, device: &Device) -> impl Iterator<Item = (LinkEnd, &Neighbor)> {
        self.links.iter().flat_map(move |links| {
            let neighbors = links.neighbors.iter();
            neighbors.filter_map(move |it| Some((links.end(device, it.device)?, it)))
        })
    }

    /// What was found out about a flow when it was looked up last, by the interface
    /// index of its device and what its local end sends.
    #[must_use]
    pub fn flow(&self, device: u32, tuple: &Tuple) -> Option<&FlowState> {
        let mut flows = self.flows.iter();
        flows.rfind(|flow| flow.device == device && flow.tuple == *tuple)
    }

    /// How the tracing programs are doing; nothing before they reported.
    #[must_use]
    pub const fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// Packets dropped in the last minute by place and reason, the most first;
    /// what is part of healthy traffic last.
    #[must_use]
    pub fn drops(&self) -> Vec<(&Place, u64)> {
        let mut sums: BTreeMap<&Place, u64> = BTreeMap::new();
        for (place, packets) in self.drops.iter().flat_map(|(_, drops)| drops) {
            *sums.entry(place).or_default() += packets;
        }
        let mut drops: Vec<_> = sums.into_iter().collect();
        drops.sort_by_key(|(place, packets)| (place.noise, std::cmp::Reverse(*packets)));
        drops
    }
}

impl Links {
    /// Which end of a device has this interface index here.
    fn end(&self, device: &Device, index: u32) -> Option<LinkEnd> {
        if self.is_own && device.index == index {
            return Some(LinkEnd::Own);
        }
        let peer = device.peer.as_ref().filter(|peer| peer.index == index)?;
        let is_here = match peer.namespace {
            Some(_) => !self.is_own && self.devices.contains(&device.index),
            None => self.is_own,
        };
        is_here.then_some(LinkEnd::Peer)
    }
}

impl From<&Stack> for Links {
    fn from(stack: &Stack) -> Self {
        Self {
            is_own: stack.is_own,
            devices: stack.devices.clone(),
            period: stack.period,
            qdiscs: stack.qdiscs.clone(),
            neighbors: stack.neighbors.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
