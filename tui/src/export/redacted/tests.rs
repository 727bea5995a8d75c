use std::time::Duration;

use super::*;
use crate::diagnosis::{Diagnosis, Kind};
use crate::synthetic::Synthetic;
use crate::traffic::Traffic;

/// What a diagnosis finds, but for names.
fn findings(events: &[Envelope]) -> Vec<(Kind, Duration, Duration, u64)> {
    let mut traffic = Traffic::default();
    let mut diagnosis = Diagnosis::default();
    for envelope in events {
        traffic.apply(envelope);
        let flows = &traffic.host(envelope.host).flows;
        diagnosis.observe(&envelope.event, flows);
    }
    let findings = diagnosis.findings().into_iter();
    let mut findings: Vec<_> = findings
        .map(|it| (it.kind, it.since, it.last, it.count))
        .collect();
    findings.sort_by_key(|it| format!("{it:?}"));
    findings
}

#[test]
fn what_is_wrong_is_found_under_other_names_too() {
    let events = Synthetic::new(7, 200).story(90);
    let mut redaction = Redaction::random().unwrap();
    let redacted: Vec<_> = events
        .iter()
        .map(|it| redaction.envelope(it.clone()))
        .collect();
    let found = findings(&events);
    assert!(!found.is_empty(), "nothing is wrong here");
    assert_eq!(findings(&redacted), found);
}
