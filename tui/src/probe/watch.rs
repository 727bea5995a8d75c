//! The devices that are watched: their slots, and when programs come and go.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use anyhow::anyhow;
use probe_common::limits;

use self::entry::{Entry, State, is_other, leads_elsewhere};
use self::failures::Failures;
use super::attach::{AttachError, Shared, hooks_of};
use super::devices::Link;
use super::guard::attaching::{Batch, Outcome, Place};
use super::object::Object;
use super::{policy, preflight, uplink};
use crate::model::{Hooks, LocalEnd, Watch, WatchFailure};

mod entry;
mod failures;
mod reports;

/// The devices that are or were watched.
pub struct Watched {
    object: Arc<Object>,
    /// Whether what comes in through netkit is counted at the far end.
    covers: bool,
    /// Which end of a veth pair is local whose other end is in another namespace.
    of_veth: LocalEnd,
    /// Where that was not possible, since the last report: device and reason.
    uncovered: Vec<(String, String)>,
    /// Where it was, since the last report.
    covered: Vec<String>,
    devices: Vec<Entry>,
    failed: Failures,
    /// Interface indices of the devices of the batch that is under way.
    starting: HashSet<u32>,
}

impl Watched {
    /// None yet.
    #[must_use]
    pub fn new(object: Object, covers: bool, of_veth: LocalEnd) -> Self {
        Self {
            object: Arc::new(object),
            covers,
            of_veth,
            uncovered: Vec::new(),
            covered: Vec::new(),
            devices: Vec::new(),
            failed: Failures::default(),
            starting: HashSet::new(),
        }
    }

    /// Gives slots to devices that are to be attached to; the batch does it.
    pub fn begin(&mut self, links: Vec<Link>) -> (Batch, Vec<(String, anyhow::Error)>) {
        let mut errors = Vec::new();
        let mut devices: Vec<Place> = Vec::new();
        // Within a container, or a host that is a namespace, it is the pair's other
        // end that is outside.
        let is_asked = self.of_veth == LocalEnd::Peer && links.iter().any(leads_elsewhere);
        let outward = is_asked.then(uplink::outward).unwrap_or_default();
        for link in links {
            let taken: Vec<u32> = devices.iter().map(|place| place.slot).collect();
            if let Some(slot) = self.free_slot(&taken) {
                let hooks = hooks_of(&link.kind);
                let local = match hooks {
                    Hooks::Netkit => LocalEnd::Peer,
                    _ if leads_elsewhere(&link) && !outward.contains(&link.name) => self.of_veth,
                    Hooks::Tcx | Hooks::Clsact => LocalEnd::Here,
                };
                devices.push(Place {
                    link,
                    slot,
                    hooks,
                    local,
                });
            } else {
                let failure = WatchFailure::Limit(limits::DEVICES);
                let error = anyhow!("{failure}");
                errors.extend(self.fail(&link, failure, error));
            }
        }
        self.starting = devices.iter().map(|place| place.link.index).collect();
        let batch = Batch {
            object: Arc::clone(&self.object),
            covers: self.covers,
            devices,
        };
        (batch, errors)
    }

    /// Takes over the outcome of a batch. Returns which devices cannot be watched,
    /// and why, unless that was returned before.
    pub fn finish(&mut self, outcomes: Vec<Outcome>) -> Vec<(String, anyhow::Error)> {
        self.starting.clear();
        let mut errors = Vec::new();
        for outcome in outcomes {
            let Place {
                link,
                slot,
                hooks,
                local,
            } = outcome.place;
            let name = || link.name.clone();
            self.uncovered
                .extend(outcome.uncovered.map(|reason| (name(), reason)));
            let (failure, error) = match outcome.attached {
                Ok(attached) => {
                    self.devices.retain(|entry| entry.slot != slot);
                    self.failed.remove(link.index);
                    self.covered
                        .extend(outcome.is_covered.then(|| link.name.clone()));
                    let programs = attached.programs();
                    let shared = Shared::new(attached, &link);
                    self.devices.push(Entry {
                        slot,
                        link,
                        hooks,
                        local,
                        is_covered: outcome.is_covered,
                        programs,
                        tally: shared.tally().clone(),
                        state: State::Attached(shared),
                    });
                    continue;
                }
                Err(AttachError::Object(error)) => {
                    let error = preflight::explain(error);
                    (WatchFailure::Other(format!("{error:#}")), error)
                }
                Err(error) => (error.failure(), error.into()),
            };
            errors.extend(self.fail(&link, failure, error));
        }
        errors
    }

    /// Takes note that a device cannot be watched; it is tried again after pauses
    /// that grow.
    fn fail(
        &mut self,
        link: &Link,
        failure: WatchFailure,
        error: anyhow::Error,
    ) -> Option<(String, anyhow::Error)> {
        let is_new = self.failed.add(link.index, failure, Instant::now());
        is_new.then(|| (link.name.clone(), error))
    }

    /// Forgets what could not be watched: it is tried again at once.
    pub fn try_again(&mut self) {
        self.failed.clear();
    }

    /// Tries no device again before its pause is over once more.
    pub fn try_later(&mut self) {
        self.failed.put_off(Instant::now());
    }

    /// Whether and how a device is watched that is wanted.
    #[must_use]
    pub fn state(&self, link: &Link) -> Watch {
        match (self.attached(link.index), self.failed.reason(link.index)) {
            (Some(entry), _) => Watch::Yes {
                slot: entry.slot,
                hooks: entry.hooks,
                local: entry.local,
            },
            (None, Some(reason)) => Watch::Failed(reason.clone()),
            (None, None) => Watch::Starting,
        }
    }

    /// When the next device that could not be watched is to be tried again.
    #[must_use]
    pub fn retry(&self) -> Option<Instant> {
        self.failed.next()
    }

    /// Devices whose far end was not to be reached since this was last asked, and
    /// why. They are counted at the primary's hook.
    pub fn take_uncovered(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.uncovered)
    }

    /// Devices whose far end counts what comes in, since this was last asked.
    pub fn take_covered(&mut self) -> Vec<String> {
        std::mem::take(&mut self.covered)
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

    /// Whether the device is watched or about to be, or could not be and is not to
    /// be tried again yet.
    #[must_use]
    pub fn knows(&self, index: u32) -> bool {
        self.starting.contains(&index)
            || self.failed.is_put_off(index, Instant::now())
            || self.attached(index).is_some()
    }

    fn attached(&self, index: u32) -> Option<&Entry> {
        let mut entries = self.devices.iter();
        entries.find(|entry| entry.link.index == index && entry.attached().is_some())
    }

    /// Old and new names of the watched devices that have another one now.
    #[must_use]
    pub fn renamed(&self, links: &[Link]) -> Vec<(Link, Link)> {
        let links = links.iter();
        let renamed = links.filter_map(|link| {
            let entry = self.attached(link.index)?;
            (entry.link.name != link.name).then(|| (entry.link.clone(), link.clone()))
        });
        renamed.collect()
    }

    /// Detaches from devices that are gone, were replaced, or are not wanted any
    /// more, and follows what has changed of the others.
    pub fn detach_stale(&mut self, links: &[Link], wanted: impl Fn(&Link) -> bool) {
        let find = |index| links.iter().find(|link| link.index == index);
        self.failed.retain(|index| find(index).is_some_and(&wanted));
        for entry in &mut self.devices {
            let link = find(entry.link.index).filter(|link| wanted(link));
            match (link, entry.attached()) {
                (Some(link), Some(attached)) => {
                    // An index can be used again between two looks.
                    let is_replaced = is_other(&entry.link, link) && attached.is_gone();
                    // A pair that was moved into a container has another local end now:
                    // it is watched as a new device.
                    let is_turned = self.of_veth == LocalEnd::Peer
                        && leads_elsewhere(&entry.link) != leads_elsewhere(link);
                    if is_replaced || is_turned {
                        entry.end();
                    } else {
                        attached.apply_policy(link);
                        entry.link = link.clone();
                    }
                }
                (Some(_), None) => {}
                (None, _) => entry.end(),
            }
        }
    }

    /// Ends a slot whose programs are on no hook any more: its device was
    /// replaced. Whether that is so.
    pub fn end_replaced(&mut self, slot: u32) -> bool {
        let mut entries = self.devices.iter_mut();
        let entry = entries.find(|entry| entry.slot == slot);
        let replaced = entry.filter(|entry| entry.attached().is_some_and(Shared::is_gone));
        let is_replaced = replaced.is_some();
        if let Some(entry) = replaced {
            entry.end();
        }
        is_replaced
    }

    /// Detaches from all devices; from closed hooks first, whose verdict nobody
    /// looks after from here on.
    pub fn detach_all(&mut self) {
        self.devices
            .sort_by_key(|entry| !policy::has_closed_hook(&entry.link));
        self.devices.iter_mut().for_each(Entry::end);
    }

    /// Takes the programs off all hooks that are closed by their policy, until
    /// [`Self::take_back`]. Returns the names of their devices.
    pub fn release_closed(&mut self) -> Vec<String> {
        let mut released = Vec::new();
        for entry in &self.devices {
            if entry.attached().is_some_and(Shared::release_closed) {
                released.push(entry.link.name.clone());
            }
        }
        released
    }

    /// Attaches to released hooks again. Returns where that failed, and why.
    pub fn take_back(&mut self) -> Vec<(String, anyhow::Error)> {
        let mut errors = Vec::new();
        for entry in &mut self.devices {
            let taken = entry.attached().map_or(Ok(()), Shared::take_back);
            if let Err(error) = taken {
                errors.push((entry.link.name.clone(), error.into()));
                // Tried again as a new device.
                entry.end();
            }
        }
        errors
    }

    /// All counters were read after the last change.
    pub fn turned(&mut self) {
        for entry in &mut self.devices {
            if matches!(entry.state, State::Ending) {
                entry.state = State::Read;
            }
        }
    }

    /// The consumer has all that was read: slots that have ended may be used again.
    pub fn delivered(&mut self) {
        let now = Instant::now();
        for entry in &mut self.devices {
            if matches!(entry.state, State::Read) {
                entry.state = State::Gone(now);
            }
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // The guard may still hold the devices.
        self.detach_all();
    }
}
