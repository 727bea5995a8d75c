//! What the rest of the program consumes: events about devices, flows and
//! packets, from the kernel or from a recording. Nothing downstream knows
//! which.

use std::time::Duration;

use probe_common::{Direction, FlowKey, FlowValue, LinkLayer, Reason};

/// A moment, as the time since the source's start.
pub type Moment = Duration;

/// One message of a source, in the order of time.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The devices that are known now; replaces the last such list.
    Devices(Vec<Device>),
    /// Everything that was counted in one interval.
    Interval(Interval),
    /// Packets that got an event, oldest first.
    Packets(Vec<Packet>),
    /// Something that the user must know.
    Notice(Notice),
    /// The source has nothing more to say, and why.
    Ended(String),
}

/// What was counted between two moments: complete and coherent. For each
/// device and direction the flows' packets and the untracked packets add up to
/// the packets seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interval {
    /// The end of the interval.
    pub at: Moment,
    /// Its length.
    pub length: Duration,
    /// The totals of each watched device.
    pub devices: Vec<DeviceTotals>,
    /// The flows that had a packet.
    pub flows: Vec<FlowCounts>,
    /// What the probe itself did.
    pub probe: ProbeCounts,
}

/// One flow's counters of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowCounts {
    /// The flow.
    pub key: FlowKey,
    /// In and out.
    pub value: FlowValue,
}

/// One device's counters of an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DeviceTotals {
    /// The device's slot.
    pub slot: u32,
    /// In and out, indexed by [`Direction`].
    pub directions: [Totals; 2],
}

/// What one hook saw in an interval, counted apart from the flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Packets as the stack passes them on (skbs).
    pub packets: u64,
    /// Segments as a wire would carry them: Σ max(1, `gso_segs`).
    pub segments: u64,
    /// Bytes as the device counts them: Σ `skb->len`.
    pub bytes: u64,
    /// Packets that found no room in the kernel's flow map.
    pub untracked_packets: u64,
    /// Their bytes.
    pub untracked_bytes: u64,
    /// Packet events written.
    pub events: u64,
    /// Packet events that the ring buffer had no room for.
    pub lost: u64,
    /// Packets that deserved an event but were over the budget.
    pub over_budget: u64,
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.segments += other.segments;
        self.bytes += other.bytes;
        self.untracked_packets += other.untracked_packets;
        self.untracked_bytes += other.untracked_bytes;
        self.events += other.events;
        self.lost += other.lost;
        self.over_budget += other.over_budget;
    }
}

/// What the probe itself did in an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProbeCounts {
    /// Entries in the kernel's flow map at the end of the interval.
    pub map_entries: u64,
    /// Entries that it can hold.
    pub map_capacity: u64,
    /// The most bytes that waited in the ring buffer at a reading.
    pub ring_bytes: u64,
    /// Bytes that it can hold.
    pub ring_capacity: u64,
    /// How long it took to read the counters.
    pub read: Duration,
}

/// A network device, watched or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name in this network namespace.
    pub name: String,
    /// Its interface index in this network namespace.
    pub index: u32,
    /// What it is.
    pub kind: DeviceKind,
    /// Whether it is administratively up.
    pub up: bool,
    /// MTU in bytes.
    pub mtu: u32,
    /// Hardware address, empty when it has none.
    pub mac: Vec<u8>,
    /// What its packets start with.
    pub link_layer: LinkLayer,
    /// Whether and how it is watched.
    pub watch: Watch,
}

/// What a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A netkit primary, with what is known of the pair.
    Netkit(Netkit),
    /// A netkit peer: watched through its primary.
    NetkitPeer,
    /// Any other device, with the kernel's name of its kind (`veth`, `bridge`)
    /// or nothing for a physical one.
    Other(String),
}

/// A netkit pair, seen from its primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Netkit {
    /// `l2` or `l3`.
    pub mode: String,
    /// The primary's default policy: `forward` or `blackhole`.
    pub policy: String,
    /// The peer's default policy.
    pub peer_policy: String,
    /// The primary's scrub mode (`none`, `default`), where the kernel tells.
    pub scrub: Option<String>,
    /// The peer's scrub mode.
    pub peer_scrub: Option<String>,
    /// Interface index of the peer, in its own namespace.
    pub peer_index: Option<u32>,
    /// Id of the peer's namespace as this one knows it; nothing when both ends
    /// are in the same namespace.
    pub peer_netns: Option<i32>,
}

/// Whether and how a device is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Not watched.
    No,
    /// Being attached to.
    Starting,
    /// Programs are attached; flows carry the slot.
    Yes {
        /// The slot in [`FlowKey::device`].
        slot: u32,
        /// How.
        hooks: Hooks,
    },
    /// It was watched and is gone.
    Gone {
        /// The slot that its flows carry.
        slot: u32,
    },
    /// It could not be watched, and why.
    Failed(String),
}

/// The kind of hook that a device's programs are attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hooks {
    /// Both ends of a netkit pair, through the primary (kernel 6.7).
    Netkit,
    /// tcx ingress and egress (kernel 6.6).
    Tcx,
    /// Filters of the clsact queueing discipline (kernels before tcx).
    Clsact,
}

impl Hooks {
    /// The name that users know.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Netkit => "netkit",
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
        }
    }
}

/// One packet, as an event brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When the hook saw it.
    pub at: Moment,
    /// The flow it belongs to.
    pub key: FlowKey,
    /// Which hook saw it.
    pub direction: Direction,
    /// Why it got an event.
    pub reason: Reason,
    /// `skb->len` in bytes.
    pub len: u32,
    /// Segments: max(1, `gso_segs`).
    pub segments: u32,
    /// `skb->mark`.
    pub mark: u32,
    /// The VLAN tag that the device carries outside of the data, or 0.
    pub vlan_tci: u16,
    /// The first bytes, from the Ethernet header on (from the IP header where
    /// the device has no link layer).
    pub data: Box<[u8]>,
}

/// Something that the user must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When.
    pub at: Moment,
    /// How bad.
    pub level: Level,
    /// What, in a sentence.
    pub text: String,
}

/// How bad a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Good to know.
    Info,
    /// Something is not as it should be.
    Warning,
}

/// What a session watches, known before its first event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The host's name.
    pub host: String,
    /// The wall clock at moment 0.
    pub started: jiff::Timestamp,
    /// A sentence for the header when the session is special: a demo and what
    /// it runs on, a pair that was made for it, a recording.
    pub remark: Option<String>,
}

/// What the user asks of a source. A source that cannot do it, like a
/// recording, answers with a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Watch the device with this name.
    Watch(String),
    /// Stop watching it; its flows stay until they are over.
    Unwatch(String),
}
