//! Making what is watched agree with what is wanted and what there is: devices that
//! come, go and change, and their hooks.

use std::time::Instant;

use tokio::task::block_in_place;

use super::Task;
use crate::model::Level;
use crate::probe::change::Change;
use crate::probe::devices::Link;
use crate::probe::guard::attaching::Outcome;
use crate::source::Pausing;

impl Task {
    /// Makes what is watched agree with what is wanted and what there is, and
    /// reports the devices.
    pub(super) async fn reconcile(&mut self) {
        let links = match self.devices.list().await {
            Ok(links) => links,
            Err(error) => {
                self.watched.try_later();
                let text = format!("cannot list the devices: {error}; trying again on a change");
                return self.notice(Level::Warning, text);
            }
        };
        for (before, now) in self.watched.renamed(&links) {
            // Whoever asked for the device by its old name still wants it.
            if self.selection.wants(&before) && !self.selection.wants(&now) {
                self.selection.add(now.name.clone());
            }
            let text = format!("{} was renamed to {}", before.name, now.name);
            self.notice(Level::Info, text);
        }
        block_in_place(|| {
            let wanted = |link: &Link| self.selection.wants(link);
            self.watched.detach_stale(&links, wanted);
        });
        let new = |link: &&Link| self.selection.wants(link) && !self.watched.knows(link.index);
        let waiting = links.iter().filter(new).cloned().collect();
        self.attaching.set_waiting(waiting);
        self.links = links;
        self.report_change();
    }

    /// Starts to attach to some of the devices that wait for it, if that is not
    /// under way.
    pub(super) fn attach_some(&mut self) {
        let links = self.attaching.take_next();
        if links.is_empty() {
            return;
        }
        let (batch, errors) = self.watched.begin(links);
        self.report_failures(errors);
        self.attaching.start(batch);
    }

    /// Takes over the devices that were attached to.
    pub(super) async fn attached(&mut self, outcomes: Vec<Outcome>) {
        let devices = outcomes.len();
        let mut errors = self.watched.finish(outcomes);
        if !errors.is_empty()
            && let Ok(links) = self.devices.list().await
        {
            // One that goes meanwhile is no failure.
            errors.retain(|(name, _)| links.iter().any(|link| link.name == *name));
        }
        tracing::info!(devices, failed = errors.len(), "attached");
        self.report_failures(errors);
        block_in_place(|| {
            let wanted = |link: &Link| self.selection.wants(link);
            self.watched.detach_stale(&self.links, wanted);
        });
        self.report_change();
    }

    fn report_failures(&mut self, errors: Vec<(String, anyhow::Error)>) {
        for (name, error) in errors {
            // The one that has asked for it gets a reply.
            if self.asked.iter().all(|(_, asked)| *asked != name) {
                self.notice(Level::Warning, format!("cannot watch {name}: {error:#}"));
            }
        }
    }

    /// The guard has seen a change of a hook.
    pub(super) async fn changed(&mut self, slot: u32, change: Change) {
        if change.is_gone() && block_in_place(|| self.watched.end_replaced(slot)) {
            // Another device has its index: that is to be watched instead.
            return self.reconcile().await;
        }
        let Some(name) = self.watched.name(slot) else {
            return;
        };
        if let Some((level, text)) = self.changes.add(slot, name, change, Instant::now()) {
            self.notice(level, text);
        }
        self.look_up();
    }

    /// Makes it safe to stop this process, and waits until it goes on. Whatever is
    /// attached to a closed hook would block programs that come meanwhile, or let
    /// pass what the policy forbids once they go.
    pub(super) async fn pause(&mut self, pausing: Pausing) {
        if self.attaching.is_under_way() {
            let outcomes = self.attaching.outcomes().await;
            self.attached(outcomes).await;
        }
        // What drops packets would be alone there, too, with nobody to follow the chain.
        block_in_place(|| self.rules.lift_at_closed_hooks());
        self.report_blocks();
        let released = block_in_place(|| self.watched.release_closed());
        tracing::info!(
            devices = released.len(),
            "released closed hooks, to be stopped"
        );
        pausing.wait().await;
        // First what has changed, also of policies.
        self.reconcile().await;
        for (name, error) in block_in_place(|| self.watched.take_back()) {
            let text = format!("cannot watch {name} again: {error:#}");
            self.notice(Level::Warning, text);
        }
        if !released.is_empty() {
            let text = format!(
                "not counted while nkview was stopped, as these hooks are closed (policy \
                 blackhole): {}",
                released.join(", ")
            );
            self.notice(Level::Warning, text);
            self.report_change();
        }
    }
}
