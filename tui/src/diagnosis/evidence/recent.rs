//! The packets of the last moments, by what tells them apart: whether one comes
//! again.

use std::hash::Hash;
use std::time::Duration;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::model::Moment;

/// Packets that are remembered.
const REMEMBERED: usize = 4096;

/// What is known of each packet that was seen within the last `SECONDS`.
#[derive(Clone, Debug)]
pub struct Recent<K, V, const SECONDS: u64>(HashMap<K, (Moment, V)>);

impl<K, V, const SECONDS: u64> Default for Recent<K, V, SECONDS> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash, V, const SECONDS: u64> Recent<K, V, SECONDS> {
    const MEMORY: Duration = Duration::from_secs(SECONDS);

    /// Takes over that a packet was seen. Returns whether it was seen before, and what
    /// is known of it: `new`, if it was not.
    pub fn see(&mut self, at: Moment, packet: K, new: V) -> (bool, &mut V) {
        if self.0.len() >= REMEMBERED {
            self.forget(at);
            if self.0.len() >= REMEMBERED {
                self.0.clear();
            }
        }
        match self.0.entry(packet) {
            Entry::Occupied(entry) => {
                let (then, known) = entry.into_mut();
                let is_known = at.saturating_sub(*then) < Self::MEMORY;
                *then = at;
                if !is_known {
                    *known = new;
                }
                (is_known, known)
            }
            Entry::Vacant(entry) => (false, &mut entry.insert((at, new)).1),
        }
    }

    /// Forgets those that have not been seen for too long.
    pub fn forget(&mut self, now: Moment) {
        self.0
            .retain(|_, (then, _)| now.saturating_sub(*then) < Self::MEMORY);
    }
}
