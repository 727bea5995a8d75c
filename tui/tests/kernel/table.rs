//! The flow table while everything happens at once: programs count on all CPUs,
//! known flows and new ones, the same and each its own, until the table is full;
//! meanwhile epochs turn as fast as they can, idle flows are retired, slots are
//! freed and the table is fitted to its flows. What must have been counted is
//! known, since the packets are made here.
//!
//! `NKVIEW_STRESS_PACKETS` asks for more packets than the ten million of CI.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use fastrand::Rng;
use nkview::model::{FlowCounts, Interval};
use nkview::probe::counters::{Budget, Counters};
use nkview::probe::object::{Object, Program, Sizes};
use nkview::sys;
use probe_common::{Attachment, Direction, LinkLayer, verdict};

use crate::Test;

pub fn tests() -> Vec<Test> {
    [
        ("holds_while_all_changes", ample as fn()),
        ("holds_when_full", scarce),
        ("follows_tcp", tcp),
    ]
    .into_iter()
    .map(|(name, run)| Test::new(format!("table::{name}"), [], run))
    .collect()
}

/// Room for all flows, which are first few and then many: the table is fitted.
fn ample() {
    assert_eq!(hammer(1 << 16).untracked, 0);
}

/// Flows come faster than the table can hold.
fn scarce() {
    const FLOWS: u32 = 1 << 9;
    let Hammered { flows, untracked } = hammer(FLOWS);
    assert!(untracked > 0);
    // Slots were given to others, again and again.
    assert!(flows > 20 * FLOWS as usize, "{flows}");
}

/// Packets and bytes by the flow's number and direction.
type Tally = HashMap<(u32, usize), [u64; 2]>;

fn add(tally: &mut Tally, flow: u32, direction: usize, [packets, bytes]: [u64; 2]) {
    let sum = tally.entry((flow, direction)).or_default();
    sum[0] += packets;
    sum[1] += bytes;
}

struct Hammered {
    /// Flows that had a slot.
    flows: usize,
    /// Packets that found no room.
    untracked: u64,
}

/// Counts on all CPUs.
fn hammer(flows: u32) -> Hammered {
    let packets: u64 = std::env::var("NKVIEW_STRESS_PACKETS")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(5_000_000);
    let (mut counters, programs) = start(flows);
    let threads = thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 4));
    let share = packets / threads as u64;
    let running = AtomicUsize::new(threads);
    let mut seen = Tally::new();
    let mut untracked = 0;
    let expected = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let (programs, running) = (&programs, &running);
                scope.spawn(move || {
                    let tally = work(programs, worker as u32, share);
                    running.fetch_sub(1, Ordering::Release);
                    tally
                })
            })
            .collect();
        // One more turn after the last packet.
        let mut is_last = false;
        while !is_last {
            is_last = running.load(Ordering::Acquire) == 0;
            let interval = counters.rotate_epoch(&[0], || ()).unwrap();
            untracked += book(&interval, &mut seen);
        }
        let mut expected = Tally::new();
        for worker in workers {
            for ((flow, direction), counts) in worker.join().unwrap() {
                add(&mut expected, flow, direction, counts);
            }
        }
        expected
    });
    let flows = seen.len();
    let mut missing = 0;
    for (&(flow, direction), expected) in &expected {
        let seen = seen.remove(&(flow, direction)).unwrap_or_default();
        assert!(
            seen[0] <= expected[0] && seen[1] <= expected[1],
            "{flow}: {seen:?} of {expected:?}"
        );
        missing += expected[0] - seen[0];
    }
    assert!(seen.is_empty(), "flows that nobody sent: {seen:?}");
    assert_eq!(missing, untracked);
    Hammered { flows, untracked }
}

/// Two copies of the program, in and out, and no events.
fn start(flows: u32) -> (Counters, [Program; 2]) {
    let (object, maps, _ring) = Object::new(Sizes { flows, ring: 4096 }).unwrap();
    let budget = Budget {
        events: 0,
        samples: 0,
        every_packet: false,
    };
    let programs = Direction::BOTH.map(|direction| {
        let attachment = Attachment {
            device: 0,
            direction: direction as u32,
            verdict: verdict::NEXT,
            link_layer: LinkLayer::Ethernet as u32,
        };
        object.load(attachment).unwrap()
    });
    (
        Counters::new(maps, budget, Instant::now()).unwrap(),
        programs,
    )
}

/// Sends the worker's share of packets; returns them.
fn work(programs: &[Program; 2], worker: u32, share: u64) -> Tally {
    let mut random = Rng::with_seed(worker.into());
    let mut tally = Tally::new();
    let mut sent = 0;
    let mut fresh = 0;
    while sent < share {
        let flow = match random.u8(..8) {
            // The same flow as all others.
            0..2 => 0,
            // The same many.
            2..4 => 1 + random.u32(..4_000),
            // New ones of its own, and those that it had a while ago.
            4..6 => {
                fresh += 1;
                1 << 20 | worker << 21 | (fresh & 0x3fff) >> 2
            }
            // New ones that the others begin at the same time.
            _ => 1 << 23 | (sent as u32 >> 5) & 0xfff,
        };
        let direction = Direction::from_number(random.u32(..2)).unwrap();
        let packet = packet(flow, direction, random.usize(..64));
        let repeat = random.u32(1..=20);
        let program = programs[direction as usize].as_fd();
        sys::test_run(program, &packet, repeat).unwrap();
        let packets = u64::from(repeat);
        let counts = [packets, packets * packet.len() as u64];
        add(&mut tally, flow, direction as usize, counts);
        sent += packets;
    }
    tally
}

/// A datagram of the flow with this number, which is its local address.
fn packet(flow: u32, direction: Direction, payload: usize) -> Vec<u8> {
    let ends = [flow.to_be_bytes(), [192, 0, 2, 1]];
    let (from, to) = match direction {
        Direction::Out => (ends[0], ends[1]),
        Direction::In => (ends[1], ends[0]),
    };
    let start = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
    let ports = [0, 7, 0, 7, 0, 8, 0, 0];
    let rest = vec![0; payload];
    [&[2; 12][..], &[8, 0], &start, &from, &to, &ports, &rest].concat()
}

/// Adds the interval's flows; returns its untracked packets. Each interval holds by
/// itself.
fn book(interval: &Interval, seen: &mut Tally) -> u64 {
    let mut sums = [0; 2];
    let mut keys = std::collections::HashSet::new();
    for FlowCounts { key, value, .. } in &interval.flows {
        assert!(keys.insert(key), "twice in an interval: {key:?}");
        let flow = u32::from_be_bytes(*key.local.last_chunk().unwrap());
        for (direction, counters) in value.directions.iter().enumerate() {
            sums[direction] += counters.packets;
            if counters.packets != 0 {
                add(seen, flow, direction, [counters.packets, counters.bytes]);
            }
        }
    }
    let totals = &interval.devices[0].directions;
    for (sum, totals) in sums.into_iter().zip(totals) {
        assert_eq!(sum + totals.untracked_packets, totals.packets);
    }
    totals.iter().map(|totals| totals.untracked_packets).sum()
}

const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

/// A segment of one connection, in the frame in which it is sent or received.
pub fn segment(
    direction: Direction,
    flags: u8,
    sequence: u32,
    acknowledgment: u32,
    window: u16,
    payload: usize,
) -> Vec<u8> {
    let (ports, ends) = match direction {
        Direction::Out => ([40_000_u16, 443], [1, 2]),
        Direction::In => ([443, 40_000], [2, 1]),
    };
    let length = (40 + payload as u16).to_be_bytes();
    [
        &[2; 12][..],
        &[8, 0, 0x45, 0],
        &length,
        &[0, 0, 0, 0, 64, 6, 0, 0],
        &ends.map(|end| [10, 0, 0, end]).concat(),
        &ports.map(u16::to_be_bytes).concat(),
        &sequence.to_be_bytes(),
        &acknowledgment.to_be_bytes(),
        &[0x50, flags],
        &window.to_be_bytes(),
        &[0; 4],
        &vec![0; payload],
        // Padding of short frames is no payload.
        &[0; 6],
    ]
    .concat()
}

/// A connection with all that can be wrong, segment by segment.
fn tcp() {
    let (mut counters, programs) = start(1024);
    let send = |direction: Direction,
                flags,
                sequence: u32,
                acknowledgment: u32,
                window: u16,
                payload: usize| {
        let packet = segment(direction, flags, sequence, acknowledgment, window, payload);
        sys::test_run(programs[direction as usize].as_fd(), &packet, 1).unwrap();
    };
    use Direction::{In, Out};
    // Its numbers pass the end of their range.
    let ours = |offset: u32| 0xffff_ff00_u32.wrapping_add(offset);
    let theirs = |offset: u32| 5000 + offset;
    send(Out, SYN, ours(0), 0, 64_000, 0);
    send(Out, SYN, ours(0), 0, 64_000, 0);
    send(In, SYN | ACK, theirs(0), ours(1), 65_000, 0);
    send(Out, ACK, ours(1), theirs(1), 500, 0);
    for at in [1, 101, 201] {
        send(Out, ACK, ours(at), theirs(1), 500, 100);
    }
    // The second one is said to be missing, and is sent again with a bit of the next.
    send(In, ACK, theirs(1), ours(101), 400, 0);
    send(In, ACK, theirs(1), ours(101), 400, 0);
    send(In, ACK, theirs(1), ours(101), 400, 0);
    send(Out, ACK, ours(101), theirs(1), 500, 150);
    // Half old, half new.
    send(Out, ACK, ours(251), theirs(1), 500, 100);
    send(In, ACK, theirs(1), ours(351), 0, 0);
    send(In, ACK, theirs(1), ours(351), 0, 0);
    // Keep-alives of either kind, and the answer.
    send(Out, ACK, ours(350), theirs(1), 500, 0);
    send(Out, ACK, ours(350), theirs(1), 500, 1);
    send(In, ACK, theirs(1), ours(351), 400, 0);
    send(In, ACK, theirs(1), ours(351), 400, 0);
    // Something was lost before this.
    send(In, ACK, theirs(101), ours(351), 300, 100);
    send(Out, FIN | ACK, ours(351), theirs(1), 500, 0);
    send(In, RST, theirs(9999), 0, 0, 0);
    let interval = counters.rotate_epoch(&[0], || ()).unwrap();
    let [flow] = &interval.flows[..] else {
        panic!("{:?}", interval.flows);
    };
    let [inwards, outwards] = flow.facts.as_ref().unwrap().tcp;
    assert_eq!(
        [outwards.syn, outwards.syn_ack, outwards.fin, outwards.rst],
        [2, 0, 1, 0]
    );
    assert_eq!(
        [inwards.syn, inwards.syn_ack, inwards.fin, inwards.rst],
        [0, 1, 0, 1]
    );
    assert_eq!(
        (outwards.retransmitted, outwards.retransmitted_bytes),
        (2, 200)
    );
    assert_eq!(
        (
            outwards.gaps,
            outwards.duplicate_acks,
            outwards.zero_windows
        ),
        (0, 0, 0)
    );
    assert_eq!((inwards.retransmitted, inwards.retransmitted_bytes), (0, 0));
    assert_eq!(
        (inwards.gaps, inwards.duplicate_acks, inwards.zero_windows),
        (1, 2, 1)
    );
    assert_eq!(
        flow.value.directions.map(|counters| counters.window),
        [300, 500]
    );
    // Each is reported once, and what lasts is still known.
    send(Out, ACK, ours(251), theirs(1), 500, 100);
    let interval = counters.rotate_epoch(&[0], || ()).unwrap();
    let counts = interval.flows[0].facts.as_ref().unwrap().tcp[Out as usize];
    assert_eq!(
        (counts.retransmitted, counts.retransmitted_bytes, counts.syn),
        (1, 100, 0)
    );
}
