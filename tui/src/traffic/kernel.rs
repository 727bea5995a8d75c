//! What the kernel reports besides packets, as far as it is shown: whose sockets
//! are whose, what was dropped lately, and how the tracing programs are doing.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use hashbrown::HashMap;

use crate::model::signal::{ContainerOf, Owner, Signals, Sockets, Trace};
use crate::model::{Container, Moment, Socket};

/// Owners that are remembered, also after they have gone: the latest.
const OWNERS: usize = 16_384;
/// How long drops are remembered.
const WINDOW: Duration = Duration::from_secs(60);
/// Places of drops that are kept of one reading: those with the most packets.
const PLACES: usize = 128;

/// What the kernel of a host has reported.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    owners: HashMap<u64, Owner>,
    order: VecDeque<u64>,
    containers: HashMap<Sockets, Container>,
    drops: VecDeque<(Moment, Vec<(Place, u64)>)>,
    trace: Option<Trace>,
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

#[cfg(test)]
mod tests;
