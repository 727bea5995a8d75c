//! Reading the kernel's structures.

use core::mem::MaybeUninit;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use probe_common::signal::{Layout, NAME};

/// Filled in by user space.
#[unsafe(no_mangle)]
static LAYOUT: [u32; size_of::<Layout>() / size_of::<u32>()] =
    [0; size_of::<Layout>() / size_of::<u32>()];

/// A pointer into the kernel, as the verifier knows it: 0 or, for what a
/// tracepoint's argument leads to, of a type that it checks loads against.
pub type Pointer = u64;

/// One offset, or flag, of the layout, by the name of its field.
macro_rules! layout {
    ($field:ident) => {
        $crate::kernel::word(core::mem::offset_of!(probe_common::signal::Layout, $field))
    };
}
pub(crate) use layout;

/// The word of the layout that is `offset` bytes from its start.
#[inline(always)]
pub fn word(offset: usize) -> u32 {
    // SAFETY: the macro above gives offsets of fields. Volatile, since the compiler
    // must not take it for the zero that it is here.
    unsafe {
        (&raw const LAYOUT)
            .byte_add(offset)
            .cast::<u32>()
            .read_volatile()
    }
}

/// A member of a structure that `base`, which is not 0, points to. A load from
/// memory that is not there gives 0.
///
/// # Safety
/// `base` comes from a tracepoint's or iterator's argument by such loads alone:
/// then the verifier checks the load.
#[inline(always)]
pub unsafe fn load<T: Copy>(base: Pointer, offset: u32) -> T {
    // SAFETY: see above.
    unsafe { ((base + u64::from(offset)) as *const T).read_volatile() }
}

/// Bytes of the kernel's memory at any address, also of such that no type is known
/// of.
#[inline(always)]
pub fn probe<T: Copy>(address: u64) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the helper writes the whole value, or zeros and an error.
    let error = unsafe {
        bpf_probe_read_kernel(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            address as *const _,
        )
    };
    // SAFETY: it has been written.
    (error == 0).then(|| unsafe { value.assume_init() })
}

/// A name of fixed size; zeros where it cannot be read.
#[inline(always)]
pub fn name(address: u64) -> [u8; NAME] {
    probe(address).unwrap_or([0; NAME])
}

/// The inode of a socket's network namespace; 0 for no socket.
///
/// # Safety
/// As for [`load`].
#[inline(always)]
pub unsafe fn namespace_of_socket(sock: Pointer) -> u32 {
    if sock == 0 {
        return 0;
    }
    // SAFETY: the caller's.
    unsafe {
        let net: Pointer = load(sock, layout!(sock_net));
        if net == 0 {
            return 0;
        }
        load(net, layout!(net_inode))
    }
}
