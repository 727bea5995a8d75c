//! A second opinion on what matches: slow, and written from the language's
//! documentation with addresses and names in place of numbers.

use std::net::{IpAddr, Ipv6Addr};

use globset::Glob;
use ipnet::IpNet;
use probe_common::{Direction, FlowKey};

use super::super::expression::{Expression, Side, Term};

/// An address as its packet had it, if the packet had one.
fn address(octets: [u8; 16]) -> IpAddr {
    let address = Ipv6Addr::from(octets);
    address
        .to_ipv4_mapped()
        .map_or(IpAddr::V6(address), IpAddr::V4)
}

/// The ends that a side means.
fn ends<T>(side: Side, direction: Direction, local: T, remote: T) -> Vec<T> {
    match side {
        Side::Any => vec![local, remote],
        Side::Local => vec![local],
        Side::Remote => vec![remote],
        Side::Source if direction == Direction::In => vec![remote],
        Side::Source => vec![local],
        Side::Destination if direction == Direction::In => vec![local],
        Side::Destination => vec![remote],
    }
}

fn term(term: &Term, key: &FlowKey, device: &str, direction: Direction) -> bool {
    let has_addresses = key.local != [0; 16] || key.remote != [0; 16];
    let is_ip = has_addresses && [0x0800, 0x86dd].contains(&key.ether_type);
    match term {
        Term::Addresses { side, prefixes } => {
            let addresses = ends(*side, direction, address(key.local), address(key.remote));
            has_addresses
                && addresses.iter().any(|address| {
                    let mut nets = prefixes.iter().map(|prefix| prefix.net());
                    nets.any(|net: IpNet| net.contains(address))
                })
        }
        Term::Ports { side, ranges } => {
            let has_ports =
                is_ip && key.flags == 0 && [6, 17, 33, 132, 136].contains(&key.protocol);
            let ports = ends(*side, direction, key.local_port, key.remote_port);
            has_ports
                && ports.iter().any(|port| {
                    let mut ranges = ranges.iter();
                    ranges.any(|range| (*range.start()..=*range.end()).any(|p| p == *port))
                })
        }
        Term::Protocol(number) => is_ip && key.protocol == *number,
        Term::EtherType(number) => key.ether_type == *number,
        Term::Direction(wanted) => direction == *wanted,
        Term::Vlan(id) => {
            let tags = [key.vlan, key.inner_vlan];
            tags.iter()
                .any(|tag| *tag != 0 && id.is_none_or(|id| id == *tag))
        }
        // Nothing is known but the key.
        Term::State(_)
        | Term::TcpFlag(_)
        | Term::Comparison(_)
        | Term::Name { .. }
        | Term::Rcode(_)
        | Term::Problem => false,
        Term::IcmpType(wanted) => {
            let has_type = is_ip && key.flags == 0 && key.remote_port < 256;
            let number = match (key.ether_type, key.protocol) {
                (0x0800, 1) => wanted.v4,
                (0x86dd, 58) => wanted.v6,
                _ => None,
            };
            has_type && number.map(u16::from) == Some(key.remote_port)
        }
        Term::Device(pattern) => Glob::new(pattern.as_str())
            .expect("a glob")
            .compile_matcher()
            .is_match(device),
    }
}

/// Whether a packet matches.
pub(super) fn matches(
    expression: &Expression,
    key: &FlowKey,
    device: &str,
    direction: Direction,
) -> bool {
    let part = |part: &Expression| matches(part, key, device, direction);
    match expression {
        Expression::Term(leaf) => term(leaf, key, device, direction),
        Expression::Not(inner) => !part(inner),
        Expression::All(parts) => parts.iter().filter(|p| part(p)).count() == parts.len(),
        Expression::Any(parts) => parts.iter().filter(|p| part(p)).count() > 0,
    }
}
