//! `nkview devices`: the devices as a table, or as one JSON object a line.
//!
//! ```json
//! {"name":"lxc1","index":7,"kind":"netkit","up":true,"mtu":1500,"mac":"…",
//!  "netkit":{"mode":"l3","policy":"forward","peer_policy":"blackhole","scrub":"none","peer_scrub":"default"},
//!  "counters":{"rx":{"packets":12,"bytes":1044,"dropped":0},"tx":{"packets":9,"bytes":800,"dropped":1}},
//!  "peer":{"index":2,"name":"eth0","up":true,"mtu":1500,"mac":"…","counters":{…},
//!   "namespace":{"id":0,"name":"cni-…","pid":4711,
//!    "container":{"runtime":"containerd","id":"…","pod":"…","host_name":"web-7d9f"}}},
//!  "hooks":[{"hook":"netkit primary","of_peer":false,
//!   "programs":[{"id":31,"name":"cil_to_container","tag":"…","link":5,"pinned":"/sys/fs/bpf/…"}]}]}
//! ```
//!
//! What is not there or not known is left out: `netkit` for other devices,
//! `peer` where there is none, `namespace` where both ends are in this one. Where
//! the user may not know, `namespace.unknown` and `hooks_unknown` say what it
//! would need. `counters`
//! are the device's own, in its packets (skbs); `of_peer` marks a hook of the
//! peer itself, in the peer's namespace. Programs are in the order in which they
//! run; filters of clsact are among them, without an `id` where they are no
//! eBPF programs.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::model::{Device, DeviceKind, LinkCounters, Namespace};
use crate::text::clean;

mod choice;
mod facts;
mod json;

pub use choice::choose;
pub use facts::{COUNTERS, Fact, facts};

#[cfg(test)]
mod tests;

/// Writes one JSON object a line.
///
/// # Errors
/// The writer's.
pub fn write_json(devices: &[Device], mut to: impl Write) -> io::Result<()> {
    for device in devices {
        serde_json::to_writer(&mut to, &json::Device::from(device))?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

/// The titles of the table's columns; numbers are to the right.
const COLUMNS: [(&str, bool); 10] = [
    ("DEVICE", false),
    ("KIND", false),
    ("LINK", false),
    ("MTU", true),
    ("CONTAINER", false),
    ("NAMESPACE", false),
    ("PEER", false),
    ("RX PKTS", true),
    ("TX PKTS", true),
    ("DROPPED", true),
];

/// The room for labels.
const LABEL: usize = 9;

/// Writes a row for each device, with further facts below it.
///
/// # Errors
/// The writer's.
pub fn write_table(devices: &[Device], mut to: impl Write) -> io::Result<()> {
    let mut rows = vec![COLUMNS.map(|(title, _)| title.to_owned())];
    rows.extend(devices.iter().map(row));
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max();
    let widths: [usize; COLUMNS.len()] = std::array::from_fn(|it| width(it).unwrap_or(0));
    let facts = std::iter::once(Vec::new()).chain(devices.iter().map(facts));
    for (row, facts) in rows.iter().zip(facts) {
        let mut line = String::new();
        for ((cell, width), (_, right)) in row.iter().zip(widths).zip(COLUMNS) {
            let space = " ".repeat(width - cell.width());
            let [before, behind] = if right { [&*space, ""] } else { ["", &*space] };
            line += &format!("{before}{cell}{behind}  ");
        }
        writeln!(to, "{}", line.trim_end())?;
        // The row has the counters already.
        for Fact { label, text, .. } in facts.iter().filter(|fact| fact.label != COUNTERS) {
            writeln!(to, "  {label:<LABEL$} {text}")?;
        }
    }
    Ok(())
}

fn row(device: &Device) -> [String; COLUMNS.len()] {
    let namespace = device.namespace();
    let peer = device.peer.as_ref().map(|peer| {
        let name = peer.device.as_ref().map(|end| clean(&end.name));
        name.unwrap_or_else(|| format!("index {}", peer.index))
    });
    let container = namespace.and_then(|it| it.container.as_ref());
    let LinkCounters { rx, tx } = device.counters;
    [
        clean(&device.name),
        kind(device),
        if device.up { "up" } else { "down" }.to_owned(),
        device.mtu.to_string(),
        container.map_or_else(String::new, |it| clean(it.label())),
        namespace.map(place).unwrap_or_default(),
        peer.unwrap_or_default(),
        rx.packets.to_string(),
        tx.packets.to_string(),
        device.counters.dropped().to_string(),
    ]
}

fn kind(device: &Device) -> String {
    match &device.kind {
        DeviceKind::Netkit(pair) => format!("netkit {}", pair.mode),
        DeviceKind::NetkitPeer => "netkit peer".to_owned(),
        DeviceKind::Other(kind) => kind.clone(),
    }
}

/// The namespace by its name, a process in it, or else its id.
fn place(namespace: &Namespace) -> String {
    match (&namespace.name, namespace.pid) {
        (Some(name), _) => clean(name),
        (None, Some(pid)) => format!("of pid {pid}"),
        (None, None) => format!("id {}", namespace.id),
    }
}
