//! Reading the network stack of the namespace that the thread is in.

use std::collections::HashMap;
use std::fs;
use std::io;

use crate::model::stack::{
    Duplicate, LinkState, Neighbor, NeighborState, Qdisc, Softnet, Stack, StackCounters,
};
use crate::probe::collect::{conntrack, sockets};
use crate::probe::devices;
use crate::probe::netlink::{Message, Netlink, attributes, ip, text, uint};

#[cfg(test)]
mod tests;

/// Neighbors, duplicates and listeners that are kept, at most: a scan of a
/// network leaves an entry for each address of it.
const ENTRIES: usize = 1024;

/// Reads the stack of this thread's namespace. What cannot be read is named in
/// [`Stack::unknown`].
#[must_use]
pub fn read() -> Stack {
    let mut stack = Stack::default();
    let mut unknown = Vec::new();
    let mut failed = |what: &str, error: io::Error| unknown.push(format!("{what}: {error}"));
    match counters() {
        Ok(counters) => stack.counters = counters,
        Err(error) => failed("counters", error),
    }
    if let Err(error) = lists(&mut stack) {
        failed("devices, their queues, neighbors and addresses", error);
    }
    match sockets::listeners() {
        Ok(mut listeners) => {
            listeners.truncate(ENTRIES);
            stack.listeners = listeners;
        }
        Err(error) => failed("listening sockets", error),
    }
    stack.conntrack = conntrack::counters();
    stack.unknown = unknown;
    stack
}

fn link_state(link: &devices::Link) -> LinkState {
    LinkState {
        index: link.index,
        name: link.name.clone(),
        up: link.up,
        carrier: link.carrier,
        carrier_changes: link.carrier_changes,
        mtu: link.mtu,
        receive: link.is_physical().then_some(link.receive),
    }
}

/// The counters since the namespace was made.
fn counters() -> io::Result<StackCounters> {
    let mut counters = StackCounters::default();
    for table in ["snmp", "netstat"] {
        let text = fs::read_to_string(format!("/proc/thread-self/net/{table}"))?;
        add_pairs(&text, &mut counters);
    }
    // There is none where IPv6 is off.
    let text = fs::read_to_string("/proc/thread-self/net/snmp6").unwrap_or_default();
    add_lines(&text, &mut counters);
    Ok(counters)
}

/// Reads `snmp` and `netstat`: a line of names, a line of values.
fn add_pairs(text: &str, counters: &mut StackCounters) {
    let mut lines = text.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let (Some((table, names)), Some((_, values))) =
            (names.split_once(':'), values.split_once(':'))
        else {
            continue;
        };
        let pairs = names
            .split_ascii_whitespace()
            .zip(values.split_ascii_whitespace());
        for (name, value) in pairs {
            // Some values are negative, of what is no counter.
            if let (Some(counter), Ok(value)) = (counters.get_mut(table, name), value.parse()) {
                *counter = value;
            }
        }
    }
}

/// Reads `snmp6`: a line has table and name in one word, and a value.
fn add_lines(text: &str, counters: &mut StackCounters) {
    for line in text.lines() {
        let Some((name, value)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        for table in ["Ip6", "Udp6"] {
            let counter = name
                .strip_prefix(table)
                .and_then(|name| counters.get_mut(table, name));
            if let (Some(counter), Ok(value)) = (counter, value.trim().parse()) {
                *counter = value;
            }
        }
    }
}

/// How the CPUs cope, since the machine started. The same in every namespace.
#[must_use]
pub fn softnet() -> Vec<Softnet> {
    let text = fs::read_to_string("/proc/net/softnet_stat").unwrap_or_default();
    text.lines()
        .enumerate()
        .filter_map(|(line, text)| softnet_of(line, text))
        .collect()
}

/// A line of `softnet_stat` (`softnet_seq_show()` in `net/core/net-procfs.c`):
/// hexadecimal; the thirteenth is the CPU's number, since Linux 5.10.
fn softnet_of(line: usize, text: &str) -> Option<Softnet> {
    let columns: Vec<u32> = text
        .split_ascii_whitespace()
        .map_while(|column| u32::from_str_radix(column, 16).ok())
        .collect();
    let cpu = columns.get(12).copied();
    Some(Softnet {
        cpu: cpu.or_else(|| u32::try_from(line).ok())?,
        processed: (*columns.first()?).into(),
        dropped: (*columns.get(1)?).into(),
        squeezed: (*columns.get(2)?).into(),
    })
}

/// What rtnetlink lists.
fn lists(stack: &mut Stack) -> io::Result<()> {
    let mut netlink = Netlink::open(libc::NETLINK_ROUTE as isize)?;
    let links = devices::list_with(&mut netlink)?;
    stack.links = links.iter().map(link_state).collect();
    let qdiscs = netlink.dump(libc::RTM_GETQDISC, &[0; QDISC])?;
    let neighbors = netlink.dump(libc::RTM_GETNEIGH, &[0; NEIGHBOR])?;
    let addresses = netlink.dump(libc::RTM_GETADDR, &[0; ADDRESS])?;
    stack.qdiscs = qdiscs.iter().filter_map(qdisc).collect();
    let neighbors = neighbors.iter().filter_map(neighbor);
    stack.neighbors = neighbors.take(ENTRIES).collect();
    let duplicates = addresses.iter().filter_map(duplicate);
    stack.duplicates = duplicates.take(ENTRIES).collect();
    Ok(())
}

/// The lengths of `struct tcmsg`, `ndmsg` and `ifaddrmsg`.
const QDISC: usize = 20;
const NEIGHBOR: usize = 12;
const ADDRESS: usize = 8;

/// The queueing discipline of a message, its counters since it was made.
fn qdisc(message: &Message) -> Option<Qdisc> {
    /// Members of `TCA_STATS2` (`include/uapi/linux/gen_stats.h`).
    const BASIC: u16 = 1;
    const QUEUE: u16 = 3;
    let mut qdisc = Qdisc {
        device: uint(message.body.get(4..)?)?,
        handle: uint(message.body.get(8..)?)?,
        parent: uint(message.body.get(12..)?)?,
        ..Qdisc::default()
    };
    for (attribute, value) in message.attributes(QDISC) {
        match attribute {
            libc::TCA_KIND => qdisc.kind = text(value),
            libc::TCA_STATS2 => {
                for (attribute, value) in attributes(value) {
                    let number = |place: usize| value.get(place..).and_then(uint);
                    match attribute {
                        BASIC => qdisc.packets = number(8)?.into(),
                        QUEUE => {
                            qdisc.queued = number(0)?;
                            qdisc.backlog = number(4)?;
                            qdisc.drops = number(8)?.into();
                            qdisc.overlimits = number(16)?.into();
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    (qdisc.kind != "noqueue").then_some(qdisc)
}

/// The neighbor of a message, if it does not answer.
fn neighbor(message: &Message) -> Option<Neighbor> {
    /// `NUD_INCOMPLETE` and `NUD_FAILED` of `include/uapi/linux/neighbour.h`.
    const INCOMPLETE: u16 = 0x01;
    const FAILED: u16 = 0x20;
    let state = u16::from_ne_bytes(*message.body.get(8..)?.first_chunk()?);
    let state = match state {
        INCOMPLETE => NeighborState::Incomplete,
        FAILED => NeighborState::Failed,
        _ => return None,
    };
    let mut addresses = message.attributes(NEIGHBOR);
    let (_, address) = addresses.find(|(attribute, _)| *attribute == libc::NDA_DST)?;
    Some(Neighbor {
        device: uint(message.body.get(4..)?)?,
        address: ip(address)?,
        state,
    })
}

/// The address of a message, if another host has it, too.
fn duplicate(message: &Message) -> Option<Duplicate> {
    // All flags that there were at first, which these are, are in the header, too.
    let flags = u32::from(*message.body.get(2)?);
    if flags & libc::IFA_F_DADFAILED == 0 {
        return None;
    }
    let mut addresses = message.attributes(ADDRESS);
    let (_, address) = addresses.find(|(attribute, _)| *attribute == libc::IFA_ADDRESS)?;
    Some(Duplicate {
        device: uint(message.body.get(4..)?)?,
        address: ip(address)?,
    })
}

/// Turns counters since the namespace was made into those since an earlier
/// reading of it.
pub fn subtract(now: &mut Stack, earlier: &Stack) {
    now.counters = now.counters.since(&earlier.counters);
    let key = |it: &Qdisc| (it.device, it.handle, it.parent, it.kind.clone());
    let before: HashMap<_, &Qdisc> = earlier.qdiscs.iter().map(|it| (key(it), it)).collect();
    for qdisc in &mut now.qdiscs {
        let Some(before) = before.get(&key(qdisc)) else {
            // It is new: all of it is since then.
            continue;
        };
        // The kernel has 32 bits for these.
        let since = |now: u64, before: u64| u64::from((now as u32).wrapping_sub(before as u32));
        qdisc.packets = since(qdisc.packets, before.packets);
        qdisc.drops = since(qdisc.drops, before.drops);
        qdisc.overlimits = since(qdisc.overlimits, before.overlimits);
    }
    let before: HashMap<u32, &LinkState> = earlier.links.iter().map(|it| (it.index, it)).collect();
    for link in &mut now.links {
        if let Some(receive) = &mut link.receive {
            let before = before.get(&link.index).and_then(|it| it.receive);
            // One that is new had its counters before, in another namespace.
            *receive = receive.since(&before.unwrap_or(*receive));
        }
    }
    if let Some(now) = &mut now.conntrack {
        let before = earlier.conntrack.unwrap_or_default();
        for (now, before) in [
            (&mut now.drops, before.drops),
            (&mut now.early_drops, before.early_drops),
            (&mut now.insert_failures, before.insert_failures),
            (&mut now.invalid, before.invalid),
        ] {
            *now = now.saturating_sub(before);
        }
    }
}

/// Makes the counters of a first reading 0: they are of times before.
pub fn clear(stack: &mut Stack) {
    let earlier = stack.clone();
    subtract(stack, &earlier);
}

/// The CPUs that dropped or fell behind since an earlier reading, and by how much.
#[must_use]
pub fn softnet_since(now: &[Softnet], earlier: &[Softnet]) -> Vec<Softnet> {
    let since = |now: u64, before: u64| u64::from((now as u32).wrapping_sub(before as u32));
    let cpus = now.iter().filter_map(|now| {
        let before = earlier.iter().find(|it| it.cpu == now.cpu)?;
        Some(Softnet {
            cpu: now.cpu,
            processed: since(now.processed, before.processed),
            dropped: since(now.dropped, before.dropped),
            squeezed: since(now.squeezed, before.squeezed),
        })
    });
    let cpus: Vec<Softnet> = cpus.collect();
    // How much the others do shows whether one has it all.
    let is_notable = cpus.iter().any(|it| it.dropped > 0 || it.squeezed > 0);
    if is_notable { cpus } else { Vec::new() }
}
