//! What was known at an earlier moment, while counting goes on.

use std::collections::BTreeMap;

use crate::diagnosis::{Diagnosis, Thresholds};
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
    thresholds: Thresholds,
}

impl Past {
    /// Nothing yet; closed flows are kept as on the screen, which also leaves out the
    /// problems that are silenced.
    #[must_use]
    pub fn new(
        session: &Session,
        at: Moment,
        since: Moment,
        keep_closed: bool,
        thresholds: Thresholds,
    ) -> Self {
        let mut traffic = Traffic::of(&session.hosts);
        traffic.keep_closed(keep_closed);
        Self {
            at,
            since,
            traffic,
            diagnoses: BTreeMap::new(),
            thresholds,
        }
    }

    /// Takes in what was reported up to the moment.
    pub fn apply(&mut self, envelope: &Envelope) {
        self.traffic.apply(envelope);
        let flows = &self.traffic.host(envelope.host).flows;
        let diagnosis = self
            .diagnoses
            .entry(envelope.host)
            .or_insert_with(|| Diagnosis::new(self.thresholds.into()));
        diagnosis.observe(&envelope.event, flows);
    }
}

/// Of one session, what was known at a moment is the same whenever it is asked for.
impl PartialEq for Past {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.since) == (other.at, other.since)
    }
}
