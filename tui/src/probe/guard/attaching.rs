//! Attaching to devices, apart from what manages them: it takes two grace
//! periods of the kernel a device, one after the other.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::model::{Hooks, LocalEnd};
use crate::probe::attach::{AttachError, Attached};
use crate::probe::cover;
use crate::probe::devices::Link;
use crate::probe::inventory::PeerLocation;
use crate::probe::object::Object;

/// Threads that attach at a time, at most: the kernel lets one at a time onto
/// its hooks.
const THREADS: usize = 8;

/// Devices that are to be attached to.
pub struct Batch {
    pub object: Arc<Object>,
    /// Whether what comes in through netkit is counted at the far end.
    pub covers: bool,
    pub devices: Vec<Place>,
}

/// A device, and what it gets.
#[derive(Clone, Debug)]
pub struct Place {
    pub link: Link,
    pub slot: u32,
    pub hooks: Hooks,
    pub local: LocalEnd,
}

/// The outcome for a device.
pub struct Outcome {
    pub place: Place,
    pub attached: Result<Attached, AttachError>,
    /// Whether what comes in is counted at the far end.
    pub is_covered: bool,
    /// Why it is not, although it was to be.
    pub uncovered: Option<String>,
}

impl Batch {
    /// Attaches, several at a time: loading a program keeps a CPU busy, attaching
    /// it waits for the kernel. Once `stop` is set, the devices that are left are
    /// left out.
    #[must_use]
    pub fn run(self, stop: &AtomicBool) -> Vec<Outcome> {
        let links: Vec<&Link> = self.devices.iter().map(|place| &place.link).collect();
        let fars = if self.covers {
            cover::find(&links)
        } else {
            HashMap::new()
        };
        let next = AtomicUsize::new(0);
        let work = || {
            let mut outcomes = Vec::new();
            while !stop.load(Ordering::Relaxed)
                && let Some(place) = self.devices.get(next.fetch_add(1, Ordering::Relaxed))
            {
                outcomes.push(attach(&self.object, place, fars.get(&place.link.index)));
            }
            outcomes
        };
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        let helpers = self.devices.len().min(2 * cpus).min(THREADS) - 1;
        thread::scope(|scope| {
            // Where more threads cannot be started, there are fewer.
            let helper = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
            let helpers: Vec<_> = (0..helpers).filter_map(helper).collect();
            let mut outcomes = work();
            for helper in helpers {
                let helped = helper.join();
                outcomes.extend(helped.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            outcomes
        })
    }
}

fn attach(object: &Object, place: &Place, far: Option<&Result<PeerLocation, String>>) -> Outcome {
    let attach = |far| {
        let Place {
            link,
            slot,
            hooks,
            local,
        } = place;
        Attached::new(object, link, *slot, *hooks, *local, far)
    };
    let (attached, uncovered) = match far {
        None => (attach(None), None),
        Some(_) if place.hooks == Hooks::Clsact => {
            let reason = "it needs tcx, which came with Linux 6.6".to_owned();
            (attach(None), Some(reason))
        }
        Some(Err(reason)) => (attach(None), Some(reason.clone())),
        Some(Ok(far)) => match attach(Some(far)) {
            Ok(attached) => (Ok(attached), None),
            Err(error) => (attach(None), Some(error.to_string())),
        },
    };
    Outcome {
        place: place.clone(),
        is_covered: far.is_some() && uncovered.is_none(),
        attached,
        uncovered,
    }
}
