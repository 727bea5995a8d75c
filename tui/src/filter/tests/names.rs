//! VLANs, ICMP types, and what is known only by a context.

use probe_common::parse::number::{ether, ip};
use probe_common::{Direction, FlowKey};

use super::super::{Context, Name, Quantity, State};
use super::{parse, samples};

#[test]
fn vlans_are_those_of_either_tag() {
    let key = FlowKey {
        vlan: 5,
        inner_vlan: 7,
        ..samples::web()
    };
    let matches = |text: &str, key: &FlowKey| parse(text).matches(key, "nk0", Direction::In);
    for text in ["vlan", "vlan 5", "vlan 7", "vlan 1, 7", "not vlan 6"] {
        assert!(matches(text, &key), "{text}");
    }
    assert!(!matches("vlan 6", &key));
    assert!(!matches("vlan", &samples::web()) && matches("not vlan", &samples::web()));
}

#[test]
fn icmp_types_are_those_of_either_version() {
    let v4 = |kind| samples::flow(ip::ICMP, ("10.0.1.7", 0), ("10.0.9.9", kind));
    let v6 = |kind| samples::flow(ip::ICMPV6, ("fd00::1", 0), ("fd00::2", kind));
    let matches = |text: &str, key: &FlowKey| parse(text).matches(key, "nk0", Direction::In);
    assert_eq!(v6(1).ether_type, ether::IPV6);
    for (text, key, is) in [
        ("icmp.type unreachable", v4(3), true),
        ("icmp.type unreachable", v6(1), true),
        ("icmp.type unreachable", v6(3), false),
        ("icmp.type 3", v4(3), true),
        ("icmp.type 3", v6(3), true),
        ("icmp.type redirect or echo", v4(8), true),
        ("icmp.type packet-too-big", v4(2), false),
        ("not icmp.type echo", samples::web(), true),
    ] {
        assert_eq!(matches(text, &key), is, "{text} {key:?}");
    }
}

/// A flow of which this is known.
struct Fixed;

impl Context for Fixed {
    fn is_in(&self, state: State) -> bool {
        state == State::Refused
    }

    fn tcp_flags(&self, _: Direction) -> u8 {
        0
    }

    fn number(&self, quantity: Quantity) -> Option<f64> {
        match quantity {
            Quantity::Rtt => Some(10_500.0),
            Quantity::Retrans => Some(3.0),
            _ => None,
        }
    }

    fn has_name(&self, kind: Name, test: &mut dyn FnMut(&str) -> bool) -> bool {
        match kind {
            Name::Process => test("nginx"),
            Name::Pod => test("shop/web-1") || test("web-1"),
            Name::Container | Name::Namespace | Name::Node => false,
            Name::DnsName => test("a.example.com"),
        }
    }

    fn has_rcode(&self, rcode: u8) -> bool {
        rcode == 3
    }

    fn has_problem(&self) -> bool {
        true
    }
}

#[test]
fn a_context_is_asked_for_what_the_key_does_not_tell() {
    for (text, is) in [
        ("rtt > 10ms", true),
        ("rtt > 10", true),
        ("rtt > 0.011s", false),
        ("rtt<10600us", true),
        ("retrans >= 3", true),
        ("retrans > 3", false),
        ("process nginx", true),
        ("process ngin?, curl", true),
        ("process curl", false),
        ("pod web-*", true),
        ("pod shop/*", true),
        ("container web-1", false),
        ("not netns blue", true),
        ("dns.name *.example.com", true),
        ("dns.rcode nxdomain", true),
        ("dns.rcode servfail, 3", true),
        ("dns.rcode 5", false),
        ("problem", true),
        ("problem and state refused", true),
        // What is not known is neither more nor less.
        ("age > 0", false),
        ("age < 1d", false),
    ] {
        let filter = parse(text);
        let matched = filter.matches_flow(&samples::web(), &Fixed, "nk0", Direction::In);
        assert_eq!(matched, is, "{text}");
        let unknown = filter.matches(&samples::web(), "nk0", Direction::In);
        assert_eq!(unknown, text.starts_with("not "), "{text}");
    }
}

#[test]
fn what_needs_a_diagnosis_is_known() {
    for (text, needs) in [
        ("problem", true),
        ("tcp and not (port 80 or rtt > 1ms)", true),
        ("dns.name x", true),
        ("dns.rcode 3", true),
        ("process nginx and retrans > 0", false),
        ("", false),
    ] {
        assert_eq!(parse(text).needs_diagnosis(), needs, "{text}");
    }
}
