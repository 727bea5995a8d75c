//! What completion offers.

use std::net::IpAddr;

use super::super::{Name, Seen, complete};

/// What is offered at the mark `|`, with the range that it replaces.
fn offered(marked: &str) -> (Vec<String>, Option<(usize, usize)>) {
    let cursor = marked.chars().take_while(|c| *c != '|').count();
    let input = marked.replacen('|', "", 1);
    let addresses: Vec<IpAddr> = ["10.0.1.7", "10.0.9.21", "fd00::9"]
        .iter()
        .map(|text| text.parse().expect("an address"))
        .collect();
    let seen = Seen {
        devices: &["lxc1", "lxc2", "nk0"],
        addresses: &addresses,
        names: &[(Name::Process, "nginx"), (Name::Pod, "shop/web-1")],
    };
    let completions = complete(&input, cursor, &seen);
    let range = completions.first().map(|c| (c.range.start, c.range.end));
    assert!(
        completions
            .iter()
            .all(|c| Some((c.range.start, c.range.end)) == range)
    );
    (completions.into_iter().map(|c| c.text).collect(), range)
}

#[test]
fn words_that_fit() {
    let table: &[(&str, &[&str], (usize, usize))] = &[
        ("po|", &["port", "portrange", "pod"], (0, 2)),
        ("PO|", &["port", "portrange", "pod"], (0, 2)),
        ("tcp and por|", &["port", "portrange"], (8, 11)),
        ("(sr|", &["src"], (1, 3)),
        ("tcp,ud|", &["udp"], (4, 6)),
        ("!ud|", &["udp"], (1, 3)),
        ("tcp|", &["tcp.flags"], (0, 3)),
        ("process |", &["nginx"], (8, 8)),
        ("pod sh|", &["shop/web-1"], (4, 6)),
        ("dns.rcode nx|", &["nxdomain"], (10, 12)),
        ("icmp.type un|", &["unreachable"], (10, 12)),
        ("rtt |", &["<=", ">=", "<", ">"], (4, 4)),
        ("tcp.flags sy|", &["syn"], (10, 12)),
        ("state re|", &["refused", "reset"], (6, 8)),
        ("rate |", &["<=", ">=", "<", ">"], (5, 5)),
        ("ag|", &["age"], (0, 2)),
        // In the middle of the text.
        ("s|rc 10.0.0.0/8", &["src", "sctp", "state"], (0, 1)),
        (
            "src |",
            &[
                "10.0.1.7",
                "10.0.9.21",
                "fd00::9",
                "host",
                "net",
                "port",
                "portrange",
            ],
            (4, 4),
        ),
        ("src 10.0.9|", &["10.0.9.21"], (4, 10)),
        ("src host f|", &["fd00::9"], (9, 10)),
        ("10.|", &["10.0.1.7", "10.0.9.21"], (0, 3)),
        ("10.0.1.7 |", &["and", "or"], (9, 9)),
        ("(tcp and 10.0.1.7 |", &["and", "or", ")"], (18, 18)),
        ("tcp p|", &["port", "portrange", "proto"], (4, 5)),
        ("dev |", &["lxc1", "lxc2", "nk0"], (4, 4)),
        ("dev n|", &["nk0"], (4, 5)),
        ("port ht|", &["http", "https"], (5, 7)),
        ("port 80, ht|", &["http", "https"], (9, 11)),
        ("dev nk0 or l|", &["lxc1", "lxc2", "local"], (11, 12)),
        ("proto gr|", &["gre"], (6, 8)),
        // Characters, not bytes.
        ("dev é or u|", &["udp"], (9, 10)),
    ];
    for (marked, expected, range) in table {
        let (texts, found) = offered(marked);
        assert_eq!(texts, *expected, "{marked}");
        if !expected.is_empty() {
            assert_eq!(found, Some(*range), "{marked}");
        }
    }
}

#[test]
fn a_start_offers_every_kind_of_term() {
    let (texts, _) = offered("|");
    for word in ["not", "src", "port", "tcp", "dev", "in", "10.0.1.7"] {
        assert!(texts.iter().any(|text| text == word), "{word}");
    }
    assert!(!texts.iter().any(|text| text == "and"));
}

#[test]
fn nothing_behind_an_error() {
    assert_eq!(offered("port foo and t|").0, Vec::<String>::new());
    assert_eq!(offered("10.0.0.0/33 |").0, Vec::<String>::new());
}

#[test]
fn meanings_are_given() {
    let completions = complete("port ss", 7, &Seen::default());
    assert_eq!(completions.len(), 1);
    assert_eq!(completions[0].meaning, "port 22");
    let completions = complete("remo", 4, &Seen::default());
    assert_eq!(completions[0].meaning, "the flow's remote end");
}
