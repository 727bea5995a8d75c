//! The devices that are watched: their slots, their programs, and what is to be
//! told of them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::bail;
use probe_common::{LinkLayer, limits};

use super::attach::{AttachError, Attached, Change, hooks_of};
use super::devices::Link;
use super::object::Object;
use super::preflight;
use super::sys::HookPoint;
use crate::source::{Device, Hooks, Watch};

/// How long a device that is gone is still told of; its flows are idle by then.
const REMEMBERED: Duration = Duration::from_secs(120);

/// The devices that are or were watched.
pub struct Watched {
    object: Object,
    devices: Vec<Entry>,
    /// Why a device could not be watched, by interface index.
    failed: HashMap<u32, String>,
}

struct Entry {
    slot: u32,
    link: Link,
    hooks: Hooks,
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
    pub fn new(object: Object) -> Self {
        Self {
            object,
            devices: Vec::new(),
            failed: HashMap::new(),
        }
    }

    /// Attaches to a device.
    ///
    /// # Errors
    /// When a hook or a program is refused. The reason is kept, and told.
    pub fn attach(&mut self, link: &Link) -> anyhow::Result<()> {
        let attached = self.try_attach(link);
        match &attached {
            Ok(()) => self.failed.remove(&link.index),
            Err(error) => self.failed.insert(link.index, format!("{error:#}")),
        };
        attached
    }

    fn try_attach(&mut self, link: &Link) -> anyhow::Result<()> {
        let Some(slot) = self.free_slot() else {
            bail!(
                "{} devices are watched already, which is the most",
                limits::DEVICES
            );
        };
        let hooks = hooks_of(&link.kind);
        let attached =
            Attached::new(&self.object, link, slot, hooks).map_err(|error| match error {
                AttachError::Object(error) => preflight::explain(error),
                error => error.into(),
            })?;
        self.devices.retain(|entry| entry.slot != slot);
        self.devices.push(Entry {
            slot,
            link: link.clone(),
            hooks,
            state: State::Attached(Box::new(attached)),
        });
        Ok(())
    }

    /// A slot that was never used, or else the one that is unused for longest.
    fn free_slot(&self) -> Option<u32> {
        let unused =
            (0..limits::DEVICES).find(|slot| self.devices.iter().all(|entry| entry.slot != *slot));
        unused.or_else(|| {
            let gone = self.devices.iter().filter_map(|entry| match entry.state {
                State::Gone(since) => Some((since, entry.slot)),
                State::Attached(_) | State::Ending => None,
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

    /// Detaches from devices that are gone or not wanted any more.
    pub fn let_go(&mut self, links: &[Link], wanted: impl Fn(&Link) -> bool) {
        let find = |index| links.iter().find(|link| link.index == index);
        self.failed
            .retain(|&index, _| find(index).is_some_and(&wanted));
        for entry in &mut self.devices {
            match find(entry.link.index).filter(|link| wanted(link)) {
                Some(link) if matches!(entry.state, State::Attached(_)) => {
                    entry.link = link.clone();
                }
                _ => entry.end(),
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

    /// All counters were read after the last change.
    pub fn turned(&mut self) {
        let now = Instant::now();
        for entry in &mut self.devices {
            if matches!(entry.state, State::Ending) {
                entry.state = State::Gone(now);
            }
        }
    }

    /// What the packets of a slot's device start with.
    #[must_use]
    pub fn link_layer(&self, slot: u32) -> LinkLayer {
        let entry = self.devices.iter().find(|entry| entry.slot == slot);
        entry.map_or(LinkLayer::Ethernet, |entry| entry.link.link_layer)
    }

    /// What has changed on the hooks of the devices, by the devices' names.
    pub fn follow(&mut self) -> Vec<(String, HookPoint, Change)> {
        let mut changes = Vec::new();
        for entry in &mut self.devices {
            let State::Attached(attached) = &mut entry.state else {
                continue;
            };
            for (point, change) in attached.follow() {
                changes.push((entry.link.name.clone(), point, change));
            }
        }
        changes
    }

    /// All devices there are, and those that were watched until lately.
    #[must_use]
    pub fn describe(&self, links: &[Link], wanted: impl Fn(&Link) -> bool) -> Vec<Device> {
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
                device(link, watch)
            })
            .collect();
        let lately = self.devices.iter().filter(|entry| match entry.state {
            State::Attached(_) => false,
            State::Ending => true,
            State::Gone(since) => since.elapsed() < REMEMBERED,
        });
        devices.extend(lately.map(|entry| device(&entry.link, Watch::Gone { slot: entry.slot })));
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

fn device(link: &Link, watch: Watch) -> Device {
    Device {
        name: link.name.clone(),
        index: link.index,
        kind: link.kind.clone(),
        up: link.up,
        mtu: link.mtu,
        mac: link.mac.clone(),
        link_layer: link.link_layer,
        watch,
    }
}
