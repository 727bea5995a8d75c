//! What the kernel itself counts.

use std::fs;

use crate::namespace::Namespace;
use crate::wait;

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
    tcp_counters(namespace, &["OutSegs", "RetransSegs"])
}

/// The resets that a namespace has sent (RFC 4022).
pub fn tcp_resets_sent(namespace: &Namespace) -> u64 {
    tcp_counters(namespace, &["OutRsts"])
}

/// The sum of what TCP counts under these names.
fn tcp_counters(namespace: &Namespace, wanted: &[&str]) -> u64 {
    let table = namespace.enter(|| fs::read_to_string("/proc/thread-self/net/snmp").unwrap());
    let mut lines = table.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let columns = names.split(' ').zip(values.split(' '));
    let wanted = columns.filter(|(name, _)| wanted.contains(name));
    wanted.map(|(_, value)| value.parse::<u64>().unwrap()).sum()
}

/// Whether no connection of a namespace has anything left to send.
pub fn is_tcp_silent(namespace: &Namespace) -> bool {
    const TIME_WAIT: &str = "06";
    const LISTEN: &str = "0A";
    ["tcp", "tcp6"].iter().all(|table| {
        let path = format!("/proc/thread-self/net/{table}");
        let table = namespace.enter(|| fs::read_to_string(path).unwrap());
        let states = table.lines().skip(1).map(|line| {
            let mut columns = line.split_whitespace();
            columns.nth(3).unwrap()
        });
        states
            .into_iter()
            .all(|state| [TIME_WAIT, LISTEN].contains(&state))
    })
}

/// Waits until each CPU has handed on what was sent to its devices by now: a veth
/// device counts a packet before it meets the hook.
pub fn until_delivered() {
    let waiting = || -> Vec<bool> {
        let table = fs::read_to_string("/proc/net/softnet_stat").unwrap();
        let lengths = table.lines().map(|line| {
            // Since Linux 5.10 the twelfth number, in hexadecimal.
            let length = line.split(' ').nth(11).unwrap();
            u32::from_str_radix(length, 16).unwrap()
        });
        lengths.map(|length| length > 0).collect()
    };
    let mut left = waiting();
    wait::until_true("packets are delivered", || {
        // Others may have been queued behind them meanwhile.
        for (left, now) in left.iter_mut().zip(waiting()) {
            *left &= now;
        }
        !left.contains(&true)
    });
}

/// Whether a namespace has a device of this name.
pub fn exists(namespace: &Namespace, name: &str) -> bool {
    let table = namespace.enter(|| fs::read_to_string("/proc/thread-self/net/dev").unwrap());
    let mut names = table.lines().filter_map(|line| line.split_once(':'));
    names.any(|(device, _)| device.trim() == name)
}
