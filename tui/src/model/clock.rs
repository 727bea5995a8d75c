//! Moments and the wall clock.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use super::Moment;

#[cfg(test)]
mod tests;

/// The wall clock at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anchor {
    /// The moment.
    pub at: Moment,
    /// What the wall clock showed then.
    pub wall: Timestamp,
}

impl Anchor {
    /// What the wall clock shows at another moment, if it is neither set nor
    /// stopped in between.
    #[must_use]
    pub fn wall_at(&self, moment: Moment) -> Timestamp {
        let signed = |moment| SignedDuration::try_from(moment).unwrap_or(SignedDuration::MAX);
        let since = signed(moment).saturating_sub(signed(self.at));
        let far = if since.is_negative() {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        };
        self.wall.checked_add(since).unwrap_or(far)
    }
}

/// How far the wall clock may be from where it was expected before that counts
/// as a step: more than reading two clocks takes on a busy machine.
const STEP: SignedDuration = SignedDuration::from_millis(5);
/// Steps that are remembered; moments before the oldest are converted by it.
const STEPS: usize = 64;

/// The wall clock of a session. Moments are on a clock that neither steps nor
/// runs while the machine is suspended (`CLOCK_MONOTONIC`); the wall clock does
/// both, and is slewed besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WallClock {
    /// From where on the wall clock was where, oldest first.
    steps: VecDeque<Anchor>,
    /// The moment of the last reading.
    last: Moment,
}

impl WallClock {
    /// A clock that starts here.
    #[must_use]
    pub fn new(start: Anchor) -> Self {
        Self {
            steps: VecDeque::from([start]),
            last: start.at,
        }
    }

    /// Takes a new reading.
    pub fn follow(&mut self, anchor: Anchor) {
        if anchor.wall.duration_since(self.at(anchor.at)).abs() > STEP {
            // It stepped at some time since the last reading.
            self.steps.push_back(Anchor {
                at: self.last,
                wall: anchor.wall_at(self.last),
            });
            if self.steps.len() > STEPS {
                self.steps.pop_front();
            }
        }
        self.last = anchor.at;
    }

    /// What the wall clock showed at a moment.
    #[must_use]
    pub fn at(&self, moment: Moment) -> Timestamp {
        let before = self.steps.iter().rev().find(|step| step.at <= moment);
        let step = before.or(self.steps.front());
        step.map_or(Timestamp::MIN, |step| step.wall_at(moment))
    }

    /// The moment at which the wall clock showed this time, the last one if it did
    /// so several times; nothing before the source's start.
    #[must_use]
    pub fn moment(&self, wall: Timestamp) -> Option<Moment> {
        let before = self.steps.iter().rev().find(|step| step.wall <= wall);
        let step = before.or(self.steps.front())?;
        let since = wall.duration_since(step.wall);
        let at = SignedDuration::try_from(step.at).ok()?.checked_add(since)?;
        at.try_into().ok()
    }
}
