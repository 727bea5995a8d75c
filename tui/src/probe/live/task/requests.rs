//! Requests of the consumer, and their replies.

use tokio::task::block_in_place;

use super::Task;
use crate::model::{Command, Event, Level, Reply, Request, Watch};
use crate::probe::block::{Owner, journal};

impl Task {
    /// Carries out a request, and answers it now or when it is known how it went.
    pub(super) async fn serve(&mut self, Request { id, command }: Request) {
        tracing::debug!(id = id.0, ?command, "request");
        let result = match &command {
            Command::Watch(name) => {
                self.selection.add(name.clone());
                self.watched.try_again();
                self.asked.push((id, name.clone()));
                return self.reconcile().await;
            }
            Command::Unwatch(name) => {
                self.selection.remove(name.clone());
                self.reconcile().await;
                Ok(())
            }
            Command::Block { rule, time } => {
                let places = self.watched.places();
                let now = self.moment();
                let begun = block_in_place(|| self.rules.begin(rule, *time, now, &places));
                if let Ok(id) = begun {
                    let text = journal::began(rule, *time);
                    let user = Owner::this().uid;
                    tracing::info!(rule = id.0, user, ?time, "began to drop packets");
                    journal::write(&text);
                    self.notice(Level::Warning, text);
                }
                self.report_blocks();
                begun.map(|_| ())
            }
            Command::Lift(rule) => {
                let lifted = block_in_place(|| self.rules.lift(*rule));
                self.report_blocks();
                lifted
            }
            command => block_in_place(|| self.collectors.command(command))
                .unwrap_or_else(|| Err("this source cannot do that".to_owned())),
        };
        self.outbox.push(Event::Reply(Reply { id, result }));
    }

    /// Answers the requests to watch a device of which it is known how it went.
    pub(super) fn answer_watch(&mut self) {
        for (id, name) in std::mem::take(&mut self.asked) {
            let link = self.links.iter().find(|link| link.name == name);
            let result = match link.map(|link| self.watched.state(link)) {
                None => Err("no such device yet; it will be watched when it appears".to_owned()),
                Some(Watch::Yes { .. }) => Ok(()),
                Some(Watch::Failed(reason)) => Err(reason.to_string()),
                Some(_) if self.selection.wants_name(&name) => {
                    self.asked.push((id, name));
                    continue;
                }
                Some(_) => Err("it was taken back before the device was watched".to_owned()),
            };
            self.outbox.push(Event::Reply(Reply { id, result }));
        }
    }
}
