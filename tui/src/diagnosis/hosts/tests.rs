use super::*;
use crate::model::{Device, Event, Watch};
use crate::synthetic::Synthetic;

fn names() -> Vec<String> {
    ["a", "b"].map(str::to_owned).into()
}

/// The findings on hosts with these stories, whose events come in turns.
fn findings(names: &[String], stories: Vec<Vec<Event>>) -> Vec<Finding> {
    let mut tables = vec![FlowTable::default(); stories.len()];
    let mut diagnoses = Diagnoses::new(Policy::default(), names);
    let most = stories.iter().map(Vec::len).max().unwrap_or_default();
    for turn in 0..most {
        for ((host, story), flows) in (0..).zip(&stories).zip(&mut tables) {
            let Some(event) = story.get(turn) else {
                continue;
            };
            let envelope = Envelope {
                host: HostId(host),
                event: event.clone(),
            };
            if let Event::Interval(interval) = event {
                flows.ingest(interval);
            }
            diagnoses.observe(&envelope, flows);
        }
    }
    diagnoses.findings()
}

/// A story with problems.
fn ill() -> Vec<Event> {
    let story = Synthetic::new(7, 6).story(12);
    story.into_iter().map(|envelope| envelope.event).collect()
}

/// Other devices in the same slots, and nothing wrong with them.
fn healthy() -> Vec<Event> {
    let change = |event| match event {
        Event::Devices(devices) => {
            let other = |device: Device| Device {
                name: format!("{}-other", device.name),
                index: device.index + 100,
                peer: None,
                ..device
            };
            Event::Devices(devices.into_iter().map(other).collect())
        }
        Event::Packets(_) | Event::Signals(_) => Event::Packets(Vec::new()),
        Event::Interval(mut interval) => {
            interval.flows.clear();
            interval.devices.clear();
            Event::Interval(interval)
        }
        event => event,
    };
    ill().into_iter().map(change).collect()
}

#[test]
fn hosts_with_the_same_slots_have_nothing_in_common() {
    let alone = findings(&[], vec![ill()]);
    assert!(!alone.is_empty());
    let expected: Vec<Finding> = alone.iter().map(|it| it.clone().on_node("a")).collect();
    assert_eq!(findings(&names(), vec![ill(), healthy()]), expected);
    let slots = |story: Vec<Event>| -> Vec<u32> {
        let devices = story.into_iter().find_map(|event| match event {
            Event::Devices(devices) => Some(devices),
            _ => None,
        });
        let slot = |device: Device| match device.watch {
            Watch::Yes { slot, .. } => Some(slot),
            _ => None,
        };
        devices.unwrap().into_iter().filter_map(slot).collect()
    };
    assert_eq!(slots(ill()), slots(healthy()));
}

#[test]
fn a_problem_of_two_hosts_is_two_findings() {
    let alone = findings(&[], vec![ill()]);
    let both = findings(&names(), vec![ill(), ill()]);
    assert_eq!(both.len(), 2 * alone.len());
    for name in ["a: ", "b: "] {
        let of_host = both.iter().filter(|it| it.sentence.starts_with(name));
        assert_eq!(of_host.count(), alone.len());
    }
    let order: Vec<_> = both.iter().map(|it| (it.past, it.severity)).collect();
    assert!(order.is_sorted());
}
