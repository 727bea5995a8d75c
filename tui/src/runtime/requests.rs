//! The requests that the application has made of the source: none is lost, and
//! each is answered.

use std::collections::{BTreeMap, VecDeque};

use tokio::sync::mpsc;

use crate::model::{Command, Reply, Request, RequestId};

#[cfg(test)]
mod tests;

/// Requests that may wait for room in the channel. A source serves its requests
/// at once; one that does not is stuck.
const WAITING: usize = 64;

/// A command, and whether it was carried out, or why not.
pub type Answer = (Command, Result<(), String>);

/// Requests that wait to be sent, or for their replies.
#[derive(Debug)]
pub struct Requests {
    sender: mpsc::Sender<Request>,
    next: RequestId,
    waiting: VecDeque<Request>,
    sent: BTreeMap<RequestId, Command>,
}

impl Requests {
    /// None yet.
    pub const fn new(sender: mpsc::Sender<Request>) -> Self {
        Self {
            sender,
            next: RequestId(0),
            waiting: VecDeque::new(),
            sent: BTreeMap::new(),
        }
    }

    /// Makes a request, which [`Self::send`] sends. The answer comes at once when
    /// the source is stuck.
    pub fn ask(&mut self, command: Command) -> Option<Answer> {
        if self.waiting.len() == WAITING {
            let text = "the source does not respond; try again later".to_owned();
            return Some((command, Err(text)));
        }
        let id = self.next;
        self.next.0 += 1;
        self.waiting.push_back(Request { id, command });
        None
    }

    /// Whether there is anything to send.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends the next request when there is room. Returns the answers to all
    /// requests when the source has ended. It may be cancelled.
    pub async fn send(&mut self) -> Vec<Answer> {
        let Ok(permit) = self.sender.reserve().await else {
            return self.refuse_all();
        };
        if let Some(request) = self.waiting.pop_front() {
            self.sent.insert(request.id, request.command.clone());
            permit.send(request);
        }
        Vec::new()
    }

    /// The answers to everything that is unanswered when the source has ended.
    pub fn refuse_all(&mut self) -> Vec<Answer> {
        let sent = std::mem::take(&mut self.sent).into_values();
        let waiting = self.waiting.drain(..).map(|request| request.command);
        sent.chain(waiting)
            .map(|command| (command, Err("the source has ended".to_owned())))
            .collect()
    }

    /// The answer that a reply is; nothing if it was not asked for.
    pub fn answer(&mut self, reply: Reply) -> Option<Answer> {
        let command = self.sent.remove(&reply.id)?;
        Some((command, reply.result))
    }
}
