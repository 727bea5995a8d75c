//! The end: everything is detached and undone, and what was counted until then is
//! still reported.

use std::time::Instant;

use tokio::task::block_in_place;

use super::Task;
use crate::probe::block::journal;
use crate::probe::live::outbox::Outbox;
use crate::source::Stopping;

impl Task {
    /// Detaches from everything, and gives the consumer what it has not taken yet.
    pub(super) async fn end(mut self, stopping: Stopping) {
        if let Some(outcomes) = self.attaching.stop().await {
            // What they have counted is reported, so they are.
            self.watched.finish(outcomes);
            self.report_devices();
        }
        let detaching = Instant::now();
        block_in_place(|| {
            self.publish();
            // Whatever takes time now: nothing is dropped any more.
            self.rules.lift_all();
            for block in self.rules.describe() {
                let lasted = self.start.elapsed().saturating_sub(block.since);
                tracing::info!(
                    rule = block.id.0,
                    ?lasted,
                    "dropped packets by a rule until the end"
                );
                let text = journal::ended("Block ended with nkview", &block, Some(lasted));
                journal::write(&text);
            }
            self.collectors.before_end();
            self.watched.detach_all();
            for event in self.collectors.finish() {
                self.outbox.push(event);
            }
        });
        let (mut outbox, start) = (self.into_outbox(), Instant::now());
        tracing::info!(took = ?detaching.elapsed(), "detached");
        stopping.ended(Ok(()));
        // Nothing of this depends on whether anybody takes it.
        while !outbox.is_delivered() && outbox.deliver(start.elapsed()).await {}
    }

    /// Gives up everything but what the consumer has not taken yet.
    fn into_outbox(self) -> Outbox {
        block_in_place(|| {
            let Self {
                outbox,
                pair,
                watched,
                guard,
                collectors,
                ..
            } = self;
            drop(pair);
            drop((watched, guard, collectors));
            outbox
        })
    }
}
