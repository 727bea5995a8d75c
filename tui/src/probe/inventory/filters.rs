//! The filters of the clsact and ingress queueing disciplines of this thread's
//! network namespace (tc(8)). Before tcx they were the only way to run a program
//! for each packet of a device, and much still uses them.

use std::collections::HashMap;
use std::io;

use crate::model::{HookChain, HookPoint, HookProgram};
use crate::probe::netlink::{Message, Netlink, attributes, int, text, uint};

#[cfg(test)]
mod tests;

/// The length of `struct tcmsg`.
const HEADER: usize = 20;
/// `TC_H_CLSACT`, which is `TC_H_INGRESS` as well: the parent of both queueing
/// disciplines.
const CLSACT: u32 = 0xffff_fff1;
/// The parents of the filters (`TC_H_MIN_INGRESS` and `_EGRESS`).
const PARENTS: [(u32, HookPoint); 2] = [
    (0xffff_fff2, HookPoint::ClsactIngress),
    (0xffff_fff3, HookPoint::ClsactEgress),
];

/// The filters of all devices, by interface index, in the order in which they
/// run. Programs have no tags yet.
///
/// # Errors
/// The kernel's. What a single device refuses is left out.
pub fn all() -> io::Result<HashMap<u32, Vec<HookChain>>> {
    let mut netlink = Netlink::open(libc::NETLINK_ROUTE as isize)?;
    let qdiscs = netlink.dump(libc::RTM_GETQDISC, &header(0, 0))?;
    let mut devices: Vec<u32> = qdiscs.iter().filter_map(device_with_filters).collect();
    devices.sort_unstable();
    devices.dedup();
    let mut all = HashMap::new();
    for device in devices {
        let mut chains = Vec::new();
        for (parent, hook) in PARENTS {
            // The ingress queueing discipline has no egress.
            let filters = netlink.dump(libc::RTM_GETTFILTER, &header(device, parent));
            let filters = filters.unwrap_or_default();
            let programs: Vec<_> = filters.iter().filter_map(program).collect();
            if !programs.is_empty() {
                chains.push(HookChain {
                    hook,
                    of_peer: false,
                    programs,
                });
            }
        }
        all.insert(device, chains);
    }
    Ok(all)
}

/// A `struct tcmsg`.
fn header(device: u32, parent: u32) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[4..8].copy_from_slice(&device.to_ne_bytes());
    header[12..16].copy_from_slice(&parent.to_ne_bytes());
    header
}

/// The device, if this queueing discipline is of those that do nothing but run
/// filters.
fn device_with_filters(qdisc: &Message) -> Option<u32> {
    let is_meant = uint(qdisc.body.get(12..)?) == Some(CLSACT);
    is_meant.then(|| uint(&qdisc.body[4..]))?
}

/// The program of a filter, or what stands for a filter without one. Each
/// priority is also listed without a filter, and those have no handle.
fn program(filter: &Message) -> Option<HookProgram> {
    /// `TCA_KIND`, `TCA_OPTIONS`, `TCA_BPF_NAME` and `TCA_BPF_ID`.
    const KIND: u16 = 1;
    const OPTIONS: u16 = 2;
    const NAME: u16 = 7;
    const ID: u16 = 11;
    int(filter.body.get(8..)?).filter(|&handle| handle != 0)?;
    let mut kind = String::new();
    let mut options = &[][..];
    for (attribute, value) in filter.attributes(HEADER) {
        match attribute {
            KIND => kind = text(value),
            OPTIONS => options = value,
            _ => {}
        }
    }
    let mut program = HookProgram {
        id: 0,
        name: Some(format!("{kind} filter")),
        tag: None,
        link: None,
        pinned: None,
        ours: false,
    };
    if kind == "bpf" {
        for (attribute, value) in attributes(options) {
            match attribute {
                NAME => program.name = Some(text(value)),
                ID => program.id = uint(value)?,
                _ => {}
            }
        }
    }
    Some(program)
}
