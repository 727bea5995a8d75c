//! The netkit pair that nkview makes when there is none to watch, and its
//! removal, however nkview ends.
//!
//! A pair that was left behind by a run that was killed is recognized by the
//! mark that it carries, and by its owner being gone.

use std::fs::File;
use std::net::Ipv6Addr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use anyhow::{Context, bail};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoKind, InfoNetkit, LinkAttribute, NetkitMode,
};
use rtnetlink::{Handle, LinkMessageBuilder, LinkNetkit, LinkUnspec};

use super::devices::{self, Devices, Link};
use super::netns;
use super::owner::Owner;

#[cfg(test)]
mod tests;

/// The device group that the pair is created in: "nkvw" in ASCII. Unlike the
/// alias it can be set in the request that creates the device, so that there is
/// no moment without a mark.
const GROUP: u32 = u32::from_be_bytes(*b"nkvw");
/// A run signs its pair right after it has made it; what is not signed after this
/// time was left by one that was killed in between.
const SIGNS_WITHIN: Duration = Duration::from_secs(1);
/// The longest name of a device (`IFNAMSIZ` with its closing zero).
const NAME_MAX: usize = 15;
/// Link-local addresses of the ends. In L3 mode the kernel would give both the
/// same one, made of a MAC of zeros.
const PRIMARY: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const PEER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

/// How the ends of a pair hand over packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// With MAC addresses, ARP and neighbor discovery.
    L2,
    /// Without, as most containers have it.
    #[default]
    L3,
}

/// A pair to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairRequest {
    /// Name of the primary; the peer's is the same with a `p` behind.
    pub name: String,
    /// Its mode.
    pub mode: Mode,
    /// The namespace for the peer, as `ip netns` names it; else this one.
    pub peer_netns: Option<String>,
    /// Whether it is made also where there are pairs.
    pub is_asked_for: bool,
}

/// A pair that nkview makes or has made. Dropping it removes both ends.
#[derive(Debug)]
pub struct Pair {
    name: String,
}

impl Pair {
    /// Makes the pair, gives both ends a link-local address, and brings them up.
    /// When anything fails, nothing is left.
    ///
    /// # Errors
    /// When the name is taken or impossible, when the namespace does not exist,
    /// or when the kernel has no netkit.
    pub async fn create(devices: &Devices, request: &PairRequest) -> anyhow::Result<Self> {
        let PairRequest {
            name,
            mode,
            peer_netns,
            is_asked_for: _,
        } = request;
        let peer = format!("{name}p");
        check_name(name, &peer)?;
        let namespace = match peer_netns {
            None => None,
            Some(name) => Some(netns::open(name).with_context(|| {
                format!(
                    "cannot open the network namespace {name} for the peer; \
                     `ip netns` lists those that have a name"
                )
            })?),
        };
        for link in list(devices).await? {
            let here = [Some(name), namespace.is_none().then_some(&peer)];
            if here.into_iter().flatten().any(|taken| *taken == link.name) {
                bail!(
                    "cannot create the netkit pair {name}: there is a device {} that is not \
                     nkview's; give the pair another name with --create NAME",
                    link.name
                );
            }
        }
        let handle = devices.handle();
        // From here on dropping it cleans up: this may be cancelled at any await.
        let pair = Self { name: name.clone() };
        let created = create_ends(handle, name, &peer, *mode, namespace.as_ref()).await;
        if is_taken(&created) {
            // Not ours to remove: another process was faster, maybe a nkview that has not
            // signed yet, or the peer's name is taken in its namespace.
            std::mem::forget(pair);
            bail!(
                "cannot create the netkit pair {name}: there is a device {name} or {peer} already; \
                 give the pair another name with --create NAME"
            );
        }
        created.with_context(|| {
            format!(
                "cannot create the netkit pair {name}; it needs CAP_NET_ADMIN and a kernel with \
                 netkit (6.7, CONFIG_NETKIT=y)"
            )
        })?;
        mark(handle, name).await?;
        bring_up(handle, name, PRIMARY).await?;
        match namespace {
            None => bring_up(handle, &peer, PEER).await?,
            Some(namespace) => netns::within(&namespace, async || {
                bring_up(&netns::connect()?, &peer, PEER).await
            })?,
        }
        Ok(pair)
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let name = &self.name;
        // It may have been removed by another process.
        let _ = netns::apart(async || {
            let links = devices::list()?;
            let ours = links
                .iter()
                .find(|link| link.name == *name && is_ours(link));
            if let Some(link) = ours {
                netns::connect()?.link().del(link.index).execute().await?;
            }
            Ok(())
        });
    }
}

/// Whether this run has made the device, or was about to sign it.
fn is_ours(link: &Link) -> bool {
    let owner = link.alias.as_deref().map(Owner::parse);
    link.group == GROUP && owner.is_none_or(|owner| owner == Owner::this().ok())
}

/// Removes the pairs of runs that were killed; returns their names.
///
/// # Errors
/// When the kernel refuses to remove one.
pub async fn remove_left_behind(devices: &Devices) -> anyhow::Result<Vec<String>> {
    let mut removed = Vec::new();
    let mut links = list(devices).await?;
    let unsigned: Vec<u32> = links
        .iter()
        .filter(|link| is_unsigned(link))
        .map(|link| link.index)
        .collect();
    if !unsigned.is_empty() {
        // One that lives signs at once.
        tokio::time::sleep(SIGNS_WITHIN).await;
        links = list(devices).await?;
    }
    let was_unsigned = |link: &Link| is_unsigned(link) && unsigned.contains(&link.index);
    for link in links
        .iter()
        .filter(|link| is_left_behind(link) || was_unsigned(link))
    {
        devices
            .handle()
            .link()
            .del(link.index)
            .execute()
            .await
            .with_context(|| {
                format!(
                    "cannot remove the pair {} that a killed nkview has left; \
                     `ip link delete {}` does it",
                    link.name, link.name
                )
            })?;
        removed.push(link.name.clone());
    }
    Ok(removed)
}

async fn list(devices: &Devices) -> anyhow::Result<Vec<Link>> {
    devices.list().await.context("cannot list the devices")
}

/// Whether a run that is gone has made this device: it has our mark, and its
/// owner can be judged from here and does not live.
fn is_left_behind(link: &Link) -> bool {
    let owner = link.alias.as_deref().and_then(Owner::parse);
    is_marked(link) && owner.is_some_and(Owner::is_gone)
}

/// Whether a run has made this device that has not signed it yet, or that was
/// killed before it could.
fn is_unsigned(link: &Link) -> bool {
    is_marked(link) && link.alias.is_none()
}

fn is_marked(link: &Link) -> bool {
    link.group == GROUP && link.netkit().is_some()
}

/// Whether there is a device of one of the names already.
fn is_taken(created: &Result<(), rtnetlink::Error>) -> bool {
    match created {
        Err(rtnetlink::Error::NetlinkError(message)) => message.raw_code() == -libc::EEXIST,
        _ => false,
    }
}

fn check_name(name: &str, peer: &str) -> anyhow::Result<()> {
    let is_fine = |c: char| c.is_ascii_graphic() && c != '/' && c != ':' && c != '%';
    if name.is_empty() || !name.chars().all(is_fine) || name.starts_with('.') {
        bail!("{name:?} cannot be the name of a device; use letters and digits");
    }
    if peer.len() > NAME_MAX {
        bail!(
            "the name {name} is too long: with the p of its peer it has {} characters, and a \
             device's name at most {NAME_MAX}",
            peer.len()
        );
    }
    Ok(())
}

async fn create_ends(
    handle: &Handle,
    name: &str,
    peer: &str,
    mode: Mode,
    namespace: Option<&File>,
) -> Result<(), rtnetlink::Error> {
    let mode = match mode {
        Mode::L2 => NetkitMode::L2,
        Mode::L3 => NetkitMode::L3,
    };
    let mut peer = LinkUnspec::new_with_name(peer).link_group(GROUP);
    if let Some(namespace) = namespace {
        peer = peer.setns_by_fd(namespace.as_raw_fd());
    }
    let mut data = vec![InfoNetkit::Mode(mode)];
    data.push(InfoNetkit::Peer(peer.build()));
    let message = LinkMessageBuilder::<LinkNetkit>::new_with_info_kind(InfoKind::Netkit)
        .name(name)
        .link_group(GROUP)
        .set_info_data(netlink_packet_route::link::InfoData::Netkit(data))
        .build();
    handle.link().add(message).execute().await
}

/// Signs the primary as ours.
async fn mark(handle: &Handle, name: &str) -> anyhow::Result<()> {
    let message = LinkUnspec::new_with_name(name)
        .alias(Owner::this()?.sign())
        .build();
    handle
        .link()
        .set(message)
        .execute()
        .await
        .context("cannot sign the netkit pair as nkview's")
}

/// Gives the end its address, and no other, and brings it up.
async fn bring_up(handle: &Handle, name: &str, address: Ipv6Addr) -> anyhow::Result<()> {
    let up = async {
        let mut link = handle.link().get().match_name(name).execute();
        let message = futures::TryStreamExt::try_next(&mut link).await?;
        let index = message.map_or(0, |message| message.header.index);
        let no_address =
            LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(
                In6AddrGenMode::None,
            )])]);
        let message = LinkUnspec::new_with_index(index)
            .append_extra_attribute(no_address)
            .build();
        handle.link().set(message).execute().await?;
        let mut add = handle.address().add(index, address.into(), 64);
        // Nobody else can have it: no need to ask around for a second.
        add.message_mut().header.flags |= netlink_packet_route::address::AddressHeaderFlags::Nodad;
        add.execute().await?;
        let message = LinkUnspec::new_with_index(index).up().build();
        handle.link().set(message).execute().await
    };
    up.await
        .with_context(|| format!("cannot bring up {name} with the address {address}"))
}
