//! System calls that no library offers in a safe form. Of `bpf()`: loading a copy of a
//! program with maps of our choice, netkit and tcx links at the head of a chain, chains
//! as they are, and reading and emptying maps in batches. Of this process: what the
//! allocator keeps, its session, and stopping it.
//!
//! This module and those below it hold all of the project's `unsafe` in user space; its surface
//! is safe. Structures and numbers are those of `include/uapi/linux/bpf.h`.

#![allow(
    unsafe_code,
    reason = "system calls; each one is explained where it is made"
)]

mod array;
mod chain;
mod map;
mod process;
mod program;

use std::ffi::{CStr, c_long};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use aya_obj::generated::{bpf_attr, bpf_cmd};

pub use crate::model::HookPoint;
pub use array::{MappedArray, prefetch};
pub use chain::{Chain, ChainProgram, attach_after, attach_at_head, chain, detach};
pub use map::{Batch, bind_map, for_each, freeze, set_program};
pub use process::{
    give_back_freed_memory, give_back_large_buffers, in_own_session, is_ignored,
    stop_until_continued, was_stdout_closed,
};
pub use program::{
    LoadError, ProgramInfo, TestRun, load_program, program_info, program_info_of, test_run,
    test_run_paged,
};

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
