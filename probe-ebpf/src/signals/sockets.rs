//! The iterator over all sockets that processes have descriptors of.

use aya_ebpf::{
    bindings::{file, seq_file},
    helpers::generated::{bpf_get_socket_cookie, bpf_seq_write, bpf_sock_from_file},
};
use probe_common::signal::HeldSocket;

use crate::{
    event::{INET, INET6},
    kernel::{self, Pointer, layout, load},
};

/// What the kernel calls the iterator with (`struct bpf_iter__task_file`). Its
/// pointers are 64 bits wide, whatever the machine's are.
#[repr(C)]
pub struct Context {
    meta: Pointer,
    task: Pointer,
    fd: u32,
    _padding: u32,
    file: Pointer,
}

/// Writes a record for each descriptor of an IP socket.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/task_file")]
pub extern "C" fn nkview_sockets(ctx: *const Context) -> i32 {
    // SAFETY: the kernel's context; each pointer is compared with 0.
    unsafe {
        write(ctx);
    }
    0
}

/// # Safety
/// `ctx` is the program's context.
#[inline(always)]
unsafe fn write(ctx: *const Context) -> Option<()> {
    // SAFETY: see the caller. Volatile, for the verifier looks for these very loads.
    unsafe {
        let file = (&raw const (*ctx).file).read_volatile();
        let task = (&raw const (*ctx).task).read_volatile();
        if file == 0 || task == 0 {
            return None;
        }
        let socket = bpf_sock_from_file(file as *mut file) as Pointer;
        if socket == 0 {
            return None;
        }
        let sock: Pointer = load(socket, layout!(socket_sock));
        if sock == 0 {
            return None;
        }
        let family: u16 = load(sock, layout!(sock_family));
        if family != INET && family != INET6 {
            return None;
        }
        let leader: Pointer = load(task, layout!(task_leader));
        if leader == 0 {
            return None;
        }
        let record = HeldSocket {
            cookie: bpf_get_socket_cookie(sock as *mut _),
            started: load(leader, layout!(task_start)),
            pid: load(task, layout!(task_group)),
            namespace: kernel::namespace_of_socket(sock),
            command: kernel::name(leader + u64::from(layout!(task_command))),
        };
        let meta = (&raw const (*ctx).meta).read_volatile();
        let sequence: Pointer = load(meta, 0);
        bpf_seq_write(
            sequence as *mut seq_file,
            (&raw const record).cast(),
            size_of::<HeldSocket>() as u32,
        );
    }
    Some(())
}
