//! Properties that hold for every filter and every text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use ipnet::IpNet;
use probe_common::{Direction, FlowKey};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::context::Name;
use super::super::expression::{Expression, IcmpType, Pattern, Side, Term};
use super::super::prefix::Prefix;
use super::super::quantity::{Comparison, ORDERS, Quantity};
use super::super::vocabulary::{FLAGS, ICMP_TYPES, RCODES, STATES};
use super::super::{Filter, Seen, complete};
use super::{oracle, samples};

/// Few and near each other, so that packets do match.
fn an_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0..4_u32).prop_map(|n| Ipv4Addr::from_bits(0x0a00_0000 | (n << 15)).into()),
        (0..4_u32).prop_map(|n| Ipv4Addr::from_bits(0xc0a8_0000 | n).into()),
        (0..4_u128).prop_map(|n| Ipv6Addr::from_bits((0xfd00 << 112) | (n << 63)).into()),
        (0..3_u128).prop_map(|n| Ipv6Addr::from_bits(n).into()),
        (0..4_u32).prop_map(|n| Ipv4Addr::from_bits(n).to_ipv6_mapped().into()),
        any::<u32>().prop_map(|n| Ipv4Addr::from_bits(n).into()),
        any::<u128>().prop_map(|n| Ipv6Addr::from_bits(n).into()),
    ]
}

fn a_prefix() -> impl Strategy<Value = Prefix> {
    (an_address(), 0..=128_u8).prop_map(|(address, len)| {
        let max = if address.is_ipv4() { 32 } else { 128 };
        Prefix::new(IpNet::new(address, len.min(max)).expect("a length"))
    })
}

fn a_side() -> impl Strategy<Value = Side> {
    select(&[
        Side::Any,
        Side::Source,
        Side::Destination,
        Side::Local,
        Side::Remote,
    ])
}

fn a_port() -> impl Strategy<Value = u16> {
    prop_oneof![0..5_u16, any::<u16>()]
}

fn a_range() -> impl Strategy<Value = RangeInclusive<u16>> {
    (a_port(), a_port()).prop_map(|(a, b)| a.min(b)..=a.max(b))
}

fn a_protocol() -> impl Strategy<Value = u8> {
    prop_oneof![select(&[0_u8, 1, 6, 17, 47, 58, 132, 253][..]), any::<u8>()]
}

fn an_ether_type() -> impl Strategy<Value = u16> {
    prop_oneof![
        select(&[0_u16, 0x0800, 0x0806, 0x86dd, 0x88cc][..]),
        any::<u16>()
    ]
}

const DEVICES: &[&str] = &["lxc1", "lxc2", "nk0", "tcp", "10.0.0.1", "é"];
const PATTERNS: &[&str] = &[
    "lxc*",
    "lxc?",
    "{nk0,lxc1}",
    "[!l]*",
    "*",
    "tcp",
    "10.0.0.1",
    "é",
];

fn a_term() -> impl Strategy<Value = Term> {
    prop_oneof![
        4 => (a_side(), vec(a_prefix(), 1..4))
            .prop_map(|(side, prefixes)| Term::Addresses { side, prefixes }),
        3 => (a_side(), vec(a_range(), 1..4)).prop_map(|(side, ranges)| Term::Ports { side, ranges }),
        2 => a_protocol().prop_map(Term::Protocol),
        1 => an_ether_type().prop_map(Term::EtherType),
        1 => select(&Direction::BOTH[..]).prop_map(Term::Direction),
        1 => (0..6_u16).prop_map(|id| Term::Vlan((id > 0).then_some(id))),
        1 => select(STATES).prop_map(|(_, state)| Term::State(state)),
        1 => select(FLAGS).prop_map(|(_, flag)| Term::TcpFlag(flag)),
        1 => (
            select(&Quantity::ALL[..]),
            select(&ORDERS[..]),
            prop_oneof![0..100_u64, any::<u64>(), (0..9_u64).prop_map(|n| n * 3_600_000)],
        )
            .prop_map(|(quantity, (_, order), value)| {
                Term::Comparison(Comparison { quantity, order, value })
            }),
        1 => (select(&Name::ALL[..]), select(PATTERNS)).prop_map(|(kind, text)| Term::Name {
            kind,
            pattern: Pattern::new(text).expect("a glob"),
        }),
        1 => prop_oneof![
            select(ICMP_TYPES).prop_map(|(_, kind)| kind),
            any::<u8>().prop_map(|n| IcmpType { v4: Some(n), v6: Some(n) }),
        ]
        .prop_map(Term::IcmpType),
        1 => prop_oneof![select(RCODES).prop_map(|(_, code)| code), any::<u8>()]
            .prop_map(Term::Rcode),
        1 => Just(Term::Problem),
        1 => select(PATTERNS).prop_map(|text| Term::Device(Pattern::new(text).expect("a glob"))),
    ]
}

fn an_expression() -> impl Strategy<Value = Expression> {
    a_term()
        .prop_map(Expression::Term)
        .prop_recursive(5, 40, 4, |part| {
            prop_oneof![
                part.clone().prop_map(Expression::negate),
                vec(part.clone(), 1..4).prop_map(Expression::all),
                vec(part, 1..4).prop_map(Expression::any),
            ]
        })
}

fn a_key() -> impl Strategy<Value = FlowKey> {
    let addresses = (an_address(), an_address());
    let ports = (a_port(), a_port());
    (addresses, an_ether_type(), ports, a_protocol(), 0..4_u8).prop_map(
        |((local, remote), ether_type, (local_port, remote_port), protocol, flags)| FlowKey {
            local: samples::octets(local),
            remote: samples::octets(remote),
            device: 0,
            ether_type,
            local_port,
            remote_port,
            protocol,
            flags,
            vlan: remote_port % 3,
            ..FlowKey::default()
        },
    )
}

/// Text of the words of the language and a few that are not.
fn words() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "src",
        "dst",
        "local",
        "host",
        "net",
        "port",
        "portrange",
        "tcp",
        "udp",
        "icmp",
        "ip",
        "ip6",
        "arp",
        "proto",
        "ether",
        "in",
        "out",
        "dev",
        "vlan",
        "state",
        "syn",
        "tcp.flags",
        "icmp.type",
        "dns.rcode",
        "dns.name",
        "process",
        "pod",
        "problem",
        "rtt",
        "1us",
        "rate",
        "age>",
        "<",
        ">=",
        "1.5M",
        "10s",
        "and",
        "or",
        "not",
        "&&",
        "||",
        "!",
        "(",
        ")",
        ",",
        "10.0.0.0/8",
        "fd00::1",
        "10.0.0.1",
        "80",
        "80-90",
        "https",
        "gre",
        "47",
        "0x88cc",
        "lxc*",
        "{a,b}",
        "[",
        "é",
        "10.0.0.0/33",
        "fd00:",
        "\0",
    ];
    vec((select(WORDS), select(&["", " ", "  "][..])), 0..16)
        .prop_map(|words| words.into_iter().flat_map(|(w, s)| [w, s]).collect())
}

/// What holds for any text at all.
fn check_text(text: &str) -> Result<(), TestCaseError> {
    let chars = text.chars().count();
    match Filter::parse(text) {
        Ok(filter) => {
            let printed = filter.to_string();
            prop_assert_eq!(
                Filter::parse(&printed),
                Ok(filter),
                "printed as {}",
                printed
            );
        }
        Err(error) => {
            prop_assert!(error.column + error.length <= chars, "{:?}", error);
            prop_assert!(!error.message.is_empty());
        }
    }
    let addresses = [IpAddr::from([10, 0, 0, 1])];
    let seen = Seen {
        devices: DEVICES,
        addresses: &addresses,
        ..Seen::default()
    };
    for cursor in 0..=chars + 1 {
        for completion in complete(text, cursor, &seen) {
            prop_assert!(completion.range.end <= cursor);
            prop_assert!(completion.range.start <= completion.range.end);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn printed_and_read_it_is_the_same(expression in an_expression()) {
        let filter = Filter::from(expression);
        let printed = filter.to_string();
        prop_assert_eq!(Filter::parse(&printed), Ok(filter), "printed as {}", printed);
    }

    #[test]
    fn the_oracle_agrees(
        expression in an_expression(),
        keys in vec(a_key(), 8),
        device in select(DEVICES),
    ) {
        let filter = Filter::from(expression.clone());
        for key in &keys {
            for direction in Direction::BOTH {
                prop_assert_eq!(
                    filter.matches(key, device, direction),
                    oracle::matches(&expression, key, device, direction),
                    "{} on {:?}, {:?}", filter, key, direction
                );
            }
        }
    }

    #[test]
    fn no_parenthesis_is_needless(expression in an_expression()) {
        let filter = Filter::from(expression);
        let printed = filter.to_string();
        for (open, _) in printed.match_indices('(') {
            let mut depth = 0;
            let close = printed[open..].char_indices().find_map(|(at, c)| {
                depth += i32::from(c == '(') - i32::from(c == ')');
                (depth == 0).then_some(open + at)
            });
            let mut without = printed.clone();
            without.remove(close.expect("a closing parenthesis"));
            without.remove(open);
            prop_assert_ne!(Filter::parse(&without), Ok(filter.clone()), "{}", printed);
        }
    }

    #[test]
    fn terms_make_the_filter(expression in an_expression(), key in a_key()) {
        let filter = Filter::from(expression);
        let terms = filter.terms();
        for direction in Direction::BOTH {
            let each = terms.iter().all(|term| term.matches(&key, "nk0", direction));
            prop_assert_eq!(filter.matches(&key, "nk0", direction), each);
        }
        let joined = terms.into_iter().fold(Filter::everything(), Filter::and);
        for direction in Direction::BOTH {
            prop_assert_eq!(
                joined.matches(&key, "nk0", direction),
                filter.matches(&key, "nk0", direction)
            );
        }
    }

    #[test]
    fn outside_of_the_prefixes_nothing_matches(expression in an_expression(), key in a_key()) {
        let filter = Filter::from(expression);
        if let Some(nets) = filter.prefixes() {
            let prefixes: Vec<Prefix> = nets.into_iter().map(Prefix::new).collect();
            let is_inside = [key.local, key.remote]
                .into_iter()
                .any(|end| prefixes.iter().any(|p| p.contains(u128::from_be_bytes(end))));
            for direction in Direction::BOTH {
                prop_assert!(is_inside || !filter.matches(&key, "nk0", direction));
            }
        }
    }

    #[test]
    fn any_text_is_a_filter_or_an_error_within_it(text in any::<String>()) {
        check_text(&text)?;
    }

    #[test]
    fn any_words_are_a_filter_or_an_error_within_them(text in words()) {
        check_text(&text)?;
    }
}
