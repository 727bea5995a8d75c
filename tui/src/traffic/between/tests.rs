use std::net::Ipv4Addr;

use probe_common::parse::number::{ether, ip};
use probe_common::{Counters, FlowValue};

use super::*;
use crate::model::{DeviceTotals, FlowCounts, Hooks, LinkCounters, Peer, PeerDevice};

const A: HostId = HostId(0);
const B: HostId = HostId(1);
const OTHER: HostId = HostId(2);

/// The flow as A sees it, whose end is local there, on a device.
fn at_a(device: u32) -> FlowKey {
    let [local, remote] = [1, 2].map(|n| Ipv4Addr::new(10, 0, 0, n).to_ipv6_mapped().octets());
    FlowKey {
        local,
        remote,
        device,
        ether_type: ether::IPV4,
        local_port: 40_000,
        remote_port: 53,
        protocol: ip::UDP,
        ..FlowKey::default()
    }
}

/// The same flow as B sees it.
fn at_b(device: u32) -> FlowKey {
    let key = at_a(device);
    FlowKey {
        local: key.remote,
        remote: key.local,
        local_port: key.remote_port,
        remote_port: key.local_port,
        ..key
    }
}

fn flow(key: FlowKey, inward: u64, outward: u64) -> FlowCounts {
    let directions = [inward, outward].map(|packets| Counters {
        packets,
        bytes: packets * 100,
        ..Counters::default()
    });
    FlowCounts {
        key,
        value: FlowValue { directions },
        facts: None,
    }
}

/// The interval of a second that ends at this many milliseconds.
fn interval(at: u64, flows: Vec<FlowCounts>) -> Interval {
    Interval {
        at: Duration::from_millis(at),
        length: Duration::from_secs(1),
        flows,
        ..Interval::default()
    }
}

/// Two hosts that have counted long enough to be compared, up to 10 s. The intervals
/// of B end `offset` milliseconds later.
fn two(offset: u64) -> Between {
    let mut between = Between::default();
    for second in 1..=10 {
        between.ingest(A, &interval(second * 1_000, Vec::new()));
        between.ingest(B, &interval(second * 1_000 + offset, Vec::new()));
    }
    between
}

/// What was sent from A to B.
fn from_a(between: &Between) -> Option<Crossing> {
    between.crossings(&at_a(0))[Direction::Out as usize]
}

fn lost(between: &Between) -> u64 {
    from_a(between).map_or(0, |crossing| crossing.lost)
}

/// Lets both count nothing for some seconds, from the end of this one on.
fn pause(between: &mut Between, second: u64) {
    for second in second + 1..=second + 4 {
        between.ingest(A, &interval(second * 1_000, Vec::new()));
        between.ingest(B, &interval(second * 1_000, Vec::new()));
    }
}

#[test]
fn what_one_sent_and_the_other_did_not_get_is_lost() {
    let mut between = two(0);
    between.ingest(A, &interval(11_000, vec![flow(at_a(0), 7, 100)]));
    between.ingest(B, &interval(11_000, vec![flow(at_b(3), 93, 8)]));
    pause(&mut between, 11);
    let crossing = from_a(&between).unwrap();
    let expected = Crossing {
        from: A,
        to: B,
        sent: 100,
        received: 93,
        lost: 7,
    };
    assert_eq!(crossing, expected);
    // And on the way back, whichever host is asked.
    for back in [
        between.crossings(&at_a(0))[Direction::In as usize],
        between.crossings(&at_b(9))[Direction::Out as usize],
    ] {
        let back = back.unwrap();
        assert_eq!((back.from, back.to), (B, A));
        assert_eq!((back.sent, back.received, back.lost), (8, 7, 1));
    }
}

#[test]
fn segments_are_compared_not_packets_that_offloads_have_joined() {
    let mut between = two(0);
    let mut sent = flow(at_a(0), 0, 1);
    sent.value.directions[Direction::Out as usize].extra_segments = 44;
    between.ingest(A, &interval(11_000, vec![sent]));
    between.ingest(B, &interval(11_000, vec![flow(at_b(0), 45, 0)]));
    pause(&mut between, 11);
    let crossing = from_a(&between).unwrap();
    assert_eq!(
        (crossing.sent, crossing.received, crossing.lost),
        (45, 45, 0)
    );
}

#[test]
fn what_is_in_transit_or_not_reported_yet_is_not_lost() {
    for offset in [0, 300, 900] {
        let mut between = two(offset);
        // 100 a second, which take half a second; the last ones never come.
        for second in 11..=30 {
            between.ingest(A, &interval(second * 1_000, vec![flow(at_a(0), 0, 100)]));
            assert_eq!(lost(&between), 0, "offset {offset}, second {second}");
            let came = if second == 11 { 50 } else { 100 };
            let at = second * 1_000 + offset;
            between.ingest(B, &interval(at, vec![flow(at_b(0), came, 0)]));
            assert_eq!(lost(&between), 0, "offset {offset}, second {second}");
        }
        pause(&mut between, 30);
        assert_eq!(lost(&between), 50);
    }
}

#[test]
fn loss_shows_while_the_flow_goes_on() {
    let mut between = two(0);
    for second in 11..=40 {
        between.ingest(A, &interval(second * 1_000, vec![flow(at_a(0), 0, 100)]));
        between.ingest(B, &interval(second * 1_000, vec![flow(at_b(0), 90, 0)]));
    }
    // All but what may be in transit.
    let lost = lost(&between);
    assert!((1..=300).contains(&lost), "{lost}");
    pause(&mut between, 40);
    assert_eq!(from_a(&between).unwrap().lost, 300);
}

#[test]
fn intervals_that_are_late_or_merged_bring_no_loss() {
    let mut between = two(0);
    for second in 11..=18 {
        between.ingest(A, &interval(second * 1_000, vec![flow(at_a(0), 0, 100)]));
        assert_eq!(lost(&between), 0);
    }
    // B reports eight seconds at once.
    let late = Interval {
        length: Duration::from_secs(8),
        ..interval(18_000, vec![flow(at_b(0), 780, 0)])
    };
    between.ingest(B, &late);
    assert_eq!(lost(&between), 0);
    pause(&mut between, 18);
    assert_eq!(lost(&between), 20);
}

#[test]
fn what_came_before_both_were_watched_is_not_compared() {
    let mut between = Between::default();
    for second in 1..=5 {
        between.ingest(A, &interval(second * 1_000, vec![flow(at_a(0), 0, 100)]));
    }
    for second in 6..=20 {
        between.ingest(A, &interval(second * 1_000, vec![flow(at_a(0), 0, 100)]));
        between.ingest(B, &interval(second * 1_000, vec![flow(at_b(0), 100, 0)]));
        assert_eq!(lost(&between), 0, "second {second}");
    }
    pause(&mut between, 20);
    assert_eq!(lost(&between), 0);
    assert!(from_a(&between).unwrap().sent <= 1_500);
}

#[test]
fn what_a_host_that_was_lost_did_not_count_is_not_lost() {
    let mut between = two(0);
    between.ingest(A, &interval(11_000, vec![flow(at_a(0), 0, 100)]));
    between.ingest(B, &interval(11_000, vec![flow(at_b(0), 100, 0)]));
    between.cut(B);
    for second in 12..=16 {
        between.ingest(A, &interval(second * 1_000, vec![flow(at_a(0), 0, 100)]));
        assert_eq!(lost(&between), 0);
    }
    // It is back, by another nkview.
    for second in 17..=30 {
        between.ingest(A, &interval(second * 1_000, vec![flow(at_a(0), 0, 100)]));
        between.ingest(B, &interval(second * 1_000, vec![flow(at_b(0), 100, 0)]));
        assert_eq!(lost(&between), 0, "second {second}");
    }
    pause(&mut between, 30);
    assert_eq!(lost(&between), 0);
    // From then on it is exact again.
    between.ingest(A, &interval(35_000, vec![flow(at_a(0), 0, 100)]));
    between.ingest(B, &interval(35_000, vec![flow(at_b(0), 60, 0)]));
    pause(&mut between, 35);
    assert_eq!(lost(&between), 40);
}

#[test]
fn a_gap_between_intervals_and_packets_without_a_flow_begin_anew() {
    let mut between = two(0);
    for second in 11..=40 {
        between.ingest(A, &interval(second * 1_000, vec![flow(at_a(0), 0, 100)]));
        let mut of_b = interval(second * 1_000, vec![flow(at_b(0), 100, 0)]);
        match second {
            // This one is missing in the recording.
            20 => continue,
            // The kernel's flow table was full.
            30 => {
                of_b.flows.clear();
                of_b.devices.push(DeviceTotals::default());
                of_b.devices[0].directions[0].untracked_packets = 100;
            }
            _ => {}
        }
        between.ingest(B, &of_b);
        assert_eq!(lost(&between), 0, "second {second}");
    }
    pause(&mut between, 40);
    assert_eq!(lost(&between), 0);
}

#[test]
fn several_devices_of_a_host_see_a_packet_once() {
    let mut between = two(0);
    // The pod and the uplink; three packets do not leave A, and two not reach B's pod.
    let of_a = vec![flow(at_a(0), 0, 100), flow(at_a(1), 0, 97)];
    let of_b = vec![flow(at_b(0), 90, 0), flow(at_b(1), 88, 0)];
    between.ingest(A, &interval(11_000, of_a));
    between.ingest(B, &interval(11_000, of_b));
    pause(&mut between, 11);
    let crossing = from_a(&between).unwrap();
    assert_eq!(
        (crossing.sent, crossing.received, crossing.lost),
        (97, 90, 7)
    );
    // The way into B changes: that is no loss.
    let mut between = two(0);
    for (second, device) in [(11, 0), (12, 0), (13, 1), (14, 1), (15, 0)] {
        between.ingest(A, &interval(second * 1_000, vec![flow(at_a(0), 0, 100)]));
        let of_b = vec![flow(at_b(device), 100, 0)];
        between.ingest(B, &interval(second * 1_000, of_b));
    }
    pause(&mut between, 15);
    assert_eq!(lost(&between), 0);
}

#[test]
fn a_router_between_them_is_neither_end() {
    let mut between = two(0);
    between.ingest(OTHER, &interval(10_000, Vec::new()));
    for second in 11..=14 {
        between.ingest(OTHER, &interval(second * 1_000, Vec::new()));
        between.ingest(A, &interval(second * 1_000, Vec::new()));
        between.ingest(B, &interval(second * 1_000, Vec::new()));
    }
    let at_router = vec![flow(at_b(0), 95, 0), flow(at_a(1), 0, 94)];
    between.ingest(A, &interval(15_000, vec![flow(at_a(0), 0, 100)]));
    between.ingest(OTHER, &interval(15_000, at_router));
    between.ingest(B, &interval(15_000, vec![flow(at_b(0), 90, 0)]));
    pause(&mut between, 15);
    let crossing = from_a(&between).unwrap();
    assert_eq!((crossing.from, crossing.to, crossing.lost), (A, B, 10));
}

#[test]
fn where_it_is_unclear_who_is_meant_nothing_is_claimed() {
    let mut between = two(0);
    // Seen by one host only, as behind address translation.
    between.ingest(A, &interval(11_000, vec![flow(at_a(0), 0, 100)]));
    pause(&mut between, 11);
    assert_eq!(between.crossings(&at_a(0)), [None; 2]);
    // Two hosts of which each might be the one that it came to.
    between.ingest(B, &interval(16_000, vec![flow(at_b(0), 9, 0)]));
    between.ingest(OTHER, &interval(16_000, vec![flow(at_b(0), 9, 0)]));
    assert_eq!(between.crossings(&at_a(0)), [None; 2]);
}

#[test]
fn what_is_idle_is_forgotten() {
    let mut between = two(0);
    between.ingest(A, &interval(11_000, vec![flow(at_a(0), 0, 100)]));
    between.ingest(B, &interval(11_000, vec![flow(at_b(0), 90, 0)]));
    for second in 12..=200 {
        between.ingest(A, &interval(second * 1_000, Vec::new()));
        between.ingest(B, &interval(second * 1_000, Vec::new()));
    }
    assert!(between.conversations.is_empty());
    assert_eq!(between.crossings(&at_a(0)), [None; 2]);
}

/// An end of a pair with these addresses that is watched as if the other one were a
/// container's.
fn end_of_pair(mac: u8, peer: u8) -> Device {
    Device {
        mac: vec![mac; 6],
        peer: Some(Peer {
            index: 1,
            namespace: None,
            device: Some(PeerDevice {
                name: "eth0".to_owned(),
                mac: vec![peer; 6],
                mtu: 1500,
                up: true,
                counters: LinkCounters::default(),
            }),
        }),
        watch: Watch::Yes {
            slot: 0,
            hooks: Hooks::Tcx,
            local: LocalEnd::Peer,
        },
        ..Device::default()
    }
}

#[test]
fn hosts_at_the_two_ends_of_a_pair_send_what_they_have_for_the_others() {
    for (of_b, from) in [(end_of_pair(2, 1), B), (end_of_pair(4, 3), A)] {
        let mut between = two(0);
        between.devices(A, &[end_of_pair(1, 2)]);
        between.devices(B, &[of_b]);
        between.ingest(A, &interval(11_000, vec![flow(at_a(0), 0, 93)]));
        between.ingest(B, &interval(11_000, vec![flow(at_b(0), 93, 0)]));
        pause(&mut between, 11);
        assert_eq!(from_a(&between).map(|it| it.from), Some(from));
    }
}
