//! The part of the filter that the kernel applies: what is outside of it is
//! counted as filtered, and nothing else is.

use std::net::IpAddr;
use std::os::fd::AsFd;

use ipnet::IpNet;
use nkview::probe::Sizes;
use nkview::probe::object::{Maps, Object};
use nkview::sys;
use probe_common::{Attachment, Settings, limits, verdict};

use crate::lab::{End, Family, Kind, Lab, Layout, NEAR};
use crate::tty::{self, Tty};
use crate::{Test, traffic};

const WATCHED: [Layout; 2] = [Layout::apart(Kind::Veth), Layout::apart(Kind::NetkitL3)];

pub fn tests() -> Vec<Test> {
    let mut tests = vec![Test::new(
        "push_down::packets_outside_are_counted_as_filtered",
        [],
        outside_is_filtered,
    )];
    for layout in WATCHED {
        tests.push(Test::new(
            format!("push_down::the_kernel_follows_the_filter::{layout}"),
            layout.needs(),
            move || follows_the_filter(layout),
        ));
    }
    tests
}

/// An Ethernet frame with an empty UDP datagram between the addresses.
fn datagram(from: IpAddr, to: IpAddr) -> Vec<u8> {
    let header = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => [
            &[8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0][..],
            &from.octets(),
            &to.octets(),
        ]
        .concat(),
        (IpAddr::V6(from), IpAddr::V6(to)) => [
            &[0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 17, 64][..],
            &from.octets(),
            &to.octets(),
        ]
        .concat(),
        _ => panic!("addresses of two versions"),
    };
    [&[2; 12][..], &header, &[0x30, 0x39, 0, 9, 0, 8, 0, 0]].concat()
}

fn set(maps: &mut Maps, push_down: bool) {
    let settings = Settings {
        epoch: 0,
        events: 0,
        samples: 0,
        every_packet: 0,
        moved: 0,
        push_down: u32::from(push_down),
    };
    maps.set_settings(settings).unwrap();
}

/// Each packet is either in a flow or filtered, as its addresses say.
fn outside_is_filtered() {
    let sizes = Sizes {
        flows: 64,
        ring: 4096,
    };
    let (object, mut maps, _ring) = Object::new(sizes).unwrap();
    let identity = Attachment {
        device: 0,
        direction: 0,
        verdict: verdict::NEXT,
        link_layer: 0,
    };
    let program = object.load(identity).unwrap();
    let packets = [
        ("10.1.2.3", "192.0.2.1"),
        ("192.0.2.1", "10.255.255.255"),
        ("192.0.2.1", "11.0.0.0"),
        ("0.0.0.10", "9.255.255.255"),
        ("fd00::1", "2001:db8::1"),
        ("2001:db8::1", "fdff::1"),
        ("2001:db8::1", "fc00::1"),
    ]
    .map(|(from, to)| datagram(from.parse().unwrap(), to.parse().unwrap()));
    let mut last = maps.totals(limits::totals_index(0, 0, 0)).unwrap();
    // Which of them have a flow, with these prefixes and after those before.
    for (prefixes, inside) in [
        (
            "10.0.0.0/8 fd00::/8",
            [true, true, false, false, true, true, false],
        ),
        (
            "10.1.2.3/32",
            [true, false, false, false, false, false, false],
        ),
        ("::/0", [true; 7]),
        ("0.0.0.0/0", [true, true, true, true, false, false, false]),
        ("", [false; 7]),
    ] {
        let nets: Vec<IpNet> = prefixes
            .split_whitespace()
            .map(|prefix| prefix.parse().unwrap())
            .collect();
        set(&mut maps, false);
        maps.set_prefixes(&nets).unwrap();
        set(&mut maps, true);
        for (packet, inside) in packets.iter().zip(inside) {
            let run = sys::test_run(program.as_fd(), packet, 1).unwrap();
            assert_eq!(run.verdict, verdict::NEXT);
            let now = maps.totals(limits::totals_index(0, 0, 0)).unwrap();
            assert_eq!(now.packets - last.packets, 1);
            let filtered = now.filtered_packets - last.filtered_packets;
            assert_eq!(filtered, u64::from(!inside), "{prefixes}: {packet:?}");
            let bytes = now.filtered_bytes - last.filtered_bytes;
            assert_eq!(bytes, filtered * (now.bytes - last.bytes));
            let flows = maps.table.collect(0, &[]).unwrap();
            let tracked: u64 = flows
                .iter()
                .map(|flow| flow.value.directions[0].packets)
                .sum();
            assert_eq!(tracked, u64::from(inside), "{prefixes}: {packet:?}");
            last = now;
        }
    }
}

/// What the filter keeps out never gets into the table, until it does not any
/// more; and the sums hold.
fn follows_the_filter(layout: Layout) {
    let lab = Lab::up(layout);
    let args = ["--push-down", "--filter", "fd09::/64", NEAR];
    let mut tty = Tty::start(lab.namespace(End::Near), tty::LARGE, &args);
    tty.until_shown("Flows");
    tty.press_until("6", "that it is pushed down", |picture| {
        picture.contains("kernel filter") && picture.contains("fd09::/64")
    });
    let filtered = |picture: &str| {
        let mut lines = picture.lines().map(str::trim_start);
        let line = lines.find(|line| line.starts_with(NEAR));
        let columns: Vec<String> = line
            .unwrap_or_default()
            .split_whitespace()
            .map(|word| word.replace(',', ""))
            .collect();
        // Name, direction, seen, in flows, expired, overflow, untracked, filtered.
        columns
            .get(7)
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
    };
    // The kernel hears of it a little later than the screen.
    tty.until("packets are filtered", |picture| {
        traffic::ping(&lab, End::Near, Family::V4, 1);
        filtered(picture) > 0
    });
    let before: u64 = filtered(&tty.picture());
    traffic::ping(&lab, End::Near, Family::V4, 50);
    traffic::ping(&lab, End::Near, Family::V6, 3);
    tty.until("those pings are", |picture| {
        filtered(picture) >= before + 50
    });
    assert!(!tty.picture().contains("a bug"), "{}", tty.picture());
    tty.press(b"1");
    tty.until_shown("fd09::2");
    // Without the filter all packets have flows again.
    tty.press(b"X");
    tty.until("they have a flow", |picture| {
        traffic::ping(&lab, End::Near, Family::V4, 1);
        picture.contains("10.9.0.2")
    });
    tty.press(b"q");
    let (status, said) = tty.ended();
    assert!(status.success(), "{said}");
    assert_eq!(lab.program_counts(), [0, 0]);
}
