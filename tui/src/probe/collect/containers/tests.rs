use std::time::Duration;

use super::{Containers, ROOT};
use crate::model::signal::{Owner, Signals, Sockets};
use crate::model::{Event, FlowCounts, FlowFacts, Interval, Socket};
use crate::probe::collect::Collector;

fn interval(cgroup: u64) -> Event {
    let mut facts = FlowFacts::default();
    facts.sockets[0] = Some(Socket {
        cgroup,
        ..Socket::default()
    });
    Event::Interval(Interval {
        at: Duration::from_secs(3),
        flows: vec![FlowCounts {
            facts: Some(Box::new(facts)),
            ..FlowCounts::default()
        }],
        ..Interval::default()
    })
}

#[test]
fn a_cgroup_is_looked_for_once() {
    let mut containers = Containers::default();
    containers.observe(&interval(ROOT));
    assert!(containers.cgroups.is_empty());
    // Of nobody.
    containers.observe(&interval(u64::MAX));
    assert_eq!(containers.cgroups.len(), 1);
    assert!(containers.poll().is_empty());
    containers.observe(&interval(u64::MAX));
    assert!(containers.cgroups.is_empty());
}

#[test]
fn a_process_that_is_another_names_nothing() {
    let mut containers = Containers::default();
    let owner = Owner {
        cookie: 7,
        namespace: 1,
        pid: std::process::id(),
        command: "nkview".to_owned(),
        executable: None,
        // Nothing that runs now has started with the machine.
        started: 1,
        others: 0,
    };
    let signals = Signals {
        owners: vec![owner],
        ..Signals::default()
    };
    containers.observe(&Event::Signals(Box::new(signals)));
    assert!(containers.poll().is_empty());
    assert!(containers.known.contains(&Sockets::Cookie(7)));
    assert!(containers.owners.is_empty());
}
