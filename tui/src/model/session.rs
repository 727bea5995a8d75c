//! What is known of a source before its first event.

use serde::{Deserialize, Serialize};

use super::{Anchor, Moment, WallClock};

/// What a session watches, known before its first event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The host's name, or what several are called together.
    pub host: String,
    /// The names of the hosts by their numbers, where there are several; otherwise
    /// empty.
    pub hosts: Vec<String>,
    /// The wall clock at moment 0. Later readings come with each interval:
    /// [`WallClock`] converts moments.
    #[serde(with = "jiff::fmt::serde::timestamp::nanosecond::required")]
    pub started: jiff::Timestamp,
    /// A sentence for the header when the session is special: a demo and what
    /// it runs on, a pair that was made for it, a recording.
    pub remark: Option<String>,
    /// The privileges of the watching process, as text; nothing for a recording.
    pub privileges: Option<String>,
}

impl Session {
    /// The wall clock, as far as it is known before the first interval.
    #[must_use]
    pub fn wall_clock(&self) -> WallClock {
        WallClock::new(Anchor {
            at: Moment::ZERO,
            wall: self.started,
        })
    }
}
