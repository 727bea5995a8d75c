//! The language in short, for the help, the manual and the completion.

use super::vocabulary::{FLAGS, ICMP_TYPES, KEYWORDS, RCODES, STATES};

/// The terms of the language, each with what it matches.
pub const REFERENCE: &[(&str, &str)] = &[
    (
        "10.0.0.0/8",
        "either end of the flow is in this prefix; also fd00::/8 or 10.1.2.3",
    ),
    ("src dst", "the packet's ends: src 10.0.0.0/8, dst port 53"),
    ("local remote", "the flow's ends: remote net 192.0.2.0/24"),
    ("host net", "an address, a prefix: host 10.1.2.3"),
    (
        "port portrange",
        "port 443 or 8443, portrange 80-90, port dns",
    ),
    (
        "tcp udp icmp icmp6",
        "protocols, also sctp, ip, ip6, arp; others by number: proto 89, ether 0x88cc",
    ),
    ("in out dev", "direction and device: in and dev lxc*"),
    ("vlan 5", "a VLAN ID; vlan alone: any tag"),
    (
        "state refused",
        "syn, open, closing, closed, refused, reset; unanswered: only one end has sent",
    ),
    (
        "tcp.flags rst",
        "TCP flags that this direction of the flow has carried",
    ),
    (
        "rate bytes packets age",
        "of the flow: rate > 1M (bytes/s over 10 s), bytes >= 10k, age < 5m",
    ),
    (
        "rtt retrans problem",
        "of the flow: rtt > 10ms, retrans > 0; problem: a listed one is about it",
    ),
    (
        "process nginx",
        "who holds the socket of either end, by name or pattern",
    ),
    (
        "pod container netns",
        "what the device leads to, by name or pattern: pod web-*, netns blue",
    ),
    (
        "node",
        "the host that sees it, while several are watched: node web-*",
    ),
    (
        "dns.name dns.rcode",
        "DNS of the last minute: dns.name *.example.com, dns.rcode nxdomain, servfail",
    ),
    (
        "icmp.type unreachable",
        "echo, time-exceeded, redirect, packet-too-big or a number; also of ICMPv6",
    ),
    (
        "@web",
        "a filter that the configuration names, also within another",
    ),
    (
        "and or not ( )",
        "not binds tightest, then and, then or; a comma means or",
    ),
];

/// Every keyword with its meaning.
pub fn keywords() -> impl Iterator<Item = (&'static str, &'static str)> {
    KEYWORDS.iter().map(|&(word, _, meaning)| (word, meaning))
}

/// The states that `state` takes.
pub fn states() -> impl Iterator<Item = &'static str> {
    STATES.iter().map(|&(name, _)| name)
}

/// The flags that `tcp.flags` takes.
pub fn flags() -> impl Iterator<Item = &'static str> {
    FLAGS.iter().map(|&(name, _)| name)
}

/// The names that `icmp.type` takes.
pub fn icmp_types() -> impl Iterator<Item = &'static str> {
    ICMP_TYPES.iter().map(|&(name, _)| name)
}

/// The names that `dns.rcode` takes.
pub fn rcodes() -> impl Iterator<Item = &'static str> {
    RCODES.iter().map(|&(name, _)| name)
}
