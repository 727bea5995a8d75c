//! The columns of the flow table: which are shown, and in which order.

use serde::{Deserialize, Serialize};

use super::list::Motion;
use super::order::Sortable;

#[cfg(test)]
mod tests;

/// The columns of the table, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Column {
    /// The host that sees it, where several are watched.
    Node,
    /// The device.
    Device,
    /// The protocol.
    Protocol,
    /// Address and port of the local end.
    Local,
    /// Address and port of the remote end.
    Remote,
    /// Where a TCP connection stands.
    State,
    /// Bytes per second towards the local end.
    In,
    /// Bytes per second away from it.
    Out,
    /// Packets so far.
    Packets,
    /// Segments so far.
    Segments,
    /// Bytes so far.
    Bytes,
    /// The last minute as a graph; sorts by the sum of both rates.
    Graph,
    /// How long ago the flow was first seen.
    Age,
    /// How long ago the flow was last seen.
    Seen,
    /// Round-trip time.
    Rtt,
    /// Segments that were sent again.
    Retrans,
    /// The process that holds the socket.
    Process,
    /// The pod that the device leads to.
    Pod,
    /// The container that the device leads to.
    Container,
}

impl Column {
    /// All columns in the order of the table.
    pub const ALL: [Self; 19] = [
        Self::Device,
        Self::Protocol,
        Self::Local,
        Self::Remote,
        Self::State,
        Self::In,
        Self::Out,
        Self::Packets,
        Self::Segments,
        Self::Bytes,
        Self::Graph,
        Self::Age,
        Self::Seen,
        Self::Rtt,
        Self::Retrans,
        Self::Process,
        Self::Pod,
        Self::Container,
        Self::Node,
    ];

    /// Those that are shown unless others are chosen.
    const SHOWN: usize = 13;

    /// The name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Device => "device",
            Self::Protocol => "protocol",
            Self::Local => "local",
            Self::Remote => "remote",
            Self::State => "state",
            Self::In => "in",
            Self::Out => "out",
            Self::Packets => "packets",
            Self::Segments => "segments",
            Self::Bytes => "bytes",
            Self::Graph => "graph",
            Self::Age => "age",
            Self::Seen => "seen",
            Self::Rtt => "rtt",
            Self::Retrans => "retrans",
            Self::Process => "process",
            Self::Pod => "pod",
            Self::Container => "container",
        }
    }

    /// What it shows.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Node => "host that sees it, of several",
            Self::Device => "container, or the device",
            Self::Protocol => "tcp, udp, icmp and others",
            Self::Local => "address and port of the near end",
            Self::Remote => "address and port of the far end",
            Self::State => "state of the connection",
            Self::In => "rate towards the local end",
            Self::Out => "rate towards the remote end",
            Self::Packets => "packets so far",
            Self::Segments => "packets as on the wire",
            Self::Bytes => "bytes so far",
            Self::Graph => "the last minute; sorts by in + out",
            Self::Age => "since it was first seen",
            Self::Seen => "since it was last seen",
            Self::Rtt => "round-trip time; ~ of the handshake",
            Self::Retrans => "segments sent again",
            Self::Process => "who holds the socket",
            Self::Pod => "the pod behind the device",
            Self::Container => "the container behind the device",
        }
    }
}

impl Sortable for Column {
    fn descends(self) -> bool {
        matches!(
            self,
            Self::In
                | Self::Out
                | Self::Packets
                | Self::Segments
                | Self::Bytes
                | Self::Graph
                | Self::Rtt
                | Self::Retrans
        )
    }
}

/// All columns in the user's order, which of them are shown, and which is
/// chosen to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    all: Vec<(Column, bool)>,
    chosen: usize,
}

impl Default for Columns {
    fn default() -> Self {
        Self::new(Column::ALL.into_iter().take(Column::SHOWN))
    }
}

impl Columns {
    /// These are shown, in this order.
    #[must_use]
    pub fn new(shown: impl IntoIterator<Item = Column>) -> Self {
        let mut all: Vec<(Column, bool)> = Vec::new();
        let hidden = Column::ALL.map(|column| (column, false));
        for (column, is_shown) in shown.into_iter().map(|c| (c, true)).chain(hidden) {
            if all.iter().all(|(known, _)| *known != column) {
                all.push((column, is_shown));
            }
        }
        Self { all, chosen: 0 }
    }

    /// Those that are shown.
    pub fn shown(&self) -> impl Iterator<Item = Column> {
        self.all
            .iter()
            .filter(|(_, is)| *is)
            .map(|(column, _)| *column)
    }

    /// With the column of the hosts where there are several: the first one, unless
    /// the user has given it a place. Of a single host it would say nothing.
    #[must_use]
    pub fn for_hosts(mut self, are_several: bool) -> Self {
        let is_placed = self.shown().any(|column| column == Column::Node);
        if !(are_several && is_placed) {
            self.all.retain(|(column, _)| *column != Column::Node);
            if are_several {
                self.all.insert(0, (Column::Node, true));
            }
        }
        self
    }

    /// All of them, and whether they are shown.
    #[must_use]
    pub fn all(&self) -> &[(Column, bool)] {
        &self.all
    }

    /// The chosen one.
    #[must_use]
    pub fn chosen(&self) -> Column {
        self.all[self.chosen].0
    }

    /// Whether the chosen one is shown.
    #[must_use]
    pub fn shows_chosen(&self) -> bool {
        self.all[self.chosen].1
    }

    /// Chooses another one.
    pub fn step(&mut self, motion: Motion) {
        let last = self.all.len() - 1;
        self.chosen = match motion {
            Motion::Up => self.chosen.saturating_sub(1),
            Motion::Down => (self.chosen + 1).min(last),
            Motion::First | Motion::PageUp => 0,
            Motion::Last | Motion::PageDown => last,
        };
    }

    /// Chooses this one.
    pub fn choose(&mut self, column: Column) {
        let place = self.all.iter().position(|(known, _)| *known == column);
        self.chosen = place.unwrap_or(self.chosen);
    }

    /// Shows the chosen one, or hides it; the last one stays.
    pub fn toggle(&mut self) {
        let is_last = self.shown().eq([self.chosen()]);
        if let Some((_, is_shown)) = self.all.get_mut(self.chosen)
            && !is_last
        {
            *is_shown = !*is_shown;
        }
    }

    /// Moves the chosen one a place to the left in the table, or to the right.
    pub fn shift(&mut self, to: Shift) {
        let other = match to {
            Shift::Left => self.chosen.checked_sub(1),
            Shift::Right => Some(self.chosen + 1),
        };
        if let Some(other) = other.filter(|other| *other < self.all.len()) {
            self.all.swap(self.chosen, other);
            self.chosen = other;
        }
    }

    /// The line of the configuration file with the same effect.
    #[must_use]
    pub fn setting(&self) -> String {
        let names: Vec<String> = self.shown().map(|c| format!("{:?}", c.name())).collect();
        format!("columns = [{}]", names.join(", "))
    }
}

/// A change of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnEdit {
    /// Show the chosen one, or hide it.
    Toggle,
    /// Show this one, or hide it.
    ToggleThis(Column),
    /// Move it.
    Move(Shift),
    /// Sort by it.
    Sort,
    /// Copy the setting that keeps all of this.
    Copy,
}

/// A direction to move a column in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    /// A place to the left.
    Left,
    /// A place to the right.
    Right,
}
