//! The prefixes that a filter is limited to.

use super::parse;

fn prefixes(text: &str) -> Option<String> {
    let nets = parse(text).prefixes()?;
    let nets: Vec<String> = nets.iter().map(ToString::to_string).collect();
    Some(nets.join(" "))
}

#[test]
fn prefixes_of_filters() {
    let table = [
        ("", None),
        ("tcp", None),
        ("10.1.2.3/8", Some("10.0.0.0/8")),
        ("10.1.2.3", Some("10.1.2.3/32")),
        ("src 10.0.0.0/8", Some("10.0.0.0/8")),
        ("not 10.0.0.0/8", None),
        ("10.0.0.0/8 and not 10.1.0.0/16", Some("10.0.0.0/8")),
        ("tcp and 10.0.0.0/8", Some("10.0.0.0/8")),
        ("tcp or 10.0.0.0/8", None),
        ("10.0.0.0/8, fd00::/8", Some("10.0.0.0/8 fd00::/8")),
        (
            "src fd00::1 or tcp and dst fd00::2",
            Some("fd00::1/128 fd00::2/128"),
        ),
        // The narrowest part.
        ("10.0.0.0/8 and 10.1.0.0/16", Some("10.1.0.0/16")),
        ("10.0.0.1, 10.0.0.3 and 10.0.0.1", Some("10.0.0.1/32")),
        // One prefix for both.
        ("10.0.0.0/9, 10.128.0.0/9", Some("10.0.0.0/8")),
        ("(10.0.0.0/8 or tcp) and fd00::/8", Some("fd00::/8")),
    ];
    for (text, expected) in table {
        assert_eq!(prefixes(text).as_deref(), expected, "{text}");
    }
}
