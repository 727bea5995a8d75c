//! What is worth a look in a recording: all of it is read once, in parallel to the replay.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::track::{Timed, Track};
use crate::diagnosis::{Diagnosis, Policy, Severity};
use crate::model::{Event, HostId, Mark, MarkKind, Moment};
use crate::traffic::Traffic;

/// How often what was found is reported.
const PERIOD: Duration = Duration::from_millis(250);

/// Searches a recording, until the end or until nobody wants to know any more.
pub fn search(track: &Track, policy: Policy, found: &mpsc::Sender<Event>) {
    let mut search = Search {
        policy,
        ..Search::default()
    };
    let mut reported = Instant::now();
    track.read(None, |item| {
        search.take(&item);
        if reported.elapsed() < PERIOD {
            return !found.is_closed();
        }
        reported = Instant::now();
        found.blocking_send(search.report()).is_ok()
    });
    // Nobody may be left to know it.
    let _ = found.blocking_send(search.report());
}

#[derive(Default)]
struct Search {
    policy: Policy,
    traffic: Traffic,
    diagnoses: BTreeMap<HostId, Diagnosis>,
    /// The findings so far, by host, id and begin.
    known: BTreeSet<(HostId, String, Moment)>,
    new: Vec<Mark>,
    until: Moment,
}

impl Search {
    fn take(&mut self, (now, envelope): &Timed) {
        self.until = self.until.max(*now);
        self.traffic.apply(envelope);
        let host = envelope.host;
        let diagnosis = self
            .diagnoses
            .entry(host)
            .or_insert_with(|| Diagnosis::new(self.policy.clone()));
        diagnosis.observe(&envelope.event, &self.traffic.host(host).flows);
        match &envelope.event {
            Event::Interval(_) => {
                for finding in diagnosis.findings() {
                    let kind = match finding.severity {
                        Severity::Error => MarkKind::Error,
                        Severity::Warning => MarkKind::Warning,
                        Severity::Info => continue,
                    };
                    if self.known.insert((host, finding.id, finding.since)) {
                        self.new.push(Mark {
                            at: finding.since,
                            kind,
                        });
                    }
                }
            }
            Event::Notice(notice) => self.new.push(Mark {
                at: notice.at,
                kind: MarkKind::Notice,
            }),
            _ => {}
        }
    }

    fn report(&mut self) -> Event {
        Event::Marks {
            new: std::mem::take(&mut self.new),
            until: self.until,
        }
    }
}
