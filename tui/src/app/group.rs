//! Groups of hosts.

use std::net::IpAddr;

use ipnet::IpNet;
use probe_common::FlowKey;

use super::ends::{self, Side};

/// What flows are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostGroup {
    /// Flows with an address in this prefix.
    Prefix(IpNet),
    /// Flows without addresses, by their ethertype.
    EtherType(u16),
}

impl HostGroup {
    /// Whether a flow is in it by the address of this side.
    #[must_use]
    pub fn has(&self, key: &FlowKey, side: Side) -> bool {
        match (self, ends::address(key, side)) {
            (Self::Prefix(prefix), Some(address)) => prefix.contains(&address),
            (Self::EtherType(number), None) => key.ether_type == *number,
            _ => false,
        }
    }

    /// The prefix, where the group has one.
    #[must_use]
    pub const fn prefix(&self) -> Option<&IpNet> {
        match self {
            Self::Prefix(prefix) => Some(prefix),
            Self::EtherType(_) => None,
        }
    }

    /// The address, where the group is a single one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Prefix(prefix) if prefix.prefix_len() == prefix.max_prefix_len() => {
                Some(prefix.addr())
            }
            _ => None,
        }
    }
}
