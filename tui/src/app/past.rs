//! What was known at an earlier moment, while counting goes on.

use std::collections::BTreeMap;

use crate::diagnosis::Diagnosis;
use crate::model::{Envelope, HostId, Moment, Session};
use crate::traffic::Traffic;

/// What was known at a moment.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The moment.
    pub at: Moment,
    /// From here on everything was taken in.
    pub since: Moment,
    pub(super) traffic: Traffic,
    pub(super) diagnoses: BTreeMap<HostId, Diagnosis>,
}

impl Past {
    /// Nothing yet; closed flows are kept as on the screen.
    #[must_use]
    pub fn new(session: &Session, at: Moment, since: Moment, keep_closed: bool) -> Self {
        let mut traffic = Traffic::of(&session.hosts);
        traffic.keep_closed(keep_closed);
        Self {
            at,
            since,
            traffic,
            diagnoses: BTreeMap::new(),
        }
    }

    /// Takes in what was reported up to the moment.
    pub fn apply(&mut self, envelope: &Envelope) {
        self.traffic.apply(envelope);
        let flows = &self.traffic.host(envelope.host).flows;
        let diagnosis = self.diagnoses.entry(envelope.host).or_default();
        diagnosis.observe(&envelope.event, flows);
    }
}

/// Of one session, what was known at a moment is the same whenever it is asked for.
impl PartialEq for Past {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.since) == (other.at, other.since)
    }
}
