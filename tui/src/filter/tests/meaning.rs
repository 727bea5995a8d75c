//! Examples with what they mean: which sample flows match, in which direction.

use probe_common::Direction;

use super::{parse, samples};
use crate::filter::DeviceName;

/// The names of the sample flows of which packets match, with the direction
/// where only one does. All cross the device lxc1.
fn matched(text: &str) -> String {
    let filter = parse(text);
    let mut names = Vec::new();
    for (name, key) in samples::all() {
        let [is_in, is_out] = Direction::BOTH.map(|d| filter.matches(&key, "lxc1", d));
        match (is_in, is_out) {
            (true, true) => names.push(name.to_owned()),
            (true, false) => names.push(format!("{name}:in")),
            (false, true) => names.push(format!("{name}:out")),
            (false, false) => {}
        }
    }
    names.join(" ")
}

#[track_caller]
fn check(table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(matched(text), *expected, "{text}");
    }
}

const ALL: &str = "web dns6 ping ndp fragment truncated arp lldp";

#[test]
fn blank_is_everything() {
    check(&[("", ALL), (" \t ", ALL)]);
    assert!(parse("  ").is_everything());
    assert!(!parse("tcp").is_everything());
}

#[test]
fn addresses_at_either_end() {
    check(&[
        ("10.0.0.0/8", "web ping fragment truncated arp"),
        ("10.0.1.7", "web ping fragment truncated arp"),
        ("10.1.2.3/8", "web ping fragment truncated arp"),
        ("192.168.9.21", "web"),
        ("192.168.9.22", ""),
        ("host 192.168.9.21", "web"),
        ("net 192.168.0.0/16", "web"),
        ("fd00::/16", "dns6"),
        ("FD00::9", "dns6"),
        ("fe80::/10, fd00::/8", "dns6 ndp"),
        ("0.0.0.0/0", "web ping fragment truncated arp"),
        ("::ffff:10.0.1.7", "web ping fragment truncated arp"),
        ("::ffff:192.168.0.0/112", "web"),
        // Every IPv6 address, but no IPv4 one and no frame without addresses.
        ("::/0", "dns6 ndp"),
        ("::", ""),
    ]);
}

#[test]
fn ends_of_the_packet_and_of_the_flow() {
    check(&[
        (
            "src 10.0.1.7",
            "web:out ping:out fragment:out truncated:out arp:out",
        ),
        (
            "dst 10.0.1.7",
            "web:in ping:in fragment:in truncated:in arp:in",
        ),
        ("src 192.168.9.21", "web:in"),
        ("dst host 192.168.9.21", "web:out"),
        ("local 10.0.1.7", "web ping fragment truncated arp"),
        ("remote 10.0.1.7", ""),
        ("remote net 192.168.0.0/16", "web"),
        ("src port 53", "dns6:in"),
        ("dst port 53", "dns6:out"),
        ("local port 53", ""),
        ("remote port 53", "dns6"),
        (
            "in",
            "web:in dns6:in ping:in ndp:in fragment:in truncated:in arp:in lldp:in",
        ),
        ("out and fd00::9", "dns6:out"),
        ("src 10.0.1.7 and in", ""),
    ]);
}

#[test]
fn ports_of_packets_that_have_them() {
    check(&[
        ("port 443", "web"),
        ("port https", "web"),
        ("port HTTPS", "web"),
        ("port dns", "dns6"),
        ("port 8", ""),
        ("port 0", ""),
        ("port 400-450", "web"),
        ("portrange 50-60", "dns6"),
        ("portrange 53", "dns6"),
        ("port 0-65535", "web dns6"),
        ("tcp port 443", "web"),
        ("udp port 443", ""),
        ("udp dst port 53", "dns6:out"),
        ("not port 443", "dns6 ping ndp fragment truncated arp lldp"),
    ]);
}

#[test]
fn kinds_of_packets() {
    check(&[
        ("tcp", "web truncated"),
        ("TCP", "web truncated"),
        ("udp", "dns6 fragment"),
        ("icmp", "ping"),
        ("icmp6", "ndp"),
        ("sctp", ""),
        ("arp", "arp"),
        ("ip", "web ping fragment truncated"),
        ("ip6", "dns6 ndp"),
        ("proto 6", "web truncated"),
        ("proto icmp6", "ndp"),
        // ARP and LLDP have no protocol, not number 0.
        ("proto 0", ""),
        ("ether 0x88cc", "lldp"),
        ("ether proto 0x88CC", "lldp"),
        ("ether 2054", "arp"),
        ("ip proto udp", "fragment"),
        ("arp host 10.0.9.9", "arp"),
        ("ip6 net fd00::/8", "dns6"),
    ]);
}

#[test]
fn devices() {
    check(&[
        ("dev lxc1", ALL),
        ("dev lxc*", ALL),
        ("dev lxc[0-9]", ALL),
        ("dev {nk0,lxc1}", ALL),
        ("dev LXC1", ""),
        ("dev lxc", ""),
        ("dev nk0, lxc1", ALL),
        ("dev nk0 or eth0", ""),
        ("not dev nk0, lxc1", ""),
        // A keyword or an address behind the comma is a term of its own.
        ("dev nk0, arp", "arp"),
        ("dev nk0, fd00::9", "dns6"),
        ("dev tcp", ""),
    ]);
}

#[test]
fn a_device_is_also_called_by_its_container() {
    let (_, key) = samples::all()[0];
    let device = DeviceName {
        name: "lxc1",
        leads_to: Some("web-7d9f"),
        node: None,
    };
    for (text, matches) in [
        ("dev web-*", true),
        ("dev lxc1", true),
        ("not dev web-7d9f", false),
        ("dev db-0", false),
    ] {
        let found = parse(text).matches(&key, device, Direction::In);
        assert_eq!(found, matches, "{text}");
    }
}

#[test]
fn a_device_of_several_hosts_is_also_called_by_both_names() {
    let (_, key) = samples::all()[0];
    let device = DeviceName {
        name: "eth0",
        leads_to: None,
        node: Some("node1"),
    };
    for (text, matches) in [
        ("dev eth0", true),
        ("dev node1/eth0", true),
        ("dev node*/eth?", true),
        ("dev node2/eth0", false),
        ("dev node1", false),
    ] {
        let found = parse(text).matches(&key, device, Direction::In);
        assert_eq!(found, matches, "{text}");
    }
}

#[test]
fn precedence_is_not_then_and_then_or() {
    check(&[
        ("arp or tcp and port 443", "web arp"),
        ("arp, tcp and port 443", "web arp"),
        ("tcp and port 443 or arp", "web arp"),
        ("(arp or tcp) and port 443", "web"),
        ("not arp and ip", "web ping fragment truncated"),
        ("not (arp or ip)", "dns6 ndp lldp"),
        ("not not arp", "arp"),
        ("!arp && !ip || arp", "dns6 ndp arp lldp"),
        ("!(arp||ip)&&!ip6", "lldp"),
        ("ARP OR Tcp AND port 443", "web arp"),
    ]);
}

#[test]
fn a_list_is_one_term() {
    check(&[
        ("port 53 or 443", "web dns6"),
        ("port 53, https", "web dns6"),
        ("not port 53, 443", "ping ndp fragment truncated arp lldp"),
        ("not port 53 or 443", "ping ndp fragment truncated arp lldp"),
        ("port 53, 443 and tcp", "web"),
        ("tcp and port 53 or 443", "web"),
        ("host fd00::9 or 192.168.9.21", "web dns6"),
        ("host fd00::9, 192.168.9.21 and tcp", "web"),
        ("fd00::9, 192.168.9.21 and tcp", "web"),
        ("src fd00::9 or 192.168.9.21", "web:in dns6:in"),
        ("src fd00::9 or host 192.168.9.21", "web dns6:in"),
        ("src port 53, 443", "web:out dns6:in"),
        ("proto icmp, icmp6", "ping ndp"),
        ("not proto icmp, tcp", "dns6 ndp fragment arp lldp"),
        // Here `tcp` starts a term.
        ("proto icmp or tcp port 443", "web ping"),
        ("port 53, arp", "dns6 arp"),
        ("port 53 or fd00::9", "dns6"),
    ]);
}
