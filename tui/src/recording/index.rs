//! Where to begin reading for a moment.

use crate::model::Moment;

/// The keyframes of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// In the order of time.
    pub keys: Vec<Keyframe>,
    /// The moment of the last event.
    pub end: Moment,
}

/// A place at which reading can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyframe {
    /// The end of the interval before it.
    pub at: Moment,
    /// The byte at which it begins.
    pub place: u64,
}

impl Index {
    /// The last keyframe at or before a moment, or else the first; nothing in a
    /// recording without intervals.
    #[must_use]
    pub fn before(&self, moment: Moment) -> Option<Keyframe> {
        let number = self.keys.partition_point(|key| key.at <= moment);
        self.keys.get(number.saturating_sub(1)).copied()
    }

    /// Where the recording begins.
    #[must_use]
    pub fn begin(&self) -> Moment {
        self.keys.first().map_or(Moment::ZERO, |key| key.at)
    }
}
