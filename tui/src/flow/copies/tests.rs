use std::time::Duration;

use probe_common::parse::number::{ether, ip};
use probe_common::{Counters, Direction, FlowKey, FlowValue};

use crate::flow::FlowTable;
use crate::model::{DeviceTotals, FlowCounts, Interval, Totals};

/// A flow between 1:1000 and 2:443 on a device; its local end is one or the other.
fn key(device: u32, local_is_client: bool) -> FlowKey {
    let ends = [([1; 16], 1000), ([2; 16], 443)];
    let [local, remote] = if local_is_client {
        ends
    } else {
        [ends[1], ends[0]]
    };
    FlowKey {
        local: local.0,
        local_port: local.1,
        remote: remote.0,
        remote_port: remote.1,
        device,
        ether_type: ether::IPV6,
        protocol: ip::TCP,
        ..FlowKey::default()
    }
}

/// A table that is fed with packets in and out of flows, a second at a time.
#[derive(Default)]
struct Feed {
    table: FlowTable,
    seconds: u32,
}

impl Feed {
    fn pass(&mut self, flows: &[(FlowKey, [u64; 2])]) {
        let length = Duration::from_secs(1);
        self.seconds += 1;
        let counted = flows.iter().map(|(key, packets)| FlowCounts {
            key: *key,
            value: FlowValue {
                directions: packets.map(|packets| Counters {
                    packets,
                    bytes: packets * 100,
                    ..Counters::default()
                }),
            },
            facts: None,
        });
        let device = |slot: u32| {
            let mut directions = [Totals::default(); 2];
            for (key, packets) in flows.iter().filter(|(key, _)| key.device == slot) {
                assert_eq!(key.device, slot);
                for (totals, packets) in directions.iter_mut().zip(packets) {
                    totals.packets += packets;
                    totals.bytes += packets * 100;
                }
            }
            DeviceTotals {
                slot,
                directions,
                ..DeviceTotals::default()
            }
        };
        self.table.ingest(&Interval {
            at: length * self.seconds,
            length,
            devices: [0, 1, 2].map(device).to_vec(),
            flows: counted.collect(),
            ..Interval::default()
        });
        // Whatever else, the sums of flows hold.
        for direction in Direction::BOTH {
            assert_eq!(self.table.total().sums(direction).unaccounted(), 0);
        }
    }

    /// Packets in and out that all devices saw, each once.
    fn whole(&self) -> [u64; 2] {
        Direction::BOTH.map(|d| self.table.whole().sums(d).seen.packets)
    }
}

#[test]
fn a_flow_on_two_devices_counts_once() {
    let mut feed = Feed::default();
    feed.pass(&[(key(0, false), [10, 8]), (key(1, false), [10, 8])]);
    assert_eq!(feed.whole(), [10, 8]);
    assert_eq!(feed.table.repeated().packets, 18);
    let original = feed.table.original(&key(1, false)).map(|flow| flow.key);
    assert_eq!(original, Some(key(0, false)));
    assert!(feed.table.original(&key(0, false)).is_none());
}

#[test]
fn what_one_pod_sends_another_receives() {
    let mut feed = Feed::default();
    // Of both devices the pod is local: what goes out of one goes in to the other.
    for _ in 0..5 {
        feed.pass(&[(key(0, true), [8, 10]), (key(1, false), [10, 8])]);
    }
    assert_eq!(feed.whole(), [40, 50]);
    assert_eq!(feed.table.repeated().packets, 90);
}

#[test]
fn a_packet_between_two_readings_counts_once() {
    let mut feed = Feed::default();
    feed.pass(&[(key(0, false), [10, 0]), (key(1, false), [9, 0])]);
    feed.pass(&[(key(1, false), [1, 0])]);
    assert_eq!(feed.whole(), [10, 0]);
    // The other way round, too.
    feed.pass(&[(key(0, false), [9, 0]), (key(1, false), [10, 0])]);
    feed.pass(&[(key(0, false), [1, 0])]);
    assert_eq!(feed.whole(), [20, 0]);
}

#[test]
fn of_packets_that_are_dropped_in_between_the_larger_number_counts() {
    let mut feed = Feed::default();
    for _ in 0..10 {
        feed.pass(&[(key(0, false), [10, 0]), (key(1, false), [7, 0])]);
    }
    assert_eq!(feed.whole(), [100, 0]);
}

#[test]
fn a_flow_that_changes_its_path_goes_on_counting() {
    let mut feed = Feed::default();
    for _ in 0..3 {
        feed.pass(&[(key(0, false), [10, 0]), (key(2, false), [10, 0])]);
    }
    for _ in 0..3 {
        feed.pass(&[(key(1, false), [10, 0]), (key(2, false), [10, 0])]);
    }
    assert_eq!(feed.whole(), [60, 0]);
}

#[test]
fn other_flows_and_other_vlans_of_a_device_are_no_copies() {
    let mut feed = Feed::default();
    let tagged = |device, vlan| FlowKey {
        vlan,
        ..key(device, false)
    };
    // A device that routes between two VLANs carries both.
    feed.pass(&[(tagged(0, 5), [10, 0]), (tagged(0, 6), [0, 10])]);
    assert_eq!(feed.whole(), [10, 10]);
    // A VLAN device on it sees one of them, without the tag.
    feed.pass(&[(tagged(0, 5), [10, 0]), (tagged(1, 0), [10, 0])]);
    assert_eq!(feed.whole(), [20, 10]);
    let other = FlowKey {
        local_port: 444,
        ..key(2, false)
    };
    feed.pass(&[(other, [3, 0])]);
    assert_eq!(feed.whole(), [23, 10]);
}

#[test]
fn flows_that_leave_are_forgotten() {
    let mut feed = Feed::default();
    for _ in 0..2 {
        feed.pass(&[(key(0, false), [10, 0]), (key(1, false), [10, 0])]);
    }
    for _ in 0..70 {
        feed.pass(&[(key(1, false), [1, 0])]);
    }
    // The copy is alone now, and counts.
    assert!(feed.table.original(&key(1, false)).is_none());
    assert_eq!(feed.whole(), [90, 0]);
    assert!(feed.table.copies.is_empty());
}
