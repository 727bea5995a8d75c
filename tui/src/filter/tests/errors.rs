//! Errors: where they are and what they say.

use super::super::{Expected, Filter, FilterError};

fn error(text: &str) -> FilterError {
    match Filter::parse(text) {
        Ok(filter) => panic!("{text:?} is a filter: {filter}"),
        Err(error) => error,
    }
}

/// Text, column, length, message with hint; a line an error.
#[rustfmt::skip]
const WRONG: &[(&str, usize, usize, &str)] = &[
    ("src foo", 4, 3, r#"expected an address or a prefix after "src", found "foo""#),
    ("host foo", 5, 3, r#"expected an address or a prefix after "host", found "foo""#),
    ("foo bar", 0, 3, r#"expected an address, a prefix or a keyword, found "foo""#),
    // Columns are characters.
    ("dev é and ünd", 10, 3, r#"expected an address, a prefix or a keyword after "and", found "ünd""#),
    ("sorc 10.0.0.1", 0, 4, r#"expected an address, a prefix or a keyword, found "sorc"; did you mean "src"?"#),
    ("tcp and prot 80", 8, 4, r#"expected an address, a prefix or a keyword after "and", found "prot"; did you mean "port"?"#),
    ("udp prot 80", 4, 4, r#"expected "and" or "or" after "udp", found "prot"; did you mean "port"?"#),
    ("tcp adn udp", 4, 3, r#"expected "and" or "or" after "tcp", found "adn"; did you mean "and"?"#),
    ("port htpps", 5, 5, r#"expected a port or a range of ports after "port", found "htpps"; did you mean "https"?"#),
    ("proto grr", 6, 3, r#"expected a protocol's number or name after "proto", found "grr"; did you mean "gre"?"#),
    // Addresses.
    ("10.0.0.0/33", 9, 2, r#"expected a prefix length of 0 to 32, found "33"; IPv4 addresses have 32 bits"#),
    ("src fd00::/129 and tcp", 11, 3, r#"expected a prefix length of 0 to 128, found "129"; IPv6 addresses have 128 bits"#),
    ("10.0.0.0/x", 9, 1, r#"expected a prefix length of 0 to 32, found "x""#),
    ("10.0.0.0/255.0.0.0", 9, 9, r#"expected a prefix length of 0 to 32, found "255.0.0.0"; write "/8" for that mask"#),
    ("10.0.256.1", 5, 3, r#"expected a number of 0 to 255, found "256""#),
    ("10.0.01.1", 5, 2, r#"expected a number of 0 to 255, found "01"; leave out the leading zeros"#),
    ("10.0.0.1.2", 0, 10, r#"expected an address or a prefix, found "10.0.0.1.2"; an IPv4 address has four numbers"#),
    ("net 10.1 and tcp", 4, 4, r#"expected an address or a prefix, found "10.1"; write "10.1.0.0/16" for the whole network"#),
    ("10/8 and tcp", 0, 4, r#"expected an address or a prefix, found "10/8"; write "10.0.0.0/8" for the whole network"#),
    ("fd00:::1", 0, 8, r#"expected an address or a prefix, found "fd00:::1"; an IPv6 address is eight groups of up to four hexadecimal digits; "::" stands once for several zero groups"#),
    ("10.0.0.1:443", 0, 12, r#"expected an address or a prefix, found "10.0.0.1:443"; write "host 10.0.0.1 and port 443""#),
    ("[fd00::1]:443", 0, 13, r#"expected an address or a prefix, found "[fd00::1]:443"; write "host fd00::1 and port 443""#),
    ("fe80::1%eth0", 0, 12, r#"expected an address or a prefix, found "fe80::1%eth0"; write "host fe80::1 and dev eth0""#),
    ("host aa:bb:cc:dd:ee:ff and tcp", 5, 17, r#"expected an address or a prefix, found "aa:bb:cc:dd:ee:ff"; hardware addresses are no part of a flow"#),
    ("10.0.0.1, 10.0.0.300", 17, 3, r#"expected a number of 0 to 255, found "300""#),
    // Numbers.
    ("port 65536", 5, 5, r#"expected a port or a range of ports after "port", found "65536"; ports go from 0 to 65535"#),
    ("port -1", 5, 2, r#"expected a port or a range of ports after "port", found "-1""#),
    ("port 90-80 and tcp", 5, 5, r#"expected a port or a range of ports after "port", found "90-80"; a range goes upwards: write "80-90""#),
    ("port https-80 ", 5, 8, r#"expected a port or a range of ports after "port", found "https-80"; a range goes upwards: write "80-443""#),
    ("proto 256", 6, 3, r#"expected a protocol's number or name after "proto", found "256"; IP protocols go from 0 to 255"#),
    ("ether 0x10000", 6, 7, r#"expected an ethertype such as 0x88cc after "ether", found "0x10000"; ethertypes go from 0 to 0xffff"#),
    ("ether éé", 6, 2, r#"expected an ethertype such as 0x88cc after "ether", found "éé"; ethertypes go from 0 to 0xffff"#),
    ("ether host 1", 6, 4, r#"expected an ethertype such as 0x88cc after "ether", found "host"; hardware addresses are no part of a flow"#),
    ("vlan 5000", 5, 4, r#"expected a VLAN ID of 1 to 4094 after "vlan", found "5000""#),
    ("state opn and tcp", 6, 3, r#"expected a state such as open or refused after "state", found "opn"; did you mean "open"?"#),
    ("tcp.flags sym ", 10, 3, r#"expected a TCP flag such as syn or rst after "tcp.flags", found "sym"; did you mean "syn"?"#),
    ("rate 5", 5, 1, r#"expected "<=", ">=", "<" or ">" after "rate", found "5""#),
    ("bytes > many", 8, 4, r#"expected a number such as 10k or 1.5M after ">", found "many""#),
    ("age < 5x", 6, 2, r#"expected a time such as 10s or 5m after "<", found "5x""#),
    // What is missing.
    ("443 and tcp", 0, 3, r#"expected an address, a prefix or a keyword, found "443"; for a port write "port 443""#),
    ("https and tcp", 0, 5, r#"expected an address, a prefix or a keyword, found "https"; for a port write "port https""#),
    ("gre and tcp", 0, 3, r#"expected an address, a prefix or a keyword, found "gre"; for a protocol write "proto gre""#),
    ("lxc*", 0, 4, r#"expected an address, a prefix or a keyword, found "lxc*"; for devices write "dev lxc*""#),
    ("10.0.0.1 port 80", 9, 4, r#"expected "and" or "or" after "10.0.0.1", found "port"; put "and" or "or" in between"#),
    ("tcp 10.0.0.1", 4, 8, r#"expected "and" or "or" after "tcp", found "10.0.0.1"; put "and" or "or" in between"#),
    ("proto tcp port 80", 10, 4, r#"expected "and" or "or" after "tcp", found "port"; put "and" or "or" in between"#),
    ("port 80 443", 8, 3, r#"expected "and" or "or" after "80", found "443"; put "and" or "or" in between"#),
    ("tcp & udp", 4, 1, r#"expected "and" or "or" after "tcp", found "&"; write "&&""#),
    ("src or dst 10.0.0.1", 4, 2, r#"expected an address or a prefix after "src", found "or"; leave out "src or dst": a bare address is at either end"#),
    ("and tcp", 0, 3, r#"expected an address, a prefix or a keyword, found "and""#),
    ("tcp and or udp", 8, 2, r#"expected an address, a prefix or a keyword after "and", found "or""#),
    ("dev \"eth0\"", 4, 6, r#"expected a device's name or pattern after "dev", found ""eth0""; leave out the quotes: no name has spaces in it"#),
    ("dev 'my eth'", 4, 3, r#"expected a device's name or pattern after "dev", found "'my"; leave out the quotes: no name has spaces in it"#),
    ("'tcp'", 0, 5, r#"expected an address, a prefix or a keyword, found "'tcp'"; leave out the quotes: no name has spaces in it"#),
    ("dev ,", 4, 1, r#"expected a device's name or pattern after "dev", found ",""#),
    ("dev [a", 4, 2, r#"expected a device's name or pattern after "dev", found "[a"; unclosed character class; missing ']'"#),
    // Parentheses.
    ("tcp)", 3, 1, r#"expected "and" or "or" after "tcp", found ")"; no "(" is open"#),
    ("()", 1, 1, r#"expected an address, a prefix or a keyword after "(", found ")""#),
    ("(tcp foo)", 5, 3, r#"expected "and", "or" or ")" after "tcp", found "foo""#),
    // Words of tcpdump's.
    ("multicast", 0, 9, r#"expected an address, a prefix or a keyword, found "multicast"; write "dst 224.0.0.0/4, ff00::/8""#),
    ("tcp and greater 100", 8, 7, r#"expected an address, a prefix or a keyword after "and", found "greater"; write "bytes > 10k", of the whole flow"#),
    ("inbound", 0, 7, r#"expected an address, a prefix or a keyword, found "inbound"; write "in""#),
    ("net 10.0.0.0 mask 255.0.0.0", 13, 4, r#"expected "and" or "or" after "10.0.0.0", found "mask"; write the mask as a prefix length: 10.0.0.0/8"#),
];

#[test]
fn wrong_texts() {
    for &(text, column, length, message) in WRONG {
        let error = error(text);
        assert_eq!(error.to_string(), message, "{text}");
        assert_eq!((error.column, error.length), (column, length), "{text}");
        assert!(!error.is_incomplete(), "{text}");
    }
}

/// The same for what typing on can fix.
#[rustfmt::skip]
const INCOMPLETE: &[(&str, usize, usize, &str)] = &[
    ("src ", 4, 0, r#"expected an address or a prefix after "src""#),
    ("src", 3, 0, r#"expected an address or a prefix after "src""#),
    ("10.0.0.0/8 and ", 15, 0, r#"expected an address, a prefix or a keyword after "and""#),
    ("not", 3, 0, r#"expected an address, a prefix or a keyword after "not""#),
    ("10.0.0.1, ", 10, 0, r#"expected an address, a prefix or a keyword after ",""#),
    ("port", 4, 0, r#"expected a port or a range of ports after "port""#),
    ("port 80-", 5, 3, r#"expected a port or a range of ports after "port", found "80-""#),
    ("port 90-80", 5, 5, r#"expected a port or a range of ports after "port", found "90-80"; a range goes upwards: write "80-90""#),
    ("port htt", 5, 3, r#"expected a port or a range of ports after "port", found "htt"; did you mean "http"?"#),
    ("proto", 5, 0, r#"expected a protocol's number or name after "proto""#),
    ("ether 0x", 6, 2, r#"expected an ethertype such as 0x88cc after "ether", found "0x"; ethertypes go from 0 to 0xffff"#),
    ("dev ", 4, 0, r#"expected a device's name or pattern after "dev""#),
    ("(tcp", 0, 1, r#"expected ")" to close this "(""#),
    ("tcp and ((udp) or arp", 8, 1, r#"expected ")" to close this "(""#),
    ("(tcp and", 8, 0, r#"expected an address, a prefix or a keyword after "and""#),
    ("sr", 0, 2, r#"expected an address, a prefix or a keyword, found "sr"; did you mean "src"?"#),
    ("tcp a", 4, 1, r#"expected "and" or "or" after "tcp", found "a""#),
    ("udp po", 4, 2, r#"expected "and" or "or" after "udp", found "po""#),
    ("10.0", 0, 4, r#"expected an address or a prefix, found "10.0"; write "10.0.0.0/16" for the whole network"#),
    ("10.0.0.", 0, 7, r#"expected an address or a prefix, found "10.0.0."; write "10.0.0.0/24" for the whole network"#),
    ("10.0.0.0/", 9, 0, r#"expected a prefix length of 0 to 32 after "10.0.0.0/""#),
    ("src fd00:", 4, 5, r#"expected an address or a prefix, found "fd00:"; an IPv6 address is eight groups of up to four hexadecimal digits; "::" stands once for several zero groups"#),
    ("src fd", 4, 2, r#"expected an address or a prefix after "src", found "fd""#),
];

#[test]
fn incomplete_texts() {
    for &(text, column, length, message) in INCOMPLETE {
        let error = error(text);
        assert_eq!(error.to_string(), message, "{text}");
        assert_eq!((error.column, error.length), (column, length), "{text}");
        assert!(error.is_incomplete(), "{text}");
    }
}

#[test]
fn a_word_with_a_space_behind_it_is_complete() {
    assert!(error("sr").is_incomplete());
    assert!(!error("sr ").is_incomplete());
    assert!(!error("10.0 ").is_incomplete());
}

#[test]
fn every_start_of_a_filter_is_a_filter_or_incomplete() {
    let text = "(src net 10.0.0.0/8 or fd00:5::/32, ::1) and not tcp port 80-90, https || proto gre && dev nk0 and ether 0x88cc";
    for (end, _) in text.char_indices() {
        if let Err(error) = Filter::parse(&text[..end]) {
            assert!(error.is_incomplete(), "{:?}: {error}", &text[..end]);
        }
    }
}

#[test]
fn what_could_stand_there_is_told() {
    assert_eq!(error("port x").expected, [Expected::Port]);
    let words = ["host", "net", "port", "portrange"].map(Expected::Word);
    assert_eq!(
        error("src x").expected,
        [&[Expected::Address][..], &words].concat()
    );
    assert_eq!(
        error("10.0.0.1 x").expected,
        ["and", "or"].map(Expected::Word)
    );
    assert_eq!(
        error("(10.0.0.1 x").expected,
        ["and", "or", ")"].map(Expected::Word)
    );
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth| format!("{}tcp{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::parse(&nested(64)).is_ok());
    let error = error(&nested(65));
    assert_eq!(error.column, 64);
    assert_eq!(
        error.message,
        "expected at most 64 nested parentheses, found more"
    );
    assert!(Filter::parse(&format!("{}tcp", "not ".repeat(100_001))).is_ok());
}
