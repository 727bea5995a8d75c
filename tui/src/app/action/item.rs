//! What actions are about: views, and what can be selected in them.

use std::net::IpAddr;

use ipnet::IpNet;
use probe_common::FlowKey;

use crate::app::ends;

/// An end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The end that the device leads to.
    Local,
    /// The other end.
    Remote,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Local => Self::Remote,
            Self::Remote => Self::Local,
        }
    }

    /// The name that users see, which is the filter's word for it too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}

/// One of the views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// The flow table.
    Flows,
    /// The packets that got an event.
    Packets,
    /// Flows grouped by prefix.
    Hosts,
    /// The network devices, watched or not.
    Devices,
    /// What the probe itself does, and whether the sums add up.
    Probe,
}

impl View {
    /// All views in the order of their tabs.
    pub const ALL: [Self; 5] = [
        Self::Flows,
        Self::Packets,
        Self::Hosts,
        Self::Devices,
        Self::Probe,
    ];

    /// The name in the tab.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flows => "Flows",
            Self::Packets => "Packets",
            Self::Hosts => "Hosts",
            Self::Devices => "Devices",
            Self::Probe => "Probe",
        }
    }

    /// The view whose tab is so many places to the right, around the end.
    #[must_use]
    pub const fn moved(self, places: usize) -> Self {
        Self::ALL[(self as usize + places) % Self::ALL.len()]
    }
}

/// Something that can be selected, by what it is and not by where it stands:
/// rows move, and a key must never hit another one than was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A flow.
    Flow(FlowKey),
    /// A packet, by its number.
    Packet(u64),
    /// A group of hosts.
    Host(HostGroup),
    /// A device, by its interface index.
    Device(u32),
}

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
