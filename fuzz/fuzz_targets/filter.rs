//! The filter language on arbitrary text: it never panics, its normal form
//! means the same, and its errors point into the text.

#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use nkview::filter::{Filter, FilterError, Seen, complete};
use probe_common::parse::number::{ether, ip};
use probe_common::{Direction, FlowKey, KeyFlags};

const DEVICES: [&str; 3] = ["lxc1a2b", "nk0", "odd (name), \"quoted\""];

fuzz_target!(|text: &str| {
    let characters = text.chars().count();
    match Filter::parse(text) {
        Ok(filter) => check_filter(&filter),
        Err(error) => check_error(&error, characters),
    }
    let addresses = [
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    let seen = Seen {
        devices: &DEVICES,
        addresses: &addresses,
        ..Seen::default()
    };
    for cursor in [0, characters / 2, characters, characters + 1] {
        for completion in complete(text, cursor, &seen) {
            assert!(!completion.text.is_empty());
            assert!(completion.range.start <= completion.range.end);
            assert!(completion.range.end <= characters);
        }
    }
});

fn check_filter(filter: &Filter) {
    let printed = filter.to_string();
    match Filter::parse(&printed) {
        Ok(again) => {
            assert_eq!(&again, filter, "{printed}");
            assert_eq!(again.to_string(), printed);
        }
        Err(error) => panic!("the normal form {printed} is refused: {error}"),
    }
    assert_eq!(filter.is_everything(), printed.is_empty());

    let terms = filter.terms();
    let joined = terms
        .iter()
        .cloned()
        .fold(Filter::everything(), Filter::and);
    let prefixes = filter.prefixes();
    for key in keys() {
        for direction in Direction::BOTH {
            let matches = |filter: &Filter| filter.matches(&key, DEVICES[0], direction);
            assert_eq!(matches(&joined), matches(filter), "{printed}");
            assert_eq!(terms.iter().all(matches), matches(filter), "{printed}");
            if let (true, Some(prefixes)) = (matches(filter), &prefixes) {
                let ends = [key.local, key.remote].map(|end| Ipv6Addr::from(end).to_canonical());
                let is_inside = |end: &IpAddr| prefixes.iter().any(|prefix| prefix.contains(end));
                assert!(
                    ends.iter().any(is_inside),
                    "{printed} matches outside of {prefixes:?}"
                );
            }
        }
    }
}

fn check_error(error: &FilterError, characters: usize) {
    assert!(!error.message.is_empty());
    assert!(error.column + error.length <= characters, "{error:?}");
}

/// Flows of every kind.
fn keys() -> [FlowKey; 6] {
    let v4 = |last| Ipv4Addr::new(10, 0, 0, last).to_ipv6_mapped().octets();
    let v6 = |last| Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last).octets();
    let tcp = FlowKey {
        local: v4(1),
        remote: v4(200),
        device: 0,
        ether_type: ether::IPV4,
        local_port: 443,
        remote_port: 40_000,
        protocol: ip::TCP,
        flags: 0,
        ..FlowKey::default()
    };
    let nothing = FlowKey {
        local: [0; 16],
        remote: [0; 16],
        local_port: 0,
        remote_port: 0,
        protocol: 0,
        ..tcp
    };
    [
        tcp,
        FlowKey {
            local: v6(1),
            remote: v6(2),
            ether_type: ether::IPV6,
            local_port: 53,
            protocol: ip::UDP,
            ..tcp
        },
        FlowKey {
            local_port: 9,
            remote_port: 8,
            protocol: ip::ICMP,
            ..tcp
        },
        FlowKey {
            local_port: 0,
            remote_port: 0,
            flags: KeyFlags::FRAGMENT,
            ..tcp
        },
        FlowKey {
            ether_type: ether::ARP,
            local: v4(1),
            remote: v4(2),
            ..nothing
        },
        FlowKey {
            ether_type: 0x88cc,
            ..nothing
        },
    ]
}
