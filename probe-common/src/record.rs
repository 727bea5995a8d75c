//! Records with a fixed layout: the keys and values of the maps and the
//! elements of the ring buffer. Integers are in host byte order; addresses are
//! in network order, IPv4 as an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2).

use bytemuck::{Pod, Zeroable};

/// Names of the maps in the object, as user space looks them up.
pub mod map {
    /// One [`Attachment`](super::Attachment) for each CPU: which hook its packet is at.
    pub const ATTACHMENT: &str = "ATTACHMENT";
    /// One [`Settings`](super::Settings), for all hooks.
    pub const SETTINGS: &str = "SETTINGS";
    /// The flow table: a page of slots an element. See [`table`](crate::table).
    pub const TABLE: &str = "TABLE";
    /// The TCP lines of the slots, as many an element as the table has slots in one.
    pub const TCP: &str = "TCP";
    /// For each page the slots that have counts: a bit a slot, 32 bits a parity of
    /// the epoch.
    pub const DIRTY: &str = "DIRTY";
    /// One [`Geometry`](crate::table::Geometry).
    pub const GEOMETRY: &str = "GEOMETRY";
    /// Ring buffer of [`SocketRecord`](super::SocketRecord).
    pub const SOCKETS: &str = "SOCKETS";
    /// Per-CPU array of [`TotalsValue`](super::TotalsValue); see
    /// [`totals_index`](super::limits::totals_index).
    pub const TOTALS: &str = "TOTALS";
    /// Longest-prefix trie of addresses as flow keys have them: see
    /// [`Settings::push_down`](super::Settings::push_down).
    pub const PREFIXES: &str = "PREFIXES";
    /// Per-CPU budget of events.
    pub const BUDGET: &str = "BUDGET";
    /// Ring buffer of [`PacketEvent`](super::PacketEvent).
    pub const PACKETS: &str = "PACKETS";
}

/// Sizes that both sides must agree on.
pub mod limits {
    /// Devices that can be watched at once.
    pub const DEVICES: u32 = 1024;
    /// Entries of TOTALS: two epoch parities, two directions a device.
    pub const TOTALS: u32 = DEVICES * 4;
    /// Prefixes that can be pushed down; the trie allocates only those there are.
    pub const PREFIXES: u32 = 4096;

    /// The entry of TOTALS for a device slot, a direction's number and an epoch.
    #[must_use]
    pub const fn totals_index(epoch: u32, device: u32, direction: u32) -> u32 {
        ((epoch & 1) * DEVICES + device) * 2 + direction
    }
}

/// Return values of a program on a netkit or tcx hook (`enum tcx_action_base`
/// in `include/uapi/linux/bpf.h`; netkit has the same numbers).
pub mod verdict {
    /// Run the next program of the chain; the packet passes if there is none.
    pub const NEXT: i32 = -1;
    /// Drop the packet (`TC_ACT_SHOT`).
    pub const DROP: i32 = 2;
    /// Go on to the next filter, for clsact (`TC_ACT_UNSPEC`); equal to NEXT.
    pub const UNSPEC: i32 = -1;
}

/// Which way a packet goes, seen from the flow's local end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u32)]
pub enum Direction {
    /// Towards the local end: a netkit primary's hook, a NIC's ingress.
    In = 0,
    /// Away from it: a netkit peer's hook, a NIC's egress.
    Out = 1,
}

impl Direction {
    /// Both, in the order of their numbers.
    pub const BOTH: [Self; 2] = [Self::In, Self::Out];

    /// The direction of a number, 0 for in and 1 for out.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::In),
            1 => Some(Self::Out),
            _ => None,
        }
    }
}

/// What a packet starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u32)]
pub enum LinkLayer {
    /// An Ethernet header.
    Ethernet = 0,
    /// The IP header (`ARPHRD_NONE` and other devices without addresses).
    None = 1,
}

impl LinkLayer {
    /// The link layer of a number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Ethernet),
            1 => Some(Self::None),
            _ => None,
        }
    }
}

/// The identity of a hook that a program of ours is attached to. Never `skb->ifindex`,
/// which is the receiving side's in netkit, in a namespace of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Attachment {
    /// The device's slot, below [`limits::DEVICES`].
    pub device: u32,
    /// A [`Direction`] as a number, or [`Attachment::EITHER`].
    pub direction: u32,
    /// What the program returns: see [`verdict`].
    pub verdict: i32,
    /// What the device's packets start with, but for those that the kernel loops
    /// back: a [`LinkLayer`] as a number.
    pub link_layer: u32,
}

impl Attachment {
    /// One hook sees both directions: on a loopback device, where a packet leaves
    /// and arrives at once.
    pub const EITHER: u32 = 2;
}

/// What user space sets for all hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Settings {
    /// The current epoch. Its parity chooses the half of the flow table's counts
    /// and of TOTALS that is written; what belongs to the other is complete and
    /// still.
    pub epoch: u32,
    /// Not 0: flows have just been given other places in the table, so that a new
    /// slot does not mean a new flow.
    pub moved: u32,
    /// Events that one CPU may send in an epoch for packets with a reason.
    pub events: u32,
    /// Events that one CPU may send in an epoch for a sample of the rest.
    pub samples: u32,
    /// Not 0: every packet gets an event, whatever the budgets.
    pub every_packet: u32,
    /// Not 0: only packets with an end in one of PREFIXES have flows and events;
    /// the others are counted as filtered.
    pub push_down: u32,
}

/// Bits of [`FlowKey::flags`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFlags;

impl KeyFlags {
    /// A fragment that does not carry the ports (its offset is not 0).
    pub const FRAGMENT: u8 = 1;
    /// The headers end early or contradict themselves.
    pub const MALFORMED: u8 = 2;
}

/// A flow: what its packets have in common, seen from the local end, so that
/// both directions have one key.
///
/// For ICMP and ICMPv6 `local_port` is the identifier of an echo (else 0) and
/// `remote_port` the type, an echo reply counting as its request. For ARP the
/// addresses are the protocol addresses. What is not IP has no addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Pod, Zeroable)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub struct FlowKey {
    /// Address of the end that the device leads to.
    pub local: [u8; 16],
    /// Address of the other end.
    pub remote: [u8; 16],
    /// The device's slot.
    pub device: u32,
    /// Ethertype, after VLAN tags; below 0x600 the length of an 802.3 frame is
    /// given as 0.
    pub ether_type: u16,
    /// Port of the local end, or 0.
    pub local_port: u16,
    /// Port of the remote end, or 0.
    pub remote_port: u16,
    /// IP protocol number, after extension headers.
    pub protocol: u8,
    /// [`KeyFlags`].
    pub flags: u8,
    /// VLAN ID of the outermost tag (IEEE 802.1Q), or 0: none, or a priority tag.
    pub vlan: u16,
    /// VLAN ID of the tag behind it, or 0.
    pub inner_vlan: u16,
}

impl FlowKey {
    /// Turns the key of a packet that leaves the local end so that both directions
    /// between two ends of one host have the same: local is the end with the lower
    /// port, which is mostly the server's, or else the lower address. Returns where
    /// the packet goes then.
    ///
    /// What ICMP has instead of ports belongs to no end. Between an address and
    /// itself all ICMP goes out.
    #[inline(always)]
    pub fn orient(&mut self) -> Direction {
        // ICMP and ICMPv6 (IANA).
        let has_ports = !matches!(self.protocol, 1 | 58);
        let is_turned = if has_ports && self.local_port != self.remote_port {
            self.local_port > self.remote_port
        } else {
            u128::from_be_bytes(self.local) > u128::from_be_bytes(self.remote)
        };
        if !is_turned {
            return Direction::Out;
        }
        core::mem::swap(&mut self.local, &mut self.remote);
        if has_ports {
            core::mem::swap(&mut self.local_port, &mut self.remote_port);
        }
        Direction::In
    }
}

/// One direction of a flow in one epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Counters {
    /// Packets as the stack passes them on (skbs), as the device counts them.
    pub packets: u64,
    /// Segments beyond one a packet: Σ max(1, `gso_segs`) − packets.
    pub extra_segments: u64,
    /// Σ `skb->len`, as the device counts bytes.
    pub bytes: u64,
    /// The largest `skb->len`. Stored without a lock: a race may lose one.
    pub largest: u32,
    /// The window field of the last TCP segment, before scaling (RFC 7323).
    pub window: u16,
    /// All TCP flags that were seen, or-ed (RFC 9293's low byte).
    pub tcp_flags: u8,
    /// TTL or hop limit of the last packet, 0 when there is none.
    pub hop_limit: u8,
}

/// Both directions of a flow, indexed by [`Direction`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FlowValue {
    /// In, out.
    pub directions: [Counters; 2],
}

/// The judge of the flow counters: what one hook saw on one CPU. Grows for as
/// long as the program is attached, separately for even and odd epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct TotalsValue {
    /// All packets (skbs).
    pub packets: u64,
    /// Segments beyond one a packet.
    pub extra_segments: u64,
    /// All bytes.
    pub bytes: u64,
    /// Packets that found no room in the flow table.
    pub untracked_packets: u64,
    /// Their bytes.
    pub untracked_bytes: u64,
    /// Packets with no end in PREFIXES, while that was asked for.
    pub filtered_packets: u64,
    /// Their bytes.
    pub filtered_bytes: u64,
    /// Events written to PACKETS.
    pub events: u64,
    /// Events that PACKETS had no room for.
    pub lost: u64,
    /// Events that the budget did not allow, by the number of the [`Reason`].
    pub over_budget: [u64; Reason::COUNT],
}

/// What a socket knew when it sent a packet of a flow: once a flow, direction and
/// epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct SocketRecord {
    /// The slot in the flow table.
    pub slot: u32,
    /// The epoch.
    pub epoch: u32,
    /// A [`Direction`] as a number.
    pub direction: u32,
    /// Not 0: what follows the cgroup is TCP's.
    pub is_tcp: u32,
    /// The socket's cookie.
    pub cookie: u64,
    /// Its cgroup's id (v2), or 0.
    pub cgroup: u64,
    /// Smoothed round-trip time in microseconds.
    pub srtt: u32,
    /// Least round-trip time in microseconds; all bits set before the first sample.
    pub min_rtt: u32,
    /// Congestion window in segments.
    pub cwnd: u32,
    /// Maximum segment size in bytes.
    pub mss: u32,
    /// Segments retransmitted since the connection began.
    pub total_retrans: u32,
    /// Segments sent and not yet acknowledged.
    pub packets_out: u32,
}

/// Bytes of a packet that an event carries at most.
pub const SNAPSHOT: usize = 128;

/// Why a packet got an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u16)]
pub enum Reason {
    /// The first packet of a flow, or the first after an idle interval.
    First = 0,
    /// TCP SYN, FIN or RST.
    TcpFlags = 1,
    /// ICMP, ICMPv6, ARP.
    Control = 2,
    /// DNS (port 53) or mDNS (5353).
    Dns = 3,
    /// A sample of the rest, or every packet when asked for.
    Sample = 4,
    /// The first TCP segment with data of a direction.
    FirstData = 5,
    /// A TCP receive window that has become zero.
    ZeroWindow = 6,
    /// The acknowledgment that completes a TCP handshake.
    HandshakeAck = 7,
}

impl Reason {
    /// How many there are; their numbers are below.
    pub const COUNT: usize = 8;

    /// The reason of a number.
    #[must_use]
    pub const fn from_number(number: u16) -> Option<Self> {
        Some(match number {
            0 => Self::First,
            1 => Self::TcpFlags,
            2 => Self::Control,
            3 => Self::Dns,
            4 => Self::Sample,
            5 => Self::FirstData,
            6 => Self::ZeroWindow,
            7 => Self::HandshakeAck,
            _ => return None,
        })
    }
}

/// One packet's event: metadata and the start of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct PacketEvent {
    /// `CLOCK_MONOTONIC` in nanoseconds.
    pub time: u64,
    /// Cookie of the socket that sent the packet, as far as it is known here
    /// (`SO_COOKIE`), or 0.
    pub cookie: u64,
    /// Id of that socket's cgroup (v2), or 0.
    pub cgroup: u64,
    /// `skb->len` in bytes.
    pub len: u32,
    /// `skb->mark`.
    pub mark: u32,
    /// The device's slot.
    pub device: u16,
    /// `skb->gso_segs`; 0 for a packet that is not segmented.
    pub gso_segs: u16,
    /// Bytes of `data` that are the packet's, at most [`SNAPSHOT`].
    pub captured: u16,
    /// The VLAN tag that the device carries outside of the data, or 0.
    pub vlan_tci: u16,
    /// A [`Direction`] as a number.
    pub direction: u16,
    /// A [`Reason`] as a number.
    pub reason: u16,
    /// What the packet starts with: a [`LinkLayer`] as a number.
    pub link_layer: u32,
    /// The packet from its Ethernet header on, or from its IP header.
    pub data: [u8; SNAPSHOT],
}

#[cfg(test)]
mod tests;
