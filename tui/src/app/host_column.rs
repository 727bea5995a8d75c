//! The columns of the host table.

use super::order::Sortable;

/// The columns of the host table, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostColumn {
    /// The prefix.
    Group,
    /// How many flows.
    Flows,
    /// Bytes per second towards the local end.
    In,
    /// Bytes per second away from it.
    Out,
    /// Packets so far.
    Packets,
    /// The share of what is shown; sorts by the sum of both rates.
    Share,
}

impl HostColumn {
    /// All columns in the order of the table.
    pub const ALL: [Self; 6] = [
        Self::Group,
        Self::Flows,
        Self::In,
        Self::Out,
        Self::Packets,
        Self::Share,
    ];
}

impl Sortable for HostColumn {
    fn descends(self) -> bool {
        self != Self::Group
    }
}
