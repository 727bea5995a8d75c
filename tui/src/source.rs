//! What the rest of the program consumes: events about devices, flows and
//! packets, from the kernel or from a recording. Nothing downstream knows
//! which.

use std::cmp::Ordering;
use std::time::Duration;

use ipnet::IpNet;
use probe_common::{Direction, FlowKey, FlowValue, LinkLayer, Reason};
use serde::Serialize;

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
/// device and direction the flows' packets, the untracked and the filtered ones
/// add up to the packets seen.
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
    /// The device's own counters at the end of the interval.
    pub counters: Option<LinkCounters>,
    /// Those of its peer.
    pub peer_counters: Option<LinkCounters>,
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
    /// Packets that were kept out of the flows by [`Command::PushDown`].
    pub filtered_packets: u64,
    /// Their bytes.
    pub filtered_bytes: u64,
    /// Packet events written.
    pub events: u64,
    /// Packet events that the ring buffer had no room for.
    pub lost: u64,
    /// Packets that deserved an event but were over the budget.
    pub over_budget: u64,
    /// What became of the packets; nothing where the far end cannot be known.
    pub fate: Option<Fate>,
}

/// What became of packets, by the counters of the end that receives them. Both
/// are what is certain: when packets of both kinds come together, there were more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Packets that the hook saw and the far end did not receive: dropped or
    /// redirected behind it.
    pub diverted: u64,
    /// Packets that the far end received and the hook did not see.
    pub bypassed: u64,
}

impl std::ops::AddAssign for Fate {
    fn add_assign(&mut self, other: Self) {
        self.diverted += other.diverted;
        self.bypassed += other.bypassed;
    }
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.segments += other.segments;
        self.bytes += other.bytes;
        self.untracked_packets += other.untracked_packets;
        self.untracked_bytes += other.untracked_bytes;
        self.filtered_packets += other.filtered_packets;
        self.filtered_bytes += other.filtered_bytes;
        self.events += other.events;
        self.lost += other.lost;
        self.over_budget += other.over_budget;
        if let Some(fate) = other.fate {
            *self.fate.get_or_insert_default() += fate;
        }
    }
}

/// What the probe itself did in an interval.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProbeCounts {
    /// Entries in the kernel's flow map at the end of the interval.
    pub map_entries: u64,
    /// Entries that it can hold.
    pub map_capacity: u64,
    /// The most bytes that waited in the ring buffer at a reading.
    pub ring_bytes: u64,
    /// Bytes that it can hold.
    pub ring_capacity: u64,
    /// Packet events that it had no room for since the source started, by the
    /// number of the CPU that had them; empty when there were none.
    pub lost: Vec<u64>,
    /// How long it took to read the counters.
    pub read: Duration,
    /// What the programs cost, while that is measured.
    pub cost: Option<Cost>,
}

/// What the programs cost in an interval, as the kernel measures it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// How often one of them ran.
    pub runs: u64,
    /// How long that took in all.
    pub time: Duration,
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
    /// Its own counters, when it was listed.
    pub counters: LinkCounters,
    /// The other end, where it is one of a pair.
    pub peer: Option<Peer>,
    /// The programs on its hooks and on those of its peer; hooks without
    /// programs are left out. Or why they cannot be known.
    pub chains: Result<Vec<HookChain>, String>,
    /// Whether and how it is watched.
    pub watch: Watch,
}

impl Device {
    /// The order of their names as people count: `v2` before `v10`.
    #[must_use]
    pub fn cmp_by_name(&self, other: &Self) -> Ordering {
        alphanumeric_sort::compare_str(&self.name, &other.name)
    }

    /// The namespace that the other end is in, when it is another one.
    #[must_use]
    pub fn namespace(&self) -> Option<&Namespace> {
        self.peer.as_ref()?.namespace.as_ref()
    }

    /// The chains, as far as they are known.
    #[must_use]
    pub fn chains(&self) -> &[HookChain] {
        self.chains.as_deref().unwrap_or_default()
    }

    /// The container that it leads to.
    #[must_use]
    pub fn container(&self) -> Option<&Container> {
        self.namespace()?.container.as_ref()
    }

    /// What the device leads to, as short as it can be said: a pod or container
    /// by its host name, else by the start of its id, else a named namespace.
    #[must_use]
    pub fn leads_to(&self) -> Option<&str> {
        let namespace = self.namespace()?;
        let container = namespace.container.as_ref().map(Container::label);
        container.or(namespace.name.as_deref())
    }
}

/// What a device itself has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinkCounters {
    /// What it received. Of a netkit end: what its peer sent and no program kept.
    pub rx: LinkSide,
    /// What it sent.
    pub tx: LinkSide,
}

/// One direction of [`LinkCounters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinkSide {
    /// Packets (skbs for virtual devices).
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
    /// Packets that were dropped. On a netkit end, sent ones are dropped by
    /// programs, by a receiver that is down, or by a full queue.
    pub dropped: u64,
}

/// The other end of a pair of devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its interface index, in its own namespace.
    pub index: u32,
    /// The namespace that it is in; nothing when it is in this one.
    pub namespace: Option<Namespace>,
    /// The device itself, where its namespace could be entered.
    pub end: Option<PeerEnd>,
}

/// What is known of a peer from within its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerEnd {
    /// Its name there.
    pub name: String,
    /// Hardware address.
    pub mac: Vec<u8>,
    /// MTU in bytes.
    pub mtu: u32,
    /// Whether it is administratively up.
    pub up: bool,
    /// Its own counters, when it was looked at.
    pub counters: LinkCounters,
}

/// Another network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its id, as this namespace knows it (`ip netns list-id`).
    pub id: i32,
    /// Its name in `/run/netns`.
    pub name: Option<String>,
    /// The process with the lowest PID of those that live in it.
    pub pid: Option<u32>,
    /// The container that this process is in.
    pub container: Option<Container>,
    /// What could not be found out, and why.
    pub unknown: Option<String>,
}

/// A container, as the cgroup and the UTS namespace of a process tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// What runs it: `containerd`, `cri-o`, `docker`, `podman`, `lxc`, or nothing
    /// when the path does not tell.
    pub runtime: Option<String>,
    /// Its id; the name for LXC.
    pub id: String,
    /// The uid of the Kubernetes pod.
    pub pod: Option<String>,
    /// Its host name; in Kubernetes the name of the pod.
    pub host_name: Option<String>,
}

impl Container {
    /// Its host name, or else the start of its id, as `docker ps` shows that.
    #[must_use]
    pub fn label(&self) -> &str {
        self.host_name.as_deref().unwrap_or(self.short_id())
    }

    /// The start of its id, which is enough to tell it.
    #[must_use]
    pub fn short_id(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }
}

/// A hook that chains programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HookPoint {
    /// What a netkit primary transmits: host to container.
    NetkitPrimary,
    /// What a netkit peer transmits: container to host.
    NetkitPeer,
    /// What a device receives.
    TcxIngress,
    /// What a device sends.
    TcxEgress,
}

impl HookPoint {
    /// The name of `ip` and `bpftool` users.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NetkitPrimary => "netkit primary",
            Self::NetkitPeer => "netkit peer",
            Self::TcxIngress => "tcx ingress",
            Self::TcxEgress => "tcx egress",
        }
    }
}

impl std::fmt::Display for HookPoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NetkitPrimary => "the netkit primary's hook",
            Self::NetkitPeer => "the netkit peer's hook",
            Self::TcxIngress | Self::TcxEgress => self.name(),
        })
    }
}

/// The programs of a hook, in the order in which they run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookChain {
    /// The hook.
    pub hook: HookPoint,
    /// Whether it is the peer's own, in the peer's namespace. Both hooks of
    /// netkit belong to the primary.
    pub of_peer: bool,
    /// The programs; at least one.
    pub programs: Vec<HookProgram>,
}

/// What the kernel lists the programs of any nkview as.
pub const PROGRAM: &str = "nkview";

/// A program on a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookProgram {
    /// Its id.
    pub id: u32,
    /// Its name, where the user may ask for it.
    pub name: Option<String>,
    /// The start of the hash of its instructions, in hexadecimal.
    pub tag: Option<String>,
    /// The link that attaches it, if one does.
    pub link: Option<u32>,
    /// Where it, or its link, is pinned.
    pub pinned: Option<String>,
    /// Whether this nkview has attached it.
    pub ours: bool,
}

impl HookProgram {
    /// Its name, as far as it is known.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or("program")
    }

    /// Whether it is known to be of an nkview, this one or another, and keeps no
    /// packets.
    #[must_use]
    pub fn is_nkview(&self) -> bool {
        self.ours || self.name.as_deref() == Some(PROGRAM)
    }
}

/// What a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A netkit primary, with what is known of the pair.
    Netkit(Netkit),
    /// A netkit peer: watched through its primary.
    NetkitPeer,
    /// Any other device, with the kernel's name of its kind (`veth`, `bridge`),
    /// or `loopback` or `physical`.
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
    /// What the bytes start with.
    pub link_layer: LinkLayer,
    /// The first bytes.
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
    /// What the watching process may do, in words; nothing for a recording.
    pub privileges: Option<String>,
}

/// What the user asks of a source. A source that cannot do it, like a
/// recording, answers with a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Watch the device with this name.
    Watch(String),
    /// Stop watching it; its flows stay until they are over.
    Unwatch(String),
    /// Keep flows and packets only of what has an end in one of these prefixes,
    /// and count the rest as filtered; of everything again when there are none.
    PushDown(Option<Vec<IpNet>>),
    /// Measure what the programs cost, or stop that: it costs a little itself.
    /// A source without programs passes over it.
    Measure(bool),
}
