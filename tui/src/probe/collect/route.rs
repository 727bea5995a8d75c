//! How the namespace that the thread is in routes single packets (`RTM_GETROUTE`,
//! `net/ipv4/route.c` and `net/ipv6/route.c`).

use std::fs;
use std::io;
use std::net::IpAddr;

use crate::model::Tuple;
use crate::model::stack::Route;
use crate::probe::netlink::{Message, Netlink, attribute, attributes, ip, text, uint};

#[cfg(test)]
mod tests;

/// The lengths of `struct rtmsg` and `struct ifinfomsg`.
const HEADER: usize = 12;
const LINK: usize = 16;
/// `RTAX_MTU` of `RTA_METRICS`.
const MTU: u16 = 2;
/// `RTA_IP_PROTO`, `RTA_SPORT` and `RTA_DPORT` (Linux 4.19).
const PROTOCOL: u16 = 27;
const SOURCE_PORT: u16 = 28;
const DESTINATION_PORT: u16 = 29;
/// `RTN_LOCAL` in `rtm_type`.
const LOCAL: u8 = 2;

/// Why a packet is not forwarded at all.
const FORWARDING_OFF: &str = "forwarding is off";

/// Where the packets are that are to be routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A socket of this namespace sends them.
    Here,
    /// They come in by the device with this interface index, or the one that it is a
    /// port of.
    Device(u32),
}

/// Whether an address is one of this namespace's own.
///
/// # Errors
/// The kernel's.
pub fn is_local(address: IpAddr) -> io::Result<bool> {
    let mut netlink = Netlink::open(libc::NETLINK_ROUTE as isize)?;
    match netlink.get(libc::RTM_GETROUTE, &request(address, &[])) {
        Ok(message) => Ok(kind(&message) == Some(LOCAL)),
        Err(error) if is_unreachable(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The route of packets with this tuple to this destination, or why the kernel would
/// not send them; nothing where they are for this namespace and come from elsewhere.
///
/// # Errors
/// The kernel's, where it does not say how it would route them.
pub fn find(
    tuple: &Tuple,
    destination: IpAddr,
    origin: Origin,
) -> io::Result<Option<Result<Route, String>>> {
    let mut netlink = Netlink::open(libc::NETLINK_ROUTE as isize)?;
    let mut choices = vec![of_ip(libc::RTA_SRC, tuple.source())];
    // Rules of routing may ask for them.
    if matches!(
        i32::from(tuple.protocol),
        libc::IPPROTO_TCP | libc::IPPROTO_UDP
    ) {
        choices.extend([
            attribute(PROTOCOL, &[tuple.protocol]),
            attribute(SOURCE_PORT, &tuple.source_port.to_be_bytes()),
            attribute(DESTINATION_PORT, &tuple.destination_port.to_be_bytes()),
        ]);
    }
    let mut input = None;
    if let Origin::Device(index) = origin {
        let mut device = link(&mut netlink, index)?;
        if let Some(master) = device.master {
            device = link(&mut netlink, master)?;
        }
        choices.push(attribute(libc::RTA_IIF, &device.index.to_ne_bytes()));
        input = Some(device);
    }
    let answer = netlink.get(libc::RTM_GETROUTE, &request(destination, &choices));
    let message = match (answer, &input) {
        (Ok(message), _) => message,
        (Err(error), _) if is_unreachable(&error) => {
            let is_forwarding = input
                .as_ref()
                .is_none_or(|input| forwards(destination, &input.name));
            let reason = if is_forwarding {
                refusal(&error)
            } else {
                FORWARDING_OFF
            };
            return Ok(Some(Err(reason.to_owned())));
        }
        // Which of the two it is depends on the kernel's version.
        (Err(error), Some(input))
            if matches!(error.raw_os_error(), Some(libc::EXDEV | libc::EINVAL)) =>
        {
            return Ok(Some(Err(refused_source(&input.name))));
        }
        // `fib_props` again: the source was one of the own addresses.
        (Err(error), None) if error.raw_os_error() == Some(libc::EINVAL) => {
            return Ok(Some(Err("the route says blackhole".to_owned())));
        }
        (Err(error), _) => return Err(error),
    };
    let is_for_here = kind(&message) == Some(LOCAL);
    if let Some(input) = &input {
        if is_for_here {
            return Ok(None);
        }
        // Of IPv6 the kernel asks this only when a packet comes.
        if !forwards(destination, &input.name) {
            return Ok(Some(Err(FORWARDING_OFF.to_owned())));
        }
    }
    let (mut route, output) =
        parse(&message).ok_or_else(|| io::Error::other("the kernel's answer names no device"))?;
    let device = link(&mut netlink, output)?;
    route.device = device.name;
    route.mtu = device.mtu;
    Ok(Some(Ok(route)))
}

/// Whether an error means that there is no way.
fn is_unreachable(error: &io::Error) -> bool {
    // `fib_props` in `net/ipv4/fib_semantics.c`: no route, or one of a kind that
    // refuses.
    matches!(
        error.raw_os_error(),
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EACCES)
    )
}

fn refusal(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EHOSTUNREACH) => "the route says unreachable",
        Some(libc::EACCES) => "the route says prohibited",
        _ => "no route to it",
    }
}

/// Whether packets that come in by a device are forwarded.
fn forwards(destination: IpAddr, device: &str) -> bool {
    let path = match destination {
        IpAddr::V4(_) => format!("ipv4/conf/{device}/forwarding"),
        IpAddr::V6(_) => "ipv6/conf/all/forwarding".to_owned(),
    };
    setting(&path) != Some(0)
}

/// Why packets are refused by their source address.
fn refused_source(device: &str) -> String {
    let of = |device: &str| setting(&format!("ipv4/conf/{device}/rp_filter")).unwrap_or(0);
    match of(device).max(of("all")) {
        0 => "the kernel refuses the source address as martian".to_owned(),
        1 => format!("the way back is not by {device}, and its rp_filter is strict (1)"),
        mode => format!("there is no way back, and rp_filter of {device} is loose ({mode})"),
    }
}

fn setting(path: &str) -> Option<u8> {
    let text = fs::read_to_string(format!("/proc/sys/net/{path}")).ok()?;
    text.trim().parse().ok()
}

fn of_ip(kind: u16, address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => attribute(kind, &address.octets()),
        IpAddr::V6(address) => attribute(kind, &address.octets()),
    }
}

/// A `struct rtmsg` with what is asked for. Of a source, its whole length counts.
fn request(destination: IpAddr, choices: &[Vec<u8>]) -> Vec<u8> {
    let (family, bits) = match destination {
        IpAddr::V4(_) => (libc::AF_INET, 32),
        IpAddr::V6(_) => (libc::AF_INET6, 128),
    };
    let source = if choices.is_empty() { 0 } else { bits };
    let mut request = vec![0; HEADER];
    request[..3].copy_from_slice(&[family as u8, bits, source]);
    request.extend(of_ip(libc::RTA_DST, destination));
    request.extend(choices.concat());
    request
}

fn kind(message: &Message) -> Option<u8> {
    message.body.get(7).copied()
}

/// The route of an answer, and the interface index of its device.
fn parse(message: &Message) -> Option<(Route, u32)> {
    let mut route = Route::default();
    let mut device = None;
    for (attribute, value) in message.attributes(HEADER) {
        match attribute {
            libc::RTA_OIF => device = uint(value),
            libc::RTA_GATEWAY => route.gateway = ip(value),
            // A router of the other version of IP: behind its family.
            libc::RTA_VIA => route.gateway = value.get(2..).and_then(ip),
            libc::RTA_METRICS => {
                let mut metrics = attributes(value);
                let mtu = metrics.find_map(|(kind, value)| (kind == MTU).then(|| uint(value))?);
                route.path_mtu = mtu;
            }
            _ => {}
        }
    }
    Some((route, device?))
}

/// A device, as far as routes need it.
#[derive(Debug, PartialEq, Eq)]
struct Link {
    index: u32,
    name: String,
    mtu: u32,
    /// The device that it is a port of.
    master: Option<u32>,
}

fn link(netlink: &mut Netlink, index: u32) -> io::Result<Link> {
    let mut request = [0; LINK];
    request[4..8].copy_from_slice(&index.to_ne_bytes());
    let message = netlink.get(libc::RTM_GETLINK, &request)?;
    let mut link = Link {
        index,
        name: String::new(),
        mtu: 0,
        master: None,
    };
    for (attribute, value) in message.attributes(LINK) {
        match attribute {
            libc::IFLA_IFNAME => link.name = text(value),
            libc::IFLA_MTU => link.mtu = uint(value).unwrap_or(0),
            libc::IFLA_MASTER => link.master = uint(value),
            _ => {}
        }
    }
    Ok(link)
}
