//! Counting what comes to a container at its own end of a netkit pair.
//!
//! `bpf_redirect_peer()` gives a packet to the far end of a pair without running
//! the primary's hook. A tcx program at ingress of the far end sees those packets
//! and all others that arrive. While it counts, the primary's hook has no program
//! of ours, so that no packet is counted twice.

use std::collections::{BTreeSet, HashMap};

use super::devices::Link;
use super::inventory::{Place, Places};

/// The far end of a pair.
#[derive(Clone, Debug)]
pub struct Far {
    /// The namespace that it is in; nothing for this one.
    pub place: Option<Place>,
    /// Its interface index there.
    pub index: u32,
}

/// The far ends of the netkit primaries among the devices, by the index of the
/// primary; or why one cannot be reached. It blocks: it goes through `/proc`.
#[must_use]
pub fn find(links: &[&Link]) -> HashMap<u32, Result<Far, String>> {
    let pairs = links.iter().filter(|link| link.netkit().is_some());
    let ends: Vec<_> = pairs
        .filter_map(|link| Some((link.index, link.other_end?)))
        .collect();
    let wanted: BTreeSet<i32> = ends.iter().filter_map(|(_, end)| end.namespace).collect();
    let places = Places::find(&wanted);
    ends.into_iter()
        .map(|(link, end)| {
            let place = match end.namespace {
                None => Ok(None),
                Some(id) => match places.found.get(&id) {
                    Some(place) => Ok(Some(place.clone())),
                    None => Err(places.why_not_found()),
                },
            };
            let index = end.index;
            (link, place.map(|place| Far { place, index }))
        })
        .collect()
}
