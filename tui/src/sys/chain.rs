//! The chains of programs on the hooks of devices.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use aya_obj::generated::{bpf_attach_type, bpf_cmd};

use super::{bpf, bpf_fd, empty_attr, raw};
use crate::model::HookPoint;

/// Insert before the program given as relative, which is the head of the chain
/// when none is given (`BPF_F_BEFORE`).
const BEFORE: u32 = 1 << 3;
/// Insert behind the program given as relative (`BPF_F_AFTER`), which is given by
/// its id (`BPF_F_ID`).
const AFTER: u32 = 1 << 4;
const BY_ID: u32 = 1 << 5;
/// Programs that a chain can hold (`BPF_MPROG_MAX`).
const CHAIN_MAX: usize = 64;

/// # Errors
/// For the filters of clsact, which are attached and listed through netlink.
fn attach_type(hook: HookPoint) -> io::Result<bpf_attach_type> {
    Ok(match hook {
        HookPoint::NetkitPrimary => bpf_attach_type::BPF_NETKIT_PRIMARY,
        HookPoint::NetkitPeer => bpf_attach_type::BPF_NETKIT_PEER,
        HookPoint::TcxIngress => bpf_attach_type::BPF_TCX_INGRESS,
        HookPoint::TcxEgress => bpf_attach_type::BPF_TCX_EGRESS,
        HookPoint::ClsactIngress | HookPoint::ClsactEgress => {
            return Err(io::ErrorKind::Unsupported.into());
        }
    })
}

/// The programs of a hook, in the order in which they run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Changes with each attach and detach; 1 while the hook is empty.
    pub revision: u64,
    /// The programs.
    pub programs: Vec<ChainProgram>,
}

impl Chain {
    /// The programs' ids, in their order.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        self.programs.iter().map(|program| program.id)
    }
}

/// A program of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainProgram {
    /// The program's id.
    pub id: u32,
    /// The link that attaches it, 0 when it was attached without one.
    pub link_id: u32,
}

/// Attaches a program at the head of a hook's chain. The link, and with it the
/// attachment, lives as long as the file descriptor.
///
/// Both netkit hooks are reached through the primary, from its namespace.
///
/// `revision` is that of the chain as it was queried: when it has changed
/// since, nothing is attached. 0 stands for any.
///
/// # Errors
/// The kernel's: `ESTALE` when the chain has changed, `EACCES` for a netkit
/// peer, `ENXIO` for what is no netkit device, `ENODEV`, `EINVAL` where the
/// kernel does not have the hook.
pub fn attach_at_head(
    program: BorrowedFd<'_>,
    device: u32,
    hook: HookPoint,
    revision: u64,
) -> io::Result<OwnedFd> {
    attach(program, device, hook, revision, BEFORE, 0)
}

/// As [`attach_at_head`], directly behind the program with the id `other`.
///
/// # Errors
/// As there; `ENOENT` when there is no such program, and `ERANGE` when it is not on
/// the hook.
pub fn attach_after(
    program: BorrowedFd<'_>,
    device: u32,
    hook: HookPoint,
    revision: u64,
    other: u32,
) -> io::Result<OwnedFd> {
    attach(program, device, hook, revision, AFTER | BY_ID, other)
}

fn attach(
    program: BorrowedFd<'_>,
    device: u32,
    hook: HookPoint,
    revision: u64,
    flags: u32,
    relative: u32,
) -> io::Result<OwnedFd> {
    let mut attr = empty_attr();
    // SAFETY: all members of the union are plain integers.
    let create = unsafe { &mut attr.link_create };
    create.__bindgen_anon_1.prog_fd = raw(program);
    create.__bindgen_anon_2.target_ifindex = device;
    create.attach_type = attach_type(hook)? as u32;
    create.flags = flags;
    // Laid out alike for tcx and netkit.
    // SAFETY: as above.
    let netkit = unsafe { &mut create.__bindgen_anon_3.netkit };
    netkit.__bindgen_anon_1.relative_id = relative;
    netkit.expected_revision = revision;
    // SAFETY: no pointers are given.
    unsafe { bpf_fd(bpf_cmd::BPF_LINK_CREATE, &mut attr) }
}

/// Takes a link's program off its hook, now: closing the link does so only when
/// no other process holds it, even for a moment, as a child that is being started or
/// a program that lists all links (`BPF_LINK_DETACH`, 5.9). Where the device has
/// gone there is nothing to do.
///
/// # Errors
/// The kernel's: `EINVAL` for what is no link.
pub fn detach(link: BorrowedFd<'_>) -> io::Result<()> {
    let mut attr = empty_attr();
    attr.link_detach.link_fd = raw(link);
    // SAFETY: no pointers are given.
    unsafe { bpf(bpf_cmd::BPF_LINK_DETACH, &mut attr) }?;
    Ok(())
}

/// The chain of a hook.
///
/// # Errors
/// As for [`attach_at_head`].
pub fn chain(device: u32, hook: HookPoint) -> io::Result<Chain> {
    let mut ids = [0u32; CHAIN_MAX];
    let mut links = [0u32; CHAIN_MAX];
    let mut attr = empty_attr();
    // SAFETY: all members of the union are plain integers.
    let query = unsafe { &mut attr.query };
    query.__bindgen_anon_1.target_ifindex = device;
    query.attach_type = attach_type(hook)? as u32;
    query.prog_ids = ids.as_mut_ptr() as u64;
    query.link_ids = links.as_mut_ptr() as u64;
    query.__bindgen_anon_2.count = CHAIN_MAX as u32;
    // SAFETY: both arrays have room for the count given, and outlive the call.
    unsafe { bpf(bpf_cmd::BPF_PROG_QUERY, &mut attr) }?;
    // SAFETY: as above; the kernel has written the answer there.
    let (count, revision) = unsafe {
        (
            attr.query.__bindgen_anon_2.count as usize,
            attr.query.revision,
        )
    };
    let programs = ids.iter().zip(links).take(count);
    Ok(Chain {
        revision,
        programs: programs
            .map(|(&id, link_id)| ChainProgram { id, link_id })
            .collect(),
    })
}
