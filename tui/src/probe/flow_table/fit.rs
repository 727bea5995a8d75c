//! How many pages of the table are searched first, so that few flows share few
//! pages of memory.

use super::{SLOTS, age};

/// Pages that are always searched first: two thousand flows fit well.
const LEAST_PAGES: usize = 128;

/// The pages in which flows are looked for first, fitted to the flows.
pub struct Fit {
    pages: usize,
    total: usize,
    /// After a change most flows get a new slot, and the old ones stay in use until
    /// they are retired. To count both would make the table grow again, and each
    /// flow would have a third slot.
    outdated: Option<Outdated>,
}

/// Slots that were in use when the pages changed, and have had no packet since.
struct Outdated {
    slots: usize,
    /// The moment of the change.
    since: u16,
}

impl Fit {
    /// For a table of `total` pages.
    pub fn new(total: usize) -> Self {
        Self {
            pages: total.min(LEAST_PAGES),
            total,
            outdated: None,
        }
    }

    pub const fn pages(&self) -> usize {
        self.pages
    }

    /// A slot that last had a packet at the moment `last` has one again, or is
    /// retired.
    pub fn touched(&mut self, last: u16, now: u16) {
        if let Some(outdated) = &mut self.outdated
            && age(now, last) >= age(now, outdated.since)
        {
            outdated.slots -= 1;
            if outdated.slots == 0 {
                self.outdated = None;
            }
        }
    }

    /// Keeps two to eight slots a flow in the pages. `in_use` are the slots that are
    /// not retired. Returns whether the number of pages has changed.
    pub fn change(&mut self, in_use: usize, now: u16) -> bool {
        let wanted = |in_use: usize, slots: usize| {
            (in_use * slots)
                .div_ceil(SLOTS)
                .max(LEAST_PAGES)
                .min(self.total)
        };
        let outdated = self.outdated.as_ref().map_or(0, |outdated| outdated.slots);
        let current = in_use - outdated;
        let too_few = self.pages < wanted(current, 2);
        // Until the outdated slots have gone it is not known how many flows there are.
        let too_many = outdated == 0 && self.pages > wanted(in_use, 8);
        if !too_few && !too_many {
            return false;
        }
        self.pages = wanted(current, 4);
        self.outdated = (in_use != 0).then_some(Outdated {
            slots: in_use,
            since: now,
        });
        true
    }
}

#[cfg(test)]
mod tests;
