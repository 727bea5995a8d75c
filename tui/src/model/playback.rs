//! Where a replay is, and what is worth a look in it.

use serde::{Deserialize, Serialize};

use super::Moment;

/// Where a replay is. Playing goes on from here until the next such event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Playback {
    /// Where the recording begins.
    pub begin: Moment,
    /// Where it ends.
    pub end: Moment,
    /// Where the replay is.
    pub at: Moment,
    /// From here on everything was read: what is shown was counted since then.
    pub since: Moment,
    /// How many times faster than it was recorded, in hundredths.
    pub speed: u32,
    /// Whether it plays, or is paused.
    pub is_playing: bool,
    /// Whether what follows was before `at`, and is reported at once to get there.
    pub is_seeking: bool,
    /// Whether what was reported before no longer holds.
    pub restarts: bool,
}

/// A moment that is worth a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    /// When.
    pub at: Moment,
    /// What there is.
    pub kind: MarkKind,
}

/// What there is at a [`Mark`], the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MarkKind {
    /// Something that does not work begins.
    Error,
    /// Something that works badly begins.
    Warning,
    /// A notice.
    Notice,
}
