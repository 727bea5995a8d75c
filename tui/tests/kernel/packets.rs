//! The program in the kernel on packets that no device sends: cut off, damaged,
//! contradicting themselves, made of noise, as large as a test takes
//! (`BPF_PROG_TEST_RUN`). It lets each go on, and has counted what the parser
//! finds in it here.

pub mod bench;

use std::os::fd::AsFd;

use fastrand::Rng;
use nkview::probe::object::Sizes;
use nkview::sys;
use probe_common::verdict;

use crate::Test;
use crate::need::Need;
use bench::{Bench, LENGTHS, fit, seeds};

/// Sizes that are enough for everything.
const AMPLE: Sizes = Sizes {
    flows: 1 << 16,
    ring: 1 << 20,
};

pub fn tests() -> Vec<Test> {
    [
        ("cut_off_everywhere", cut_off as fn()),
        ("damaged", damaged),
        ("noise", noise),
        ("giants", giants),
        ("more_than_the_maps_hold", no_room),
        ("any_verdict", any_verdict),
    ]
    .into_iter()
    .map(|(name, run)| Test::new(format!("packets::{name}"), [], run))
    .chain([Test::new(
        "packets::headers_that_are_not_linear",
        [Need::PagedTests],
        not_linear,
    )])
    .collect()
}

fn bytes(random: &mut Rng, length: usize) -> Vec<u8> {
    std::iter::repeat_with(|| random.u8(..))
        .take(length)
        .collect()
}

fn cut_off() {
    let mut bench = Bench::new(AMPLE);
    for seed in seeds() {
        let seed = fit(seed);
        for length in *LENGTHS.start()..=seed.len() {
            bench.give(&seed[..length]);
        }
    }
    bench.check();
}

/// Bytes changed, pieces taken out, put in and doubled.
fn damaged() {
    let mut random = Rng::with_seed(1);
    let mut bench = Bench::new(AMPLE);
    let seeds = seeds();
    for _ in 0..4000 {
        let mut packet = seeds[random.usize(..seeds.len())].clone();
        for _ in 0..random.usize(1..=4) {
            // Headers are at the start.
            let place = random.usize(..packet.len().clamp(1, 90));
            match random.u8(..4) {
                0 => packet[place] = random.u8(..),
                1 => packet[place] ^= 1 << random.u8(..8),
                2 => packet.truncate(place.max(1)),
                _ => {
                    let start = random.usize(..packet.len());
                    let piece = packet[start..].to_vec();
                    packet.splice(place..place, piece);
                }
            }
            packet.truncate(*LENGTHS.end());
        }
        bench.give(&fit(packet));
    }
    bench.check();
}

/// Random bytes behind an ethertype that the parser knows, or do not even have
/// that.
fn noise() {
    let mut random = Rng::with_seed(2);
    let mut bench = Bench::new(AMPLE);
    let starts: [&[u8]; 6] = [
        &[],
        &[0x08, 0, 0x45],
        &[0x08, 0, 0x4f],
        &[0x86, 0xdd, 0x60],
        &[0x81, 0],
        &[0x08, 0x06],
    ];
    for _ in 0..2000 {
        let addresses = bytes(&mut random, 12);
        let start = starts[random.usize(..starts.len())];
        let length = random.usize(..200);
        let rest = bytes(&mut random, length);
        bench.give(&fit([&addresses, start, &rest].concat()));
    }
    bench.check();
}

/// Headers that are followed by as much as possible, and chains of them as long
/// as possible.
fn giants() {
    let mut bench = Bench::new(AMPLE);
    for mut seed in seeds() {
        for filling in [0, 0xff] {
            seed.resize(*LENGTHS.end(), filling);
            bench.give(&seed);
        }
    }
    // IPv6 extension headers up to the end, of each length.
    for units in [0, 1, 2, 31, 32, 63, 254, 255] {
        let header = [&[0x60, 0, 0, 0, 0xff, 0xff, 60, 64][..], &[0xfd; 32]].concat();
        let mut packet = [&[2; 12][..], &[0x86, 0xdd], &header].concat();
        while packet.len() < *LENGTHS.end() {
            let rest = 6 + 8 * usize::from(units);
            packet.extend([&[60, units][..], &vec![0; rest]].concat());
        }
        bench.give(&fit(packet));
    }
    bench.check();
}

/// What finds no room is counted as such.
fn no_room() {
    let mut bench = Bench::new(Sizes {
        flows: 64,
        ring: 4096,
    });
    let mut random = Rng::with_seed(3);
    for _ in 0..500 {
        let length = random.usize(LENGTHS.start() + 40..200);
        let mut packet = bytes(&mut random, length);
        packet[12..15].copy_from_slice(&[0x08, 0, 0x45]);
        bench.give(&packet);
    }
    bench.check_totals();
    let totals = bench.totals();
    assert!(
        totals.untracked_packets > 0 && totals.lost > 0,
        "{totals:?}"
    );
}

/// Only the Ethernet header, and a little more each time, lies where a program
/// can read it without a helper; what is behind it is as large as GSO makes it.
fn not_linear() {
    let mut bench = Bench::new(AMPLE);
    for mut seed in seeds() {
        let whole = seed.len().max(14);
        seed.resize(60_000, 0);
        for linear in 14..=whole {
            bench.linear = Some(u32::try_from(linear).unwrap());
            bench.give(&seed);
        }
    }
    bench.check();
}

/// A program that is alone on a closed hook drops what it counts.
fn any_verdict() {
    let mut bench = Bench::new(AMPLE);
    let seed = fit(seeds().remove(0));
    bench.give(&seed);
    let (_, program) = &mut bench.copies[0];
    program.set_verdict(verdict::DROP).unwrap();
    let run = sys::test_run(program.as_fd(), &seed, 1).unwrap();
    assert_eq!(run.verdict, verdict::DROP);
    assert_eq!(bench.totals().packets, bench.packets + 1);
}
