//! The network devices of this namespace, as rtnetlink tells them.

use std::io;
use std::time::Duration;

use futures::channel::mpsc::UnboundedReceiver;
use futures::{StreamExt, TryStreamExt};
use netlink_packet_core::NetlinkMessage;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoNetkit, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
    NetkitMode, NetkitPolicy, NetkitScrub, Stats64,
};
use probe_common::LinkLayer;
use rtnetlink::{Handle, MulticastGroup};
use tokio::time::{Instant, sleep_until};

use crate::model::{DeviceKind, LinkCounters, LinkSide, Netkit};

#[cfg(test)]
mod tests;

/// How long a connection that has ended is not replaced for, so that one that
/// ends at once again is no busy loop.
const RETRY: Duration = Duration::from_secs(1);

/// A device as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Interface index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// The alias that an administrator, or nkview, gave it.
    pub alias: Option<String>,
    /// The group that it was put into, 0 by default.
    pub group: u32,
    /// What it is.
    pub kind: DeviceKind,
    /// The other end, where it is one of a pair.
    pub other_end: Option<OtherEnd>,
    /// Whether it is administratively up.
    pub up: bool,
    /// MTU in bytes.
    pub mtu: u32,
    /// Hardware address, empty when it has none.
    pub mac: Vec<u8>,
    /// What its packets start with.
    pub link_layer: LinkLayer,
    /// Its own counters.
    pub counters: LinkCounters,
}

/// The other end of a pair, as a device refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherEnd {
    /// Its interface index, in its own namespace (`IFLA_LINK`).
    pub index: u32,
    /// The id of its namespace, as this one knows it (`IFLA_LINK_NETNSID`);
    /// nothing when it is in this one.
    pub namespace: Option<i32>,
}

impl Link {
    /// The pair's facts, when this is a netkit primary.
    #[must_use]
    pub const fn netkit(&self) -> Option<&Netkit> {
        match &self.kind {
            DeviceKind::Netkit(netkit) => Some(netkit),
            DeviceKind::NetkitPeer | DeviceKind::Other(_) => None,
        }
    }
}

/// Asks for devices, and hears when they change.
pub struct Devices {
    handle: Handle,
    changes: UnboundedReceiver<(
        NetlinkMessage<RouteNetlinkMessage>,
        rtnetlink::sys::SocketAddr,
    )>,
    /// When a connection that has ended is replaced.
    retry: Option<Instant>,
}

impl Devices {
    /// Opens netlink in the network namespace of this thread.
    ///
    /// # Errors
    /// When the socket cannot be opened.
    pub fn open() -> io::Result<Self> {
        let (connection, handle, changes) =
            rtnetlink::new_multicast_connection(&[MulticastGroup::Link, MulticastGroup::Nsid])?;
        tokio::spawn(connection);
        Ok(Self {
            handle,
            changes,
            retry: None,
        })
    }

    /// What requests are made with.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Every device there is now.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub async fn list(&self) -> Result<Vec<Link>, rtnetlink::Error> {
        let messages = self.handle.link().get().execute();
        messages
            .map_ok(|message| link(&message))
            .try_collect()
            .await
    }

    /// Waits for a change. What has changed is seen by listing again: messages
    /// can be lost, a list cannot. So a connection that has ended, as it does when
    /// the kernel had more to tell than there was room for, is replaced, and that
    /// is a change. It may be cancelled.
    ///
    /// # Errors
    /// When there is no new connection. The next call tries again.
    pub async fn changed(&mut self) -> io::Result<()> {
        if self.changes.next().await.is_none() {
            let retry = *self.retry.get_or_insert_with(|| Instant::now() + RETRY);
            sleep_until(retry).await;
            self.retry = None;
            *self = Self::open()?;
        }
        // One change brings several messages.
        while self.changes.try_recv().is_ok() {}
        Ok(())
    }
}

/// The device of a message.
fn link(message: &LinkMessage) -> Link {
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        alias: None,
        group: 0,
        kind: DeviceKind::Other(String::new()),
        other_end: None,
        up: message.header.flags.contains(LinkFlags::Up),
        mtu: 0,
        mac: Vec::new(),
        link_layer: match message.header.link_layer_type {
            LinkLayerType::Ether | LinkLayerType::Loopback => LinkLayer::Ethernet,
            _ => LinkLayer::None,
        },
        counters: LinkCounters::default(),
    };
    let mut other_end = None;
    let mut other_netns = None;
    let mut kind = None;
    let mut netkit = &[][..];
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::IfAlias(alias) => link.alias = Some(alias.clone()),
            LinkAttribute::Group(group) => link.group = *group,
            LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
            LinkAttribute::Address(address) => link.mac.clone_from(address),
            LinkAttribute::Link(index) => other_end = Some(*index).filter(|&index| index != 0),
            LinkAttribute::LinkNetNsId(id) => other_netns = Some(*id),
            LinkAttribute::Stats64(stats) => link.counters = counters(stats),
            LinkAttribute::LinkInfo(infos) => {
                for info in infos {
                    match info {
                        LinkInfo::Kind(it) => kind = Some(it),
                        LinkInfo::Data(InfoData::Netkit(data)) => netkit = data,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    link.kind = match kind {
        Some(InfoKind::Netkit) => pair(netkit),
        Some(kind) => DeviceKind::Other(kind.to_string()),
        // The kernel has no name for the kind of what no link type made.
        None if message.header.flags.contains(LinkFlags::Loopback) => {
            DeviceKind::Other("loopback".to_owned())
        }
        None => DeviceKind::Other("physical".to_owned()),
    };
    // Devices of other kinds refer to the one that they are on top of.
    if matches!(kind, Some(InfoKind::Netkit | InfoKind::Veth)) {
        link.other_end = other_end.map(|index| OtherEnd {
            index,
            namespace: other_netns,
        });
    }
    link
}

const fn counters(stats: &Stats64) -> LinkCounters {
    LinkCounters {
        rx: LinkSide {
            packets: stats.rx_packets,
            bytes: stats.rx_bytes,
            dropped: stats.rx_dropped,
        },
        tx: LinkSide {
            packets: stats.tx_packets,
            bytes: stats.tx_bytes,
            dropped: stats.tx_dropped,
        },
    }
}

fn pair(data: &[InfoNetkit]) -> DeviceKind {
    let mut primary = false;
    let mut netkit = Netkit {
        mode: String::new(),
        policy: String::new(),
        peer_policy: String::new(),
        scrub: None,
        peer_scrub: None,
    };
    for info in data {
        match info {
            InfoNetkit::Primary(is) => primary = *is,
            InfoNetkit::Mode(mode) => netkit.mode = mode_name(*mode),
            InfoNetkit::Policy(policy) => netkit.policy = policy_name(*policy),
            InfoNetkit::PeerPolicy(policy) => netkit.peer_policy = policy_name(*policy),
            InfoNetkit::Scrub(scrub) => netkit.scrub = Some(scrub_name(*scrub)),
            InfoNetkit::PeerScrub(scrub) => netkit.peer_scrub = Some(scrub_name(*scrub)),
            _ => {}
        }
    }
    if primary {
        DeviceKind::Netkit(netkit)
    } else {
        DeviceKind::NetkitPeer
    }
}

/// The names are those of `ip -details link`.
fn mode_name(mode: NetkitMode) -> String {
    match mode {
        NetkitMode::L2 => "l2".to_owned(),
        NetkitMode::L3 => "l3".to_owned(),
        other => u32::from(other).to_string(),
    }
}

fn policy_name(policy: NetkitPolicy) -> String {
    match policy {
        NetkitPolicy::Pass => "forward".to_owned(),
        NetkitPolicy::Drop => BLACKHOLE.to_owned(),
        other => u32::from(other).to_string(),
    }
}

/// The policy of a hook that drops what no program lets pass.
pub const BLACKHOLE: &str = "blackhole";

fn scrub_name(scrub: NetkitScrub) -> String {
    match scrub {
        NetkitScrub::None => "none".to_owned(),
        NetkitScrub::Default => "default".to_owned(),
        _ => "unknown".to_owned(),
    }
}
