use std::time::Duration;

use probe_common::{
    Counters,
    Direction::{self, In, Out},
    FlowKey, FlowValue,
    parse::number::{
        ether, ip,
        tcp::{ACK, FIN, RST, SYN},
    },
};
use proptest::prelude::*;

use super::{FlowTable, Limits};
use crate::{
    flow::{Count, Sums, TcpState},
    model::{DeviceTotals, FlowCounts, FlowFacts, Interval, Moment, Socket, TcpCounts, Totals},
};

const SECOND: Duration = Duration::from_secs(1);

fn key(device: u32, port: u16) -> FlowKey {
    FlowKey {
        local: [1; 16],
        remote: [2; 16],
        device,
        ether_type: ether::IPV6,
        local_port: port,
        remote_port: 443,
        protocol: ip::TCP,
        flags: 0,
        ..FlowKey::default()
    }
}

fn counters(packets: u64, tcp_flags: u8) -> Counters {
    Counters {
        packets,
        extra_segments: packets * 2,
        bytes: packets * 100,
        tcp_flags,
        largest: 100,
        hop_limit: 64,
        ..Counters::default()
    }
}

fn flow(port: u16, packets: [u64; 2], flags: [u8; 2]) -> FlowCounts {
    let directions = [
        counters(packets[0], flags[0]),
        counters(packets[1], flags[1]),
    ];
    FlowCounts {
        key: key(0, port),
        value: FlowValue { directions },
        facts: None,
    }
}

/// An interval of one second whose totals are what the flows have.
fn interval(at: u64, flows: Vec<FlowCounts>) -> Interval {
    let mut devices = Vec::<DeviceTotals>::new();
    for flow in &flows {
        let slot = flow.key.device;
        if devices.iter().all(|device| device.slot != slot) {
            devices.push(DeviceTotals {
                slot,
                ..DeviceTotals::default()
            });
        }
        for device in devices.iter_mut().filter(|device| device.slot == slot) {
            for (totals, counters) in device.directions.iter_mut().zip(flow.value.directions) {
                *totals += Totals {
                    packets: counters.packets,
                    segments: counters.packets + counters.extra_segments,
                    bytes: counters.bytes,
                    ..Totals::default()
                };
            }
        }
    }
    Interval {
        at: Duration::from_secs(at),
        length: SECOND,
        devices,
        flows,
        ..Interval::default()
    }
}

fn assert_accounted(table: &FlowTable) {
    for direction in Direction::BOTH {
        let sums = table.total().sums(direction);
        assert_eq!(sums.unaccounted(), 0, "{sums:?}");
        let live = table.iter().map(|f| f.counts[direction as usize]).sum();
        assert_eq!(sums.live, live);
    }
}

#[test]
fn a_flow_gathers_what_is_counted() {
    let mut table = FlowTable::default();
    table.ingest(&interval(1, vec![flow(1, [3, 1], [SYN, SYN | ACK])]));
    table.ingest(&interval(2, vec![]));
    table.ingest(&interval(3, vec![flow(1, [2, 0], [ACK, 0])]));
    let flow = table.get(&key(0, 1)).unwrap();
    let count = |packets| Count {
        packets,
        segments: packets * 3,
        bytes: packets * 100,
    };
    assert_eq!(flow.counts, [count(5), count(1)]);
    assert_eq!(flow.first_seen, Moment::ZERO);
    assert_eq!(flow.last_seen, SECOND * 3);
    assert_eq!((flow.largest, flow.hop_limit), ([100, 100], [64, 64]));
    assert_eq!(flow.tcp_flags, [SYN | ACK, SYN | ACK]);
    assert_eq!(flow.tcp, Some(TcpState::Open));
    assert_eq!(flow.rate(In, SECOND, table.clock()), 200.0);
    assert_eq!(
        flow.history.packet_rate(In, SECOND * 3, table.clock()),
        5.0 / 3.0
    );
    assert_eq!(flow.rate(Out, SECOND, table.clock()), 0.0);
    assert_eq!(table.now(), SECOND * 3);
    assert_accounted(&table);
}

#[test]
fn a_hop_limit_stays_when_there_is_no_newer_one() {
    let mut table = FlowTable::default();
    table.ingest(&interval(1, vec![flow(1, [1, 0], [0, 0])]));
    let mut later = flow(1, [1, 0], [0, 0]);
    later.value.directions[0].hop_limit = 0;
    table.ingest(&interval(2, vec![later]));
    assert_eq!(table.get(&key(0, 1)).unwrap().hop_limit[0], 64);
}

#[test]
fn a_hop_limit_is_not_that_of_a_reset_where_another_is_known() {
    let mut table = FlowTable::default();
    let mut reset = flow(1, [1, 0], [0, 0]);
    reset.value.directions[0].tcp_flags = 4;
    reset.value.directions[0].hop_limit = 63;
    table.ingest(&interval(1, vec![reset.clone()]));
    assert_eq!(table.get(&key(0, 1)).unwrap().hop_limit[0], 63);
    table.ingest(&interval(2, vec![flow(1, [1, 0], [0, 0])]));
    table.ingest(&interval(3, vec![reset]));
    assert_eq!(table.get(&key(0, 1)).unwrap().hop_limit[0], 64);
}

#[test]
fn idle_flows_leave_and_their_counts_stay() {
    let mut table = FlowTable::default();
    table.ingest(&interval(1, vec![flow(1, [5, 5], [ACK, ACK])]));
    for at in 2..61 {
        table.ingest(&interval(at, vec![]));
    }
    let flow = table.get(&key(0, 1)).unwrap();
    assert_eq!(flow.idle(table.now()), SECOND * 59);
    assert_eq!(flow.age(table.now()), SECOND * 60);
    table.ingest(&interval(61, vec![]));
    assert_eq!(table.len(), 0);
    assert!(table.get(&key(0, 1)).is_none());
    assert_eq!(table.total().sums(In).expired.packets, 5);
    assert_accounted(&table);
}

#[test]
fn closed_connections_leave_sooner() {
    let mut table = FlowTable::default();
    table.ingest(&interval(
        1,
        vec![
            flow(1, [5, 5], [FIN, FIN]),
            flow(2, [5, 5], [FIN, ACK]),
            flow(3, [5, 5], [ACK, RST]),
        ],
    ));
    for at in 2..11 {
        table.ingest(&interval(at, vec![]));
    }
    assert_eq!(table.len(), 3);
    table.ingest(&interval(11, vec![]));
    assert!(table.iter().map(|flow| flow.key).eq([key(0, 2)]));
    assert_accounted(&table);
}

#[test]
fn a_packet_puts_expiry_off_even_in_the_last_interval() {
    let mut table = FlowTable::default();
    table.ingest(&interval(1, vec![flow(1, [1, 0], [ACK, 0])]));
    table.ingest(&interval(100, vec![flow(1, [1, 0], [ACK, 0])]));
    assert_eq!(table.get(&key(0, 1)).unwrap().counts[0].packets, 2);
    assert_eq!(table.get(&key(0, 1)).unwrap().first_seen, Moment::ZERO);
}

#[test]
fn a_syn_after_the_end_begins_a_connection() {
    for end in [[FIN, FIN], [ACK, RST]] {
        let mut table = FlowTable::default();
        table.ingest(&interval(1, vec![flow(1, [5, 5], end)]));
        table.ingest(&interval(2, vec![flow(1, [1, 0], [ACK, 0])]));
        assert!(table.get(&key(0, 1)).unwrap().is_closed());
        table.ingest(&interval(3, vec![flow(1, [2, 0], [SYN, 0])]));
        let flow = table.get(&key(0, 1)).unwrap();
        assert_eq!(flow.tcp, Some(TcpState::Opening));
        assert_eq!(flow.tcp_flags, [SYN, 0]);
        assert_eq!(flow.first_seen, SECOND * 2);
        assert_eq!(flow.counts[0].packets, 8);
        assert_eq!(flow.rate(In, SECOND * 10, table.clock()), 200.0 / 3.0);
        assert_eq!(
            flow.history.packet_rate(In, SECOND * 60, table.clock()),
            2.0 / 3.0
        );
        // It is expired like any open one.
        for at in 4..63 {
            table.ingest(&interval(at, vec![]));
            assert_eq!(table.len(), 1);
        }
        table.ingest(&interval(63, vec![]));
        assert_eq!(table.len(), 0);
        assert_accounted(&table);
    }
}

#[test]
fn a_full_table_counts_new_flows_as_overflow() {
    let limits = Limits {
        flows: 2,
        ..Limits::default()
    };
    let mut table = FlowTable::new(limits);
    let many = (1..=3).map(|port| flow(port, [10, 1], [ACK, ACK]));
    table.ingest(&interval(1, many.collect()));
    assert_eq!(table.len(), 2);
    assert!(table.get(&key(0, 3)).is_none());
    let sums = table.total().sums(In);
    assert_eq!((sums.live.packets, sums.overflow.packets), (20, 10));
    assert_accounted(&table);
}

#[test]
fn facts_are_summed_and_sockets_are_the_last() {
    let facts = |retransmitted, cookie| FlowFacts {
        tcp: [
            TcpCounts {
                retransmitted,
                ..TcpCounts::default()
            },
            TcpCounts::default(),
        ],
        sockets: [
            Some(Socket {
                cookie,
                ..Socket::default()
            }),
            None,
        ],
    };
    let with = |facts, flags| FlowCounts {
        facts: Some(Box::new(facts)),
        ..flow(1, [1, 1], flags)
    };
    let mut table = FlowTable::default();
    table.ingest(&interval(1, vec![with(facts(2, 7), [ACK, ACK])]));
    table.ingest(&interval(2, vec![with(facts(3, 8), [ACK, ACK])]));
    table.ingest(&interval(3, vec![flow(1, [1, 1], [ACK | FIN, ACK | FIN])]));
    let known = |table: &FlowTable| table.get(&key(0, 1)).unwrap().facts.clone();
    assert_eq!(known(&table), Some(Box::new(facts(5, 8))));
    // Another connection.
    table.ingest(&interval(4, vec![flow(1, [1, 0], [SYN, 0])]));
    assert_eq!(known(&table), None);
}

#[test]
fn ports_that_are_used_again_in_the_interval_of_the_end_are_a_new_connection() {
    let ends = [
        ([SYN | ACK, SYN | ACK | RST], TcpState::Reset),
        ([SYN | ACK | FIN, SYN | ACK | FIN], TcpState::Closed),
    ];
    for (end, state) in ends {
        let mut table = FlowTable::default();
        table.ingest(&interval(1, vec![flow(1, [9, 9], [SYN | ACK, SYN | ACK])]));
        table.ingest(&interval(2, vec![flow(1, [9, 9], [ACK, ACK])]));
        // It ends and another begins, or the new one has ended already.
        table.ingest(&interval(3, vec![flow(1, [9, 9], end)]));
        assert_eq!(table.get(&key(0, 1)).unwrap().tcp, Some(state));
        // The last words of what has ended prove nothing.
        table.ingest(&interval(4, vec![flow(1, [1, 0], [ACK, 0])]));
        assert_eq!(table.get(&key(0, 1)).unwrap().tcp, Some(state));
        let mut again = table.clone();
        again.ingest(&interval(4, vec![flow(1, [1, 1], [FIN | ACK, ACK])]));
        assert_eq!(again.get(&key(0, 1)).unwrap().tcp, Some(state));
    }
    let mut table = FlowTable::default();
    table.ingest(&interval(1, vec![flow(1, [9, 9], [SYN | ACK, SYN | ACK])]));
    table.ingest(&interval(
        2,
        vec![flow(1, [9, 9], [SYN | ACK, SYN | ACK | RST])],
    ));
    table.ingest(&interval(3, vec![flow(1, [2, 2], [ACK, ACK])]));
    let flow_ = table.get(&key(0, 1)).unwrap();
    assert_eq!(flow_.tcp, Some(TcpState::Open));
    assert_eq!(flow_.age(table.now()), SECOND * 2);
    // It has ended without a SYN: what follows does not make it live again.
    table.ingest(&interval(4, vec![flow(1, [2, 2], [ACK, ACK | RST])]));
    table.ingest(&interval(5, vec![flow(1, [2, 2], [ACK, ACK])]));
    assert_eq!(table.get(&key(0, 1)).unwrap().tcp, Some(TcpState::Reset));
}

#[test]
fn closed_then_long_idle_flows_make_room() {
    let limits = Limits {
        flows: 3,
        ..Limits::default()
    };
    let mut table = FlowTable::new(limits);
    let ports = |table: &FlowTable| {
        let mut ports: Vec<_> = table.iter().map(|flow| flow.key.local_port).collect();
        ports.sort_unstable();
        ports
    };
    table.ingest(&interval(1, vec![flow(1, [1, 1], [ACK, ACK])]));
    table.ingest(&interval(
        2,
        vec![flow(2, [1, 1], [ACK, ACK]), flow(3, [1, 1], [FIN, FIN])],
    ));
    table.ingest(&interval(3, vec![flow(4, [1, 1], [ACK, ACK])]));
    assert_eq!(ports(&table), [1, 2, 4], "the closed one is gone");
    table.ingest(&interval(11, vec![flow(5, [1, 1], [ACK, ACK])]));
    assert_eq!(ports(&table), [1, 2, 4], "none is idle for long");
    table.ingest(&interval(12, vec![flow(6, [1, 1], [ACK, ACK])]));
    assert_eq!(ports(&table), [2, 4, 6], "the longest idle one is gone");
    assert_eq!(table.total().sums(In).overflow.packets, 1);
    assert_accounted(&table);
}

#[test]
fn no_flow_of_the_same_interval_makes_room() {
    let limits = Limits {
        flows: 1,
        ..Limits::default()
    };
    let mut table = FlowTable::new(limits);
    table.ingest(&interval(1, vec![flow(1, [1, 1], [FIN, FIN])]));
    // The new flow comes first, the closed one is seen again all the same.
    table.ingest(&interval(
        2,
        vec![flow(2, [1, 1], [ACK, ACK]), flow(1, [1, 1], [ACK, 0])],
    ));
    assert_eq!(table.get(&key(0, 1)).unwrap().counts[0].packets, 2);
    assert_accounted(&table);
}

#[test]
fn untracked_packets_are_in_the_sum() {
    let mut table = FlowTable::default();
    let mut interval = interval(1, vec![flow(1, [5, 5], [ACK, ACK])]);
    let totals = &mut interval.devices[0].directions[0];
    totals.packets += 7;
    totals.untracked_packets += 7;
    totals.untracked_bytes += 700;
    table.ingest(&interval);
    assert_accounted(&table);
    let untracked = table.total().sums(In).untracked;
    assert_eq!((untracked.packets, untracked.bytes), (7, 700));
}

#[test]
fn a_difference_is_told_with_its_sign() {
    let mut table = FlowTable::default();
    let mut more = interval(1, vec![flow(1, [5, 5], [ACK, ACK])]);
    more.devices[0].directions[0].packets += 3;
    more.devices[0].directions[1].packets -= 2;
    table.ingest(&more);
    let unaccounted = |direction| table.device(0).unwrap().sums(direction).unaccounted();
    assert_eq!((unaccounted(In), unaccounted(Out)), (3, -2));
}

#[test]
fn each_device_has_sums_and_a_history() {
    let mut table = FlowTable::default();
    let mut other = flow(1, [1, 2], [ACK, ACK]);
    other.key.device = 7;
    table.ingest(&interval(1, vec![]));
    table.ingest(&interval(2, vec![other, flow(1, [10, 0], [ACK, 0])]));
    let slots: Vec<_> = table.devices().map(|(slot, _)| slot).collect();
    assert_eq!(slots, [0, 7]);
    let device = table.device(7).unwrap();
    assert_eq!(device.sums(Out).seen.packets, 2);
    assert_eq!(device.totals(Out).segments, 6);
    let window = SECOND * 10;
    assert_eq!(device.rate(Out, window, table.clock()), 100.0);
    assert_eq!(device.packet_rate(Out, window, table.clock()), 1.0);
    assert_eq!(table.total().rate(In, window, table.clock()), 550.0);
    let values: Vec<_> = table.total().history().values(In, table.clock()).collect();
    assert_eq!(values, [0.0, 1100.0]);
}

/// What may happen in an interval: some flows, some untracked packets, and
/// how long it is.
fn intervals() -> impl Strategy<Value = Vec<Interval>> {
    let flags = || prop::sample::select(vec![0, SYN, ACK, ACK | FIN, RST]);
    let one = (0..3u32, 0..12u16, 0..50u64, 0..50u64, flags(), flags());
    let flows = prop::collection::vec(one, 0..15);
    prop::collection::vec((flows, 0..5u64, 1..20_000u64), 0..40).prop_map(|intervals| {
        let mut at = Moment::ZERO;
        let made = intervals.into_iter().map(|(flows, untracked, millis)| {
            let flows = flows.into_iter().map(|(device, port, i, o, a, b)| {
                let mut counts = flow(port, [i, o], [a, b]);
                counts.key.device = device;
                counts
            });
            let mut interval = interval(0, flows.collect());
            for device in &mut interval.devices {
                for totals in &mut device.directions {
                    totals.packets += untracked;
                    totals.segments += untracked;
                    totals.bytes += untracked * 60;
                    totals.untracked_packets += untracked;
                    totals.untracked_bytes += untracked * 60;
                }
            }
            interval.length = Duration::from_millis(millis);
            at += interval.length;
            interval.at = at;
            interval
        });
        made.collect()
    })
}

proptest! {
    #[test]
    fn the_sums_always_add_up(intervals in intervals(), flows in 0..30usize) {
        let idle = SECOND * 30;
        let mut table = FlowTable::new(Limits { flows, idle });
        for interval in &intervals {
            table.ingest(interval);
            prop_assert!(table.len() <= flows);
            prop_assert_eq!(table.iter().count(), table.len());
            let mut all = [Sums::default(); 2];
            for (slot, device) in table.devices() {
                for direction in Direction::BOTH {
                    let sums = device.sums(direction);
                    let of_device = table.iter().filter(|flow| flow.key.device == slot);
                    let live = of_device.map(|flow| flow.counts[direction as usize]).sum();
                    prop_assert_eq!(sums.live, live);
                    let untracked = Count {
                        packets: sums.untracked.packets,
                        segments: sums.untracked.packets,
                        bytes: sums.untracked.bytes,
                    };
                    prop_assert_eq!(sums.seen, sums.live + sums.expired + sums.overflow + untracked);
                    prop_assert_eq!(sums.unaccounted(), 0);
                    let all = &mut all[direction as usize];
                    all.seen += sums.seen;
                    all.live += sums.live;
                    all.expired += sums.expired;
                    all.overflow += sums.overflow;
                    all.untracked.packets += sums.untracked.packets;
                    all.untracked.bytes += sums.untracked.bytes;
                }
            }
            prop_assert_eq!(all, Direction::BOTH.map(|direction| table.total().sums(direction)));
            for flow in table.iter() {
                prop_assert!(flow.idle(table.now()) < idle);
                prop_assert_eq!(table.get(&flow.key).map(|found| found.counts), Some(flow.counts));
            }
        }
    }
}
