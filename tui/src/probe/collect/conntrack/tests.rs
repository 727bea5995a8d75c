use super::*;
use crate::probe::netlink::bytes;

/// The answer of Linux 6.18 about a connection of which both ends are translated.
const TRANSLATED: &str = "020000003400018014000180080001007f000001080002000a6000011c00028005000100060000000600 \
    02009c4000000600030001bb00003400028014000180080001000af40107080002000a0101011c000280 \
    05000100060000000600020020fb0000060003009c40000008000300000001be08000800000000000800 \
    0c00e0d95c0008000b00000000020800070000069780300004802c000180050001000300000005000200 \
    0a000000050003000a00000006000400230000000600050023000000";
/// And about one of IPv6 of which only the destination is.
const TRANSLATED_IPV6: &str = "0a0000004c0001802c000180140003000000000000000000000000000000000114000400fd0000000000 \
    000000000000000000011c0002800500010006000000060002009c4100000600030001bb00004c000280 \
    2c00018014000300fd000000000000000000000000000002140004000000000000000000000000000000 \
    00011c00028005000100060000000600020020fb0000060003009c41000008000300000001ae08000800 \
    0000000008000c00038dfe7008000b00000000020800070000069780300004802c000180050001000300 \
    0000050002000a000000050003000a00000006000400230000000600050023000000";

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

fn message(hex: &str) -> Message {
    Message {
        kind: GET & 0xff00,
        body: bytes(hex),
    }
}

fn ends_of(text: [&str; 2]) -> [SocketAddr; 2] {
    text.map(|it| it.parse().unwrap())
}

#[test]
fn both_sides_of_what_the_kernel_answers_are_read() {
    for (hex, original, reply) in [
        (
            TRANSLATED,
            ["127.0.0.1:40000", "10.96.0.1:443"],
            ["10.244.1.7:8443", "10.1.1.1:40000"],
        ),
        (
            TRANSLATED_IPV6,
            ["[::1]:40001", "[fd00::1]:443"],
            ["[fd00::2]:8443", "[::1]:40001"],
        ),
    ] {
        let pair = pair(&message(hex)).unwrap();
        assert_eq!(pair.original, ends_of(original));
        assert_eq!(pair.reply, ends_of(reply));
        assert!(pair.is_translated());
        // Cut off anywhere it is no half of a pair.
        let cut = &message(hex).body;
        for length in 0..cut.len() {
            let message = Message {
                kind: 0,
                body: cut[..length].to_vec(),
            };
            if let Some(cut) = super::pair(&message) {
                assert_eq!(cut, pair);
            }
        }
    }
}

#[test]
fn what_is_not_tracked_is_told_from_what_went_wrong() {
    assert!(is_missing(&io::Error::from_raw_os_error(libc::ENOENT)));
    assert!(!is_missing(&io::Error::from_raw_os_error(libc::EPERM)));
}

#[test]
fn routing_sees_translated_destinations_in_both_directions() {
    let pair = pair(&message(TRANSLATED)).unwrap();
    let routed = |[source, destination]: [&str; 2]| {
        let [source, destination] = ends_of([source, destination]);
        let routed = pair.routed(&Tuple::between(source, destination, 6));
        routed.map(|address| address.to_string())
    };
    // What the client sends goes to the backend, the answers to the client itself.
    let forth = routed(["127.0.0.1:40000", "10.96.0.1:443"]);
    assert_eq!(forth.as_deref(), Some("10.244.1.7"));
    let back = routed(["10.244.1.7:8443", "10.1.1.1:40000"]);
    assert_eq!(back.as_deref(), Some("127.0.0.1"));
    assert_eq!(routed(["127.0.0.1:40001", "10.96.0.1:443"]), None);
}
