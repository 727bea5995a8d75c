//! Whose sockets they are: by cookie, from what processes have descriptors of.
//! Asked when a cookie comes up that is not known, and remembered when the process
//! is gone.

use std::collections::HashMap;

use probe_common::signal::HeldSocket;

use super::drops::text;
use crate::model::signal::Owner;
use crate::process::{self, Process};

#[cfg(test)]
mod tests;

/// Sockets that are remembered.
const KNOWN: usize = 1 << 16;
/// Cookies that wait for an answer.
const PENDING: usize = 1 << 12;
/// Looks for a socket before it is given up: the SYN-ACK of a connection has the
/// cookie of a socket that was not accepted yet. Each waits twice as long.
const TRIES: u32 = 6;
/// Periods after which it is looked again whether sockets that are asked about have
/// changed hands: a child may inherit one, and execute something else.
const REFRESH: u32 = 30;

/// The owners that are known.
#[derive(Default)]
pub struct Owners {
    known: HashMap<u64, Known>,
    pending: HashMap<u64, Pending>,
    answers: Vec<u64>,
    /// The period of the last look.
    looked: u32,
}

struct Known {
    owner: Owner,
    /// The period in which it was asked for last, if ever: then changes are reported,
    /// too.
    asked: Option<u32>,
    /// The last period in which a process held it.
    seen: u32,
}

struct Pending {
    /// The period in which it was asked for.
    asked: u32,
    tries: u32,
    /// The period of the next look.
    next: u32,
}

impl Owners {
    /// Asks for a socket's owner; 0 is no socket.
    pub fn ask(&mut self, cookie: u64, period: u32) {
        if cookie == 0 {
            return;
        }
        if let Some(known) = self.known.get_mut(&cookie) {
            if known.asked.replace(period).is_none() {
                self.answers.push(cookie);
            }
        } else if self.pending.len() < PENDING {
            self.pending.entry(cookie).or_insert(Pending {
                asked: period,
                tries: 0,
                next: period,
            });
        }
    }

    /// Whether there is a socket to look for in this period. Those that nobody has used
    /// since the last look are not looked at again.
    #[must_use]
    pub fn is_due(&self, period: u32) -> bool {
        let is_used = |known: &Known| {
            let asked = known.asked.is_some_and(|asked| reached(asked, self.looked));
            asked && known.seen == self.looked
        };
        let mut pending = self.pending.values();
        pending.any(|pending| reached(period, pending.next))
            || period.wrapping_sub(self.looked) >= REFRESH && self.known.values().any(is_used)
    }

    /// Learns what processes hold now.
    pub fn learn(&mut self, mut held: Vec<HeldSocket>, period: u32) {
        held.sort_unstable_by_key(|socket| (socket.cookie, socket.pid));
        // A process can have several descriptors of one socket.
        held.dedup_by_key(|socket| (socket.cookie, socket.pid));
        for same in held.chunk_by(|one, other| one.cookie == other.cookie) {
            let first = same
                .iter()
                .min_by_key(|socket| (socket.started, socket.pid));
            if let Some(first) = first {
                let others = u32::try_from(same.len() - 1).unwrap_or(u32::MAX);
                self.learn_one(first, others, period);
            }
        }
        self.pending.retain(|_, pending| {
            if reached(period, pending.next) {
                pending.tries += 1;
                pending.next = period.wrapping_add(1 << pending.tries);
            }
            pending.tries < TRIES
        });
        self.looked = period;
        self.forget();
    }

    fn learn_one(&mut self, socket: &HeldSocket, others: u32, period: u32) {
        let cookie = socket.cookie;
        let pending = self.pending.remove(&cookie);
        let owner = Owner {
            cookie,
            namespace: socket.namespace,
            pid: socket.pid,
            command: text(&socket.command),
            executable: None,
            started: socket.started,
            others,
        };
        let known = self.known.entry(cookie).or_insert_with(|| Known {
            owner: owner.clone(),
            asked: None,
            seen: period,
        });
        known.seen = period;
        let changed = known.owner.pid != owner.pid
            || known.owner.started != owner.started
            || known.owner.command != owner.command
            || known.owner.others != others;
        if changed {
            known.owner = owner;
        }
        if let Some(pending) = &pending {
            known.asked = Some(pending.asked);
        }
        if pending.is_some() || changed && known.asked.is_some() {
            self.answers.push(cookie);
        }
    }

    /// Makes room, by those that no process has held for the longest time.
    fn forget(&mut self) {
        let excess = self.known.len().saturating_sub(KNOWN);
        if excess == 0 {
            return;
        }
        let mut oldest: Vec<_> = self
            .known
            .iter()
            .map(|(cookie, known)| (known.seen, *cookie))
            .collect();
        // Somewhat more than needed, so that this is not done each time.
        let remove = (excess + KNOWN / 16).min(oldest.len());
        oldest.select_nth_unstable(remove - 1);
        for (_, cookie) in &oldest[..remove] {
            self.known.remove(cookie);
        }
    }

    /// The answers that have not been given yet.
    pub fn answers(&mut self) -> Vec<Owner> {
        let answers = std::mem::take(&mut self.answers);
        let mut owners = Vec::with_capacity(answers.len());
        for cookie in answers {
            if let Some(known) = self.known.get_mut(&cookie) {
                let owner = &mut known.owner;
                if owner.executable.is_none() {
                    owner.executable = executable(owner.pid, owner.started);
                }
                owners.push(owner.clone());
            }
        }
        owners
    }
}

/// Whether a period is that one or later.
const fn reached(period: u32, wanted: u32) -> bool {
    period.wrapping_sub(wanted) < u32::MAX / 2
}

/// The executable of a process, if it is still the one that started then: PIDs are
/// used again. In another PID namespace than the first, PIDs are others.
fn executable(pid: u32, started: u64) -> Option<String> {
    let before = start_ticks(pid)?;
    let path = process::executable(pid)?;
    let ticks = u64::from(u32::try_from(rustix::param::clock_ticks_per_second()).ok()?);
    let expected = started / (1_000_000_000 / ticks.max(1));
    (before == expected && start_ticks(pid) == Some(before))
        .then(|| path.to_string_lossy().into_owned())
}

/// When a process started, in clock ticks since the machine did.
fn start_ticks(pid: u32) -> Option<u64> {
    Some(Process::read(pid)?.started)
}
