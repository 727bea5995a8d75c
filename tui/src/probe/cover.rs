//! Counting what comes to a container at its own end of a pair.
//!
//! `bpf_redirect_peer()` gives a packet to the far end of a pair without running
//! the hook of the near end. A tcx program at ingress of the far end sees those packets
//! and all others that arrive. While it counts, the near end's hook has no program
//! of ours, so that no packet is counted twice. Of netkit that is the primary's
//! hook and the packets come in, as its counters have it; of veth it is the egress
//! of the device, and they go out.

use std::collections::{BTreeSet, HashMap};

use super::devices::Link;
use super::inventory::{PeerLocation, Places};
use crate::model::DeviceKind;

/// The far ends of the netkit primaries and the veth devices, by the index of the
/// near end; or why one cannot be reached. It blocks: it goes through `/proc`.
#[must_use]
pub fn find(links: &[&Link]) -> HashMap<u32, Result<PeerLocation, String>> {
    let is_pair = |link: &&&Link| {
        link.netkit().is_some() || link.kind == DeviceKind::Other("veth".to_owned())
    };
    let pairs = links.iter().filter(is_pair);
    let ends: Vec<_> = pairs
        .filter_map(|link| Some((link.index, link.peer?)))
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
            (link, place.map(|place| PeerLocation { place, index }))
        })
        .collect()
}
