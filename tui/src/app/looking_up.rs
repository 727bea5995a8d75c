//! The flow that is shown in full is looked up: its sockets, its translation and its
//! routes are of no packet.

use std::time::Duration;

use probe_common::FlowKey;

use crate::model::{Command, Moment, Tuple};

#[cfg(test)]
mod tests;

/// How often, while it is shown.
const PERIOD: Duration = Duration::from_secs(5);

/// What was asked of the source last.
#[derive(Debug, Default)]
pub struct LookingUp {
    asked: Option<(FlowKey, Moment)>,
    refused: Option<String>,
}

impl LookingUp {
    /// What to ask of the source while this flow is shown, which is on the device with
    /// this interface index.
    pub fn follow(&mut self, shown: Option<(FlowKey, u32)>, now: Moment) -> Option<Command> {
        let Some((key, device)) = shown else {
            self.asked = None;
            return None;
        };
        let is_due = match self.asked {
            Some((asked, at)) if asked == key => now.saturating_sub(at) >= PERIOD,
            _ => true,
        };
        // A source that cannot do it is not asked again and again.
        if !is_due || self.refused.is_some() {
            return None;
        }
        self.asked = Some((key, now));
        let tuple = Tuple::sent(&key);
        Some(Command::LookUp { device, tuple })
    }

    /// The source has answered.
    pub fn replied(&mut self, result: &Result<(), String>) {
        self.refused = result.as_ref().err().cloned();
    }

    /// Why nothing is looked up, if the source refuses.
    #[must_use]
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }
}
