//! The containers that sockets are in: also those that share the host's network, of
//! which no device tells. By the id of the socket's cgroup (v2), which is known of a
//! packet even when its process has ended, and by the process that holds it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::Collector;
use crate::model::signal::{ContainerOf, Owner, Signals, Sockets};
use crate::model::{Event, Moment};
use crate::probe::inventory::cgroups;
use crate::process::Process;

#[cfg(test)]
mod tests;

/// How often it is looked, where there is something to look for.
const PERIOD: Duration = Duration::from_secs(2);
/// Cgroups and sockets that are remembered, and so not looked for again.
const KNOWN: usize = 1 << 14;
/// Processes that one look takes at most.
const PROCESSES: usize = 64;
/// The root's id, and what hierarchies of version 1 have for all.
const ROOT: u64 = 1;

/// Looks up what has come up in flows and packets.
#[derive(Default)]
pub struct Containers {
    known: HashSet<Sockets>,
    cgroups: HashSet<u64>,
    owners: HashMap<u64, Owner>,
    /// The source's clock.
    now: Moment,
}

impl Containers {
    fn ask(&mut self, cgroup: u64) {
        if cgroup > ROOT && !self.known.contains(&Sockets::Cgroup(cgroup)) {
            self.cgroups.insert(cgroup);
        }
    }

    fn know(&mut self, sockets: Sockets) {
        if self.known.len() == KNOWN {
            // All of them are looked for anew, where they are still asked for.
            self.known.clear();
        }
        self.known.insert(sockets);
    }

    fn look(&mut self) -> Vec<ContainerOf> {
        let mut found = Vec::new();
        let wanted = std::mem::take(&mut self.cgroups);
        if !wanted.is_empty() {
            let containers = cgroups::containers(&wanted).into_iter();
            found.extend(containers.map(|(cgroup, container)| ContainerOf {
                sockets: Sockets::Cgroup(cgroup),
                container,
            }));
        }
        for cgroup in wanted {
            self.know(Sockets::Cgroup(cgroup));
        }
        let cookies: Vec<u64> = self.owners.keys().copied().take(PROCESSES).collect();
        for cookie in cookies {
            self.know(Sockets::Cookie(cookie));
            let owner = self.owners.remove(&cookie);
            found.extend(owner.and_then(|owner| of_owner(&owner)));
        }
        cgroups::name(found.iter_mut().map(|it| &mut it.container));
        found
    }
}

/// By the process, if it is still the one that started then.
fn of_owner(owner: &Owner) -> Option<ContainerOf> {
    let is_it = || {
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        let started = owner.started / (1_000_000_000 / ticks);
        Process::read(owner.pid).is_some_and(|process| process.started == started)
    };
    if !is_it() {
        return None;
    }
    let container = cgroups::container_of(owner.pid)?;
    is_it().then_some(ContainerOf {
        sockets: Sockets::Cookie(owner.cookie),
        container,
    })
}

impl Collector for Containers {
    fn period(&self) -> Duration {
        PERIOD
    }

    fn poll(&mut self) -> Vec<Event> {
        let containers = self.look();
        if containers.is_empty() {
            return Vec::new();
        }
        vec![Event::Signals(Box::new(Signals {
            at: self.now,
            containers,
            ..Signals::default()
        }))]
    }

    fn observe(&mut self, event: &Event) {
        match event {
            Event::Interval(interval) => {
                self.now = interval.at;
                let facts = interval.flows.iter().filter_map(|flow| flow.facts.as_ref());
                for socket in facts.flat_map(|facts| facts.sockets).flatten() {
                    self.ask(socket.cgroup);
                }
            }
            Event::Packets(packets) => {
                for cgroup in packets.iter().filter_map(|packet| packet.cgroup) {
                    self.ask(cgroup.get());
                }
            }
            Event::Signals(signals) => {
                for owner in &signals.owners {
                    if self.owners.len() < KNOWN
                        && !self.known.contains(&Sockets::Cookie(owner.cookie))
                    {
                        self.owners.insert(owner.cookie, owner.clone());
                    }
                }
            }
            _ => {}
        }
    }
}
