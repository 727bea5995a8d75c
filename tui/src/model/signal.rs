//! What the kernel reports besides packets: drops, errors that sockets got,
//! resets, neighbors that do not answer, and whose sockets are whose.
//!
//! All of it is of the whole machine. A network namespace is given by the inode
//! of its `/proc/PID/ns/net`, which may be used again once the namespace is gone.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::stack::{FlowState, Softnet, Stack};
use super::tuple::{NamespaceInode, Tuple};
use super::{Container, Moment};

/// What one collector has read. Each collector fills in what it knows and leaves
/// the rest empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// When it was read: the end of the period.
    pub at: Moment,
    /// Packets that the kernel dropped since the last reading.
    pub drops: Vec<DropCount>,
    /// Errors that were reported to sockets, oldest first.
    pub socket_errors: Vec<SocketError>,
    /// Neighbors that did not answer, oldest first.
    pub neighbors: Vec<NeighborFailed>,
    /// TCP resets, oldest first.
    pub resets: Vec<Reset>,
    /// Owners of sockets that were asked about.
    pub owners: Vec<Owner>,
    /// Containers of sockets that flows and packets came from.
    pub containers: Vec<ContainerOf>,
    /// The network stacks of the namespaces with watched devices.
    pub stacks: Vec<Stack>,
    /// Packet processing of all CPUs, when one of them could not keep up: the whole machine's.
    pub softnet: Vec<Softnet>,
    /// Flows that were looked up.
    pub flows: Vec<FlowState>,
    /// How the tracing programs are doing, from their collector.
    pub trace: Option<Trace>,
}

/// A device, as the kernel named it where something happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Where {
    /// The network namespace.
    pub namespace: NamespaceInode,
    /// The device's interface index there; 0 without a device, as for packets on
    /// their way out and TCP's, which have left theirs.
    pub index: u32,
    /// The device's name there; empty without a device.
    pub device: String,
}

/// Packets that were dropped at one place for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropCount {
    /// Where. For forwarded packets the device that they came in by, in a
    /// queueing discipline the one that they were to leave by; on netkit and veth
    /// the receiving end.
    pub at: Where,
    /// The kernel's name for the reason without its prefix: `NETFILTER_DROP`
    /// (`enum skb_drop_reason`), or `SUBSYSTEM:7` for the reason of a module.
    pub reason: String,
    /// The kernel function that dropped them: `nft_do_chain`.
    pub place: String,
    /// How many (skbs) since the last reading.
    pub packets: u64,
    /// Whether these are part of healthy traffic: what a closed socket had not
    /// read, packets for other hosts, and the like.
    pub noise: bool,
    /// The flows that they belong to, those with the most first, as far as they
    /// were found within the budget.
    pub flows: Vec<DroppedFlow>,
}

/// A flow's share of a [`DropCount`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedFlow {
    /// The flow, as the packets had it at that place.
    pub tuple: Tuple,
    /// How many packets, at least.
    pub packets: u64,
}

/// An error that the kernel reported to a socket (`sk_error_report()`): the one
/// that the application gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketError {
    /// When.
    pub at: Moment,
    /// The socket's network namespace.
    pub namespace: NamespaceInode,
    /// The socket's cookie.
    pub cookie: u64,
    /// The socket's own end is the source; its port is 0 once it is unbound.
    pub tuple: Tuple,
    /// The error (errno(3)), positive.
    pub errno: i32,
}

/// A neighbor that did not answer ARP or neighbor solicitations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeighborFailed {
    /// When it was given up.
    pub at: Moment,
    /// The device that leads to it.
    pub device: Where,
    /// Its address.
    pub address: IpAddr,
}

/// Who reset a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ResetBy {
    /// A socket of this machine sent it.
    Sent,
    /// It came from the other end.
    Received,
}

/// A TCP reset that this machine sent or received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    /// When.
    pub at: Moment,
    /// Who sent it.
    pub by: ResetBy,
    /// The network namespace of this machine's end.
    pub namespace: NamespaceInode,
    /// The socket's cookie; 0 where there is no socket.
    pub cookie: u64,
    /// This machine's end is the source, whoever sent the reset.
    pub tuple: Tuple,
    /// The state of the socket (`TCP_ESTABLISHED` = 1, `TCP_SYN_SENT` = 2, see
    /// `net/tcp_states.h`); 0 without a socket.
    pub state: u8,
    /// The kernel's name for why it was sent, without its prefix, since Linux 6.11:
    /// `NO_SOCKET`, `TCP_ABORT_ON_CLOSE` (`enum sk_rst_reason`).
    pub reason: Option<String>,
}

/// The process that holds a socket, by the socket's cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The socket's cookie, unique until the machine starts again.
    pub cookie: u64,
    /// The socket's network namespace.
    pub namespace: NamespaceInode,
    /// The process, in the first PID namespace: of several the one that started
    /// first.
    pub pid: u32,
    /// Its command name, cut to 15 bytes by the kernel.
    pub command: String,
    /// Its executable, where it could be read while the process was there.
    pub executable: Option<String>,
    /// When the process started, in nanoseconds since the machine did
    /// (`CLOCK_BOOTTIME`): with the PID it is one process for good.
    pub started: u64,
    /// How many other processes held the socket.
    pub others: u32,
}

/// The container that sockets are in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerOf {
    /// Which sockets.
    pub sockets: Sockets,
    /// Their container.
    pub container: Container,
}

/// One socket, or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sockets {
    /// The one with this cookie.
    Cookie(u64),
    /// All that were made in this cgroup (v2).
    Cgroup(u64),
}

/// How the tracing programs are doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trace {
    /// They do not run, and why.
    Off(String),
    /// Some or all do.
    On(TraceStatus),
}

/// The state of the tracing programs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceStatus {
    /// What cannot be seen on this kernel, and why, one sentence each.
    pub missing: Vec<String>,
    /// Runs that the kernel skipped since the start since a program was already
    /// running on that CPU: their drops and events were not seen.
    pub skipped: u64,
    /// Events since the start that found no room in the buffer.
    pub lost: u64,
    /// Drops since the start that found no room in the table of places.
    pub unplaced: u64,
    /// Drops since the start, outside of noise, of which the flow is not known: no
    /// IP packet, or over the budget of that second.
    pub without_flow: u64,
    /// Drops since the start for reasons that are part of healthy traffic.
    pub noise: u64,
}
