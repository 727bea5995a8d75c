//! Sockets of the namespace that the thread is in, asked for one by one or as
//! the listeners (sock_diag(7), `net/ipv4/inet_diag.c`).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::model::Tuple;
use crate::model::stack::{Listener, SocketState, TcpState};
use crate::probe::netlink::{Message, Netlink, ip, uint, ulong};

#[cfg(test)]
mod tests;

/// `SOCK_DIAG_BY_FAMILY` of `include/uapi/linux/sock_diag.h`.
const BY_FAMILY: u16 = 20;
/// `TCP_LISTEN` as a bit.
const LISTEN: u32 = 1 << 10;
/// `INET_DIAG_INFO` and `INET_DIAG_SKMEMINFO` of
/// `include/uapi/linux/inet_diag.h`.
const INFO: u16 = 2;
const MEMORY: u16 = 7;
/// The length of `struct inet_diag_msg`.
const HEADER: usize = 72;
/// `INET_DIAG_NOCOOKIE`: whichever socket it is.
const ANY_COOKIE: [u8; 8] = [0xff; 8];

/// The listening TCP sockets.
///
/// # Errors
/// The kernel's.
pub fn listeners() -> io::Result<Vec<Listener>> {
    let mut netlink = Netlink::open(libc::NETLINK_SOCK_DIAG as isize)?;
    let mut listeners = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        let request = request(family as u8, libc::IPPROTO_TCP as u8, LISTEN, None);
        let messages = netlink.dump(BY_FAMILY, &request)?;
        listeners.extend(messages.iter().filter_map(listener));
    }
    Ok(listeners)
}

fn listener(message: &Message) -> Option<Listener> {
    let socket = Socket::of(message)?;
    Some(Listener {
        address: socket.address()?,
        queued: socket.number(56)?,
        limit: socket.number(60)?,
        uid: socket.number(64)?,
        inode: socket.number(68)?,
        cookie: socket.cookie()?,
        drops: socket.drops(),
    })
}

/// The socket of a flow whose source is the socket's own end.
///
/// # Errors
/// The kernel's; `NotFound` where the namespace has no such socket, and
/// `Unsupported` for other protocols than TCP and UDP.
pub fn find(tuple: &Tuple) -> io::Result<SocketState> {
    let protocol = i32::from(tuple.protocol);
    if ![libc::IPPROTO_TCP, libc::IPPROTO_UDP].contains(&protocol) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let family = match tuple.source() {
        IpAddr::V4(_) => libc::AF_INET,
        IpAddr::V6(_) => libc::AF_INET6,
    };
    // For UDP the kernel has source and destination the other way round
    // (`udp_dump_one()` in `net/ipv4/udp_diag.c`).
    let ends = match protocol {
        libc::IPPROTO_UDP => tuple.reversed(),
        _ => *tuple,
    };
    let mut netlink = Netlink::open(libc::NETLINK_SOCK_DIAG as isize)?;
    let request = request(family as u8, tuple.protocol, u32::MAX, Some(&ends));
    let message = netlink
        .get(BY_FAMILY, &request)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ENOENT) => io::ErrorKind::NotFound.into(),
            _ => error,
        })?;
    let socket = Socket::of(&message).and_then(|socket| state(&socket));
    socket.ok_or_else(|| io::Error::other("the kernel's answer is too short"))
}

fn state(socket: &Socket<'_>) -> Option<SocketState> {
    Some(SocketState {
        state: socket.byte(1)?,
        timer: socket.byte(2)?,
        receive_queue: socket.number(56)?,
        send_queue: socket.number(60)?,
        uid: socket.number(64)?,
        inode: socket.number(68)?,
        cookie: socket.cookie()?,
        drops: socket.drops(),
        tcp: socket.attribute(INFO).and_then(tcp_state),
    })
}

/// A `struct inet_diag_req_v2`.
fn request(family: u8, protocol: u8, states: u32, tuple: Option<&Tuple>) -> Vec<u8> {
    let extensions = 1 << (INFO - 1) | 1 << (MEMORY - 1);
    let mut request = vec![family, protocol, extensions, 0];
    request.extend(states.to_ne_bytes());
    let tuple = tuple.copied().unwrap_or_default();
    request.extend(tuple.source_port.to_be_bytes());
    request.extend(tuple.destination_port.to_be_bytes());
    for address in [tuple.source(), tuple.destination()] {
        let mut bytes = [0; 16];
        match address {
            IpAddr::V4(address) => bytes[..4].copy_from_slice(&address.octets()),
            IpAddr::V6(address) => bytes = address.octets(),
        }
        request.extend(bytes);
    }
    // Whichever device it is bound to.
    request.extend(0_u32.to_ne_bytes());
    request.extend(ANY_COOKIE);
    request
}

/// A `struct inet_diag_msg` and its attributes.
struct Socket<'a> {
    message: &'a Message,
}

impl<'a> Socket<'a> {
    fn of(message: &'a Message) -> Option<Self> {
        (message.body.len() >= HEADER).then_some(Self { message })
    }

    fn byte(&self, offset: usize) -> Option<u8> {
        self.message.body.get(offset).copied()
    }

    fn number(&self, offset: usize) -> Option<u32> {
        uint(self.message.body.get(offset..)?)
    }

    fn cookie(&self) -> Option<u64> {
        let half = |offset| self.number(offset).map(u64::from);
        Some(half(44)? | half(48)? << 32)
    }

    /// Its own address.
    fn address(&self) -> Option<SocketAddr> {
        let length = match i32::from(self.byte(0)?) {
            libc::AF_INET => 4,
            libc::AF_INET6 => 16,
            _ => return None,
        };
        let port = u16::from_be_bytes(*self.message.body.get(4..)?.first_chunk()?);
        let address = ip(self.message.body.get(8..8 + length)?)?;
        Some((address, port).into())
    }

    fn attribute(&self, wanted: u16) -> Option<&'a [u8]> {
        let mut attributes = self.message.attributes(HEADER);
        attributes.find_map(|(kind, value)| (kind == wanted).then_some(value))
    }

    /// `SK_MEMINFO_DROPS`, the ninth.
    fn drops(&self) -> Option<u32> {
        uint(self.attribute(MEMORY)?.get(32..)?)
    }
}

/// Reads a `struct tcp_info`, as much of it as the kernel has
/// (`include/uapi/linux/tcp.h`).
fn tcp_state(info: &[u8]) -> Option<TcpState> {
    let number = |offset: usize| info.get(offset..).and_then(uint);
    let micros = |offset: usize| number(offset).map(u64::from).map(Duration::from_micros);
    let long = |offset: usize| ulong(info, offset).map(Duration::from_micros);
    Some(TcpState {
        retransmits: *info.get(2)?,
        send_mss: number(16)?,
        lost: number(32)?,
        path_mtu: number(60)?,
        rtt: micros(68)?,
        congestion_window: number(80)?,
        total_retransmits: number(100)?,
        not_sent: number(144),
        // All ones where there was none yet.
        min_rtt: number(148)
            .filter(|&it| it != u32::MAX)
            .map(|it| Duration::from_micros(it.into())),
        busy: long(168),
        limited_by_receiver: long(176),
        limited_by_send_buffer: long(184),
        send_window: number(228),
    })
}
