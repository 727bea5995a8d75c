//! What was known at an earlier moment, while counting goes on.

use std::collections::BTreeMap;

use crate::diagnosis::Diagnosis;
use crate::model::{Envelope, Event, HostId, Moment};
use crate::traffic::Traffic;
use crate::watching::Watching;

/// What was known at a moment.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The moment.
    pub at: Moment,
    /// From here on everything was taken in.
    pub since: Moment,
    pub(super) traffic: Traffic,
    pub(super) diagnoses: BTreeMap<HostId, Diagnosis>,
    /// The diagnosis of a host of which nothing is known yet.
    fresh: Diagnosis,
    watching: Watching,
}

impl Past {
    /// Nothing yet. The traffic and the diagnosis have taken nothing in either, and go
    /// on as those on the screen do.
    #[must_use]
    pub(super) fn new(at: Moment, traffic: Traffic, fresh: Diagnosis, watching: Watching) -> Self {
        Self {
            at,
            since: Moment::ZERO,
            traffic,
            diagnoses: BTreeMap::new(),
            fresh,
            watching,
        }
    }

    /// Takes in what was reported up to the moment.
    pub fn apply(&mut self, envelope: &Envelope) {
        self.traffic.apply(envelope);
        let diagnosis = self.diagnoses.entry(envelope.host);
        let diagnosis = diagnosis.or_insert_with(|| self.fresh.clone());
        let host = self.traffic.host(envelope.host);
        if let Event::Interval(interval) = &envelope.event {
            self.watching.look(interval, host, diagnosis);
        }
        diagnosis.observe(&envelope.event, &host.flows);
    }
}

/// Of one session, what was known at a moment is the same whenever it is asked for.
impl PartialEq for Past {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.since) == (other.at, other.since)
    }
}

impl Eq for Past {}
