use std::sync::Arc;

use super::*;
use crate::diagnosis::{Baseline, Kind};
use crate::model::{Envelope, Event, HostId};
use crate::synthetic::Synthetic;
use crate::traffic::Traffic;

struct Seen {
    traffic: Traffic,
    diagnosis: Diagnosis,
    watching: Watching,
}

impl Seen {
    fn new(watching: Watching) -> Self {
        Self {
            traffic: Traffic::default(),
            diagnosis: Diagnosis::default(),
            watching,
        }
    }

    fn take(&mut self, envelope: &Envelope) {
        self.traffic.apply(envelope);
        let host = self.traffic.host(HostId::default());
        if let Event::Interval(interval) = &envelope.event {
            self.watching.look(interval, host, &mut self.diagnosis);
        }
        self.diagnosis.observe(&envelope.event, &host.flows);
    }

    fn findings(&self, kind: Kind) -> Vec<String> {
        let findings = self.diagnosis.findings().into_iter();
        let of_kind = findings.filter(|it| it.kind == kind && !it.past);
        of_kind.map(|it| it.sentence).collect()
    }
}

fn story() -> Vec<Envelope> {
    let events = Synthetic::new(3, 40).story(5).into_iter();
    // Made-up packets would be problems of their own.
    events
        .filter(|it| !matches!(it.event, Event::Packets(_)))
        .collect()
}

#[test]
fn a_flow_that_is_watched_for_is_found_and_no_other() {
    let filter = Filter::parse("tcp port 443").unwrap();
    let mut seen = Seen::new(Watching::for_one(filter).unwrap());
    for envelope in story() {
        seen.take(&envelope);
    }
    let found = seen.findings(Kind::WATCHED_FOR);
    assert!(!found.is_empty());
    for sentence in found {
        assert!(
            sentence.contains(":443") && sentence.contains("tcp"),
            "{sentence}"
        );
    }
    let mut none = Seen::new(Watching::for_one(Filter::parse("port 9").unwrap()).unwrap());
    for envelope in story() {
        none.take(&envelope);
    }
    assert_eq!(none.findings(Kind::WATCHED_FOR), Vec::<String>::new());
}

#[test]
fn the_same_filter_again_is_not_watched_for_any_more() {
    let mut watching = Watching::default();
    let filter = |port: usize| Filter::parse(&format!("port {port}")).unwrap();
    assert_eq!(watching.toggle(filter(1)), Ok(true));
    assert_eq!(watching.toggle(filter(1)), Ok(false));
    for port in 0..MOST {
        assert_eq!(watching.toggle(filter(port)), Ok(true));
    }
    assert!(watching.toggle(filter(MOST)).is_err());
    assert!(watching.clear() && !watching.clear());
}

#[test]
fn a_filter_of_several_hosts_is_refused_where_each_is_looked_at_alone() {
    for text in ["node web-1", "tcp and not node web-*", "dev web-1/eth0"] {
        let filter = Filter::parse(text).unwrap();
        let refused = Watching::for_one(filter.clone()).unwrap_err();
        assert!(refused.contains("among several"), "{text}: {refused}");
        assert_eq!(Watching::default().toggle(filter), Err(refused));
    }
}

#[test]
fn peers_of_the_baseline_are_known_and_others_are_new() {
    let mut baseline = Baseline::default();
    let mut remotes = std::collections::BTreeSet::new();
    for Envelope { event, .. } in story() {
        // All but the flows of one service were there before.
        let event = match event {
            Event::Interval(mut interval) => {
                interval.flows.retain(|it| {
                    let is_left_out = it.key.local_port == 443;
                    if !is_left_out {
                        remotes.insert(it.key.remote);
                    }
                    !is_left_out
                });
                Event::Interval(interval)
            }
            event => event,
        };
        baseline.learn(&event);
    }
    assert!(!baseline.is_empty() && !baseline.is_full());
    let mut seen = Seen::new(Watching::default());
    seen.diagnosis.compare(Arc::new(baseline.clone()));
    let mut expected = std::collections::BTreeSet::new();
    for envelope in story() {
        if let Event::Interval(interval) = &envelope.event {
            let new = interval.flows.iter().filter(|it| it.key.local_port == 443);
            let new = new.filter(|it| !remotes.contains(&it.key.remote));
            expected.extend(new.map(|it| (it.key.device, it.key.remote)));
        }
        seen.take(&envelope);
    }
    assert!(!expected.is_empty());
    assert_eq!(seen.findings(Kind::NEW_PEER).len(), expected.len());

    // All of it was there before.
    let mut whole = Baseline::default();
    let mut calm = Seen::new(Watching::default());
    for envelope in story() {
        whole.learn(&envelope.event);
    }
    calm.diagnosis.compare(Arc::new(whole));
    // Nothing is known of devices that were not watched then.
    let mut unknown = Seen::new(Watching::default());
    unknown.diagnosis.compare(Arc::new(Baseline::default()));
    for envelope in story() {
        calm.take(&envelope);
        unknown.take(&envelope);
    }
    assert_eq!(calm.findings(Kind::NEW_PEER), Vec::<String>::new());
    assert_eq!(unknown.findings(Kind::NEW_PEER), Vec::<String>::new());
}
