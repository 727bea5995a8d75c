//! The normal form and the parts of a filter.

use super::super::Filter;
use super::parse;

#[test]
fn normal_form() {
    let table = [
        ("", ""),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3"),
        ("host 10.1.2.3/32", "10.1.2.3"),
        ("FD00:0:0::1", "fd00::1"),
        ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("10.0.0.0/8 || fd00::/8", "10.0.0.0/8, fd00::/8"),
        ("src net 10.0.0.0/8", "src 10.0.0.0/8"),
        ("SRC PORT Dns", "src port 53"),
        ("port 80 or port 443", "port 80, 443"),
        ("src port 80 or dst port 443", "src port 80 or dst port 443"),
        ("proto 6", "tcp"),
        ("proto 47", "proto gre"),
        ("proto 253", "proto 253"),
        ("proto gre, tcp", "proto gre or proto tcp"),
        ("ether 0x800", "ip"),
        ("ether 35020", "ether 0x88cc"),
        ("dev lxc*, nk0", "dev lxc* or dev nk0"),
        ("dev tcp", "dev tcp"),
        ("vlan", "vlan"),
        ("vlan 5, 6", "vlan 5 or vlan 6"),
        ("state syn, RESET", "state opening or state reset"),
        ("not tcp.flags rst", "not tcp.flags rst"),
        ("rate>1M", "rate > 1M"),
        ("rate > 8Mbit/s", "rate > 1M"),
        ("Rate >= 1.5kB/s", "rate >= 1500"),
        ("bytes<2Ki", "bytes < 2Ki"),
        ("packets <= 10K", "packets <= 10k"),
        ("age < 90s", "age < 90s"),
        ("age > 120", "age > 2m"),
        ("((tcp)) && (port 80)", "tcp and port 80"),
        ("tcp port 80", "tcp and port 80"),
        ("not tcp port 80", "not (tcp and port 80)"),
        ("not not not tcp", "not tcp"),
        ("(tcp or udp) and port 53", "(tcp or udp) and port 53"),
        ("(tcp and port 53) or udp", "tcp and port 53 or udp"),
        ("tcp and (udp and arp)", "tcp and udp and arp"),
        ("(tcp or udp) or arp", "tcp or udp or arp"),
        ("port 80, 443 and tcp", "port 80, 443 and tcp"),
        ("src fd00::1 and net fd00::2", "src fd00::1 and fd00::2"),
        (
            "src fd00::1 or not net fd00::2",
            "src fd00::1 or not fd00::2",
        ),
        ("proto gre and proto tcp", "proto gre and tcp"),
        // Without the keyword, the second would be another source.
        ("src fd00::1 or net fd00::2", "src fd00::1 or net fd00::2"),
        (
            "src fd00::1 or (fd00::2 and tcp)",
            "src fd00::1 or net fd00::2 and tcp",
        ),
    ];
    for (text, expected) in table {
        let filter = parse(text);
        assert_eq!(filter.to_string(), expected, "{text}");
        assert_eq!(parse(expected), filter, "{text}");
    }
}

#[test]
fn terms_are_the_parts_that_all_have_to_match() {
    let filter = parse("10.0.0.0/8 and not port 22 and (tcp or udp)");
    let terms: Vec<String> = filter.terms().iter().map(Filter::to_string).collect();
    assert_eq!(terms, ["10.0.0.0/8", "not port 22", "tcp or udp"]);
    let without = filter.clone().without(1);
    assert_eq!(without.to_string(), "10.0.0.0/8 and (tcp or udp)");
    assert_eq!(filter.clone().without(3), filter);
    assert_eq!(parse("tcp or udp").terms(), [parse("tcp or udp")]);
    assert!(Filter::everything().terms().is_empty());
    assert!(parse("tcp").without(0).is_everything());
}

#[test]
fn and_adds_what_is_not_there() {
    let filter = parse("tcp").and(parse("port 80 and tcp"));
    assert_eq!(filter, parse("tcp and port 80"));
    assert_eq!(Filter::everything().and(parse("tcp")), parse("tcp"));
    assert_eq!(parse("tcp").and(Filter::everything()), parse("tcp"));
    let alternatives = parse("tcp").and(parse("arp or udp"));
    assert_eq!(alternatives.to_string(), "tcp and (arp or udp)");
}
