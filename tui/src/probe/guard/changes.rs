//! Reporting what changes on hooks: at once when it is rare, summed up when it
//! is not.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::model::{HookPoint, Level};
use crate::probe::change::Change;

#[cfg(test)]
mod tests;

/// Changes of a hook within this time of a report are summed up.
const PAUSE: Duration = Duration::from_secs(10);

/// What there is to report of each hook of each slot.
#[derive(Debug, Default)]
pub struct Changes {
    hooks: HashMap<(u32, HookPoint), Pending>,
}

#[derive(Debug)]
struct Pending {
    device: String,
    /// When the sum is due; the hook is forgotten when there was none.
    due: Instant,
    count: u32,
    last: Option<Change>,
}

impl Changes {
    /// A hook has changed: what to report at once.
    pub fn add(
        &mut self,
        slot: u32,
        device: &str,
        change: Change,
        now: Instant,
    ) -> Option<(Level, String)> {
        let key = (slot, change.point());
        if let Some(pending) = self.hooks.get_mut(&key) {
            pending.count += 1;
            pending.last = Some(change);
            return None;
        }
        let report = (change.level(), format!("{device}: {change}"));
        self.hooks.insert(
            key,
            Pending {
                device: device.to_owned(),
                due: now + PAUSE,
                count: 0,
                last: None,
            },
        );
        Some(report)
    }

    /// When the next sum is due.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.hooks.values().map(|pending| pending.due).min()
    }

    /// The sums that are due.
    pub fn sums(&mut self, now: Instant) -> Vec<(Level, String)> {
        let mut sums = Vec::new();
        self.hooks.retain(|_, pending| {
            if pending.due > now {
                return true;
            }
            let Some(change) = pending.last.take() else {
                return false;
            };
            let text = match std::mem::take(&mut pending.count) {
                1 => format!("{}: {change}", pending.device),
                count => format!(
                    "{}: the programs changed {count} times in {} s; last: {change}",
                    pending.device,
                    PAUSE.as_secs()
                ),
            };
            pending.due = now + PAUSE;
            sums.push((change.level(), text));
            true
        });
        sums
    }
}
