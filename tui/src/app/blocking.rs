//! Dropping packets from the screen: the rules in force, for how long one may be, which
//! are offered, and the dialog that asks.

use std::time::Duration;

use super::own::OwnSession;
use crate::model::{Block, BlockId};

pub use dialog::{Dialog, Field, Judged};
pub use offers::{rules_of_finding, rules_of_flow};

mod dialog;
mod offers;
pub mod refusal;

#[cfg(test)]
pub mod fixture;
#[cfg(test)]
mod tests;

/// Above this it is asked once more.
pub const LONG: Duration = Duration::from_secs(3600);
/// The longest time, in seconds.
const LONGEST: u64 = 86_400;

/// What the screen knows of dropping packets.
#[derive(Debug, Default)]
pub struct Blocking {
    /// Whether the user has allowed it at the start.
    pub is_allowed: bool,
    /// The SSH sessions at the start, which must not be cut off.
    pub sessions: Vec<OwnSession>,
    /// The rules in force.
    pub rules: Vec<Block>,
    /// What is asked before packets are dropped.
    pub dialog: Option<Dialog>,
    /// The rule that may be lifted.
    pub chosen: BlockId,
}

impl Blocking {
    /// Takes over the rules as the source reports them.
    pub fn follow(&mut self, blocks: &[Block]) {
        let holds = blocks.iter().filter(|block| block.end.is_none());
        self.rules = holds.cloned().collect();
        if !self.rules.iter().any(|rule| rule.id == self.chosen) {
            self.chosen = self.rules.first().map_or_else(BlockId::default, |it| it.id);
        }
    }

    /// Chooses the next rule, or the one before.
    pub fn choose(&mut self, is_next: bool) {
        let mut rules = self.rules.iter();
        let Some(place) = rules.position(|rule| rule.id == self.chosen) else {
            return;
        };
        let place = if is_next {
            (place + 1).min(self.rules.len() - 1)
        } else {
            place.saturating_sub(1)
        };
        self.chosen = self.rules[place].id;
    }
}

/// Reads a time: a number of seconds (s), minutes (m) or hours (h).
///
/// # Errors
/// When it is none, or no time for which packets may be dropped.
pub fn time(text: &str) -> Result<Duration, String> {
    let split = text.find(|it: char| !it.is_ascii_digit());
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let scale = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        _ => None,
    };
    let seconds = scale.zip(number.parse::<u64>().ok());
    seconds
        .and_then(|(scale, number)| number.checked_mul(scale))
        .filter(|seconds| (1..=LONGEST).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| "expected a time from 1s to 24h, such as 90s or 10m".to_owned())
}
