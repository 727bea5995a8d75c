//! The network devices of this namespace, from rtnetlink.

use std::io;
use std::time::Duration;

use futures::FutureExt;
use probe_common::LinkLayer;
use rtnetlink::Handle;
use rtnetlink::sys::{AsyncSocket, AsyncSocketExt, TokioSocket};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep_until};

use super::netlink::{Message, Netlink, attributes, int, text, uint, ulong};
use crate::model::stack::NicReceive;
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
    /// Name; what is not UTF-8 in it is replaced.
    pub name: String,
    /// Further names that it can be referred to by.
    pub altnames: Vec<String>,
    /// The alias that an administrator, or nkview, gave it.
    pub alias: Option<String>,
    /// The group that it was put into, 0 by default.
    pub group: u32,
    /// What it is.
    pub kind: DeviceKind,
    /// The other end, where it is one of a pair.
    pub peer: Option<PeerId>,
    /// The interface index of the device of this namespace that it is on top of.
    pub below: Option<u32>,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether it has a carrier (`LOWER_UP`).
    pub carrier: bool,
    /// How often the carrier has come or gone.
    pub carrier_changes: u32,
    /// MTU in bytes.
    pub mtu: u32,
    /// Hardware address, empty when it has none.
    pub mac: Vec<u8>,
    /// The kind of its root queueing discipline.
    pub qdisc: String,
    /// The ids of the XDP programs on it.
    pub xdp: Vec<u32>,
    /// What its packets start with.
    pub link_layer: LinkLayer,
    /// Its own counters.
    pub counters: LinkCounters,
    /// What it did with what came in, since it was made.
    pub receive: NicReceive,
}

/// The other end of a pair, as a device refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerId {
    /// Its interface index, in its own namespace (`IFLA_LINK`).
    pub index: u32,
    /// The id of its namespace, as this one knows it (`IFLA_LINK_NETNSID`);
    /// nothing when it is in this one.
    pub namespace: Option<i32>,
}

#[cfg(test)]
impl Link {
    /// A veth device that is up, which tests set what they need of.
    pub fn sample(name: &str) -> Self {
        Self {
            index: 7,
            name: name.to_owned(),
            altnames: Vec::new(),
            alias: None,
            group: 0,
            kind: DeviceKind::Other("veth".to_owned()),
            peer: None,
            below: None,
            up: true,
            carrier: true,
            carrier_changes: 0,
            mtu: 1500,
            mac: Vec::new(),
            qdisc: "noqueue".to_owned(),
            xdp: Vec::new(),
            link_layer: LinkLayer::Ethernet,
            counters: LinkCounters::default(),
            receive: NicReceive::default(),
        }
    }
}

impl Link {
    /// Whether it is hardware, or looks like it to a virtual machine.
    #[must_use]
    pub fn is_physical(&self) -> bool {
        matches!(&self.kind, DeviceKind::Other(kind) if kind == "physical")
    }

    /// The pair's facts, when this is a netkit primary.
    #[must_use]
    pub const fn netkit(&self) -> Option<&Netkit> {
        match &self.kind {
            DeviceKind::Netkit(netkit) => Some(netkit),
            DeviceKind::NetkitPeer | DeviceKind::Other(_) => None,
        }
    }
}

/// Lists devices, and waits until they change.
pub struct Devices {
    handle: Handle,
    changes: TokioSocket,
    /// When a subscription that has failed is replaced.
    retry: Option<Instant>,
}

impl Devices {
    /// Opens netlink in the network namespace of this thread.
    ///
    /// # Errors
    /// When the socket cannot be opened.
    pub fn open() -> io::Result<Self> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        Ok(Self {
            handle,
            changes: subscribe()?,
            retry: None,
        })
    }

    /// What devices are created and changed with.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Every device there is now. It needs a runtime with several threads.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub async fn list(&self) -> io::Result<Vec<Link>> {
        block_in_place(list)
    }

    /// Waits for a change. What has changed is seen by listing again: messages
    /// can be lost, a list cannot. That some were lost is a change, too. It may
    /// be cancelled.
    ///
    /// # Errors
    /// When the subscription has failed and cannot be renewed. The next call
    /// tries again.
    pub async fn changed(&mut self) -> io::Result<()> {
        let Some(retry) = self.retry else {
            match self.next_messages().await {
                Ok(()) => return Ok(()),
                // More changes than there was room for.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return Ok(()),
                Err(_) => self.retry = Some(Instant::now() + RETRY),
            }
            return Box::pin(self.changed()).await;
        };
        sleep_until(retry).await;
        self.retry = Some(Instant::now() + RETRY);
        self.changes = subscribe()?;
        self.retry = None;
        Ok(())
    }

    /// Waits for messages and takes those that are there.
    async fn next_messages(&mut self) -> io::Result<()> {
        // Only that there are some matters.
        let mut buffer = Vec::with_capacity(32 * 1024);
        loop {
            let received = self.changes.recv(&mut buffer).now_or_never();
            match (received, buffer.is_empty()) {
                (Some(result), _) => result?,
                (None, false) => return Ok(()),
                (None, true) => self.changes.recv(&mut buffer).await?,
            };
            // One change brings several.
            if buffer.len() > 1024 * 1024 {
                return Ok(());
            }
        }
    }
}

/// Subscribes to changes of devices and of the ids of namespaces.
fn subscribe() -> io::Result<TokioSocket> {
    let mut socket = TokioSocket::new(libc::NETLINK_ROUTE as isize)?;
    socket.socket_mut().bind_auto()?;
    for group in [libc::RTNLGRP_LINK, libc::RTNLGRP_NSID] {
        socket.socket_mut().add_membership(group)?;
    }
    Ok(socket)
}

/// Every device of this thread's namespace.
///
/// # Errors
/// When the kernel does not answer.
pub fn list() -> io::Result<Vec<Link>> {
    list_with(&mut Netlink::open(libc::NETLINK_ROUTE as isize)?)
}

/// Every device of the namespace that a socket for rtnetlink is of.
///
/// # Errors
/// When the kernel does not answer.
pub fn list_with(netlink: &mut Netlink) -> io::Result<Vec<Link>> {
    let messages = netlink.dump(libc::RTM_GETLINK, &[0; HEADER])?;
    Ok(messages.iter().filter_map(link).collect())
}

/// The length of `struct ifinfomsg`.
const HEADER: usize = 16;

/// The device of an `RTM_NEWLINK` message (`rtnl_fill_ifinfo()` in
/// `net/core/rtnetlink.c`).
fn link(message: &Message) -> Option<Link> {
    let header = message.body.first_chunk::<HEADER>()?;
    let device_type = u16::from_ne_bytes([header[2], header[3]]);
    let flags = uint(&header[8..])?;
    let has = |flag: libc::c_int| flags & flag.cast_unsigned() != 0;
    let mut link = Link {
        index: uint(&header[4..])?,
        name: String::new(),
        altnames: Vec::new(),
        alias: None,
        group: 0,
        kind: DeviceKind::Other(String::new()),
        peer: None,
        below: None,
        up: has(libc::IFF_UP),
        carrier: has(libc::IFF_LOWER_UP),
        carrier_changes: 0,
        mtu: 0,
        mac: Vec::new(),
        qdisc: String::new(),
        xdp: Vec::new(),
        link_layer: match device_type {
            libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => LinkLayer::Ethernet,
            _ => LinkLayer::None,
        },
        counters: LinkCounters::default(),
        receive: NicReceive::default(),
    };
    let mut other = None;
    let mut other_netns = None;
    let mut kind = None;
    let mut data = &[][..];
    for (attribute, value) in message.attributes(HEADER) {
        match attribute {
            libc::IFLA_IFNAME => link.name = text(value),
            libc::IFLA_IFALIAS => link.alias = Some(text(value)),
            libc::IFLA_GROUP => link.group = uint(value)?,
            libc::IFLA_MTU => link.mtu = uint(value)?,
            libc::IFLA_ADDRESS => link.mac = value.to_vec(),
            libc::IFLA_QDISC => link.qdisc = text(value),
            libc::IFLA_CARRIER_CHANGES => link.carrier_changes = uint(value)?,
            libc::IFLA_LINK => other = uint(value).filter(|&index| index != 0),
            libc::IFLA_LINK_NETNSID => other_netns = int(value),
            libc::IFLA_STATS64 => {
                link.counters = counters(value);
                link.receive = receive(value);
            }
            libc::IFLA_PROP_LIST => {
                let names = attributes(value).filter(|(it, _)| *it == libc::IFLA_ALT_IFNAME);
                link.altnames = names.map(|(_, name)| text(name)).collect();
            }
            libc::IFLA_XDP => link.xdp = xdp_programs(value),
            libc::IFLA_LINKINFO => {
                for (attribute, value) in attributes(value) {
                    match attribute {
                        libc::IFLA_INFO_KIND => kind = Some(text(value)),
                        libc::IFLA_INFO_DATA => data = value,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    // Devices of other kinds refer to the one that they are on top of.
    if matches!(kind.as_deref(), Some("netkit" | "veth")) {
        link.peer = other.map(|index| PeerId {
            index,
            namespace: other_netns,
        });
    } else if other_netns.is_none() {
        link.below = other;
    }
    link.kind = match kind {
        Some(kind) if kind == "netkit" => pair(data),
        Some(kind) => DeviceKind::Other(kind),
        // The kernel has no name for the kind of what no link type made.
        None if has(libc::IFF_LOOPBACK) => DeviceKind::Other("loopback".to_owned()),
        None => DeviceKind::Other("physical".to_owned()),
    };
    Some(link)
}

/// The start of `struct rtnl_link_stats64`: packets, bytes, errors and drops, of
/// what was received and what was sent in turn.
fn counters(stats: &[u8]) -> LinkCounters {
    let counter = |place: usize| ulong(stats, place * 8).unwrap_or(0);
    let side = |side: usize| LinkSide {
        packets: counter(side),
        bytes: counter(2 + side),
        dropped: counter(6 + side),
    };
    LinkCounters {
        rx: side(0),
        tx: side(1),
    }
}

/// Of the same, the packets received and the errors of what came in.
fn receive(stats: &[u8]) -> NicReceive {
    let counter = |place: usize| ulong(stats, place * 8).unwrap_or(0);
    NicReceive {
        packets: counter(0),
        crc: counter(12),
        misaligned: counter(13),
        overruns: counter(14),
        missed: counter(15),
    }
}

/// The ids of the XDP programs in an `IFLA_XDP`: of the driver, of the generic
/// hook and of the hardware, or of the only one.
fn xdp_programs(value: &[u8]) -> Vec<u32> {
    // IFLA_XDP_PROG_ID, IFLA_XDP_DRV_PROG_ID, _SKB_ and _HW_.
    let ids = attributes(value).filter(|(kind, _)| (4..=7).contains(kind));
    let mut ids: Vec<u32> = ids.filter_map(|(_, id)| uint(id)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.retain(|&id| id != 0);
    ids
}

/// The attributes of a pair, `IFLA_NETKIT_*` of `include/uapi/linux/if_link.h`.
fn pair(data: &[u8]) -> DeviceKind {
    let mut primary = false;
    let mut netkit = Netkit {
        mode: String::new(),
        policy: String::new(),
        peer_policy: String::new(),
        scrub: None,
        peer_scrub: None,
    };
    for (attribute, value) in attributes(data) {
        // Whether it is the primary is a byte, all else is a number.
        match (attribute, uint(value)) {
            (2, _) => primary = value.first().is_some_and(|&it| it != 0),
            (3, Some(policy)) => netkit.policy = policy_name(policy),
            (4, Some(policy)) => netkit.peer_policy = policy_name(policy),
            (5, Some(mode)) => netkit.mode = mode_name(mode),
            (6, Some(scrub)) => netkit.scrub = Some(scrub_name(scrub).to_owned()),
            (7, Some(scrub)) => netkit.peer_scrub = Some(scrub_name(scrub).to_owned()),
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
fn mode_name(mode: u32) -> String {
    match mode {
        0 => "l2".to_owned(),
        1 => "l3".to_owned(),
        other => other.to_string(),
    }
}

fn policy_name(policy: u32) -> String {
    match policy {
        0 => "forward".to_owned(),
        2 => BLACKHOLE.to_owned(),
        other => other.to_string(),
    }
}

fn scrub_name(scrub: u32) -> &'static str {
    match scrub {
        0 => "none",
        1 => "default",
        _ => "unknown",
    }
}

/// The policy of a hook that drops what no program lets pass.
pub const BLACKHOLE: &str = "blackhole";
