//! Names of numbers, as tcpdump and `ip` users know them (numbers: IANA).

use std::borrow::Cow;

use probe_common::parse::number::ether;

/// Protocol of a flow: of IP by protocol number (`tcp`, `icmp6`, `ip-253`), of
/// anything else by ethertype (`arp`, `0x9000`).
#[must_use]
pub fn protocol_name(ether_type: u16, protocol: u8) -> Cow<'static, str> {
    match ether_type {
        ether::IPV4 | ether::IPV6 => ip_protocol_name(protocol),
        _ => ether_type_name(ether_type),
    }
}

fn ip_protocol_name(protocol: u8) -> Cow<'static, str> {
    Cow::Borrowed(match protocol {
        0 => "hopopt",
        1 => "icmp",
        2 => "igmp",
        4 | 94 => "ipip",
        6 => "tcp",
        8 => "egp",
        17 => "udp",
        33 => "dccp",
        41 => "ip6ip",
        43 => "route6",
        44 => "frag6",
        46 => "rsvp",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "icmp6",
        59 => "none6",
        60 => "opts6",
        88 => "eigrp",
        89 => "ospf",
        97 => "etherip",
        98 => "encap",
        103 => "pim",
        108 => "ipcomp",
        112 => "vrrp",
        115 => "l2tp",
        124 => "isis",
        132 => "sctp",
        135 => "mobility",
        136 => "udplite",
        137 => "mpls",
        139 => "hip",
        140 => "shim6",
        143 => "ethernet",
        _ => return Cow::Owned(format!("ip-{protocol}")),
    })
}

/// What a frame carries: `ip`, `arp`, `lldp`, `0x1234`; `802.3` for 0, which
/// stands for frames that have a length instead of a type.
#[must_use]
pub fn ether_type_name(ether_type: u16) -> Cow<'static, str> {
    Cow::Borrowed(match ether_type {
        0 => "802.3",
        ether::IPV4 => "ip",
        ether::ARP => "arp",
        ether::IPV6 => "ip6",
        ether::VLAN => "vlan",
        ether::VLAN_SERVICE => "qinq",
        ether::VLAN_STACKED => "qinq-9100",
        0x0842 => "wol",
        0x22f0 => "avtp",
        0x22f3 => "trill",
        0x22ea => "srp",
        0x6558 => "teb",
        0x8035 => "rarp",
        0x809b => "appletalk",
        0x8137 => "ipx",
        0x8808 => "pause",
        0x8809 => "slow",
        0x8847 | 0x8848 => "mpls",
        0x8863 | 0x8864 => "pppoe",
        0x888e => "eapol",
        0x8892 => "profinet",
        0x88a4 => "ethercat",
        0x88cc => "lldp",
        0x88e1 => "homeplug",
        0x88e5 => "macsec",
        0x88f7 => "ptp",
        0x8902 => "cfm",
        0x8906 => "fcoe",
        0x8915 => "roce",
        0x893a => "ieee1905",
        0x894f => "nsh",
        0x9000 => "loopback",
        _ => return Cow::Owned(format!("{ether_type:#06x}")),
    })
}

/// The name of an ICMP (RFC 792) or ICMPv6 (RFC 4443) type.
#[must_use]
pub fn icmp_type_name(v6: bool, kind: u8) -> Cow<'static, str> {
    let name = if v6 {
        match kind {
            1 => "destination unreachable",
            2 => "packet too big",
            3 => "time exceeded",
            4 => "parameter problem",
            128 => "echo request",
            129 => "echo reply",
            130 => "multicast listener query",
            131 => "multicast listener report",
            132 => "multicast listener done",
            133 => "router solicitation",
            134 => "router advertisement",
            135 => "neighbor solicitation",
            136 => "neighbor advertisement",
            137 => "redirect",
            138 => "router renumbering",
            139 => "node information query",
            140 => "node information response",
            141 => "inverse neighbor solicitation",
            142 => "inverse neighbor advertisement",
            143 => "multicast listener report v2",
            144 => "home agent address request",
            145 => "home agent address reply",
            146 => "mobile prefix solicitation",
            147 => "mobile prefix advertisement",
            148 => "certification path solicitation",
            149 => "certification path advertisement",
            151 => "multicast router advertisement",
            152 => "multicast router solicitation",
            153 => "multicast router termination",
            155 => "RPL control",
            160 => "extended echo request",
            161 => "extended echo reply",
            _ => "",
        }
    } else {
        match kind {
            0 => "echo reply",
            3 => "destination unreachable",
            4 => "source quench",
            5 => "redirect",
            8 => "echo request",
            9 => "router advertisement",
            10 => "router solicitation",
            11 => "time exceeded",
            12 => "parameter problem",
            13 => "timestamp request",
            14 => "timestamp reply",
            15 => "information request",
            16 => "information reply",
            17 => "address mask request",
            18 => "address mask reply",
            42 => "extended echo request",
            43 => "extended echo reply",
            _ => "",
        }
    };
    match name {
        "" => Cow::Owned(format!("type {kind}")),
        name => Cow::Borrowed(name),
    }
}

/// The name of a code of an ICMP or ICMPv6 type, where it has one.
pub(super) fn icmp_code_name(v6: bool, kind: u8, code: u8) -> Option<&'static str> {
    Some(match (v6, kind, code) {
        (false, 3, 0) => "net unreachable",
        (false, 3, 1) => "host unreachable",
        (false, 3, 2) => "protocol unreachable",
        (false, 3, 3) => "port unreachable",
        (false, 3, 4) => "fragmentation needed",
        (false, 3, 5) => "source route failed",
        (false, 3, 6) => "net unknown",
        (false, 3, 7) => "host unknown",
        (false, 3, 8) => "source host isolated",
        (false, 3, 9) => "net prohibited",
        (false, 3, 10) => "host prohibited",
        (false, 3, 11) => "net unreachable for this service",
        (false, 3, 12) => "host unreachable for this service",
        (false, 3, 13) => "admin prohibited",
        (false, 3, 14) => "host precedence violation",
        (false, 3, 15) => "precedence cutoff",
        (false, 5, 0) => "for net",
        (false, 5, 1) => "for host",
        (false, 5, 2) => "for service and net",
        (false, 5, 3) => "for service and host",
        (false, 11, 0) => "in transit",
        (false, 11, 1) => "in reassembly",
        (false, 12, 0) => "bad field",
        (false, 12, 1) => "missing option",
        (false, 12, 2) => "bad length",
        (true, 1, 0) => "no route",
        (true, 1, 1) => "admin prohibited",
        (true, 1, 2) => "beyond scope of source",
        (true, 1, 3) => "address unreachable",
        (true, 1, 4) => "port unreachable",
        (true, 1, 5) => "source address failed policy",
        (true, 1, 6) => "reject route",
        (true, 1, 7) => "error in source routing header",
        (true, 1, 8) => "headers too long",
        (true, 3, 0) => "in transit",
        (true, 3, 1) => "in reassembly",
        (true, 4, 0) => "bad field",
        (true, 4, 1) => "unknown next header",
        (true, 4, 2) => "unknown option",
        (true, 4, 3) => "first fragment has no complete header",
        _ => return None,
    })
}

/// TCP flags as tcpdump writes them: `S.`, `P.`, `none`; `.` is ACK, `E` ECE,
/// `W` CWR.
#[must_use]
pub fn tcp_flags_text(flags: u8) -> String {
    const LETTERS: [(u8, char); 8] = [
        (0x01, 'F'),
        (0x02, 'S'),
        (0x04, 'R'),
        (0x08, 'P'),
        (0x10, '.'),
        (0x20, 'U'),
        (0x40, 'E'),
        (0x80, 'W'),
    ];
    if flags == 0 {
        return "none".to_owned();
    }
    LETTERS
        .into_iter()
        .filter(|(bit, _)| flags & bit != 0)
        .map(|(_, letter)| letter)
        .collect()
}
