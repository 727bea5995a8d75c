//! The words of the language, each in one table that the grammar, the hints
//! and the completion read.

use probe_common::Direction;
use probe_common::parse::number::{ether, ip, tcp};

use super::context::{Name, State};
use super::expression::{IcmpType, Side};
use super::quantity::Quantity;

/// A keyword's part in the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    And,
    Or,
    Not,
    /// `src` and the like.
    Side(Side),
    /// `host`, `net`.
    Addresses,
    /// `port`, `portrange`.
    Ports,
    /// `tcp` and the like.
    Protocol(u8),
    /// `ip` and the like.
    EtherType(u16),
    /// `proto`.
    ProtocolNumber,
    /// `ether`.
    EtherNumber,
    /// `in`, `out`.
    Direction(Direction),
    /// `dev`.
    Device,
    /// `vlan`.
    Vlan,
    /// `state`.
    State,
    /// `tcp.flags`.
    TcpFlags,
    /// `rate` and the like.
    Quantity(Quantity),
    /// `process` and the like.
    Name(Name),
    /// `icmp.type`.
    IcmpType,
    /// `dns.rcode`.
    Rcode,
    /// `problem`.
    Problem,
}

/// Every keyword with what it does, in the order in which completion offers
/// them.
pub(super) const KEYWORDS: &[(&str, Keyword, &str)] = &[
    ("and", Keyword::And, "both must match"),
    ("or", Keyword::Or, "one must match"),
    ("not", Keyword::Not, "what follows must not match"),
    ("src", Keyword::Side(Side::Source), "the packet's sender"),
    (
        "dst",
        Keyword::Side(Side::Destination),
        "the packet's receiver",
    ),
    ("local", Keyword::Side(Side::Local), "the flow's local end"),
    (
        "remote",
        Keyword::Side(Side::Remote),
        "the flow's remote end",
    ),
    ("host", Keyword::Addresses, "an address at either end"),
    ("net", Keyword::Addresses, "a prefix at either end"),
    ("port", Keyword::Ports, "a port at either end"),
    ("portrange", Keyword::Ports, "ports from A to B"),
    ("tcp", Keyword::Protocol(ip::TCP), "TCP"),
    ("udp", Keyword::Protocol(ip::UDP), "UDP"),
    ("icmp", Keyword::Protocol(ip::ICMP), "ICMP"),
    ("icmp6", Keyword::Protocol(ip::ICMPV6), "ICMPv6 with NDP"),
    ("sctp", Keyword::Protocol(ip::SCTP), "SCTP"),
    ("ip", Keyword::EtherType(ether::IPV4), "IPv4"),
    ("ip6", Keyword::EtherType(ether::IPV6), "IPv6"),
    ("arp", Keyword::EtherType(ether::ARP), "ARP"),
    (
        "proto",
        Keyword::ProtocolNumber,
        "an IP protocol by number or name",
    ),
    ("ether", Keyword::EtherNumber, "an ethertype"),
    (
        "in",
        Keyword::Direction(Direction::In),
        "packets towards the local end",
    ),
    (
        "out",
        Keyword::Direction(Direction::Out),
        "packets away from the local end",
    ),
    ("dev", Keyword::Device, "devices by name or pattern"),
    ("vlan", Keyword::Vlan, "a VLAN tag, or these VLAN IDs"),
    ("state", Keyword::State, "where the connection stands"),
    (
        "tcp.flags",
        Keyword::TcpFlags,
        "TCP flags that this direction has carried",
    ),
    (
        "rate",
        Keyword::Quantity(Quantity::Rate),
        "bytes per second over ten seconds",
    ),
    (
        "bytes",
        Keyword::Quantity(Quantity::Bytes),
        "bytes of both directions",
    ),
    (
        "packets",
        Keyword::Quantity(Quantity::Packets),
        "packets of both directions",
    ),
    (
        "age",
        Keyword::Quantity(Quantity::Age),
        "time since the first packet",
    ),
    (
        "rtt",
        Keyword::Quantity(Quantity::Rtt),
        "round-trip time of the connection, or of its handshake",
    ),
    (
        "retrans",
        Keyword::Quantity(Quantity::Retrans),
        "retransmitted segments of both directions",
    ),
    ("problem", Keyword::Problem, "a problem is about the flow"),
    (
        "process",
        Keyword::Name(Name::Process),
        "who holds the socket of either end",
    ),
    ("pod", Keyword::Name(Name::Pod), "the pod behind the device"),
    (
        "container",
        Keyword::Name(Name::Container),
        "the container behind the device",
    ),
    (
        "netns",
        Keyword::Name(Name::Namespace),
        "the network namespace behind the device",
    ),
    (
        "node",
        Keyword::Name(Name::Node),
        "the host that sees it, where several are watched",
    ),
    (
        "dns.name",
        Keyword::Name(Name::DnsName),
        "what DNS queries of the last minute ask for",
    ),
    (
        "dns.rcode",
        Keyword::Rcode,
        "how DNS queries of the last minute were answered",
    ),
    ("icmp.type", Keyword::IcmpType, "types of ICMP messages"),
];

/// The keyword that `word` is.
pub(super) fn keyword(word: &str) -> Option<Keyword> {
    KEYWORDS
        .iter()
        .find(|(name, ..)| name.eq_ignore_ascii_case(word))
        .map(|&(_, keyword, _)| keyword)
}

/// The names of the keywords that `is_wanted` chooses.
pub(super) fn names(is_wanted: impl Fn(Keyword) -> bool) -> impl Iterator<Item = &'static str> {
    KEYWORDS
        .iter()
        .filter(move |(_, keyword, _)| is_wanted(*keyword))
        .map(|&(name, ..)| name)
}

/// Ports by name (IANA's service names, or what people call them).
pub(super) const PORTS: &[(&str, u16)] = &[
    ("amqp", 5672),
    ("bgp", 179),
    ("bootpc", 68),
    ("bootps", 67),
    ("dns", 53),
    ("domain", 53),
    ("etcd", 2379),
    ("ftp", 21),
    ("geneve", 6081),
    ("http", 80),
    ("https", 443),
    ("imap", 143),
    ("imaps", 993),
    ("kerberos", 88),
    ("kubelet", 10250),
    ("ldap", 389),
    ("ldaps", 636),
    ("mdns", 5353),
    ("mqtt", 1883),
    ("mysql", 3306),
    ("nfs", 2049),
    ("ntp", 123),
    ("postgres", 5432),
    ("rdp", 3389),
    ("redis", 6379),
    ("smb", 445),
    ("smtp", 25),
    ("snmp", 161),
    ("ssh", 22),
    ("syslog", 514),
    ("telnet", 23),
    ("tftp", 69),
    ("vxlan", 4789),
    ("wireguard", 51820),
];

/// IP protocols by name (IANA).
pub(super) const PROTOCOLS: &[(&str, u8)] = &[
    ("ah", ip::AUTHENTICATION),
    ("dccp", ip::DCCP),
    ("esp", 50),
    ("gre", 47),
    ("icmp", ip::ICMP),
    ("icmp6", ip::ICMPV6),
    ("igmp", 2),
    ("ipip", 4),
    ("ospf", 89),
    ("pim", 103),
    ("sctp", ip::SCTP),
    ("tcp", ip::TCP),
    ("udp", ip::UDP),
    ("udplite", ip::UDP_LITE),
    ("vrrp", 112),
];

/// States by name.
pub(super) const STATES: &[(&str, State)] = &[
    ("opening", State::Opening),
    ("syn", State::Opening),
    ("open", State::Open),
    ("closing", State::Closing),
    ("closed", State::Closed),
    ("refused", State::Refused),
    ("reset", State::Reset),
    ("unanswered", State::Unanswered),
];

/// TCP flags by name (RFC 9293, RFC 3168).
pub(super) const FLAGS: &[(&str, u8)] = &[
    ("fin", tcp::FIN),
    ("syn", tcp::SYN),
    ("rst", tcp::RST),
    ("psh", tcp::PSH),
    ("ack", tcp::ACK),
    ("urg", 0x20),
    ("ece", 0x40),
    ("cwr", 0x80),
];

/// ICMP types by name (RFC 792, RFC 4443, RFC 4861).
pub(super) const ICMP_TYPES: &[(&str, IcmpType)] = &[
    ("echo", icmp_type(Some(8), Some(128))),
    ("unreachable", icmp_type(Some(3), Some(1))),
    ("time-exceeded", icmp_type(Some(11), Some(3))),
    ("packet-too-big", icmp_type(None, Some(2))),
    ("parameter-problem", icmp_type(Some(12), Some(4))),
    ("redirect", icmp_type(Some(5), Some(137))),
    ("router-solicitation", icmp_type(Some(10), Some(133))),
    ("router-advertisement", icmp_type(Some(9), Some(134))),
    ("neighbor-solicitation", icmp_type(None, Some(135))),
    ("neighbor-advertisement", icmp_type(None, Some(136))),
    ("timestamp", icmp_type(Some(13), None)),
];

const fn icmp_type(v4: Option<u8>, v6: Option<u8>) -> IcmpType {
    IcmpType { v4, v6 }
}

/// Result codes of DNS by name (RFC 1035, RFC 2136).
pub(super) const RCODES: &[(&str, u8)] = &[
    ("noerror", 0),
    ("formerr", 1),
    ("servfail", 2),
    ("nxdomain", 3),
    ("notimp", 4),
    ("refused", 5),
    ("yxdomain", 6),
    ("notauth", 9),
];

/// Words of tcpdump's that are not ours, with what to write instead.
pub(super) const FOREIGN: &[(&str, &str)] = &[
    ("broadcast", "write \"dst 255.255.255.255\""),
    ("ether6", "write \"ip6\""),
    ("gateway", "hardware addresses are no part of a flow"),
    ("greater", "write \"bytes > 10k\", of the whole flow"),
    ("ifname", "write \"dev\""),
    ("inbound", "write \"in\""),
    ("interface", "write \"dev\""),
    ("ipv4", "write \"ip\""),
    ("ipv6", "write \"ip6\""),
    ("len", "write \"bytes > 10k\", of the whole flow"),
    ("length", "write \"bytes > 10k\", of the whole flow"),
    ("less", "write \"bytes < 10k\", of the whole flow"),
    ("lldp", "write \"ether 0x88cc\""),
    ("mask", "write the mask as a prefix length: 10.0.0.0/8"),
    ("mpls", "write \"ether 0x8847\""),
    ("multicast", "write \"dst 224.0.0.0/4, ff00::/8\""),
    ("on", "write \"dev\""),
    ("outbound", "write \"out\""),
    ("pppoes", "write \"ether 0x8864\""),
    ("rarp", "write \"ether 0x8035\""),
];

/// The value of `name` in a table of names.
pub(super) fn by_name<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|&(_, value)| value)
}

/// The name of `value` in a table of names.
pub(super) fn name_of<T: PartialEq>(table: &[(&'static str, T)], value: T) -> Option<&'static str> {
    table
        .iter()
        .find(|(_, known)| *known == value)
        .map(|&(name, _)| name)
}

/// The keyword that alone means `wanted`.
pub(super) fn name_of_keyword(wanted: Keyword) -> Option<&'static str> {
    names(|keyword| keyword == wanted).next()
}

/// What a keyword does.
pub(super) fn meaning(word: &str) -> Option<&'static str> {
    KEYWORDS
        .iter()
        .find(|(name, ..)| *name == word)
        .map(|&(.., meaning)| meaning)
}
