//! What rules have dropped at a device. Reading it waits for no lock that is held
//! while the kernel is waited for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probe_common::Direction;

use super::elsewhere::{self, Counts};
use crate::model::{BlockId, Dropped};

/// What all rules have dropped at a device since it is watched.
#[derive(Clone, Default)]
pub struct Tally(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    entries: Vec<Entry>,
    /// What was reported.
    reported: [Dropped; 2],
}

/// Whose rule it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Ours(BlockId),
    /// Of another nkview, by the program's id.
    Other(u32),
}

struct Entry {
    rule: Rule,
    direction: Direction,
    counts: Option<Counts>,
    /// What was counted when the map was last read.
    last: Dropped,
    /// Readings since the program was taken off.
    over: Option<u8>,
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the program counts from now on.
    pub fn add(&self, rule: BlockId, direction: Direction, counts: Counts) {
        self.push(Rule::Ours(rule), direction, counts);
    }

    /// These programs of other nkviews are on the hook of a direction now. What they
    /// dropped before they were noticed is counted, too.
    pub fn follow_others(&self, direction: Direction, programs: &[u32]) {
        let mut known = Vec::new();
        for entry in &mut self.lock().entries {
            if let Rule::Other(program) = entry.rule
                && entry.direction == direction
            {
                if programs.contains(&program) {
                    known.push(program);
                } else {
                    entry.over.get_or_insert(0);
                }
            }
        }
        for &program in programs.iter().filter(|it| !known.contains(it)) {
            // It may have gone, and its maps with it.
            if let Ok(counts) = elsewhere::counts_of(program) {
                self.push(Rule::Other(program), direction, counts);
            }
        }
    }

    fn push(&self, rule: Rule, direction: Direction, counts: Counts) {
        self.lock().entries.push(Entry {
            rule,
            direction,
            counts: Some(counts),
            last: Dropped::default(),
            over: None,
        });
    }

    /// The copies of a rule were taken off.
    pub fn end(&self, rule: BlockId) {
        for entry in self
            .lock()
            .entries
            .iter_mut()
            .filter(|it| it.rule == Rule::Ours(rule))
        {
            entry.over.get_or_insert(0);
        }
    }

    /// What all rules have dropped, by direction. It never becomes less.
    #[must_use]
    pub fn read(&self) -> [Dropped; 2] {
        self.sum(|_| true)
    }

    /// From a reading what has not been reported yet.
    #[must_use]
    pub fn take(&self, now: [Dropped; 2]) -> [Dropped; 2] {
        let mut inner = self.lock();
        let reported = std::mem::replace(&mut inner.reported, now);
        std::array::from_fn(|side| Dropped {
            packets: now[side].packets.saturating_sub(reported[side].packets),
            bytes: now[side].bytes.saturating_sub(reported[side].bytes),
        })
    }

    /// What one rule has dropped, by direction.
    #[must_use]
    pub fn of(&self, rule: BlockId) -> [Dropped; 2] {
        self.sum(|entry| entry.rule == Rule::Ours(rule))
    }

    fn sum(&self, is_meant: impl Fn(&Entry) -> bool) -> [Dropped; 2] {
        let mut sums = [Dropped::default(); 2];
        for entry in self.lock().entries.iter_mut().filter(|it| is_meant(it)) {
            entry.read();
            sums[entry.direction as usize] += entry.last;
        }
        sums
    }
}

impl Entry {
    /// The map is closed after the second reading behind the end: by then no program
    /// writes to it.
    fn read(&mut self) {
        if let Some(counts) = &self.counts
            && let Ok(cpus) = counts.get(&0, 0)
        {
            self.last = cpus.iter().fold(Dropped::default(), |sum, cpu| Dropped {
                packets: sum.packets + cpu[0],
                bytes: sum.bytes + cpu[1],
            });
        }
        if let Some(readings) = &mut self.over {
            *readings = readings.saturating_add(1);
            if *readings > 1 {
                self.counts = None;
            }
        }
    }
}
