//! Maps, through system calls.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use aya_obj::generated::{bpf_cmd, bpf_map_info, bpf_map_type};
use bytemuck::{AnyBitPattern, NoUninit, Zeroable};

use super::{bpf, empty_attr, raw};

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

/// What a map is, as the kernel has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct MapInfo {
    pub(super) kind: u32,
    pub(super) key_size: usize,
    pub(super) value_size: usize,
    pub(super) max_entries: usize,
    pub(super) flags: u32,
}

pub(super) fn map_info(map: BorrowedFd<'_>) -> io::Result<MapInfo> {
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

pub(super) fn other_map(info: &MapInfo) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("the eBPF map is not laid out as expected: {info:?}"),
    )
}
