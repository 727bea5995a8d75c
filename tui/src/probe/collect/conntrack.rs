//! Connection tracking of the namespace that the thread is in: its counters, and
//! the two sides of one connection (`net/netfilter/nf_conntrack_netlink.c`).

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::model::Tuple;
use crate::model::stack::{Conntrack, NatPair};
use crate::probe::netlink::{Message, NESTED, Netlink, attribute, attributes, ip};

#[cfg(test)]
mod tests;

/// `IPCTNL_MSG_CT_GET` of `NFNL_SUBSYS_CTNETLINK`.
const GET: u16 = 1 << 8 | 1;
/// The length of `struct nfgenmsg`.
const HEADER: usize = 4;
/// `CTA_TUPLE_ORIG` and `CTA_TUPLE_REPLY`.
const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
/// `CTA_TUPLE_IP` and `CTA_TUPLE_PROTO` of a tuple.
const ADDRESSES: u16 = 1;
const PROTOCOL: u16 = 2;

/// The counters since the namespace was made; nothing where it tracks none.
#[must_use]
pub fn counters() -> Option<Conntrack> {
    let text = fs::read_to_string("/proc/thread-self/net/stat/nf_conntrack").ok()?;
    let mut counters = parse(&text)?;
    // The table is there as soon as the module is, used or not.
    let Conntrack {
        capacity: _,
        entries,
        drops,
        early_drops,
        insert_failures,
        invalid,
    } = counters;
    let is_used = entries + drops + early_drops + insert_failures + invalid > 0;
    if !is_used {
        return None;
    }
    let capacity = fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_max");
    counters.capacity = capacity.ok().and_then(|it| it.trim().parse().ok());
    Some(counters)
}

/// Reads the table: a line of names, and one of hexadecimal values for each CPU.
fn parse(text: &str) -> Option<Conntrack> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next()?.split_ascii_whitespace().collect();
    let mut counters = Conntrack::default();
    for line in lines {
        let values = line.split_ascii_whitespace();
        for (name, value) in names.iter().zip(values) {
            let value = u64::from_str_radix(value, 16).ok()?;
            match *name {
                // Not of the CPU: each line has all.
                "entries" => counters.entries = value,
                "drop" => counters.drops += value,
                "early_drop" => counters.early_drops += value,
                "insert_failed" => counters.insert_failures += value,
                "invalid" => counters.invalid += value,
                _ => {}
            }
        }
    }
    Some(counters)
}

/// The connection that packets with this tuple belong to, in either direction.
///
/// # Errors
/// The kernel's; `NotFound` where it tracks no such connection, and `Unsupported`
/// for what has no ports.
pub fn find(tuple: &Tuple) -> io::Result<NatPair> {
    if tuple.source_port == 0 || tuple.destination_port == 0 {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut netlink = Netlink::open(libc::NETLINK_NETFILTER as isize)?;
    // Packets that were translated before they came here, or are afterwards, are of
    // one side of the connection only: what is sent, or the answers.
    let answer = match netlink.get(GET, &request(tuple)) {
        Err(error) if is_missing(&error) => netlink.get(GET, &request(&tuple.reversed())),
        answer => answer,
    };
    let answer = answer.map_err(|error| match is_missing(&error) {
        true => io::ErrorKind::NotFound.into(),
        false => error,
    })?;
    pair(&answer).ok_or_else(|| io::Error::other("the kernel's answer has no addresses"))
}

fn is_missing(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOENT)
}

/// Both sides of the connection of an answer.
fn pair(answer: &Message) -> Option<NatPair> {
    let side = |wanted: u16| {
        let mut sides = answer.attributes(HEADER);
        sides.find_map(|(kind, value)| (kind == wanted).then(|| ends(value))?)
    };
    Some(NatPair {
        original: side(ORIGINAL)?,
        reply: side(REPLY)?,
    })
}

fn request(tuple: &Tuple) -> Vec<u8> {
    let [source, destination] = [tuple.source(), tuple.destination()];
    let (family, first) = match source {
        IpAddr::V4(_) => (libc::AF_INET, 1),
        IpAddr::V6(_) => (libc::AF_INET6, 3),
    };
    let address = |kind, address| match address {
        IpAddr::V4(address) => attribute(kind, &address.octets()),
        IpAddr::V6(address) => attribute(kind, &address.octets()),
    };
    let addresses = [address(first, source), address(first + 1, destination)].concat();
    let protocol = [
        attribute(1, &[tuple.protocol]),
        attribute(2, &tuple.source_port.to_be_bytes()),
        attribute(3, &tuple.destination_port.to_be_bytes()),
    ]
    .concat();
    let tuple = [
        attribute(NESTED | ADDRESSES, &addresses),
        attribute(NESTED | PROTOCOL, &protocol),
    ]
    .concat();
    let mut request = vec![family as u8, 0, 0, 0];
    request.extend(attribute(NESTED | ORIGINAL, &tuple));
    request
}

/// Source and destination in a tuple.
fn ends(tuple: &[u8]) -> Option<[SocketAddr; 2]> {
    let mut addresses = [None; 2];
    let mut ports = [None; 2];
    for (kind, value) in attributes(tuple) {
        for (member, value) in attributes(value) {
            let place = usize::from(member);
            match (kind, member) {
                (ADDRESSES, 1 | 2) => addresses[place - 1] = ip(value),
                (ADDRESSES, 3 | 4) => addresses[place - 3] = ip(value),
                (PROTOCOL, 2 | 3) => {
                    ports[place - 2] = value.first_chunk().copied().map(u16::from_be_bytes);
                }
                _ => {}
            }
        }
    }
    let end = |place: usize| Some(SocketAddr::new(addresses[place]?, ports[place]?));
    Some([end(0)?, end(1)?])
}
