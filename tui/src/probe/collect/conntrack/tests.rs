use super::*;

#[test]
fn the_cpus_are_added_up() {
    let text = "entries  found invalid insert_failed drop early_drop\n\
                0000000a 00000000 00000001 00000002 00000003 00000004\n\
                0000000a 00000000 00000010 00000000 00000001 00000000\n";
    let expected = Conntrack {
        entries: 10,
        capacity: None,
        drops: 4,
        early_drops: 4,
        insert_failures: 2,
        invalid: 17,
    };
    assert_eq!(parse(text), Some(expected));
    assert_eq!(parse(""), None);
    assert_eq!(parse("entries\nzzz"), None);
}

#[test]
fn what_is_asked_for_is_read_as_it_was_written() {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    for [source, destination] in [
        ["10.0.0.1:4000", "10.0.0.2:80"],
        ["[fd00::1]:4000", "[fd00::2]:80"],
    ] {
        let [source, destination] = [address(source), address(destination)];
        let tuple = Tuple::between(source, destination, 17);
        let request = request(&tuple);
        let (kind, value) = attributes(&request[HEADER..]).next().unwrap();
        assert_eq!(kind, ORIGINAL);
        assert_eq!(ends(value), Some([source, destination]));
    }
    assert_eq!(ends(&attribute(NESTED | PROTOCOL, &[])), None);
}

#[test]
fn a_pair_is_translated_if_the_answers_go_elsewhere() {
    let [a, b, c] =
        ["10.0.0.1:4000", "10.0.0.2:80", "10.0.0.3:80"].map(|it| it.parse::<SocketAddr>().unwrap());
    let plain = NatPair {
        original: [a, b],
        reply: [b, a],
    };
    assert!(!plain.is_translated());
    let translated = NatPair {
        original: [a, b],
        reply: [c, a],
    };
    assert!(translated.is_translated());
}
