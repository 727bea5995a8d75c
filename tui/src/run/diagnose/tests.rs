use super::*;
use crate::recording::{Item, Reader};

/// A recording with a problem of the device web-7d9f.
const RECORDING: &[u8] = include_bytes!("../../recording/tests/golden-1.nkv");

/// How many problems a filter leaves of the recording's.
fn left(filter: &str) -> usize {
    let mut reader = Reader::open(RECORDING).unwrap();
    let mut traffic = Traffic::default();
    let mut diagnoses = Diagnoses::default();
    let mut narrowed = Narrowed::new(filter.parse().unwrap());
    while let Some(item) = reader.next_item().unwrap() {
        let Item::Event(envelope) = item else {
            continue;
        };
        traffic.apply(&envelope);
        diagnoses.observe(&envelope, &traffic.host(envelope.host).flows);
        if let Event::Interval(_) = envelope.event {
            narrowed.look(envelope.host, &traffic, &mut diagnoses);
        }
    }
    let findings = diagnoses.findings();
    assert!(!findings.is_empty());
    let taken = findings.iter().filter(|finding| narrowed.takes(finding));
    taken.count()
}

#[test]
fn a_filter_leaves_the_problems_of_what_it_matches() {
    let all = left("");
    assert_eq!(left("dev web-7d9f"), all);
    assert_eq!(left("dev eth0"), 0);
    assert_eq!(left("port 443"), 0);
}
