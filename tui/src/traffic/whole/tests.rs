use std::time::Duration;

use probe_common::Direction;

use super::super::Traffic;
use super::*;
use crate::model::{Envelope, KeyFields, Level, Notice};
use crate::synthetic::{self, Synthetic};

const A: HostId = HostId(0);
const B: HostId = HostId(1);

fn of(host: HostId, event: Event) -> Envelope {
    Envelope { host, event }
}

fn two() -> Traffic {
    let mut traffic = Traffic::of(&["a".to_owned(), "b".to_owned()]);
    for host in [A, B] {
        traffic.apply(&of(host, Event::Devices(synthetic::devices())));
    }
    traffic
}

fn seen(host: &Host) -> u64 {
    let sums = Direction::BOTH.map(|it| host.flows.total().sums(it).seen.packets);
    sums.iter().sum()
}

#[test]
fn all_packets_of_all_hosts_are_in_the_sum() {
    let mut traffic = two();
    let [mut a, mut b] = [3, 4].map(|seed| Synthetic::new(seed, 20));
    for _ in 0..5 {
        traffic.apply(&of(A, Event::Interval(a.interval())));
        traffic.apply(&of(B, Event::Interval(b.interval())));
    }
    // What waits for others is added up with what follows.
    traffic.apply(&of(A, Event::Interval(a.interval())));
    traffic.apply(&of(A, Event::Interval(a.interval())));
    let alone: u64 = [A, B].map(|host| seen(traffic.host(host))).iter().sum();
    assert!(seen(traffic.host(HostId::ALL)) <= alone);
    traffic.apply(&of(A, Event::Interval(Interval::default())));
    let whole = traffic.host(HostId::ALL);
    assert_eq!(seen(whole), alone);
    for direction in Direction::BOTH {
        assert_eq!(whole.flows.total().sums(direction).unaccounted(), 0);
    }
}

#[test]
fn hosts_that_report_together_are_added_up_together() {
    let mut traffic = two();
    let [mut a, mut b] = [3, 4].map(|seed| Synthetic::new(seed, 20));
    for second in 1..=4 {
        traffic.apply(&of(A, Event::Interval(a.interval())));
        traffic.apply(&of(B, Event::Interval(b.interval())));
        let whole = traffic.host(HostId::ALL);
        if second == 1 {
            // It was not known that there is another.
            continue;
        }
        assert_eq!(whole.flows.now(), Duration::from_secs(second));
    }
}

#[test]
fn devices_are_told_apart_by_their_hosts() {
    let traffic = two();
    let whole = traffic.host(HostId::ALL);
    let names = whole.devices.names();
    let of_one = traffic.host(A).devices.watched().count();
    assert_eq!(whole.devices.watched().count(), 2 * of_one);
    let mut found = 0;
    for slot in 0..2 * of_one as u32 {
        let (host, there) = traffic.origin(slot).unwrap();
        let name = traffic.host(host).devices.names().get(there);
        let prefix = ["a", "b"][usize::from(host.0)];
        assert_eq!(names.get(slot), format!("{prefix}/{name}"));
        assert_eq!(names.node(slot), Some(prefix));
        assert_eq!(names.of(slot).name, name);
        found += 1;
    }
    assert_eq!(found, 2 * of_one);
    let mut indices: Vec<u32> = whole.devices.all().iter().map(|it| it.index).collect();
    indices.sort_unstable();
    indices.dedup();
    assert_eq!(indices.len(), whole.devices.all().len());
}

#[test]
fn a_host_that_is_lost_holds_up_no_other() {
    let mut traffic = two();
    let [mut a, mut b] = [3, 4].map(|seed| Synthetic::new(seed, 20));
    for _ in 0..3 {
        traffic.apply(&of(A, Event::Interval(a.interval())));
        traffic.apply(&of(B, Event::Interval(b.interval())));
    }
    for _ in 0..4 {
        traffic.apply(&of(A, Event::Interval(a.interval())));
    }
    let now = traffic.host(HostId::ALL).flows.now();
    assert_eq!(now, traffic.host(A).flows.now());
}

#[test]
fn what_is_alone_has_no_sum() {
    let mut traffic = Traffic::of(&[]);
    let notice = Notice {
        at: Moment::ZERO,
        level: Level::Info,
        text: String::new(),
    };
    traffic.apply(&of(A, Event::Notice(notice)));
    assert_eq!(traffic.origin(0), None);
    assert_eq!(traffic.hosts().len(), 1);
}

#[test]
fn a_flow_that_goes_from_one_host_to_another_is_compared() {
    let mut traffic = two();
    let [mut a, mut b] = [3, 3].map(|seed| Synthetic::new(seed, 20));
    let mut key = None;
    for _ in 0..5 {
        let interval = a.interval();
        // The same flows from the other side.
        let mut other = b.interval();
        for flow in &mut other.flows {
            let it = &mut flow.key;
            std::mem::swap(&mut it.local, &mut it.remote);
            if it.protocol != probe_common::parse::number::ip::ICMP {
                std::mem::swap(&mut it.local_port, &mut it.remote_port);
            }
            flow.value.directions.reverse();
        }
        let first = interval.flows.iter().find(|it| it.key.has_addresses());
        key = first.map(|it| it.key).or(key);
        traffic.apply(&of(A, Event::Interval(interval)));
        traffic.apply(&of(B, Event::Interval(other)));
    }
    let crossings = traffic.crossings(&key.unwrap());
    for crossing in crossings {
        let crossing = crossing.unwrap();
        assert_eq!(crossing.lost, 0);
        assert_ne!(crossing.from, crossing.to);
    }
}
