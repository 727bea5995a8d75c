//! What the program costs a packet, in nanoseconds, by `BPF_PROG_TEST_RUN`: a
//! program that does nothing, the counting path for several kinds of packets,
//! and an event for every packet as the baseline of other tools.
//!
//! The figures are medians of interleaved rounds, on one CPU and on two at a
//! time. Run it as root on a quiet machine: `cargo xtask bench kernel`.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark ends at the first thing that fails"
)]

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aya_obj::generated::bpf_insn;
use nkview::probe::object::{Maps, Object, Program, Sizes};
use nkview::probe::sys;
use probe_common::{Attachment, LinkLayer, Settings, verdict};

const ROUNDS: usize = 31;
const REPEAT: u32 = 100_000;

/// A program and the packet that it is given.
struct Case {
    name: &'static str,
    program: OwnedFd,
    packet: Vec<u8>,
}

fn main() {
    let start = Instant::now();
    let (counting, _maps) = object(0, 0);
    let loading = start.elapsed();
    let (events, _event_maps) = object(0, 1);
    let fd = |program: &Program| program.as_fd().try_clone_to_owned().unwrap();
    let case = |name, program: &Program, packet| Case {
        name,
        program: fd(program),
        packet,
    };
    let cases = [
        Case {
            name: "does nothing",
            program: empty(),
            packet: tcp_v4(0),
        },
        case("counts TCP over IPv4", &counting, tcp_v4(0)),
        case("counts UDP over IPv6", &counting, udp_v6()),
        case("counts VLAN, UDP, extension header", &counting, vlan()),
        case("counts ARP", &counting, arp()),
        case("an event a packet (ring full)", &events, tcp_v4(0)),
    ];
    let info = sys::program_info(counting.as_fd()).unwrap();
    println!(
        "making the maps and loading took {:.1} ms; the verifier followed {} instructions",
        loading.as_secs_f64() * 1e3,
        info.verified_instructions
    );
    println!(
        "{:<38} {:>8} {:>10}",
        "ns a packet, median", "one CPU", "two CPUs"
    );
    let mut one = vec![Vec::new(); cases.len()];
    let mut two = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for (index, case) in cases.iter().enumerate() {
            one[index].push(run(case).as_nanos());
            two[index].push(run_beside_another(case).as_nanos());
        }
    }
    for (index, case) in cases.iter().enumerate() {
        let (one, two) = (median(&mut one[index]), median(&mut two[index]));
        println!("{:<38} {one:>8} {two:>10}", case.name);
    }
}

/// A copy of the program and the maps it lives on. The ring is kept too, so it
/// is full soon, where there are events.
fn object(epoch: u32, every_packet: u32) -> (Program, Maps) {
    let sizes = Sizes {
        flows: 1024,
        ring: 1 << 20,
    };
    let (object, mut maps, ring) = Object::new(sizes).unwrap();
    std::mem::forget(ring);
    maps.set_settings(Settings {
        epoch,
        events: 0,
        samples: 0,
        every_packet,
    })
    .unwrap();
    let program = object
        .load(Attachment {
            device: 0,
            direction: 0,
            verdict: verdict::NEXT,
            link_layer: LinkLayer::Ethernet as u32,
        })
        .unwrap();
    (program, maps)
}

/// `return -1`.
fn empty() -> OwnedFd {
    let instruction = |code, imm| bpf_insn {
        code,
        _bitfield_align_1: [],
        _bitfield_1: bpf_insn::new_bitfield_1(0, 0),
        off: 0,
        imm,
    };
    // r0 = -1; exit
    sys::load_program(
        "empty",
        &[instruction(0xb7, -1), instruction(0x95, 0)],
        c"GPL",
    )
    .unwrap()
}

fn run(case: &Case) -> Duration {
    let Case {
        name,
        program,
        packet,
    } = case;
    let run = sys::test_run(program.as_fd(), packet, REPEAT).unwrap();
    assert_eq!(run.verdict, verdict::NEXT, "{name}");
    run.duration
}

/// While another thread gives the same program the same packet.
fn run_beside_another(case: &Case) -> Duration {
    let started = &AtomicBool::new(false);
    let is_over = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                started.store(true, Ordering::Relaxed);
                sys::test_run(case.program.as_fd(), &case.packet, REPEAT / 10).unwrap();
            }
        });
        while !started.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        let duration = run(case);
        is_over.store(true, Ordering::Relaxed);
        duration
    })
}

fn median(values: &mut [u128]) -> u128 {
    values.sort_unstable();
    values[values.len() / 2]
}

fn ethernet(ether_type: u16) -> Vec<u8> {
    let mut packet = vec![2; 12];
    packet.extend(ether_type.to_be_bytes());
    packet
}

fn tcp_v4(flags: u8) -> Vec<u8> {
    let mut packet = ethernet(0x0800);
    packet.extend([
        0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ]);
    packet.extend([
        0x9c, 0x40, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 1, 0, 0, 0, 0, 0,
    ]);
    packet
}

fn udp_v6() -> Vec<u8> {
    let mut packet = ethernet(0x86dd);
    packet.extend([0x60, 0, 0, 0, 0, 8, 17, 64]);
    packet.extend([0xfd; 32]);
    packet.extend([0x30, 0x39, 0x40, 0, 0, 8, 0, 0]);
    packet
}

fn vlan() -> Vec<u8> {
    let mut packet = ethernet(0x8100);
    packet.extend([0, 5, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 16, 60, 64]);
    packet.extend([0xfd; 32]);
    packet.extend([17, 0, 0, 0, 0, 0, 0, 0]);
    packet.extend([0x30, 0x39, 0x40, 0, 0, 8, 0, 0]);
    packet
}

fn arp() -> Vec<u8> {
    let mut packet = ethernet(0x0806);
    packet.extend([0, 1, 8, 0, 6, 4, 0, 1]);
    packet.extend([2; 20]);
    packet
}
