//! What the task tells the consumer, the guard and the collectors of what is watched.

use tokio::task::block_in_place;

use super::Task;
use crate::model::{BlockEnded, Event, Level, Notice};
use crate::probe::block::journal;
use crate::probe::devices::Link;
use crate::text::plural;

impl Task {
    /// Reports that other devices are watched than before, or that there are others.
    pub(super) fn report_change(&mut self) {
        self.publish();
        // Looking at the chains and attaching would wait for each other.
        if self.attaching.is_done() {
            self.look_up();
        }
        self.report_devices();
        self.answer_watch();
        for (name, reason) in self.watched.take_uncovered() {
            let text = format!("cannot cover redirects for {name}: {reason}");
            self.notice(Level::Warning, text);
        }
        let devices = match &*self.watched.take_covered() {
            [] => return,
            [name] => name.clone(),
            names => plural(names.len() as u64, "device"),
        };
        let text = format!(
            "{devices}: counted at the other end of the pair, where packets that are redirected \
             past the hook arrive as well"
        );
        self.notice(Level::Info, text);
    }

    /// Tells the guard and the collectors what is watched.
    pub(super) fn publish(&mut self) {
        self.guard.watch(self.watched.guarded());
        let devices = self.watched.with_peers(&self.inventory);
        if let Some(stacks) = &self.stacks {
            stacks.follow(&devices);
        }
        self.targets.set(
            self.watched.slots(),
            self.watched.programs().collect(),
            self.watched.tallies(),
            devices,
        );
        if !self.rules.is_empty() {
            let places = self.watched.places();
            for (level, text) in block_in_place(|| self.rules.follow(&places)) {
                self.notice(level, text);
            }
            self.report_blocks();
        }
    }

    pub(super) fn look_up(&mut self) {
        self.lookup
            .ask(&self.links, self.watched.programs().collect());
    }

    pub(super) fn report_devices(&mut self) {
        let wanted = |link: &Link| self.selection.wants(link);
        let devices = self.watched.describe(&self.links, &self.inventory, wanted);
        self.outbox.push(Event::Devices(devices));
    }

    /// Warns of programs that run before the hooks of what is watched.
    pub(super) fn report_blind_spots(&mut self) {
        let devices = self
            .watched
            .describe(&self.links, &self.inventory, |_| true);
        for text in self.blind_spots.appeared(&devices) {
            self.notice(Level::Warning, text);
        }
    }

    /// Reports the rules, and says of those that have ended why, and what they have
    /// dropped.
    pub(super) fn report_blocks(&mut self) {
        if self.rules.is_empty() {
            return;
        }
        let blocks = self.rules.describe();
        for block in &blocks {
            if let Some(end) = block.end {
                let how = match end {
                    BlockEnded::Time => "Block expired",
                    BlockEnded::Lifted => "Block lifted",
                    BlockEnded::LiftedByAnother => "Block lifted by another process",
                    BlockEnded::DeviceGone => "Block ended with its device",
                };
                let lasted = self.moment().saturating_sub(block.since);
                let text = journal::ended(how, block, Some(lasted));
                let packets: u64 = block.dropped.iter().map(|it| it.packets).sum();
                tracing::info!(
                    rule = block.id.0,
                    packets,
                    ?lasted,
                    ?end,
                    "dropped packets by a rule"
                );
                journal::write(&text);
                self.notice(Level::Warning, text);
            }
        }
        self.outbox.push(Event::Blocks(blocks));
    }

    pub(super) fn notice(&mut self, level: Level, text: String) {
        let at = self.moment();
        self.outbox.push(Event::Notice(Notice { at, level, text }));
    }
}
