//! What a filter asks about a flow beyond its key.

use probe_common::Direction;

use super::quantity::Quantity;

/// What is known of the flow of a packet. What is not known, no term matches.
pub trait Context {
    /// Whether the flow is in this state.
    fn is_in(&self, state: State) -> bool;

    /// The TCP flags that a direction has carried, or-ed.
    fn tcp_flags(&self, direction: Direction) -> u8;

    /// A number of the flow, in the unit of [`Quantity`].
    fn number(&self, quantity: Quantity) -> Option<f64>;

    /// Whether `test` accepts one of the names of this kind.
    fn has_name(&self, kind: Name, test: &mut dyn FnMut(&str) -> bool) -> bool;

    /// Whether a DNS query of the flow was answered with this result code.
    fn has_rcode(&self, rcode: u8) -> bool;

    /// Whether there is an error or a warning about the flow now.
    fn has_problem(&self) -> bool;
}

/// Where a flow stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A SYN without an answer so far.
    Opening,
    /// Both ends talk.
    Open,
    /// One end has sent FIN.
    Closing,
    /// Both ends have sent FIN.
    Closed,
    /// A SYN was answered by RST.
    Refused,
    /// An open connection was ended by RST.
    Reset,
    /// One end has sent packets and the other none.
    Unanswered,
}

/// The kinds of names that a flow can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// The process that holds the socket of one end: its command or executable.
    Process,
    /// The Kubernetes pod that the device leads to: name, or namespace/name.
    Pod,
    /// The container that the device leads to: name, host name or id.
    Container,
    /// The network namespace that the device leads to.
    Namespace,
    /// The host that sees it, where several are watched.
    Node,
    /// What a DNS query asks for.
    DnsName,
}

impl Name {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Process,
        Self::Pod,
        Self::Container,
        Self::Namespace,
        Self::Node,
        Self::DnsName,
    ];

    /// Its word in a filter.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Pod => "pod",
            Self::Container => "container",
            Self::Namespace => "netns",
            Self::Node => "node",
            Self::DnsName => "dns.name",
        }
    }
}
