//! The program that drops packets by a rule, on packets that no device sends
//! (`BPF_PROG_TEST_RUN`): it judges as the filter of the same words does.

use std::os::fd::AsFd;
use std::time::Duration;

use fastrand::Rng;
use nkview::filter::{filter_of_rule, parse_rule};
use nkview::model::BlockId;
use nkview::probe::block::{BlockProgram, Blocker, Owner};
use nkview::sys;
use probe_common::block::is_discovery;
use probe_common::parse::number::{ether, ip};
use probe_common::parse::parse;
use probe_common::{Attachment, Direction, LinkLayer, verdict};

use crate::Test;
use crate::packets::bench::{LENGTHS, fit, lacks_ip_header, seeds};
use crate::wait;

const DEVICE: &str = "lab0";
const RULES: usize = 60;
const PACKETS: usize = 100;

pub fn tests() -> Vec<Test> {
    [
        ("as_the_filter_does", agrees as fn()),
        ("until_its_time_is_over", until_over),
        ("until_it_is_lifted", until_lifted),
        ("counts_to_the_packet", counts),
    ]
    .into_iter()
    .map(|(name, run)| Test::new(format!("block::judges::{name}"), [], run))
    .collect()
}

fn blocker(text: &str) -> Blocker {
    let rule = parse_rule(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let owner = Owner::this();
    Blocker::new(BlockId(1), &rule, owner).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn identity(direction: Direction, link: LinkLayer) -> Attachment {
    Attachment {
        device: 0,
        direction: direction as u32,
        verdict: verdict::NEXT,
        link_layer: link as u32,
    }
}

fn load(blocker: &Blocker, direction: Direction) -> BlockProgram {
    let identity = identity(direction, LinkLayer::Ethernet);
    blocker.load(identity).unwrap().0
}

fn verdict_of(program: &BlockProgram, packet: &[u8]) -> i32 {
    sys::test_run(program.as_fd(), packet, 1).unwrap().verdict
}

/// Some of these are near each other, so that packets are just inside and just
/// outside.
const ADDRESSES: [&str; 10] = [
    "10.0.0.1",
    "10.0.0.2",
    "10.0.1.1",
    "10.1.0.1",
    "192.0.2.9",
    "fd00::1",
    "fd00::2",
    "fd00:1::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
];
const PREFIXES: [&str; 14] = [
    "10.0.0.1",
    "10.0.0.0/31",
    "10.0.0.0/24",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "0.0.0.0/1",
    "192.0.2.0/24",
    "fd00::1",
    "fd00::/64",
    "fd00::/16",
    "::/0",
    "::/80",
    "8000::/1",
    "::ffff:10.0.0.0/120",
];
const PORTS: [u16; 8] = [0, 1, 53, 80, 443, 8080, 0x8000, 0xffff];

fn pick<'a, T>(random: &mut Rng, from: &'a [T]) -> &'a T {
    &from[random.usize(..from.len())]
}

fn list(random: &mut Rng, mut item: impl FnMut(&mut Rng) -> String) -> String {
    let count = random.usize(1..4);
    let items: Vec<_> = (0..count).map(|_| item(random)).collect();
    items.join(", ")
}

fn term(random: &mut Rng) -> String {
    let side = *pick(random, &["", "src ", "dst ", "local ", "remote "]);
    match random.u8(..8) {
        0..3 => {
            let prefixes = list(random, |random| (*pick(random, &PREFIXES)).to_owned());
            format!("{side}net {prefixes}")
        }
        3..5 => {
            let ports = list(random, |random| {
                let (first, last) = (*pick(random, &PORTS), *pick(random, &PORTS));
                if random.bool() {
                    first.to_string()
                } else {
                    format!("{}-{}", first.min(last), first.max(last))
                }
            });
            format!("{side}port {ports}")
        }
        5 => {
            let names = ["tcp", "udp", "icmp", "icmp6", "sctp", "esp", "0", "255"];
            let protocols = list(random, |random| (*pick(random, &names)).to_owned());
            format!("proto {protocols}")
        }
        6 => (*pick(random, &["ip", "ip6", "arp", "ether 0x88cc"])).to_owned(),
        _ => (*pick(random, &["in", "out"])).to_owned(),
    }
}

/// A packet whose addresses and ports a rule can be about, or one that is damaged.
fn packet(random: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    if random.u8(..4) == 0 {
        let mut packet = pick(random, seeds).clone();
        for _ in 0..random.usize(..4) {
            let place = random.usize(..packet.len().min(80));
            packet[place] = random.u8(..);
        }
        return fit(packet);
    }
    let octets = |address: &str| match address.parse().unwrap() {
        std::net::IpAddr::V4(v4) => v4.octets().to_vec(),
        std::net::IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let from = octets(pick::<&str>(random, &ADDRESSES));
    let to = loop {
        let to = octets(pick::<&str>(random, &ADDRESSES));
        if to.len() == from.len() {
            break to;
        }
    };
    let protocol = *pick(random, &[6, 17, 1, 58, 132, 136, 50, 0, 255, 44]);
    let ports = [*pick(random, &PORTS), *pick(random, &PORTS)].map(u16::to_be_bytes);
    let mut transport = [&ports.concat()[..], &[0x50; 36]].concat();
    if random.bool() {
        // Types of ICMPv6 around those of neighbor discovery.
        transport[0] = random.u8(131..140);
    }
    // One in eight is a later fragment.
    let offset = u8::from(random.u8(..8) == 0);
    let header = if from.len() == 4 {
        let start = [0x45, 0, 0, 60, 0, 0, 0, offset, 64, protocol, 0, 0];
        [&[8, 0][..], &start, &from, &to].concat()
    } else {
        let start = [0x60, 0, 0, 0, 0, 40, protocol, 64];
        [&[0x86, 0xdd][..], &start, &from, &to].concat()
    };
    let mut packet = [&[2; 12][..], &header, &transport].concat();
    if random.u8(..16) == 0 {
        packet.truncate(random.usize(14..packet.len()));
    }
    fit(packet)
}

/// Each packet is dropped if and only if the filter of the rule's words matches it.
fn agrees() {
    let mut random = Rng::with_seed(4);
    let seeds = seeds();
    let mut seen = [0_u64; 2];
    let mut rules = 0;
    while rules < RULES {
        let terms: Vec<_> = (0..random.usize(1..5)).map(|_| term(&mut random)).collect();
        let text = terms.join(" ");
        // Two of a kind may contradict each other.
        let Ok(rule) = parse_rule(&text) else {
            continue;
        };
        let Ok(mut blocker) = Blocker::new(BlockId(1), &rule, Owner::this()) else {
            continue;
        };
        rules += 1;
        blocker.begin(Duration::from_secs(3600), false).unwrap();
        let filter = filter_of_rule(&text).unwrap();
        let programs = [LinkLayer::Ethernet, LinkLayer::None].map(|link| {
            Direction::BOTH.map(|direction| {
                let program = blocker.load(identity(direction, link)).unwrap().0;
                (link, direction, program)
            })
        });
        for _ in 0..PACKETS {
            let packet = packet(&mut random, &seeds);
            for (link, direction, program) in programs.iter().flatten() {
                let run = match sys::test_run(program.as_fd(), &packet, 1) {
                    Ok(run) => run,
                    Err(_) if lacks_ip_header(&packet, None) => continue,
                    Err(error) => panic!("{error} for {packet:x?}"),
                };
                let key = parse(&packet[..], *link, 0, *direction).key;
                let is_named = |number| rule.protocols.iter().all(|list| list.contains(&number));
                let is_spared = key.ether_type == ether::ARP && rule.ether_type.is_none()
                    || is_discovery(&key) && (rule.protocols.is_empty() || !is_named(ip::ICMPV6));
                let matches = filter.matches(&key, DEVICE, *direction) && !is_spared;
                let expected = if matches {
                    verdict::DROP
                } else {
                    verdict::NEXT
                };
                assert_eq!(
                    run.verdict, expected,
                    "{text} {link:?} {direction:?} {key:?} {packet:x?}"
                );
                seen[usize::from(matches)] += 1;
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 1000), "{seen:?}");
}

fn datagram() -> Vec<u8> {
    let header = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
    let addresses = [10, 0, 0, 1, 10, 0, 0, 2];
    let udp = [0x30, 0x39, 0, 53, 0, 8, 0, 0];
    [&[2; 12][..], &[8, 0], &header, &addresses, &udp].concat()
}

/// Nothing is dropped before it begins; and its end needs nobody here.
fn until_over() {
    let mut blocker = blocker("10.0.0.1 udp");
    let program = load(&blocker, Direction::In);
    let packet = datagram();
    assert_eq!(verdict_of(&program, &packet), verdict::NEXT);
    blocker.begin(Duration::from_secs(2), false).unwrap();
    wait::until_true("its time is over", || {
        verdict_of(&program, &packet) == verdict::NEXT
    });
    // By its own clock, not before.
    blocker.begin(Duration::from_secs(3600), false).unwrap();
    assert_eq!(verdict_of(&program, &packet), verdict::DROP);
    // A process that does not renew its lease loses it.
    blocker.renew(true).unwrap();
    wait::until_true("the lease has ended", || {
        verdict_of(&program, &packet) == verdict::NEXT
    });
    wait::until_true("it is renewed", || {
        blocker.renew(true).unwrap();
        verdict_of(&program, &packet) == verdict::DROP
    });
}

fn until_lifted() {
    let mut blocker = blocker("10.0.0.1 udp");
    let programs = Direction::BOTH.map(|direction| load(&blocker, direction));
    let packet = datagram();
    blocker.begin(Duration::from_secs(3600), false).unwrap();
    for program in &programs {
        assert_eq!(verdict_of(program, &packet), verdict::DROP);
    }
    blocker.lift().unwrap();
    for program in &programs {
        assert_eq!(verdict_of(program, &packet), verdict::NEXT);
    }
}

fn counts() {
    let mut blocker = blocker("10.0.0.1 udp");
    let (program, counts) = blocker
        .load(identity(Direction::In, LinkLayer::Ethernet))
        .unwrap();
    blocker.begin(Duration::from_secs(3600), false).unwrap();
    let mut packet = datagram();
    sys::test_run(program.as_fd(), &packet, 1000).unwrap();
    // Another sender.
    packet[29] = 9;
    sys::test_run(program.as_fd(), &packet, 1000).unwrap();
    let sums = counts.get(&0, 0).unwrap();
    let packets: u64 = sums.iter().map(|cpu| cpu[0]).sum();
    let bytes: u64 = sums.iter().map(|cpu| cpu[1]).sum();
    assert_eq!((packets, bytes), (1000, 1000 * packet.len() as u64));
    assert!(LENGTHS.contains(&packet.len()));
}
