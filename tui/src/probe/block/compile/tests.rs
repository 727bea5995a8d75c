use super::*;

fn nets(text: &str) -> Vec<IpNet> {
    text.split_whitespace()
        .map(|net| net.parse().unwrap())
        .collect()
}

fn sets(rule: &BlockRule) -> Vec<(String, u32)> {
    let compiled = compile(rule).unwrap();
    let mut sets: Vec<_> = compiled
        .prefixes
        .iter()
        .map(|(net, sets)| (net.to_string(), *sets))
        .collect();
    sets.sort();
    sets
}

#[test]
fn a_prefix_is_in_the_sets_of_those_around_it() {
    let rule = BlockRule {
        addresses: vec![
            (BlockEnd::Source, nets("10.0.0.0/8 fd00::/16")),
            (BlockEnd::Destination, nets("10.1.0.0/16")),
            (BlockEnd::Any, nets("::/0 10.1.2.3/32")),
        ],
        ..BlockRule::default()
    };
    let expected = [
        ("0.0.0.0/0", 0b000),
        ("10.0.0.0/8", 0b001),
        ("10.1.0.0/16", 0b011),
        ("10.1.2.3/32", 0b111),
        ("::/0", 0b100),
        ("fd00::/16", 0b101),
    ];
    let expected = expected.map(|(net, sets)| (net.to_owned(), sets));
    assert_eq!(sets(&rule), expected);
}

#[test]
fn the_ends_of_a_flow_are_those_of_the_packet() {
    let rule = BlockRule {
        addresses: vec![(BlockEnd::Local, nets("10.0.0.1/32"))],
        ports: vec![(BlockEnd::Remote, vec![80..=80])],
        direction: Some(Direction::In),
        ..BlockRule::default()
    };
    let [inward, outward] = compile(&rule).unwrap().terms;
    assert_eq!((inward.is_active, outward.is_active), (1, 0));
    assert_eq!((inward.sources, inward.destinations), (0, 1));
    assert_eq!((outward.sources, outward.destinations), (1, 0));
    assert_eq!((inward.source_ports, inward.destination_ports), (1, 0));
    assert_eq!((outward.source_ports, outward.destination_ports), (0, 1));
}

#[test]
fn several_lists_of_protocols_leave_what_they_share() {
    let rule = |protocols: &[&[u8]]| BlockRule {
        protocols: protocols.iter().map(|list| list.to_vec()).collect(),
        ..BlockRule::default()
    };
    let compiled = compile(&rule(&[&[6, 17, 200], &[17, 200]])).unwrap();
    assert_eq!(compiled.terms[0].protocols, [1 << 17, 0, 0, 1 << 8]);
    assert!(compile(&rule(&[&[6], &[17]])).is_err());
}

#[test]
fn too_much_is_refused() {
    let many = BlockRule {
        addresses: vec![(BlockEnd::Any, nets("10.0.0.0/8")); 33],
        ..BlockRule::default()
    };
    assert!(compile(&many).is_err());
    let ports = BlockRule {
        ports: vec![(BlockEnd::Any, vec![1..=1]); 9],
        ..BlockRule::default()
    };
    assert!(compile(&ports).is_err());
}
