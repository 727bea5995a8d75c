//! Records of the tracing programs: what they need to know of the running kernel, and
//! what they report. Integers are in host byte order; addresses are in network
//! order, IPv4 as an IPv4-mapped IPv6 address.

use bytemuck::{Pod, Zeroable};

/// Names of the maps and global variables in the object.
pub mod name {
    /// [`Layout`](super::Layout), frozen before the programs are loaded.
    pub const LAYOUT: &str = "LAYOUT";
    /// [`Reasons`](super::Reasons), frozen too.
    pub const NOISE: &str = "NOISE";
    /// One `u32`: the number of the current period, which budgets are for.
    pub const PERIOD: &str = "PERIOD";
    /// Hash of [`DropKey`](super::DropKey) to [`DropValue`](super::DropValue).
    pub const DROPS: &str = "DROPS";
    /// Hash of [`FlowDropKey`](super::FlowDropKey) to a `u64`, how many packets.
    pub const FLOW_DROPS: &str = "FLOW_DROPS";
    /// Hash of an address in the kernel's code to a [`PlaceName`](super::PlaceName).
    pub const PLACES: &str = "PLACES";
    /// Per-CPU array of one [`Tally`](super::Tally).
    pub const TALLY: &str = "TALLY";
    /// Per-CPU budget of flows of drops.
    pub const BUDGET: &str = "BUDGET";
    /// Ring buffer of [`SignalEvent`](super::SignalEvent).
    pub const SIGNALS: &str = "SIGNALS";
}

/// Combinations of place, reason, namespace and device that DROPS can hold.
pub const PLACES_MAX: u32 = 4096;
/// Entries of FLOW_DROPS.
pub const FLOW_DROPS_MAX: u32 = 8192;
/// Flows of drops that one CPU looks up in a period.
pub const FLOWS_A_PERIOD: u32 = 1024;
/// Bytes of the ring buffer.
pub const RING_BYTES: u32 = 1 << 18;
/// Bytes of a device's name (`IFNAMSIZ`) and of a command's (`TASK_COMM_LEN`).
pub const NAME: usize = 16;

/// Where the members of the kernel's structures are on the kernel that runs, in
/// bytes from the start of the structure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Layout {
    /// `sk_buff.dev`.
    pub skb_dev: u32,
    /// `sk_buff.head`.
    pub skb_head: u32,
    /// `sk_buff.network_header`.
    pub skb_network_header: u32,
    /// `sk_buff.protocol`.
    pub skb_protocol: u32,
    /// `sk_buff.sk`.
    pub skb_sk: u32,
    /// `sk_buff._skb_refdst`.
    pub skb_dst: u32,
    /// `dst_entry.dev`.
    pub dst_dev: u32,
    /// `net_device.ifindex`.
    pub device_index: u32,
    /// `net_device.name`.
    pub device_name: u32,
    /// `net_device.nd_net.net`.
    pub device_net: u32,
    /// `net.ns.inum`.
    pub net_inode: u32,
    /// `sock_common.skc_net.net`.
    pub sock_net: u32,
    /// `sock_common.skc_family`.
    pub sock_family: u32,
    /// `sock_common.skc_num`, the own port in host byte order.
    pub sock_port: u32,
    /// `sock_common.skc_dport`, the other port in network byte order.
    pub sock_remote_port: u32,
    /// `sock_common.skc_rcv_saddr`.
    pub sock_address: u32,
    /// `sock_common.skc_daddr`.
    pub sock_remote_address: u32,
    /// `sock_common.skc_v6_rcv_saddr`.
    pub sock_address_v6: u32,
    /// `sock_common.skc_v6_daddr`.
    pub sock_remote_address_v6: u32,
    /// `sock_common.skc_state`.
    pub sock_state: u32,
    /// `sock.sk_protocol`.
    pub sock_protocol: u32,
    /// `sock.sk_err`.
    pub sock_error: u32,
    /// `neighbour.dev`.
    pub neighbor_device: u32,
    /// `neighbour.primary_key`, the address.
    pub neighbor_key: u32,
    /// `neighbour.nud_state`.
    pub neighbor_state: u32,
    /// `neighbour.tbl`.
    pub neighbor_table: u32,
    /// `neigh_table.family`.
    pub table_family: u32,
    /// `socket.sk`.
    pub socket_sock: u32,
    /// `task_struct.tgid`.
    pub task_group: u32,
    /// `task_struct.group_leader`.
    pub task_leader: u32,
    /// `task_struct.comm`.
    pub task_command: u32,
    /// `task_struct.start_boottime`.
    pub task_start: u32,
    /// Not 0: `kfree_skb` has the receiving socket as its fourth argument.
    pub drop_has_socket: u32,
    /// Not 0: `tcp_send_reset` has a reason as its third argument.
    pub reset_has_reason: u32,
}

/// A bit for each of the first 256 drop reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Reasons {
    /// 64 reasons each.
    pub words: [u64; 4],
}

impl Reasons {
    /// Adds a reason; one that has no bit is left out.
    pub fn insert(&mut self, reason: u32) {
        if let Some(word) = self.words.get_mut(reason as usize / 64) {
            *word |= 1 << (reason % 64);
        }
    }
}

/// What drops are counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct DropKey {
    /// Address of the instruction that dropped the packet.
    pub place: u64,
    /// `enum skb_drop_reason`, with a module's subsystem in the upper half.
    pub reason: u32,
    /// Inode of the network namespace, or 0.
    pub namespace: u32,
    /// Interface index in that namespace, or 0.
    pub device: u32,
    /// 0.
    pub reserved: u32,
}

/// What was dropped, since the key is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct DropValue {
    /// Packets (skbs).
    pub packets: u64,
    /// The device's name when the key came to be, padded with zeros.
    pub device: [u8; NAME],
}

/// A packet's flow: its addresses, ports and protocol as it was at that place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct WireTuple {
    /// Source address.
    pub source: [u8; 16],
    /// Destination address.
    pub destination: [u8; 16],
    /// Source port as in [`FlowKey`](crate::FlowKey).
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// IP protocol number.
    pub protocol: u32,
}

/// What drops of a flow are counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct FlowDropKey {
    /// Where and why.
    pub drop: DropKey,
    /// Of which flow.
    pub tuple: WireTuple,
}

/// The kernel's name of a place: `nft_do_chain+0x1f2/0x6c0 [nf_tables]`, ended by
/// a zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct PlaceName {
    /// The name.
    pub text: [u8; 64],
}

/// What one CPU has counted outside the maps, since the programs are attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Tally {
    /// Drops for reasons that are noise, and of what no network device carries.
    pub noise: u64,
    /// Drops that DROPS had no room for.
    pub unplaced: u64,
    /// Drops whose flow is unknown: not IP, over the budget, no room.
    pub without_flow: u64,
    /// Events that SIGNALS had no room for.
    pub lost: u64,
}

/// What a [`SignalEvent`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum SignalKind {
    /// An error was reported to a socket.
    SocketError = 0,
    /// A neighbor did not answer.
    NeighborFailed = 1,
    /// A reset was sent.
    ResetSent = 2,
    /// A reset was received.
    ResetReceived = 3,
}

impl SignalKind {
    /// The kind of a number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::SocketError,
            1 => Self::NeighborFailed,
            2 => Self::ResetSent,
            3 => Self::ResetReceived,
            _ => return None,
        })
    }
}

/// One event of the ring buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct SignalEvent {
    /// `CLOCK_MONOTONIC` in nanoseconds.
    pub time: u64,
    /// The socket's cookie, or 0.
    pub cookie: u64,
    /// The socket's own end is the source; of a neighbor only the destination is
    /// set, an IPv4 address mapped.
    pub tuple: WireTuple,
    /// A [`SignalKind`] as a number.
    pub kind: u32,
    /// Inode of the network namespace, or 0.
    pub namespace: u32,
    /// The errno of a socket error; `enum sk_rst_reason` of a reset that was sent,
    /// or −1 where the kernel does not show it.
    pub value: i32,
    /// The socket's state (`TCP_ESTABLISHED` is 1), or 0.
    pub state: u32,
    /// A neighbor's device: its interface index.
    pub device: u32,
    /// 0.
    pub reserved: u32,
    /// A neighbor's device: its name, padded with zeros.
    pub device_name: [u8; NAME],
}

/// A socket that a process has a descriptor of: an element of what the iterator
/// writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct HeldSocket {
    /// The socket's cookie.
    pub cookie: u64,
    /// When the process started: `CLOCK_BOOTTIME` in nanoseconds.
    pub started: u64,
    /// The process, in the first PID namespace.
    pub pid: u32,
    /// Inode of the socket's network namespace, or 0.
    pub namespace: u32,
    /// The command name of the process, ended by a zero.
    pub command: [u8; NAME],
}
