//! The devices that are watched: their slots, their programs, and what is to be
//! told of them.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use probe_common::limits;

use super::attach::{AttachError, Attached, hooks_of};
use super::change::Change;
use super::cover;
use super::devices::Link;
use super::fate;
use super::inventory::Inventory;
use super::object::Object;
use super::preflight;
use super::sys::ProgramInfo;
use crate::model::{Device, Hooks, Watch};

/// How long a device that is gone is still told of; its flows are idle by then.
const REMEMBERED: Duration = Duration::from_secs(120);

/// Threads that attach at a time, at most: the kernel lets one at a time onto
/// its hooks.
const THREADS: usize = 8;

/// The devices that are or were watched.
pub struct Watched {
    object: Object,
    /// Whether what comes in through netkit is counted at the far end.
    covers: bool,
    /// Where that was not possible, since it was last told: device and reason.
    uncovered: Vec<(String, String)>,
    devices: Vec<Entry>,
    /// Why a device could not be watched, by interface index.
    failed: HashMap<u32, String>,
}

struct Entry {
    slot: u32,
    link: Link,
    hooks: Hooks,
    /// Whether what comes in is counted at the far end.
    is_covered: bool,
    state: State,
}

enum State {
    Attached(Box<Attached>),
    /// Detached, but not all that was counted has been read.
    Ending,
    /// Everything has been read.
    Gone(Instant),
}

impl Watched {
    /// None yet.
    #[must_use]
    pub fn new(object: Object, covers: bool) -> Self {
        Self {
            object,
            covers,
            uncovered: Vec::new(),
            devices: Vec::new(),
            failed: HashMap::new(),
        }
    }

    /// Attaches to devices, some at a time: loading a program keeps a CPU busy,
    /// attaching it waits for the kernel. Returns the reasons of those that could
    /// not be watched, which are kept and told, too.
    pub fn attach(&mut self, links: &[&Link]) -> Vec<(String, anyhow::Error)> {
        let mut errors = Vec::new();
        let mut tasks = Vec::new();
        for &link in links {
            let taken: Vec<u32> = tasks.iter().map(|&(_, slot, _)| slot).collect();
            match self.free_slot(&taken) {
                Some(slot) => tasks.push((link, slot, hooks_of(&link.kind))),
                None => errors.push((
                    link,
                    anyhow!(
                        "{} devices are watched already, which is the most",
                        limits::DEVICES
                    ),
                )),
            }
        }
        let mut fars = HashMap::new();
        if self.covers {
            for (index, far) in cover::find(links) {
                match far {
                    Ok(far) => drop(fars.insert(index, far)),
                    Err(reason) => self.not_covered(links, index, reason),
                }
            }
        }
        let object = &self.object;
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            while let Some(&(link, slot, hooks)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                let attach = |far| Attached::new(object, link, slot, hooks, far);
                let (attached, refused) = match fars.get(&link.index).map(|far| attach(Some(far))) {
                    Some(Ok(attached)) => (Ok(attached), None),
                    Some(Err(error)) => (attach(None), Some(error)),
                    None => (attach(None), None),
                };
                done.push((link, slot, hooks, attached, refused));
            }
            done
        };
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = tasks.len().min(2 * cpus).min(THREADS);
        let done = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            threads
                .into_iter()
                .flat_map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect::<Vec<_>>()
        });
        for (link, slot, hooks, attached, refused) in done {
            let is_covered = fars.contains_key(&link.index) && refused.is_none();
            if let Some(error) = refused {
                self.not_covered(links, link.index, error.to_string());
            }
            match attached {
                Ok(attached) => {
                    self.devices.retain(|entry| entry.slot != slot);
                    self.devices.push(Entry {
                        slot,
                        link: link.clone(),
                        hooks,
                        is_covered,
                        state: State::Attached(Box::new(attached)),
                    });
                    self.failed.remove(&link.index);
                }
                Err(AttachError::Object(error)) => errors.push((link, preflight::explain(error))),
                Err(error) => errors.push((link, error.into())),
            }
        }
        let keep = |(link, error): (&Link, anyhow::Error)| {
            self.failed.insert(link.index, format!("{error:#}"));
            (link.name.clone(), error)
        };
        errors.into_iter().map(keep).collect()
    }

    fn not_covered(&mut self, links: &[&Link], index: u32, reason: String) {
        let link = links.iter().find(|link| link.index == index);
        self.uncovered
            .extend(link.map(|link| (link.name.clone(), reason)));
    }

    /// Devices whose far end was not to be reached since this was last asked, and
    /// why. They are counted at the primary's hook.
    pub fn take_uncovered(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.uncovered)
    }

    /// A slot that was never used, or else the one that is unused for longest;
    /// none that is `taken`.
    fn free_slot(&self, taken: &[u32]) -> Option<u32> {
        let is_used = |slot: u32| self.devices.iter().any(|entry| entry.slot == slot);
        let unused = (0..limits::DEVICES).find(|slot| !is_used(*slot) && !taken.contains(slot));
        unused.or_else(|| {
            let gone = self.devices.iter().filter_map(|entry| match entry.state {
                State::Gone(since) if !taken.contains(&entry.slot) => Some((since, entry.slot)),
                _ => None,
            });
            gone.min().map(|(_, slot)| slot)
        })
    }

    /// Whether the device is watched, or was found not to be watchable.
    #[must_use]
    pub fn knows(&self, index: u32) -> bool {
        self.failed.contains_key(&index) || self.attached(index)
    }

    fn attached(&self, index: u32) -> bool {
        self.devices
            .iter()
            .any(|entry| entry.link.index == index && matches!(entry.state, State::Attached(_)))
    }

    /// Detaches from devices that are gone or not wanted any more, and heeds what
    /// has changed of the others.
    pub fn let_go(&mut self, links: &[Link], wanted: impl Fn(&Link) -> bool) {
        let find = |index| links.iter().find(|link| link.index == index);
        self.failed
            .retain(|&index, _| find(index).is_some_and(&wanted));
        for entry in &mut self.devices {
            match find(entry.link.index).filter(|link| wanted(link)) {
                Some(link) => {
                    if let State::Attached(attached) = &mut entry.state {
                        attached.heed(link);
                        entry.link = link.clone();
                    }
                }
                None => entry.end(),
            }
        }
    }

    /// Detaches from all devices.
    pub fn detach_all(&mut self) {
        self.devices.iter_mut().for_each(Entry::end);
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

    /// What the kernel knows of all programs that are attached.
    pub fn infos(&self) -> impl Iterator<Item = ProgramInfo> {
        let attached = self.devices.iter().filter_map(|entry| match &entry.state {
            State::Attached(attached) => Some(attached),
            State::Ending | State::Gone(_) => None,
        });
        attached.flat_map(|attached| attached.infos())
    }

    /// All counters were read after the last change.
    pub fn turned(&mut self) {
        let now = Instant::now();
        for entry in &mut self.devices {
            if matches!(entry.state, State::Ending) {
                entry.state = State::Gone(now);
            }
        }
    }

    /// What has changed on the hooks of the devices, by the devices' names.
    pub fn follow(&mut self) -> Vec<(String, Change)> {
        let mut changes = Vec::new();
        for entry in &mut self.devices {
            let State::Attached(attached) = &mut entry.state else {
                continue;
            };
            for change in attached.follow() {
                changes.push((entry.link.name.clone(), change));
            }
        }
        changes
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
                peer: inventory.far_end(&entry.link),
                comparable: [!entry.is_covered, true].map(|it| it && entry.hooks == Hooks::Netkit),
            })
            .collect()
    }

    /// The ids of our programs.
    #[must_use]
    pub fn programs(&self) -> HashSet<u32> {
        let attached = self.devices.iter().filter_map(|entry| match &entry.state {
            State::Attached(attached) => Some(attached),
            State::Ending | State::Gone(_) => None,
        });
        attached.flat_map(|it| it.programs()).collect()
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
                let entry = self.devices.iter().find(|entry| {
                    entry.link.index == link.index && matches!(entry.state, State::Attached(_))
                });
                let watch = match (entry, self.failed.get(&link.index)) {
                    (Some(entry), _) => Watch::Yes {
                        slot: entry.slot,
                        hooks: entry.hooks,
                    },
                    (None, Some(reason)) => Watch::Failed(reason.clone()),
                    (None, None) if wanted(link) => Watch::Starting,
                    (None, None) => Watch::No,
                };
                inventory.device(link, watch)
            })
            .collect();
        let lately = self.devices.iter().filter(|entry| match entry.state {
            State::Attached(_) => false,
            State::Ending => true,
            State::Gone(since) => since.elapsed() < REMEMBERED,
        });
        let gone = |entry: &Entry| Watch::Gone { slot: entry.slot };
        devices.extend(lately.map(|entry| inventory.device(&entry.link, gone(entry))));
        devices
    }
}

impl Entry {
    fn end(&mut self) {
        if matches!(self.state, State::Attached(_)) {
            self.state = State::Ending;
        }
    }
}
