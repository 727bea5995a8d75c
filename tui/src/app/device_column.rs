//! The columns of the device table.

use probe_common::Direction;

use super::order::Sortable;

/// The columns of the device table, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceColumn {
    /// Whether it is watched, and how; sorts by kind and name within that.
    Watch,
    /// Its name.
    Name,
    /// What it leads to.
    Container,
    /// Its kind.
    Kind,
    /// The mode of a netkit pair.
    Mode,
    /// The policies of a netkit pair.
    Policy,
    /// The scrub modes of a netkit pair.
    Scrub,
    /// Whether it is up.
    Up,
    /// Its hardware address.
    Mac,
    /// Its MTU.
    Mtu,
    /// Bytes per second towards the local end.
    In,
    /// Bytes per second away from it.
    Out,
    /// Packets so far.
    Packets,
    /// Packets that it has dropped itself since it was made.
    Dropped,
}

impl DeviceColumn {
    /// All columns in the order of the table.
    pub const ALL: [Self; 14] = [
        Self::Watch,
        Self::Name,
        Self::Container,
        Self::Kind,
        Self::Mode,
        Self::Policy,
        Self::Scrub,
        Self::Up,
        Self::Mac,
        Self::Mtu,
        Self::In,
        Self::Out,
        Self::Packets,
        Self::Dropped,
    ];

    /// The direction that it has the rate of.
    #[must_use]
    pub const fn direction(self) -> Option<Direction> {
        match self {
            Self::In => Some(Direction::In),
            Self::Out => Some(Direction::Out),
            _ => None,
        }
    }
}

impl Sortable for DeviceColumn {
    fn descends(self) -> bool {
        matches!(
            self,
            Self::Mtu | Self::In | Self::Out | Self::Packets | Self::Dropped
        )
    }
}
