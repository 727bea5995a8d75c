//! The programs on the hooks of devices, with their names.

use std::collections::{HashMap, HashSet};
use std::io;

use super::pins::{Object, Pins};
use crate::model::{HookChain, HookPoint, HookProgram};
use crate::probe::devices::Link;
use crate::sys;

/// The chains of a device that are not empty.
///
/// # Errors
/// When this user may not know.
pub fn on(link: &Link) -> io::Result<Vec<HookChain>> {
    let netkit: &[HookPoint] = match link.netkit() {
        Some(_) => &[HookPoint::NetkitPrimary, HookPoint::NetkitPeer],
        None => &[],
    };
    let tcx = &[HookPoint::TcxIngress, HookPoint::TcxEgress];
    query(link.index, netkit.iter().chain(tcx))
}

/// The chains of some hooks of a device of this thread's namespace, without
/// names. Those that are empty, or that the kernel does not have, are left out.
///
/// # Errors
/// When this user may not know.
pub fn query<'a>(
    device: u32,
    hooks: impl IntoIterator<Item = &'a HookPoint>,
) -> io::Result<Vec<HookChain>> {
    let mut chains = Vec::new();
    for &hook in hooks {
        match sys::chain(device, hook) {
            Ok(chain) if !chain.programs.is_empty() => chains.push(HookChain {
                hook,
                of_peer: false,
                programs: chain.programs.iter().map(unnamed).collect(),
            }),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
            _ => {}
        }
    }
    Ok(chains)
}

/// The XDP programs of a device.
#[must_use]
pub fn xdp(link: &Link) -> Vec<HookProgram> {
    let program = |&id: &u32| {
        let facts = sys::program_info_of(id).ok();
        let name = facts.as_ref().map(|facts| facts.name.clone());
        HookProgram {
            id,
            name: name.filter(|name| !name.is_empty()),
            tag: facts.map(|it| it.tag.iter().map(|byte| format!("{byte:02x}")).collect()),
            link: None,
            pinned: None,
            ours: false,
        }
    };
    link.xdp.iter().map(program).collect()
}

fn unnamed(program: &sys::ChainProgram) -> HookProgram {
    HookProgram {
        id: program.id,
        name: None,
        tag: None,
        link: Some(program.link_id).filter(|&id| id != 0),
        pinned: None,
        ours: false,
    }
}

/// Adds names, tags, pinned paths, and which programs are `ours`.
pub fn describe(mut chains: Vec<(u32, HookChain)>, ours: &HashSet<u32>) -> Vec<(u32, HookChain)> {
    let programs = || {
        let programs = chains.iter().flat_map(|(_, chain)| &chain.programs);
        programs.filter(|program| program.id != 0)
    };
    let facts: HashMap<u32, sys::ProgramInfo> = programs()
        .map(|program| program.id)
        .collect::<HashSet<_>>()
        .into_iter()
        .filter_map(|id| Some((id, sys::program_info_of(id).ok()?)))
        .collect();
    let others = programs().filter(|program| !ours.contains(&program.id));
    let wanted = others.flat_map(|program| {
        let link = program.link.map(Object::Link);
        link.into_iter().chain([Object::Program(program.id)])
    });
    let pins = Pins::find(&wanted.collect());
    let programs = chains.iter_mut().flat_map(|(_, chain)| &mut chain.programs);
    for program in programs {
        if let Some(facts) = facts.get(&program.id) {
            if !facts.name.is_empty() {
                program.name = Some(facts.name.clone());
            }
            program.tag = Some(facts.tag.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        let link = program.link.and_then(|id| pins.path(Object::Link(id)));
        let path = link.or_else(|| pins.path(Object::Program(program.id)));
        program.pinned = path.map(|path| path.display().to_string());
        program.ours = ours.contains(&program.id);
    }
    chains
}
