use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::model::{Cost, Totals};
use crate::synthetic::Synthetic;

fn seen(interval: &Interval) -> Vec<(u32, [Totals; 2])> {
    let mut devices: Vec<_> = interval
        .devices
        .iter()
        .map(|device| (device.slot, device.directions))
        .collect();
    devices.sort_by_key(|(slot, _)| *slot);
    devices
}

/// Packets and bytes seen, and those of flows and untracked ones.
fn accounts(interval: &Interval, slot: u32, side: usize) -> [[u64; 2]; 2] {
    let device = interval.devices.iter().find(|it| it.slot == slot).unwrap();
    let totals = device.directions[side];
    let mut sum = [totals.untracked_packets, totals.untracked_bytes];
    for flow in interval.flows.iter().filter(|it| it.key.device == slot) {
        sum[0] += flow.value.directions[side].packets;
        sum[1] += flow.value.directions[side].bytes;
    }
    [[totals.packets, totals.bytes], sum]
}

fn assert_accounted(interval: &Interval) {
    for device in &interval.devices {
        for side in [0, 1] {
            let [seen, accounted] = accounts(interval, device.slot, side);
            assert_eq!(seen, accounted, "device {}, side {side}", device.slot);
        }
    }
}

#[test]
fn the_sum_of_intervals_has_all_their_packets_and_flows() {
    let mut source = Synthetic::new(3, 200);
    source.untracked = 7;
    let intervals: Vec<_> = (0..5).map(|_| source.interval()).collect();
    let mut merged = Merged::new(intervals[0].clone());
    for later in &intervals[1..] {
        merged.add(later.clone());
    }
    let sum = merged.into_interval();
    assert_accounted(&sum);
    assert_eq!(sum.at, intervals[4].at);
    assert_eq!(sum.wall, intervals[4].wall);
    assert_eq!(sum.length, Duration::from_secs(5));
    let mut totals = seen(&intervals[0]);
    for later in &intervals[1..] {
        for ((_, sum), (_, later)) in totals.iter_mut().zip(seen(later)) {
            for (sum, later) in sum.iter_mut().zip(later) {
                *sum += later;
            }
        }
    }
    assert_eq!(seen(&sum), totals);
    let keys = |interval: &Interval| -> BTreeSet<FlowKey> {
        interval.flows.iter().map(|flow| flow.key).collect()
    };
    assert_eq!(keys(&sum), intervals.iter().flat_map(keys).collect());
    let cost = intervals.iter().filter_map(|it| it.probe.cost);
    let runs: u64 = cost.map(|Cost { runs, .. }| runs).sum();
    assert_eq!(sum.probe.cost.unwrap().runs, runs);
}

#[test]
fn flows_beyond_the_limit_are_untracked_and_nothing_is_lost() {
    let mut source = Synthetic::new(3, 200);
    let first = source.interval();
    let limit = first.flows.len();
    let mut merged = Merged::with_limit(first, limit);
    for _ in 0..20 {
        merged.add(source.interval());
    }
    let sum = merged.into_interval();
    assert_eq!(sum.flows.len(), limit);
    let untracked = |device: &DeviceTotals| {
        let directions = device.directions.iter();
        directions.map(|it| it.untracked_packets).sum::<u64>()
    };
    assert!(sum.devices.iter().map(untracked).sum::<u64>() > 0);
    assert_accounted(&sum);
}

#[test]
fn a_device_that_came_later_is_there_and_one_that_has_gone_stays() {
    let device = |slot, packets| {
        let mut device = DeviceTotals {
            slot,
            ..DeviceTotals::default()
        };
        device.directions[0].packets = packets;
        device
    };
    let interval = |devices| Interval {
        devices,
        ..Interval::default()
    };
    let mut merged = Merged::new(interval(vec![device(1, 10)]));
    merged.add(interval(vec![device(1, 1), device(2, 5)]));
    merged.add(interval(vec![device(2, 6)]));
    let packets: Vec<_> = seen(&merged.into_interval())
        .iter()
        .map(|(slot, directions)| (*slot, directions[0].packets))
        .collect();
    assert_eq!(packets, [(1, 11), (2, 11)]);
}
