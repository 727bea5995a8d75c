//! A watched device as the guard and what manages it share it: what is done to all
//! of its hooks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{AttachError, Attached, Hook, is_loopback};
use crate::model::BlockId;
use crate::probe::block::Blocker;
use crate::probe::block::tally::Tally;
use crate::probe::change::Change;
use crate::probe::devices::Link;
use crate::probe::policy;

/// A watched device that the guard looks at while others manage it.
#[derive(Clone)]
pub struct Shared {
    attached: Arc<Mutex<Option<Attached>>>,
    tally: Tally,
    is_chained: bool,
    is_loopback: bool,
}

/// Which hooks are queried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that are closed by their policy: the verdict depends on the chain.
    Closed,
    /// All.
    All,
}

impl Shared {
    /// Shares a device.
    #[must_use]
    pub fn new(attached: Attached, link: &Link) -> Self {
        let tally = Tally::default();
        if let Attached::Chained(hooks) = &attached {
            hooks.iter().for_each(|hook| hook.follow_others(&tally));
        }
        Self {
            is_chained: matches!(attached, Attached::Chained(_)),
            is_loopback: is_loopback(link),
            tally,
            attached: Arc::new(Mutex::new(Some(attached))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Attached>> {
        // What a panic has left is still the best that is known.
        self.attached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is the very same attachment.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.attached, &other.attached)
    }

    /// What rules have dropped here.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether the kernel would leave a rule's programs there when this process is
    /// killed.
    #[must_use]
    pub const fn needs_lease(&self) -> bool {
        !self.is_chained
    }

    /// Whether one of its hooks is closed by its policy.
    #[must_use]
    pub fn has_closed_hook(&self) -> bool {
        match &*self.lock() {
            Some(Attached::Chained(hooks)) => hooks.iter().any(Hook::is_closed),
            _ => false,
        }
    }

    /// Puts a rule behind the counting programs of all hooks, or of none. False where
    /// there is nothing to do: nothing is ever dropped on a loopback device, nor on
    /// one that is going.
    ///
    /// # Errors
    /// When a program is refused or a hook does not take it.
    pub fn block(&self, blocker: &Blocker) -> Result<bool, AttachError> {
        if self.is_loopback {
            return Ok(false);
        }
        let mut attached = self.lock();
        let Some(attached) = &mut *attached else {
            return Ok(false);
        };
        let blocked = attached.block(blocker, &self.tally);
        if blocked.is_err() {
            attached.unblock(blocker.id());
            self.tally.end(blocker.id());
        }
        match blocked {
            Err(error) if error.is(libc::ENODEV) => Ok(false),
            blocked => blocked.map(|()| true),
        }
    }

    /// Takes a rule off the hooks.
    pub fn unblock(&self, rule: BlockId) {
        if let Some(attached) = &mut *self.lock() {
            attached.unblock(rule);
        }
        self.tally.end(rule);
    }

    /// Looks at the chains, lets the verdicts follow them, and returns what has
    /// changed. Nothing is known of filters: their kernels have no chains to ask
    /// for.
    #[must_use]
    pub fn follow(&self, which: Which) -> Vec<Change> {
        let mut attached = self.lock();
        let Some(Attached::Chained(hooks)) = &mut *attached else {
            return Vec::new();
        };
        let hooks = hooks.iter_mut().filter(|hook| {
            let is_meant = hook.is_closed() || which == Which::All;
            is_meant && hook.is_followed()
        });
        // A device that is being removed is detached from when the kernel reports it.
        hooks
            .filter_map(|hook| {
                let change = hook.follow().ok()??;
                hook.follow_others(&self.tally);
                Some(change)
            })
            .collect()
    }

    /// Applies the policies that the device has now.
    pub fn apply_policy(&self, link: &Link) {
        if let Some(Attached::Chained(hooks)) = &mut *self.lock() {
            for hook in hooks {
                // As above: only a device that is going does not take it.
                let _ = hook.apply_policy(policy::is_closed(link, hook.point()));
            }
        }
    }

    /// Whether none of our programs is on the hooks of the device with that index
    /// any more: the device was another one.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        match &*self.lock() {
            Some(Attached::Chained(hooks)) => {
                let mut here = hooks.iter().filter(|hook| hook.is_followed());
                here.all(|hook| !hook.is_attached())
            }
            Some(Attached::Filters(_)) => false,
            None => true,
        }
    }

    /// Takes the programs off those hooks that are closed by their policy, until
    /// [`Self::take_back`]: their verdict would follow nothing meanwhile. Whether
    /// there are any.
    #[must_use]
    pub fn release_closed(&self) -> bool {
        let mut has_released = false;
        if let Some(Attached::Chained(hooks)) = &mut *self.lock() {
            for hook in hooks.iter_mut().filter(|hook| hook.is_closed()) {
                hook.release();
                has_released = true;
            }
        }
        has_released
    }

    /// Attaches to released hooks again.
    ///
    /// # Errors
    /// As with [`Attached::new`].
    pub fn take_back(&self) -> Result<(), AttachError> {
        if let Some(Attached::Chained(hooks)) = &mut *self.lock() {
            for hook in hooks.iter_mut().filter(|hook| hook.is_released()) {
                hook.join()?;
            }
        }
        Ok(())
    }

    /// Takes the programs off the hooks.
    pub fn detach(&self) {
        drop(self.lock().take());
    }
}
