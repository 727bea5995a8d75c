use std::time::Duration;

use super::*;
use crate::diagnosis::Subject;
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
fn what_is_wrong_with_each_of_two_hosts_is_two_findings() {
    let alone = findings(&[], vec![ill()]);
    assert!(
        alone.iter().all(|it| !it.is_about_addresses()),
        "{alone:#?}"
    );
    let both = findings(&names(), vec![ill(), ill()]);
    assert_eq!(both.len(), 2 * alone.len());
    for name in ["a: ", "b: "] {
        let of_host = both.iter().filter(|it| it.sentence.starts_with(name));
        assert_eq!(of_host.count(), alone.len());
    }
    let order: Vec<_> = both.iter().map(|it| (it.past, it.severity)).collect();
    assert!(order.is_sorted());
}

/// A finding about a host on the network, by what a device of this name has shown.
fn about_host(device: &str, since: u64) -> Finding {
    let address = std::net::Ipv4Addr::new(10, 0, 0, 1).into();
    let name = device.to_owned();
    Finding {
        id: "kind/10.0.0.1".to_owned(),
        subjects: vec![Subject::Host { address }, Subject::Device { name }],
        since: Duration::from_secs(since),
        last: Duration::from_secs(since + 5),
        sentence: format!("seen at {device}"),
        evidence: vec![format!("evidence of {device}")],
        count: since,
        ..findings(&[], vec![ill()]).swap_remove(0)
    }
}

#[test]
fn what_several_hosts_see_of_the_same_addresses_is_one_finding() {
    let over = Finding {
        past: true,
        ..about_host("eth3", 1)
    };
    let found = [
        ("a", about_host("eth1", 7)),
        ("b", about_host("eth2", 5)),
        ("c", over),
    ];
    let all = across(found);
    let [now, past] = &all[..] else {
        panic!("{all:#?}");
    };
    // It is the finding of the host that saw it first, so that its id stays.
    assert_eq!(now.id, "b/kind/10.0.0.1");
    assert_eq!(now.sentence, "a, b: seen at eth2");
    assert_eq!(now.evidence, ["a: evidence of eth1", "b: evidence of eth2"]);
    assert_eq!(
        (now.since.as_secs(), now.last.as_secs(), now.count),
        (5, 12, 7)
    );
    let devices = now.subjects.iter().filter_map(|it| match it {
        Subject::Device { name } => Some(name.as_str()),
        _ => None,
    });
    assert_eq!(devices.collect::<Vec<_>>(), ["b/eth2", "a/eth1"]);
    assert_eq!(now.subjects.len(), 3);
    assert_eq!(past.sentence, "c: seen at eth3");
    assert!(past.past);
}
