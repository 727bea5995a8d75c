//! What the application asks of the runtime.

use std::net::IpAddr;

use super::past::Past;
use crate::model::Command;

/// What the application asks of the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Draw at once: the user did something.
    Draw,
    /// Draw soon, together with what else may come.
    DrawSoon,
    /// Redraw everything.
    Clear,
    /// Put this into the user's clipboard.
    Copy(String),
    /// Ask for the names of these addresses.
    Resolve(Vec<IpAddr>),
    /// Leave.
    Quit,
    /// Find out what was known at a moment, of which this knows nothing yet;
    /// [`Action::Recalled`](super::action::Action::Recalled) is the answer.
    Recall(Box<Past>),
    /// Write a bundle of what is remembered, with these problems in words.
    Bundle(String),
    /// Find the SSH sessions through which the user may look;
    /// [`Action::Sessions`](super::action::Action::Sessions) is the answer.
    FindSessions,
    /// Start recording to a file, or stop.
    Record,
    /// Stop until the shell continues it.
    Suspend,
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Ask it of the source; [`Action::Replied`](super::action::Action::Replied)
    /// is the answer.
    Source(Command),
}
