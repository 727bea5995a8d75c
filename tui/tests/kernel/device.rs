//! What the kernel itself counts.

use std::fs;

use crate::namespace::Namespace;

/// One direction of a device's own counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    pub packets: u64,
    pub bytes: u64,
}

/// A device's own counters, those of `ip -s link`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    pub received: Side,
    pub sent: Side,
}

/// The counters of a device: all zero when it is made.
pub fn counters(namespace: &Namespace, name: &str) -> Counters {
    let table = namespace.enter(|| fs::read_to_string("/proc/thread-self/net/dev").unwrap());
    let line = table.lines().find_map(|line| {
        let (device, numbers) = line.split_once(':')?;
        (device.trim() == name).then_some(numbers)
    });
    let numbers = line.unwrap_or_else(|| panic!("no device {name}:\n{table}"));
    let numbers: Vec<u64> = numbers
        .split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect();
    // Eight columns of what is received come before eight of what is sent.
    let side = |first: usize| Side {
        bytes: numbers[first],
        packets: numbers[first + 1],
    };
    Counters {
        received: side(0),
        sent: side(8),
    }
}

/// The TCP segments that a namespace has sent (RFC 4022), those that were sent
/// again included: a packet that is segmented later counts as its segments.
pub fn tcp_segments_sent(namespace: &Namespace) -> u64 {
    let table = namespace.enter(|| fs::read_to_string("/proc/thread-self/net/snmp").unwrap());
    let mut lines = table.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let columns = names.split(' ').zip(values.split(' '));
    let sent = columns.filter(|(name, _)| ["OutSegs", "RetransSegs"].contains(name));
    sent.map(|(_, value)| value.parse::<u64>().unwrap()).sum()
}

/// Whether a namespace has a device of this name.
pub fn exists(namespace: &Namespace, name: &str) -> bool {
    let table = namespace.enter(|| fs::read_to_string("/proc/thread-self/net/dev").unwrap());
    let mut names = table.lines().filter_map(|line| line.split_once(':'));
    names.any(|(device, _)| device.trim() == name)
}
