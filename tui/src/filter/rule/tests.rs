use super::*;

fn refused(text: &str) -> (String, String) {
    let error = parse_rule(text).unwrap_err();
    let place = text.chars().skip(error.column).take(error.length).collect();
    (place, error.to_string())
}

#[test]
fn terms_need_no_and() {
    let rule = parse_rule("lxc1: 10.0.9.21/32 tcp port 5432 in").unwrap();
    assert_eq!(rule.devices, ["lxc1"]);
    assert_eq!(rule.direction, Some(probe_common::Direction::In));
    assert_eq!(rule.protocols, [[6]]);
    assert_eq!(
        rule.addresses,
        [(BlockEnd::Any, vec!["10.0.9.21/32".parse().unwrap()])]
    );
    assert_eq!(rule.ports, [(BlockEnd::Any, vec![5432..=5432])]);
    let same = parse_rule("dev lxc1 and host 10.0.9.21 and tcp and port 5432 and in").unwrap();
    assert_eq!(
        BlockRule {
            text: String::new(),
            ..rule
        },
        BlockRule {
            text: String::new(),
            ..same
        }
    );
}

#[test]
fn lists_are_of_one_kind() {
    let rule =
        parse_rule("eth*: src 10.0.0.0/8, fd00::/16 dst port 80, 443 proto tcp, udp").unwrap();
    assert_eq!(rule.devices, ["eth*"]);
    assert_eq!(rule.protocols, [[6, 17]]);
    assert_eq!(rule.addresses[0].0, BlockEnd::Source);
    assert_eq!(rule.addresses[0].1.len(), 2);
    assert_eq!(
        rule.ports,
        [(BlockEnd::Destination, vec![80..=80, 443..=443])]
    );
    assert_eq!(parse_rule("dev a, b and udp").unwrap().devices, ["a", "b"]);
}

#[test]
fn what_the_kernel_cannot_judge_is_refused_where_it_stands() {
    for (text, place, reason) in [
        ("lxc1: 10.0.0.1 not tcp", "not tcp", "spared"),
        ("lxc1: 10.0.0.1 or udp", "or", "one by one"),
        ("10.0.0.1 (tcp or in)", "(tcp or in)", "one by one"),
        ("10.0.0.1 state open", "state open", "single packets"),
        ("10.0.0.1 and rate > 1M", "rate > 1M", "single packets"),
        ("10.0.0.1 tcp.flags syn", "tcp.flags syn", "single packets"),
        ("vlan 5 10.0.0.1", "vlan 5", "VLAN"),
        ("in 10.0.0.1 out", "out", "two directions"),
        ("ip 10.0.0.1 ip6", "ip6", "two ethertypes"),
        ("lxc1: dev lxc2 udp", "dev lxc2", "already"),
        ("lxc1: 10.0.0.300", "300", "expected"),
        ("[: udp", "[: ", "pattern"),
    ] {
        let (found, error) = refused(text);
        assert_eq!(found, place, "{text}: {error}");
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn a_narrow_rule_is_about_certain_addresses_or_ports() {
    for (text, narrow) in [
        ("10.0.9.21", true),
        ("10.0.0.0/8", true),
        ("8.0.0.0/7", false),
        ("10.0.0.1, 0.0.0.0/0", false),
        ("src 0.0.0.0/0 dst 10.1.0.0/16", true),
        ("fd00::/16", true),
        ("::/0", false),
        ("tcp port 443", true),
        ("port 1-65535", false),
        ("tcp", false),
        ("in", false),
        ("lxc1:", false),
        ("lxc1: ip", false),
        ("", false),
    ] {
        let rule = parse_rule(text).unwrap();
        assert_eq!(is_narrow(&rule), narrow, "{text}");
    }
}

#[test]
fn the_filter_of_a_rule_names_its_devices() {
    let filter = filter_of_rule("lxc1: 10.0.9.21 tcp in").unwrap();
    assert_eq!(filter.to_string(), "dev lxc1 and 10.0.9.21 and tcp and in");
    assert!(filter_of_rule("").unwrap().is_everything());
}
