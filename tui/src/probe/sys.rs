//! The `bpf()` calls that aya does not offer: loading a copy of a program with
//! maps of our choice, netkit and tcx links at the head of a chain, chains as
//! they are, and reading and emptying maps in batches.
//!
//! This module holds all of the project's `unsafe` in user space; its surface
//! is safe. Structures and numbers are those of `include/uapi/linux/bpf.h`.

#![allow(
    unsafe_code,
    reason = "system calls; each one is explained where it is made"
)]

use std::ffi::{CStr, c_long};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use aya_obj::generated::{
    bpf_attach_type, bpf_attr, bpf_cmd, bpf_insn, bpf_map_info, bpf_map_type, bpf_prog_info,
    bpf_prog_type,
};
use bytemuck::{AnyBitPattern, NoUninit, Zeroable};

pub use crate::model::HookPoint;

/// Insert before the program given as relative, which is the head of the chain
/// when none is given (`BPF_F_BEFORE`).
const BEFORE: u32 = 1 << 3;
/// Insert behind the program given as relative (`BPF_F_AFTER`), which is given by
/// its id (`BPF_F_ID`).
const AFTER: u32 = 1 << 4;
const BY_ID: u32 = 1 << 5;
/// Room for the verifier's explanation; the kernel truncates a longer one from
/// its start on when it can.
const LOG_SIZE: usize = 1 << 18;
/// Lines of it that are shown.
const LOG_LINES: usize = 6;
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

/// Why a program was not loaded.
#[derive(Debug, thiserror::Error)]
#[error("{error}{}", if log.is_empty() { String::new() } else { format!("; the verifier's log: {log}") })]
pub struct LoadError {
    /// The kernel's answer.
    pub error: io::Error,
    /// The last lines of the verifier's log, when it wrote one.
    pub log: String,
}

/// One system call.
///
/// # Safety
/// `attr` holds what `command` reads. Its pointers are valid until the call
/// returns, for as many bytes as the kernel reads or writes there.
unsafe fn bpf(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<c_long> {
    // SAFETY: `attr` is a whole union of the size given; the rest is the caller's.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command as c_long,
            std::ptr::from_mut(attr),
            size_of::<bpf_attr>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// As [`bpf`], for commands that answer with a new file descriptor.
///
/// # Safety
/// As for [`bpf`], and `command` is such a command.
unsafe fn bpf_fd(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<OwnedFd> {
    // SAFETY: the caller's.
    let fd = unsafe { bpf(command, attr) }?;
    let fd = i32::try_from(fd).map_err(|_| io::Error::other("a file descriptor out of range"))?;
    // SAFETY: the kernel has just created it for us, and there is no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn empty_attr() -> bpf_attr {
    // SAFETY: a union of integers, for which zero is a value; the kernel wants
    // what a command does not use to be zero.
    unsafe { std::mem::zeroed() }
}

fn raw(fd: BorrowedFd<'_>) -> u32 {
    // An open file descriptor is never negative.
    fd.as_raw_fd().unsigned_abs()
}

/// Loads a program of the type that all our hooks take (`SCHED_CLS`).
///
/// # Errors
/// The kernel's, with the verifier's log when it refuses the program.
pub fn load_program(
    name: &str,
    instructions: &[bpf_insn],
    license: &CStr,
) -> Result<OwnedFd, LoadError> {
    let load = |log: &mut [u8]| {
        let mut attr = empty_attr();
        // SAFETY: all members of the union are plain integers.
        let load = unsafe { &mut attr.__bindgen_anon_3 };
        load.prog_type = bpf_prog_type::BPF_PROG_TYPE_SCHED_CLS as u32;
        load.insns = instructions.as_ptr() as u64;
        load.insn_cnt = u32::try_from(instructions.len()).unwrap_or(u32::MAX);
        load.license = license.as_ptr() as u64;
        // The last byte stays 0.
        for (to, from) in load.prog_name[..15].iter_mut().zip(name.bytes()) {
            *to = from.cast_signed();
        }
        if !log.is_empty() {
            load.log_level = 1;
            load.log_buf = log.as_mut_ptr() as u64;
            load.log_size = u32::try_from(log.len()).unwrap_or(u32::MAX);
        }
        // SAFETY: the instructions, the licence and the log outlive the call, and
        // their lengths are given; a log of no length is not given.
        unsafe { bpf_fd(bpf_cmd::BPF_PROG_LOAD, &mut attr) }
    };
    // Without a log first: it makes the verifier slower.
    load(&mut []).or_else(|_| {
        let mut log = vec![0; LOG_SIZE];
        load(&mut log).map_err(|error| {
            let text = CStr::from_bytes_until_nul(&log).map_or_else(
                |_| String::new(),
                |text| text.to_string_lossy().trim_end().to_owned(),
            );
            LoadError {
                error,
                log: last_lines(&text, LOG_LINES),
            }
        })
    })
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
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

/// Lets nobody write to a map through system calls any more, whoever may open it
/// (`BPF_MAP_FREEZE`, 5.2).
///
/// # Errors
/// The kernel's: `EBUSY` when it is frozen already, or mapped.
pub fn freeze(map: BorrowedFd<'_>) -> io::Result<()> {
    let mut attr = empty_attr();
    // SAFETY: all members of the union are plain integers.
    let freeze = unsafe { &mut attr.__bindgen_anon_2 };
    freeze.map_fd = raw(map);
    // SAFETY: no pointers are given.
    unsafe { bpf(bpf_cmd::BPF_MAP_FREEZE, &mut attr) }?;
    Ok(())
}

/// Makes a map one of a program's, which it does not use itself: it lives as long,
/// and others find it there (`BPF_PROG_BIND_MAP`, 5.10).
///
/// # Errors
/// The kernel's.
pub fn bind_map(program: BorrowedFd<'_>, map: BorrowedFd<'_>) -> io::Result<()> {
    let mut attr = empty_attr();
    attr.prog_bind_map.prog_fd = raw(program);
    attr.prog_bind_map.map_fd = raw(map);
    // SAFETY: no pointers are given.
    unsafe { bpf(bpf_cmd::BPF_PROG_BIND_MAP, &mut attr) }?;
    Ok(())
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

/// What the kernel knows of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramInfo {
    /// Its id.
    pub id: u32,
    /// Its name, which the kernel cuts at 15 bytes.
    pub name: String,
    /// The start of the hash of its instructions (`BPF_TAG_SIZE`).
    pub tag: [u8; 8],
    /// Instructions that the verifier followed to accept it (5.16 and later).
    pub verified_instructions: u32,
    /// How often it ran while the kernel measured that.
    pub runs: u64,
    /// How long those runs took.
    pub run_time: Duration,
}

/// What the kernel knows of the program behind a file descriptor.
///
/// # Errors
/// The kernel's.
pub fn program_info(program: BorrowedFd<'_>) -> io::Result<ProgramInfo> {
    let mut info = empty_info();
    let mut attr = empty_attr();
    // SAFETY: all members of the union are plain integers.
    let get = unsafe { &mut attr.info };
    get.bpf_fd = raw(program);
    get.info = std::ptr::from_mut(&mut info) as u64;
    get.info_len = size_of_val(&info) as u32;
    // SAFETY: `info` is written up to the length given, and outlives the call.
    unsafe { bpf(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attr) }?;
    let name: Vec<u8> = info.name.iter().map(|&byte| byte.cast_unsigned()).collect();
    let name = CStr::from_bytes_until_nul(&name).map_err(io::Error::other)?;
    Ok(ProgramInfo {
        id: info.id,
        name: name.to_string_lossy().into_owned(),
        tag: info.tag,
        verified_instructions: info.verified_insns,
        runs: info.run_cnt,
        run_time: Duration::from_nanos(info.run_time_ns),
    })
}

/// What the kernel knows of the program with an id.
///
/// # Errors
/// The kernel's: `EPERM` without `CAP_SYS_ADMIN`, `ENOENT` when it is gone.
pub fn program_info_of(id: u32) -> io::Result<ProgramInfo> {
    let mut attr = empty_attr();
    attr.__bindgen_anon_6.__bindgen_anon_1.prog_id = id;
    // SAFETY: no pointers are given.
    let program = unsafe { bpf_fd(bpf_cmd::BPF_PROG_GET_FD_BY_ID, &mut attr) }?;
    program_info(program.as_fd())
}

/// Puts a program into an array of programs.
///
/// # Errors
/// The kernel's: `EINVAL` for programs that cannot be called from each other;
/// `InvalidInput` for another map.
pub fn set_program(array: BorrowedFd<'_>, index: u32, program: BorrowedFd<'_>) -> io::Result<()> {
    let info = map_info(array)?;
    if info.kind != bpf_map_type::BPF_MAP_TYPE_PROG_ARRAY as u32 {
        return Err(other_map(&info));
    }
    let value = raw(program);
    let mut attr = empty_attr();
    // SAFETY: all members of the union are plain integers.
    let update = unsafe { &mut attr.__bindgen_anon_2 };
    update.map_fd = raw(array);
    update.key = std::ptr::from_ref(&index) as u64;
    update.__bindgen_anon_1.value = std::ptr::from_ref(&value) as u64;
    // SAFETY: key and value of such an array have four bytes, which are only read and
    // outlive the call.
    unsafe { bpf(bpf_cmd::BPF_MAP_UPDATE_ELEM, &mut attr) }?;
    Ok(())
}

/// What a program did with a packet that it was given for a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestRun {
    /// What it returned.
    pub verdict: i32,
    /// How long one run took, on average over the repetitions.
    pub duration: Duration,
}

/// Gives a program a packet, again and again, without any device
/// (`BPF_PROG_TEST_RUN`). The packet starts with its Ethernet header.
///
/// # Errors
/// The kernel's: `EINVAL` for a packet of less than 14 bytes, or without the
/// whole IP header that its ethertype announces (6.18).
pub fn test_run(program: BorrowedFd<'_>, packet: &[u8], repeat: u32) -> io::Result<TestRun> {
    run_with(program, packet, repeat, &[])
}

/// As [`test_run`], once, with a packet of which only `linear` bytes lie where a
/// program can read them directly (6.18 and later; `bpf_prog_test_run_skb()` in
/// `net/bpf/test_run.c`).
///
/// # Errors
/// As there; `EINVAL` also for less than 14 linear bytes, and from kernels that
/// do not know it.
pub fn test_run_paged(program: BorrowedFd<'_>, packet: &[u8], linear: u32) -> io::Result<TestRun> {
    // A `struct __sk_buff` with only `data_end` set; all else must be zero.
    let mut context = [0u32; 48];
    context[20] = linear;
    run_with(program, packet, 1, &context)
}

fn run_with(
    program: BorrowedFd<'_>,
    packet: &[u8],
    repeat: u32,
    context: &[u32],
) -> io::Result<TestRun> {
    let mut attr = empty_attr();
    // SAFETY: all members of the union are plain integers.
    let test = unsafe { &mut attr.test };
    test.prog_fd = raw(program);
    test.data_in = packet.as_ptr() as u64;
    test.data_size_in = u32::try_from(packet.len()).unwrap_or(u32::MAX);
    test.repeat = repeat;
    if !context.is_empty() {
        test.ctx_in = context.as_ptr() as u64;
        test.ctx_size_in = size_of_val(context) as u32;
    }
    // SAFETY: packet and context are only read, up to the lengths given.
    unsafe { bpf(bpf_cmd::BPF_PROG_TEST_RUN, &mut attr) }?;
    // SAFETY: as above; the kernel has written the answer there.
    let test = unsafe { attr.test };
    Ok(TestRun {
        verdict: test.retval.cast_signed(),
        duration: Duration::from_nanos(test.duration.into()),
    })
}

/// Opens what is pinned at a path: a program, a map or a link.
///
/// # Errors
/// The kernel's: `EINVAL` when nothing is pinned there.
pub fn open_pinned(path: &CStr) -> io::Result<OwnedFd> {
    let mut attr = empty_attr();
    // SAFETY: all members of the union are plain integers.
    let open = unsafe { &mut attr.__bindgen_anon_4 };
    open.pathname = path.as_ptr() as u64;
    // SAFETY: the path ends with a NUL, and outlives the call.
    unsafe { bpf_fd(bpf_cmd::BPF_OBJ_GET, &mut attr) }
}

/// What a batch call does with the entries that it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// Leaves them.
    Read,
    /// Takes them out of the map.
    Drain,
}

/// Goes through a hash map in batches and calls `entry` for each key and value.
/// The map must be still: entries that come or go meanwhile can be missed or
/// seen twice.
///
/// # Errors
/// The kernel's; `InvalidInput` when keys and values are not the map's.
pub fn for_each<K, V>(map: impl AsFd, batch: Batch, mut entry: impl FnMut(K, V)) -> io::Result<()>
where
    K: AnyBitPattern + NoUninit + Zeroable,
    V: AnyBitPattern + NoUninit + Zeroable,
{
    /// A batch that fits the second-level cache.
    const ENTRIES: usize = 1024;

    let info = map_info(map.as_fd())?;
    let is_hash = info.kind == bpf_map_type::BPF_MAP_TYPE_HASH as u32
        || info.kind == bpf_map_type::BPF_MAP_TYPE_LRU_HASH as u32;
    if !is_hash || [info.key_size, info.value_size] != [size_of::<K>(), size_of::<V>()] {
        return Err(other_map(&info));
    }
    let command = match batch {
        Batch::Read => bpf_cmd::BPF_MAP_LOOKUP_BATCH,
        Batch::Drain => bpf_cmd::BPF_MAP_LOOKUP_AND_DELETE_BATCH,
    };
    let mut keys = vec![K::zeroed(); ENTRIES];
    let mut values = vec![V::zeroed(); ENTRIES];
    // Where the next batch starts: for a hash the number of a bucket.
    let mut position = 0u32;
    let mut is_first = true;
    loop {
        let mut next_position = position;
        let mut attr = empty_attr();
        // SAFETY: all members of the union are plain integers.
        let request = unsafe { &mut attr.batch };
        request.in_batch = if is_first {
            0
        } else {
            std::ptr::from_mut(&mut position) as u64
        };
        request.out_batch = std::ptr::from_mut(&mut next_position) as u64;
        request.keys = keys.as_mut_ptr() as u64;
        request.values = values.as_mut_ptr() as u64;
        request.count = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        request.map_fd = raw(map.as_fd());
        // SAFETY: keys and values are as large as the map's (checked above), there
        // is room for the count given, and positions are of four bytes for a hash.
        let result = unsafe { bpf(command, &mut attr) };
        // SAFETY: as above; the kernel has written the answer there.
        let count = unsafe { attr.batch.count } as usize;
        let is_last = match result {
            Ok(_) => false,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => true,
            // One bucket holds more than the buffer.
            Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => {
                keys.resize(keys.len() * 2, K::zeroed());
                values.resize(values.len() * 2, V::zeroed());
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        for (&key, &value) in keys.iter().zip(&values).take(count) {
            entry(key, value);
        }
        if is_last {
            return Ok(());
        }
        position = next_position;
        is_first = false;
    }
}

/// Gives memory that has been freed back to the machine: after work that took much
/// and is not done again.
pub fn give_back_freed_memory() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: it only touches what the allocator has free; how much it gave
        // back does not matter.
        let _ = unsafe { libc::malloc_trim(0) };
    }
}

/// Lets the allocator give large buffers back to the kernel as soon as they are
/// freed. glibc would do so only until it has seen one freed, and from then on
/// keep such buffers, which each interval allocates again, in the heap of each thread
/// (`M_MMAP_THRESHOLD` in mallopt(3)). Other allocators stay as they are.
pub fn give_back_large_buffers() {
    #[cfg(target_env = "gnu")]
    {
        const LARGE: libc::c_int = 8 << 20;
        // SAFETY: it sets a parameter of the allocator, under the allocator's own
        // lock. It refuses no such size, and did it, only memory would be lost.
        let _ = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
    }
}

fn empty_info() -> bpf_prog_info {
    // SAFETY: a structure of integers, for which zero is a value.
    unsafe { std::mem::zeroed() }
}

/// What a map is, as the kernel has it.
#[derive(Clone, Copy, Debug)]
struct MapInfo {
    kind: u32,
    key_size: usize,
    value_size: usize,
    max_entries: usize,
    flags: u32,
}

fn map_info(map: BorrowedFd<'_>) -> io::Result<MapInfo> {
    // SAFETY: a structure of integers, for which zero is a value.
    let mut info: bpf_map_info = unsafe { std::mem::zeroed() };
    let mut attr = empty_attr();
    // SAFETY: all members of the union are plain integers.
    let get = unsafe { &mut attr.info };
    get.bpf_fd = raw(map);
    get.info = std::ptr::from_mut(&mut info) as u64;
    get.info_len = size_of_val(&info) as u32;
    // SAFETY: `info` is written up to the length given, and outlives the call.
    unsafe { bpf(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attr) }?;
    Ok(MapInfo {
        kind: info.type_,
        key_size: info.key_size as usize,
        value_size: info.value_size as usize,
        max_entries: info.max_entries as usize,
        flags: info.map_flags,
    })
}

fn other_map(info: &MapInfo) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("the eBPF map is not laid out as expected: {info:?}"),
    )
}

/// Bytes that are mapped at a time: a multiple of any page size.
const CHUNK: usize = 256 << 10;

/// An array map in this process's memory, as words that the programs may write to
/// at any time. What is not read is not mapped: a mapping counts as resident
/// memory as a whole (`remap_vmalloc_range()`).
pub struct MappedArray {
    map: OwnedFd,
    chunks: Vec<OnceLock<Chunk>>,
    words: usize,
    elements: usize,
}

impl MappedArray {
    /// The array map, of which each element has `words` words. Nothing is mapped
    /// yet.
    ///
    /// # Errors
    /// The kernel's; `InvalidInput` when the map is another one, cannot be mapped,
    /// or has elements that are no fraction of a chunk.
    pub fn new(map: BorrowedFd<'_>, words: usize) -> io::Result<Self> {
        /// `BPF_F_MMAPABLE`.
        const MMAPABLE: u32 = 1 << 10;
        let info = map_info(map)?;
        let size = words * size_of::<u64>();
        if info.kind != bpf_map_type::BPF_MAP_TYPE_ARRAY as u32
            || info.value_size != size
            || info.flags & MMAPABLE == 0
            || CHUNK.checked_rem(size) != Some(0)
        {
            return Err(other_map(&info));
        }
        let chunks = (info.max_entries * size).div_ceil(CHUNK);
        Ok(Self {
            map: map.try_clone_to_owned()?,
            chunks: std::iter::repeat_with(OnceLock::new).take(chunks).collect(),
            words,
            elements: info.max_entries,
        })
    }

    /// How many elements there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.elements
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.elements == 0
    }

    /// The words of an element.
    ///
    /// # Errors
    /// When it cannot be mapped.
    ///
    /// # Panics
    /// When there is no such element.
    pub fn element(&self, index: usize) -> io::Result<&[AtomicU64]> {
        assert!(
            index < self.elements,
            "element {index} of {}",
            self.elements
        );
        let in_chunk = CHUNK / (self.words * size_of::<u64>());
        let chunk = &self.chunks[index / in_chunk];
        let chunk = match chunk.get() {
            Some(chunk) => chunk,
            None => {
                let mapped = self.map_chunk(index / in_chunk)?;
                chunk.get_or_init(|| mapped)
            }
        };
        let start = index % in_chunk * self.words;
        Ok(&chunk.words()[start..start + self.words])
    }

    fn map_chunk(&self, number: usize) -> io::Result<Chunk> {
        let offset = number * CHUNK;
        let size = self.elements * self.words * size_of::<u64>();
        let length = (size - offset).min(CHUNK);
        // SAFETY: a new mapping at an address of the kernel's choice changes no
        // memory that there is.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                self.map.as_raw_fd(),
                libc::off_t::try_from(offset).map_err(io::Error::other)?,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let address =
            NonNull::new(address.cast()).ok_or_else(|| io::Error::other("mapped at 0"))?;
        Ok(Chunk { address, length })
    }
}

/// A part of a map in memory.
struct Chunk {
    address: NonNull<AtomicU64>,
    /// In bytes.
    length: usize,
}

impl Chunk {
    const fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is that long, aligned to a page, and stays until the
        // chunk is dropped. Programs change it at any time, atomically.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.length / size_of::<u64>()) }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and no reference outlives it.
        // Unmapping what was mapped does not fail.
        unsafe { libc::munmap(self.address.as_ptr().cast(), self.length) };
    }
}

// SAFETY: a mapping belongs to the process, not to a thread.
unsafe impl Send for Chunk {}
// SAFETY: its words are atomic, and nothing else of it can be reached.
unsafe impl Sync for Chunk {}

/// Asks for the cache line of a word, which will be needed soon.
#[inline]
pub fn prefetch(word: &AtomicU64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which changes nothing; every x86-64 has it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(
            std::ptr::from_ref(word).cast(),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = word;
}

/// Whether this process ignores a signal, as `nohup` arranges it for its children.
#[must_use]
pub fn is_ignored(signal: i32) -> bool {
    // SAFETY: a `sigaction` of zeros is a valid value; it is only written to.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action, sigaction(2) only writes the current one to a
    // place that is large enough for it.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}
