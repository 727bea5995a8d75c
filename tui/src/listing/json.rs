//! The objects, member by member in the order in which they are written.

use serde::Serialize;

use crate::model::{self, DeviceKind, LinkCounters};
use crate::text::mac;

#[derive(Serialize)]
pub(super) struct Device<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    altnames: &'a [String],
    index: u32,
    kind: &'a str,
    up: bool,
    carrier: bool,
    carrier_changes: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    qdisc: &'a str,
    mtu: u32,
    mac: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    netkit: Option<Netkit<'a>>,
    counters: LinkCounters,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<Peer<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    xdp: Vec<Program<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hooks: Option<Vec<Hook<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hooks_unknown: Option<&'a str>,
}

#[derive(Serialize)]
struct Netkit<'a> {
    mode: &'a str,
    policy: &'a str,
    peer_policy: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scrub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer_scrub: Option<&'a str>,
}

#[derive(Serialize)]
struct Peer<'a> {
    index: u32,
    #[serde(flatten)]
    end: Option<End<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<Namespace<'a>>,
}

#[derive(Serialize)]
struct End<'a> {
    name: &'a str,
    up: bool,
    mtu: u32,
    mac: String,
    counters: LinkCounters,
}

#[derive(Serialize)]
struct Namespace<'a> {
    id: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<Container<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<&'a str>,
}

#[derive(Serialize)]
struct Container<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<&'a str>,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_name: Option<&'a str>,
}

#[derive(Serialize)]
struct Hook<'a> {
    hook: &'static str,
    of_peer: bool,
    programs: Vec<Program<'a>>,
}

#[derive(Serialize)]
struct Program<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pinned: Option<&'a str>,
}

impl<'a> From<&'a model::Device> for Device<'a> {
    fn from(device: &'a model::Device) -> Self {
        let netkit = match &device.kind {
            DeviceKind::Netkit(pair) => Some(Netkit {
                mode: &pair.mode,
                policy: &pair.policy,
                peer_policy: &pair.peer_policy,
                scrub: pair.scrub.as_deref(),
                peer_scrub: pair.peer_scrub.as_deref(),
            }),
            DeviceKind::NetkitPeer | DeviceKind::Other(_) => None,
        };
        let chains = device.chains.as_ref().ok();
        Self {
            name: &device.name,
            altnames: &device.altnames,
            index: device.index,
            kind: match &device.kind {
                DeviceKind::Netkit(_) => "netkit",
                DeviceKind::NetkitPeer => "netkit peer",
                DeviceKind::Other(kind) => kind,
            },
            up: device.up,
            carrier: device.carrier,
            carrier_changes: device.carrier_changes,
            qdisc: &device.qdisc,
            mtu: device.mtu,
            mac: mac(&device.mac),
            netkit,
            counters: device.counters,
            peer: device.peer.as_ref().map(Peer::from),
            xdp: device.xdp.iter().map(Program::from).collect(),
            hooks: chains.map(|chains| chains.iter().map(Hook::from).collect()),
            hooks_unknown: device.chains.as_ref().err().map(String::as_str),
        }
    }
}

impl<'a> From<&'a model::Peer> for Peer<'a> {
    fn from(peer: &'a model::Peer) -> Self {
        Self {
            index: peer.index,
            end: peer.device.as_ref().map(|end| End {
                name: &end.name,
                up: end.up,
                mtu: end.mtu,
                mac: mac(&end.mac),
                counters: end.counters,
            }),
            namespace: peer.namespace.as_ref().map(Namespace::from),
        }
    }
}

impl<'a> From<&'a model::Namespace> for Namespace<'a> {
    fn from(namespace: &'a model::Namespace) -> Self {
        let container = namespace.container.as_ref();
        Self {
            id: namespace.id,
            name: namespace.name.as_deref(),
            pid: namespace.pid,
            container: container.map(|container| Container {
                runtime: container.runtime.as_deref(),
                id: &container.id,
                name: container.name.as_deref(),
                pod: container.pod.as_ref().map(|pod| &*pod.uid),
                pod_name: container.pod.as_ref().and_then(|pod| pod.name.as_deref()),
                host_name: container.host_name.as_deref(),
            }),
            unknown: namespace.unknown.as_deref(),
        }
    }
}

impl<'a> From<&'a model::HookChain> for Hook<'a> {
    fn from(chain: &'a model::HookChain) -> Self {
        Self {
            hook: chain.hook.name(),
            of_peer: chain.of_peer,
            programs: chain.programs.iter().map(Program::from).collect(),
        }
    }
}

impl<'a> From<&'a model::HookProgram> for Program<'a> {
    fn from(program: &'a model::HookProgram) -> Self {
        Self {
            id: Some(program.id).filter(|&id| id != 0),
            name: program.name.as_deref(),
            tag: program.tag.as_deref(),
            link: program.link,
            pinned: program.pinned.as_deref(),
        }
    }
}
