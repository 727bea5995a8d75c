//! What the user must know.

use std::collections::VecDeque;

use crate::model::{Moment, Notice};

/// Notices that are kept.
const KEPT: usize = 500;

/// The notices so far, and the one that the user has not seen long enough.
#[derive(Debug, Default)]
pub struct Notices {
    all: VecDeque<Notice>,
    fresh: bool,
    dropped: usize,
}

impl Notices {
    /// Takes over a notice.
    pub fn push(&mut self, notice: Notice) {
        if self.all.len() == KEPT {
            self.all.pop_front();
            self.dropped += 1;
        }
        self.all.push_back(notice);
        self.fresh = true;
    }

    /// All that are kept, oldest first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Notice> + ExactSizeIterator {
        self.all.iter()
    }

    /// Older ones that were not kept.
    #[must_use]
    pub const fn dropped(&self) -> usize {
        self.dropped
    }

    /// The last notice, until it has been seen.
    #[must_use]
    pub fn fresh(&self) -> Option<&Notice> {
        self.all.back().filter(|_| self.fresh)
    }

    /// Puts the last notice away; returns whether there was one.
    pub fn dismiss(&mut self) -> bool {
        std::mem::take(&mut self.fresh)
    }

    /// Puts the last notice away when it has been there for long.
    pub fn tick(&mut self, now: Moment) {
        if let Some(last) = self.all.back()
            && now.saturating_sub(last.at) > SHOWN
        {
            self.fresh = false;
        }
    }
}

/// How long a notice stays, in the source's time.
const SHOWN: Moment = Moment::from_secs(15);
