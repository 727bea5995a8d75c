//! Filters that are offered for what is selected.

use ipnet::IpNet;
use probe_common::FlowKey;
use probe_common::parse::number::ether;

use crate::app::ends::{self, Side};
use crate::app::group::HostGroup;
use crate::filter::Filter;

/// What to filter by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The address of an end.
    Address(Side),
    /// The protocol.
    Protocol,
    /// A port.
    Port,
}

/// Parts that were offered, one of which is in force.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) subject: Subject,
    pub(super) choices: Vec<Filter>,
    pub(super) chosen: usize,
}

impl Offer {
    /// The part that is in force.
    pub(super) fn part(&self) -> Option<&Filter> {
        self.choices.get(self.chosen)
    }

    /// The parts that the same key would take, one after the other.
    pub(super) fn rest(&self) -> &[Filter] {
        self.choices.get(self.chosen + 1..).unwrap_or_default()
    }
}

impl Subject {
    /// The filters that a flow offers, the most probable first: ever wider
    /// prefixes; the port of the service, then the other one.
    #[must_use]
    pub fn of_flow(self, key: &FlowKey) -> Vec<Filter> {
        let texts = match self {
            Self::Address(side) => {
                let address = ends::address(key, side);
                let steps = 0..ends::LENGTHS.len();
                let prefixes = steps.filter_map(|step| ends::prefix(address?, step));
                prefixes.map(|prefix| prefix.to_string()).collect()
            }
            Self::Protocol if matches!(key.ether_type, ether::IPV4 | ether::IPV6) => {
                vec![format!("proto {}", key.protocol)]
            }
            Self::Protocol => vec![format!("ether {:#06x}", key.ether_type)],
            Self::Port => {
                let mut ports: Vec<u16> = [Side::Local, Side::Remote]
                    .into_iter()
                    .filter_map(|side| ends::port(key, side))
                    .collect();
                // Servers have the lower ports.
                ports.sort_unstable();
                ports.dedup();
                ports.iter().map(|port| format!("port {port}")).collect()
            }
        };
        parsed(texts)
    }

    /// The filters that a group offers: its prefix and wider ones, or its protocol and
    /// port.
    #[must_use]
    pub fn of_group(self, group: HostGroup, side: Side) -> Vec<Filter> {
        if let HostGroup::Flow(key) = group {
            return self.of_flow(&key);
        }
        let texts = match (self, group) {
            (Self::Address(_), HostGroup::Prefix(prefix)) => {
                let steps = 0..ends::LENGTHS.len();
                let around = steps.filter_map(|step| ends::prefix(prefix.addr(), step));
                std::iter::once(prefix)
                    .chain(around.filter(|wider| wider.prefix_len() < prefix.prefix_len()))
                    .map(|prefix: IpNet| format!("{} {prefix}", side.name()))
                    .collect()
            }
            (Self::Address(_), HostGroup::EtherType(number)) => {
                vec![format!("ether {number:#06x}")]
            }
            (Self::Protocol, HostGroup::Service { protocol, .. }) => {
                vec![format!("proto {protocol}")]
            }
            (Self::Port, HostGroup::Service { port, .. }) => vec![format!("port {port}")],
            _ => Vec::new(),
        };
        parsed(texts)
    }
}

fn parsed(texts: Vec<String>) -> Vec<Filter> {
    let filters = texts.iter().map(|text| Filter::parse(text));
    filters.filter_map(Result::ok).collect()
}
