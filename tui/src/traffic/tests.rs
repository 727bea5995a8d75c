use super::*;
use crate::flow::Count;
use crate::model::{Device, Watch};
use crate::synthetic::{self, Synthetic};
use probe_common::Direction;

fn envelope(host: u16, event: Event) -> Envelope {
    Envelope {
        host: HostId(host),
        event,
    }
}

/// The synthetic devices, of which the one in slot 0 is as `change` makes it.
fn devices(change: impl Fn(&mut Device)) -> Event {
    let mut devices = synthetic::devices();
    for device in &mut devices {
        if matches!(device.watch, Watch::Yes { slot: 0, .. }) {
            change(device);
        }
    }
    Event::Devices(devices)
}

fn seen(host: &Host, slot: u32) -> u64 {
    let ledger = host.flows.device(slot);
    ledger.map_or(0, |it| {
        Direction::BOTH
            .map(|direction| it.sums(direction).seen.packets)
            .iter()
            .sum()
    })
}

#[test]
fn a_slot_that_is_used_again_starts_at_zero() {
    let mut traffic = Traffic::default();
    let mut source = Synthetic::new(1, 60);
    traffic.apply(&envelope(0, devices(|_| ())));
    for _ in 0..3 {
        traffic.apply(&envelope(0, Event::Interval(source.interval())));
    }
    let host = HostId::default();
    let before = traffic.clone();
    assert!(seen(before.host(host), 0) > 0);

    // The same device under another name.
    traffic.apply(&envelope(0, devices(|it| it.name = "renamed".to_owned())));
    let renamed = traffic.host(host);
    assert_eq!(renamed.devices.names().get(0), "renamed");
    assert_eq!(seen(renamed, 0), seen(before.host(host), 0));

    // Another device.
    traffic.apply(&envelope(0, devices(|it| it.index += 1000)));
    let after = traffic.host(host);
    assert_eq!(seen(after, 0), 0);
    assert_eq!(seen(after, 1), seen(before.host(host), 1));
    assert!(after.flows.iter().all(|flow| flow.key.device != 0));
    for direction in Direction::BOTH {
        let (was, is) = (before.host(host).flows.total(), after.flows.total());
        assert_eq!(was.sums(direction).seen, is.sums(direction).seen);
        assert_eq!(is.sums(direction).unaccounted(), 0);
        assert!(is.sums(direction).expired != Count::default());
    }
    // What was copied before has not changed.
    assert!(seen(before.host(host), 0) > 0);
}

#[test]
fn a_device_that_comes_back_after_it_was_gone_is_another() {
    let mut traffic = Traffic::default();
    let mut source = Synthetic::new(1, 60);
    traffic.apply(&envelope(0, devices(|_| ())));
    traffic.apply(&envelope(0, Event::Interval(source.interval())));
    traffic.apply(&envelope(
        0,
        devices(|it| it.watch = Watch::Gone { slot: 0 }),
    ));
    assert!(seen(traffic.host(HostId(0)), 0) > 0);
    traffic.apply(&envelope(0, devices(|_| ())));
    assert_eq!(seen(traffic.host(HostId(0)), 0), 0);
}

#[test]
fn a_device_that_is_watched_again_is_listed_once() {
    let mut traffic = Traffic::default();
    let Event::Devices(mut devices) = devices(|_| ()) else {
        unreachable!()
    };
    let listed = devices.len();
    let again = devices.iter().find(|it| it.name == synthetic::NAMES[0]);
    let again = again.unwrap().clone();
    devices.extend([7, 8].map(|slot| Device {
        watch: Watch::Gone { slot },
        ..again.clone()
    }));
    let removed = Device {
        index: 77,
        watch: Watch::Gone { slot: 9 },
        ..Device::default()
    };
    devices.extend([removed.clone(), removed]);
    traffic.apply(&envelope(0, Event::Devices(devices)));
    let devices = &traffic.host(HostId(0)).devices;
    assert_eq!(devices.all().len(), listed + 1);
    let watched = devices
        .all()
        .iter()
        .find(|it| it.name == synthetic::NAMES[0]);
    assert!(matches!(watched.unwrap().watch, Watch::Yes { slot: 0, .. }));
    // Flows that were counted before have their names still.
    assert_eq!(devices.names().get(8), synthetic::NAMES[0]);
    assert!(devices.names().is_gone(8) && !devices.names().is_gone(0));
}

#[test]
fn hosts_are_kept_apart() {
    let mut traffic = Traffic::default();
    let [mut a, mut b] = [1, 2].map(|seed| Synthetic::new(seed, 30));
    for _ in 0..3 {
        traffic.apply(&envelope(0, Event::Interval(a.interval())));
        traffic.apply(&envelope(1, Event::Interval(b.interval())));
    }
    let mut alone = Traffic::default();
    let mut b = Synthetic::new(2, 30);
    for _ in 0..3 {
        alone.apply(&envelope(1, Event::Interval(b.interval())));
    }
    assert_eq!(traffic.hosts().count(), 2);
    let [with, without] = [&traffic, &alone].map(|it| it.host(HostId(1)));
    assert_eq!(seen(with, 0), seen(without, 0));
    assert_eq!(with.flows.len(), without.flows.len());
    assert_eq!(alone.host(HostId(0)).flows.len(), 0);
}
