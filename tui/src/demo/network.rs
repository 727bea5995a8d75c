//! Devices, addresses and neighbors, by netlink, in the namespace of the
//! thread that connects.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::time::Duration;

use anyhow::{Context, anyhow};
use futures::TryStreamExt;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::AddressHeaderFlags;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoNetkit, InfoVeth, LinkMessage, NetkitMode,
};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage};
use netlink_packet_route::route::RouteType;
use rtnetlink::{
    Handle, LinkMessageBuilder, LinkNetkit, LinkUnspec, LinkVeth, RouteMessageBuilder,
};
use rustix::net::{SocketType, netdevice::name_to_index, socket};
use tokio::time::{sleep, timeout};

use super::cast::PREFIX_LENGTH;

/// How long it may take at most until an IPv6 address can be used.
const READY_MAX: Duration = Duration::from_secs(1);

/// What joins the namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A netkit pair in L2 mode, in which there are ARP and NDP to be seen.
    Netkit,
    /// A veth pair.
    Veth,
}

/// A connection to rtnetlink.
pub struct Network(Handle);

impl Network {
    /// Connects, in the thread's namespace and its runtime.
    ///
    /// # Errors
    /// The kernel's.
    pub fn connect() -> anyhow::Result<Self> {
        let (connection, handle, _) =
            rtnetlink::new_connection().context("cannot open a netlink socket for the demo")?;
        tokio::spawn(connection);
        Ok(Self(handle))
    }

    /// Adds a pair with one end here and the other in another namespace.
    ///
    /// # Errors
    /// The kernel's, with what to do about it.
    pub async fn add_pair(
        &self,
        here: &str,
        there: &str,
        namespace: &File,
    ) -> anyhow::Result<Kind> {
        let peer = LinkUnspec::new_with_name(there)
            .setns_by_fd(namespace.as_raw_fd())
            .build();
        // The builders' own ways name a peer, but have no place for its namespace.
        let netkit = LinkMessageBuilder::<LinkNetkit>::new_with_info_kind(InfoKind::Netkit)
            .name(here)
            .set_info_data(InfoData::Netkit(vec![
                InfoNetkit::Mode(NetkitMode::L2),
                InfoNetkit::Peer(peer.clone()),
            ]));
        match self.add(netkit.build()).await {
            Ok(()) => return Ok(Kind::Netkit),
            Err(error) if is_unknown_kind(&error) => {}
            Err(error) => return Err(error).context("cannot add the demo's netkit pair"),
        }
        let veth = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth)
            .name(here)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)));
        match self.add(veth.build()).await {
            Ok(()) => Ok(Kind::Veth),
            Err(error) if is_unknown_kind(&error) => Err(error).context(
                "cannot add a pair of devices for the demo: this kernel has neither netkit \
                 (Linux 6.7, CONFIG_NETKIT) nor veth (modprobe veth)",
            ),
            Err(error) => Err(error).context("cannot add the demo's veth pair"),
        }
    }

    async fn add(&self, link: LinkMessage) -> io::Result<()> {
        let request = self.0.link().add(link);
        request.execute().await.map_err(into_io)
    }

    /// Sets a device up.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn set_up(&self, device: &str) -> anyhow::Result<()> {
        let link = LinkUnspec::new_with_index(index(device)?).up().build();
        let request = self.0.link().set(link);
        request
            .execute()
            .await
            .map_err(into_io)
            .with_context(|| format!("cannot set up the demo's device {device}"))
    }

    /// Gives a device its addresses and waits until they can be used. Both ends
    /// of the pair must be up.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn add_addresses(&self, device: &str, addresses: &[IpAddr]) -> anyhow::Result<()> {
        let index = index(device)?;
        for &address in addresses {
            let mut request = self.0.address().add(index, address, PREFIX_LENGTH);
            // Nobody else can have them, and traffic need not wait a second.
            request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
            request.execute().await.map_err(into_io).with_context(|| {
                format!("cannot give the demo's {device} the address {address}")
            })?;
        }
        // Later it would still come right, with a few neighbors not found.
        let ready = async {
            for address in addresses {
                if let IpAddr::V6(address) = address {
                    self.wait_for(index, *address, RouteType::Local).await;
                }
            }
            if addresses.iter().any(IpAddr::is_ipv6) {
                let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
                self.wait_for(index, all_nodes, RouteType::Multicast).await;
            }
        };
        let _not_yet = timeout(READY_MAX, ready).await;
        Ok(())
    }

    /// Waits until what is sent to the address would take a route of this kind.
    /// The kernel makes the routes of an IPv6 address some time after it has
    /// taken the address (`addrconf_dad_work()` in `net/ipv6/addrconf.c`), and
    /// that of multicast after the device has a carrier.
    async fn wait_for(&self, index: u32, address: Ipv6Addr, kind: RouteType) {
        loop {
            let question = RouteMessageBuilder::<Ipv6Addr>::new()
                .destination_prefix(address, 128)
                .output_interface(index)
                .build();
            let answer = self.0.route().get(question).execute().try_next().await;
            if matches!(answer, Ok(Some(route)) if route.header.kind == kind) {
                return;
            }
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Forgets the hardware address of a neighbor, so that it is asked for
    /// again. It is no error when it was not known.
    pub async fn forget(&self, index: u32, neighbor: IpAddr) {
        let mut message = NeighbourMessage::default();
        message.header.ifindex = index;
        let destination = match neighbor {
            IpAddr::V4(address) => {
                message.header.family = AddressFamily::Inet;
                NeighbourAddress::Inet(address)
            }
            IpAddr::V6(address) => {
                message.header.family = AddressFamily::Inet6;
                NeighbourAddress::Inet6(address)
            }
        };
        message
            .attributes
            .push(NeighbourAttribute::Destination(destination));
        let _unknown = self.0.neighbours().del(message).execute().await;
    }
}

/// The index of a device in the thread's namespace.
///
/// # Errors
/// There is no such device.
pub fn index(device: &str) -> anyhow::Result<u32> {
    let socket = socket(rustix::net::AddressFamily::INET, SocketType::DGRAM, None)
        .context("cannot open a socket to look up a device")?;
    name_to_index(&socket, device).with_context(|| format!("the demo's device {device} is gone"))
}

/// `rtnl_newlink()` answers so when no driver, loaded or to be loaded, has the
/// kind (`net/core/rtnetlink.c`).
fn is_unknown_kind(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EOPNOTSUPP)
}

fn into_io(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(anyhow!(other)),
    }
}
