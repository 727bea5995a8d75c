//! Resets of connections that were established.

use std::collections::VecDeque;
use std::time::Duration;

use probe_common::FlowKey;

use crate::diagnosis::decode::Endpoint;
use crate::model::Moment;

/// Resets that are remembered.
const REMEMBERED: usize = 1024;
/// How long a reset is evidence.
const WINDOW: Duration = Duration::from_secs(60);

/// A reset in the middle of a connection.
#[derive(Clone, Debug)]
pub struct MidReset {
    /// When.
    pub at: Moment,
    /// The flow.
    pub key: FlowKey,
    /// In whose name.
    pub from: Endpoint,
    /// To whom.
    pub to: Endpoint,
    /// Its TTL or hop limit.
    pub ttl: u8,
    /// The TTL or hop limit of what that end sent before; nothing when it is not
    /// known.
    pub usual_ttl: Option<u8>,
    /// How long the flow had been idle before.
    pub idle: Duration,
}

impl MidReset {
    /// Whether something between the ends sent it: what that end sent before
    /// came another way.
    #[must_use]
    pub fn is_forged(&self) -> bool {
        self.usual_ttl.is_some_and(|usual| usual != self.ttl)
    }
}

/// The resets on all devices of a host.
#[derive(Clone, Debug, Default)]
pub struct MidResets(VecDeque<MidReset>);

impl MidResets {
    /// Takes over a reset.
    pub fn reset(&mut self, reset: MidReset) {
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(reset);
    }

    /// Forgets what is too old to be evidence.
    pub fn interval(&mut self, now: Moment) {
        while let Some(oldest) = self.0.front()
            && now.saturating_sub(oldest.at) > WINDOW
        {
            self.0.pop_front();
        }
    }

    /// All that are remembered, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &MidReset> {
        self.0.iter()
    }
}
