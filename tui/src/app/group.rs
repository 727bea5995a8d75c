//! Groups of flows.

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
    /// What one host has with a service of another: the client's ports are all one.
    Service {
        /// Who asks.
        client: IpAddr,
        /// Who serves.
        server: IpAddr,
        /// The service's port.
        port: u16,
        /// The IP protocol number.
        protocol: u8,
    },
    /// Flows of a process, by the number of its [`Labels`].
    Process(u32),
    /// Flows of a pod or container, by the number of its [`Labels`].
    Container(u32),
    /// Flows of a device, by its slot.
    Device(u32),
    /// Flows that have nothing of what is grouped by.
    Other,
    /// A single flow, in an open group.
    Flow(FlowKey),
}

/// What flows are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// The addresses of one end, as a tree of prefixes.
    Address(Side),
    /// Client and service.
    Service,
    /// Process.
    Process,
    /// Pod, or container where it is in none.
    Container,
    /// Device, or what it leads to.
    Device,
}

impl Grouping {
    /// The next in the order in which a key goes through them.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Address(Side::Remote) => Self::Address(Side::Local),
            Self::Address(Side::Local) => Self::Service,
            Self::Service => Self::Process,
            Self::Process => Self::Container,
            Self::Container => Self::Device,
            Self::Device => Self::Address(Side::Remote),
        }
    }

    /// The next in the flow table, which has single flows before the first and behind
    /// the last one.
    #[must_use]
    pub const fn next_of_flows(this: Option<Self>) -> Option<Self> {
        match this {
            None => Some(Self::Service),
            Some(Self::Service) => Some(Self::Container),
            Some(Self::Container) => Some(Self::Process),
            Some(Self::Process) => Some(Self::Address(Side::Remote)),
            Some(Self::Address(_)) => Some(Self::Device),
            Some(Self::Device) => None,
        }
    }

    /// The word for it in a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Address(Side::Remote) => "remote address",
            Self::Address(Side::Local) => "local address",
            Self::Service => "service",
            Self::Process => "process",
            Self::Container => "container",
            Self::Device => "device",
        }
    }

    /// The end whose addresses are meant.
    #[must_use]
    pub const fn side(self) -> Side {
        match self {
            Self::Address(side) => side,
            Self::Service | Self::Process | Self::Container | Self::Device => Side::Remote,
        }
    }
}

/// Names, each with a number that stays.
#[derive(Clone, Debug, Default)]
pub struct Labels(Vec<String>);

impl Labels {
    /// Names that are remembered; what comes later has no number.
    const MOST: usize = 10_000;

    /// The number of a name.
    pub fn number(&mut self, name: &str) -> Option<u32> {
        if let Some(place) = self.0.iter().position(|known| known == name) {
            return Some(place as u32);
        }
        (self.0.len() < Self::MOST).then(|| {
            self.0.push(name.to_owned());
            self.0.len() as u32 - 1
        })
    }

    /// The name of a number.
    #[must_use]
    pub fn name(&self, number: u32) -> &str {
        self.0.get(number as usize).map_or("?", String::as_str)
    }
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

    /// What a flow is in by a single address.
    #[must_use]
    pub fn of_address(key: &FlowKey, side: Side) -> Self {
        let prefix = ends::address(key, side).map(Into::into);
        prefix.map_or(Self::EtherType(key.ether_type), Self::Prefix)
    }

    /// The flow, where it is a single one.
    #[must_use]
    pub const fn flow(&self) -> Option<FlowKey> {
        match self {
            Self::Flow(key) => Some(*key),
            _ => None,
        }
    }

    /// The addresses that it is shown with.
    pub fn addresses(self) -> impl Iterator<Item = IpAddr> {
        let addresses = match self {
            Self::Flow(key) => [Side::Remote, Side::Local].map(|side| ends::address(&key, side)),
            Self::Service { client, server, .. } => [Some(client), Some(server)],
            _ => [self.address(), None],
        };
        addresses.into_iter().flatten()
    }

    /// The prefix, where the group has one.
    #[must_use]
    pub const fn prefix(&self) -> Option<&IpNet> {
        match self {
            Self::Prefix(prefix) => Some(prefix),
            _ => None,
        }
    }

    /// What a flow is in by its client and service. Servers have the lower ports.
    #[must_use]
    pub fn of_service(key: &FlowKey) -> Self {
        let end = |side| Some((ends::address(key, side)?, ends::port(key, side)?));
        let (Some(local), Some(remote)) = (end(Side::Local), end(Side::Remote)) else {
            return Self::Other;
        };
        let (server, client) = if local.1 <= remote.1 {
            (local, remote)
        } else {
            (remote, local)
        };
        Self::Service {
            client: client.0,
            server: server.0,
            port: server.1,
            protocol: key.protocol,
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
