//! Network devices and what is behind them.

use std::cmp::Ordering;

use probe_common::Direction;
use serde::{Deserialize, Serialize};

use super::{HookChain, HookProgram, Hooks, WatchFailure};

/// A network device, watched or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name in this network namespace.
    pub name: String,
    /// Further names that it can be referred to by.
    pub altnames: Vec<String>,
    /// Its interface index in this network namespace.
    pub index: u32,
    /// What it is.
    pub kind: DeviceKind,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether it has a carrier: the other end, or the cable, is there and up.
    pub carrier: bool,
    /// How often the carrier has come or gone since the device was made.
    pub carrier_changes: u32,
    /// The kind of its root queueing discipline, such as `noqueue` or `fq`.
    pub qdisc: String,
    /// The XDP programs on it, which run before all others.
    pub xdp: Vec<HookProgram>,
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

impl Default for Device {
    /// A device of which nothing is known.
    fn default() -> Self {
        Self {
            name: String::new(),
            altnames: Vec::new(),
            index: 0,
            kind: DeviceKind::Other(String::new()),
            up: false,
            carrier: false,
            carrier_changes: 0,
            qdisc: String::new(),
            xdp: Vec::new(),
            mtu: 0,
            mac: Vec::new(),
            counters: LinkCounters::default(),
            peer: None,
            chains: Ok(Vec::new()),
            watch: Watch::No,
        }
    }
}

impl Device {
    /// Compares their names in natural order: `v2` before `v10`.
    #[must_use]
    pub fn cmp_by_name(&self, other: &Self) -> Ordering {
        alphanumeric_sort::compare_str(&self.name, &other.name)
    }

    /// What is known of the pair, when it is a netkit primary.
    #[must_use]
    pub const fn netkit(&self) -> Option<&Netkit> {
        match &self.kind {
            DeviceKind::Netkit(pair) => Some(pair),
            _ => None,
        }
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

    /// What the device leads to, as a short label: a pod by namespace
    /// and name, a container by its host name or the start of its id, else a
    /// named network namespace.
    #[must_use]
    pub fn leads_to(&self) -> Option<&str> {
        let namespace = self.namespace()?;
        let container = namespace.container.as_ref().map(Container::label);
        container.or(namespace.name.as_deref())
    }
}

/// What a device itself has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkCounters {
    /// What it received. Of a netkit end: what its peer sent and no program kept.
    pub rx: LinkSide,
    /// What it sent.
    pub tx: LinkSide,
}

impl LinkCounters {
    /// Packets that were dropped, received and sent ones.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.rx.dropped + self.tx.dropped
    }
}

/// One direction of [`LinkCounters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its interface index, in its own namespace.
    pub index: u32,
    /// The namespace that it is in; nothing when it is in this one.
    pub namespace: Option<Namespace>,
    /// The device itself, where its namespace could be entered.
    pub device: Option<PeerDevice>,
}

/// What is known of a peer from within its namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerDevice {
    /// Its name there.
    pub name: String,
    /// Hardware address.
    pub mac: Vec<u8>,
    /// MTU in bytes.
    pub mtu: u32,
    /// Whether it is administratively up.
    pub up: bool,
    /// Its own counters, when they were read.
    pub counters: LinkCounters,
}

/// Another network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// A container, from the cgroup and the UTS namespace of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// What runs it: `containerd`, `cri-o`, `docker`, `podman`, `lxc`,
    /// `systemd-nspawn`, `libvirt`, or nothing when the path does not show it.
    pub runtime: Option<String>,
    /// Its id; the name for LXC, systemd-nspawn and libvirt.
    pub id: String,
    /// Its name within the pod.
    pub name: Option<String>,
    /// The Kubernetes pod that it belongs to.
    pub pod: Option<Pod>,
    /// Its host name; in Kubernetes mostly the name of the pod.
    pub host_name: Option<String>,
}

/// A Kubernetes pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Its uid; of a static pod the hash of its manifest.
    pub uid: String,
    /// Namespace and name, `kube-system/etcd-node1`, where the kubelet's
    /// directories tell them.
    pub name: Option<String>,
}

impl Container {
    /// Namespace and name of its pod, its host name, or else the start of its
    /// id, as `docker ps` shows that.
    #[must_use]
    pub fn label(&self) -> &str {
        let pod = self.pod.as_ref().and_then(|pod| pod.name.as_deref());
        pod.or(self.host_name.as_deref()).unwrap_or(self.short_id())
    }

    /// The start of its id, which is enough to recognize it.
    #[must_use]
    pub fn short_id(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }
}

/// What a device is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceKind {
    /// A netkit primary, with what is known of the pair.
    Netkit(Netkit),
    /// A netkit peer: watched through its primary.
    NetkitPeer,
    /// Any other device, with the kernel's name of its kind (`veth`, `bridge`),
    /// or `loopback` or `physical`.
    Other(String),
}

impl DeviceKind {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Netkit(_) => "netkit",
            Self::NetkitPeer => "netkit peer",
            Self::Other(kind) => kind,
        }
    }
}

/// A netkit pair, seen from its primary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Netkit {
    /// `l2` or `l3`.
    pub mode: String,
    /// The primary's default policy: `forward` or `blackhole`.
    pub policy: String,
    /// The peer's default policy.
    pub peer_policy: String,
    /// The primary's scrub mode (`none`, `default`), where the kernel reports it.
    pub scrub: Option<String>,
    /// The peer's scrub mode.
    pub peer_scrub: Option<String>,
}

/// Which end of a device's flows is the local one: *in* is what goes there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LocalEnd {
    /// This side of the device: the network namespace that it is in.
    #[default]
    Here,
    /// What the device leads to: the other end of the pair.
    Peer,
}

impl LocalEnd {
    /// The direction of what the device sends.
    #[must_use]
    pub const fn sent(self) -> Direction {
        match self {
            Self::Here => Direction::Out,
            Self::Peer => Direction::In,
        }
    }

    /// The direction of what it receives.
    #[must_use]
    pub const fn received(self) -> Direction {
        match self {
            Self::Here => Direction::In,
            Self::Peer => Direction::Out,
        }
    }
}

/// Whether and how a device is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
        /// Which end its flows call local.
        local: LocalEnd,
    },
    /// It was watched and is gone.
    Gone {
        /// The slot that its flows carry.
        slot: u32,
    },
    /// It could not be watched, and why.
    Failed(WatchFailure),
}

impl Watch {
    /// The slot that the device's flows carry, if it is or was watched.
    #[must_use]
    pub const fn slot(&self) -> Option<u32> {
        match self {
            Self::Yes { slot, .. } | Self::Gone { slot } => Some(*slot),
            Self::No | Self::Starting | Self::Failed(_) => None,
        }
    }
}

/// What a device is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceName<'a> {
    /// Its own name.
    pub name: &'a str,
    /// What it leads to: a pod, a container or a named network namespace.
    pub leads_to: Option<&'a str>,
    /// The host that it is on, where several are watched.
    pub node: Option<&'a str>,
}

impl<'a> From<&'a Device> for DeviceName<'a> {
    fn from(device: &'a Device) -> Self {
        Self {
            name: &device.name,
            leads_to: device.leads_to(),
            node: None,
        }
    }
}

impl<'a> From<&'a str> for DeviceName<'a> {
    fn from(name: &'a str) -> Self {
        Self {
            name,
            leads_to: None,
            node: None,
        }
    }
}
