//! From a rule to what the program in the kernel reads. Pure.

use std::collections::HashMap;

use ipnet::{IpNet, Ipv4Net};
use probe_common::Direction;
use probe_common::block::{ADDRESS_SETS, PORT_SETS, PORTS, PREFIXES, Terms, spared};
use probe_common::parse::number::{ether, ip};

use crate::model::{BlockEnd, BlockRule};

/// The contents of the maps of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// For packets that come in, and that go out.
    pub terms: [Terms; 2],
    /// The sets that the addresses of each prefix are in, unless a longer one says
    /// otherwise.
    pub prefixes: Vec<(IpNet, u32)>,
    /// The sets that each port is in.
    pub ports: Vec<u8>,
}

/// Compiles a rule.
///
/// # Errors
/// When it has more parts than the kernel's program can hold, or matches nothing.
pub fn compile(rule: &BlockRule) -> Result<Compiled, String> {
    if rule.addresses.len() > ADDRESS_SETS || rule.ports.len() > PORT_SETS {
        return Err(format!(
            "a rule has at most {ADDRESS_SETS} terms about addresses and {PORT_SETS} about ports"
        ));
    }
    let protocols = protocols(rule)?;
    let mut terms = Direction::BOTH.map(|direction| Terms {
        is_active: u32::from(rule.direction.is_none_or(|only| only == direction)),
        ether_type: rule.ether_type.map_or(Terms::ANY, u32::from),
        sources: 0,
        destinations: 0,
        ends: 0,
        source_ports: 0,
        destination_ports: 0,
        end_ports: 0,
        by_protocol: u32::from(protocols.is_some()),
        spared: match rule.ether_type {
            Some(ether::ARP) => 0,
            _ => spared::ARP,
        } | match protocols {
            Some(bits) if bits[0] >> ip::ICMPV6 & 1 != 0 => 0,
            _ => spared::DISCOVERY,
        },
        protocols: protocols.unwrap_or_default(),
    });
    for direction in Direction::BOTH {
        let terms = &mut terms[direction as usize];
        for (set, (end, _)) in rule.addresses.iter().enumerate() {
            *match end.of_packet(direction) {
                BlockEnd::Source => &mut terms.sources,
                BlockEnd::Destination => &mut terms.destinations,
                _ => &mut terms.ends,
            } |= 1 << set;
        }
        for (set, (end, _)) in rule.ports.iter().enumerate() {
            *match end.of_packet(direction) {
                BlockEnd::Source => &mut terms.source_ports,
                BlockEnd::Destination => &mut terms.destination_ports,
                _ => &mut terms.end_ports,
            } |= 1 << set;
        }
    }
    let mut ports = vec![0; PORTS];
    for (set, (_, ranges)) in rule.ports.iter().enumerate() {
        for port in ranges.iter().cloned().flatten() {
            ports[usize::from(port)] |= 1 << set;
        }
    }
    Ok(Compiled {
        terms,
        prefixes: prefixes(rule)?,
        ports,
    })
}

/// The protocols that all of the rule's lists have; nothing where it has none.
fn protocols(rule: &BlockRule) -> Result<Option<[u64; 4]>, String> {
    let mut common: Option<[u64; 4]> = None;
    for list in &rule.protocols {
        let mut bits = [0; 4];
        for &number in list {
            bits[usize::from(number >> 6)] |= 1 << (number & 63);
        }
        let both = common.unwrap_or([u64::MAX; 4]);
        common = Some(std::array::from_fn(|word| both[word] & bits[word]));
    }
    if common == Some([0; 4]) {
        return Err("no packet has two protocols: the rule matches nothing".to_owned());
    }
    Ok(common)
}

/// The trie tells the longest prefix alone, so each has the sets of the shorter ones
/// around it, too. Those of IPv4 lie within `::/0` there, which means no IPv4
/// address: `0.0.0.0/0` is there always.
fn prefixes(rule: &BlockRule) -> Result<Vec<(IpNet, u32)>, String> {
    let mut own: HashMap<IpNet, u32> = HashMap::from([(Ipv4Net::default().into(), 0)]);
    for (set, (_, nets)) in rule.addresses.iter().enumerate() {
        for net in nets {
            *own.entry(net.trunc()).or_default() |= 1 << set;
        }
    }
    if own.len() > PREFIXES as usize {
        return Err(format!("a rule has at most {} prefixes", PREFIXES - 1));
    }
    let around = |net: IpNet| {
        let larger = std::iter::successors(Some(net), IpNet::supernet);
        larger
            .filter_map(|net| own.get(&net))
            .fold(0, |sets, more| sets | more)
    };
    let mut all: Vec<_> = own.keys().map(|&net| (net, around(net))).collect();
    all.sort_unstable();
    Ok(all)
}

#[cfg(test)]
mod tests;
