//! The TCP connections that a process has open (proc_pid_fd(5), proc_pid_net(5)).

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::app::own::OwnSession;

#[cfg(test)]
mod tests;

/// The connections of a process, as far as this user may look.
pub fn connections(pid: u32) -> Vec<OwnSession> {
    let inodes = sockets(pid);
    let tables = ["tcp", "tcp6"].map(|name| fs::read_to_string(format!("/proc/{pid}/net/{name}")));
    let lines = tables.iter().flatten().flat_map(|table| table.lines());
    lines
        .filter_map(connection)
        .filter(|(inode, _)| inodes.contains(inode))
        .map(|(_, session)| session)
        .collect()
}

/// The inodes of a process' sockets.
fn sockets(pid: u32) -> HashSet<u64> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"));
    let entries = entries.into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            let inode = target.to_str()?.strip_prefix("socket:[")?;
            inode.strip_suffix(']')?.parse().ok()
        })
        .collect()
}

/// A line of the table: its number, the local and the remote end, and seven columns
/// later the inode.
fn connection(line: &str) -> Option<(u64, OwnSession)> {
    let columns: Vec<_> = line.split_ascii_whitespace().collect();
    let local = end(columns.get(1)?)?;
    let remote = end(columns.get(2)?)?;
    let inode = columns.get(9)?.parse().ok()?;
    // What listens has no other end.
    (remote.port() != 0).then(|| (inode, OwnSession::new(local, remote)))
}

/// The address in words of four bytes as the machine reads them, and the port.
fn end(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let word = u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    let address: IpAddr = match address.len() {
        8 => word(0)?.into(),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            let octets: [u8; 16] = words.try_into().ok()?;
            Ipv6Addr::from(octets).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}
