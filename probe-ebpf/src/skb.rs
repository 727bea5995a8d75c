//! The packet as the kernel hands it over.

use core::arch::asm;

use aya_ebpf::{
    bindings::{__sk_buff, bpf_sock},
    helpers::generated::{bpf_get_socket_cookie, bpf_skb_cgroup_id, bpf_skb_load_bytes},
    programs::TcContext,
};
use probe_common::{SNAPSHOT, parse::Packet};

use crate::verifier;

/// A packet that is only read.
pub struct Skb<'a> {
    ctx: &'a TcContext,
    unknown: u64,
}

impl<'a> Skb<'a> {
    #[inline(always)]
    pub fn new(ctx: &'a TcContext) -> Self {
        let len = u64::from(ctx.len());
        Self {
            ctx,
            // Wide enough that adding it leaves no bounds.
            unknown: len * len,
        }
    }

    #[inline(always)]
    fn raw(&self) -> *const __sk_buff {
        self.ctx.skb.skb
    }

    /// Bytes, as the device counts them.
    #[inline(always)]
    pub fn len(&self) -> u32 {
        self.ctx.len()
    }

    /// Segments that the packet will be cut into; 1 for one that will not be. What
    /// a virtual machine sends through a tap has a size but no number of them yet
    /// (`virtio_net_hdr_to_skb()`).
    #[inline(always)]
    pub fn segments(&self, payload: u32) -> u32 {
        // SAFETY: the context is valid for as long as the program runs.
        let (segments, size) = unsafe { ((*self.raw()).gso_segs, (*self.raw()).gso_size) };
        if segments == 0 && size != 0 {
            payload.div_ceil(size).max(1)
        } else {
            segments.max(1)
        }
    }

    /// The socket that the packet belongs to, or null.
    #[inline(always)]
    pub fn socket(&self) -> *mut bpf_sock {
        // SAFETY: as above.
        unsafe { (*self.raw()).__bindgen_anon_2.sk }
    }

    /// That socket's cookie, or 0.
    #[inline(always)]
    pub fn cookie(&self) -> u64 {
        // SAFETY: the helper takes a context.
        unsafe { bpf_get_socket_cookie(self.raw().cast_mut().cast()) }
    }

    /// The id of that socket's cgroup, or 0.
    #[inline(always)]
    pub fn cgroup(&self) -> u64 {
        // SAFETY: as above.
        unsafe { bpf_skb_cgroup_id(self.raw().cast_mut()) }
    }

    #[inline(always)]
    pub fn mark(&self) -> u32 {
        // SAFETY: as above.
        unsafe { (*self.raw()).mark }
    }

    /// Whether it is the kernel's own copy of a multicast packet that this machine
    /// has sent, for listeners on it. Such a one comes to tcx ingress without an
    /// Ethernet header, on an Ethernet device too (`dev_loopback_xmit()` in
    /// `net/core/dev.c`).
    #[inline(always)]
    pub fn is_looped_back(&self) -> bool {
        /// `PACKET_LOOPBACK` of `linux/if_packet.h`.
        const LOOPED_BACK: u32 = 5;
        // SAFETY: as above.
        unsafe { (*self.raw()).pkt_type == LOOPED_BACK }
    }

    /// The tag outside the data, with its PRI and DEI bits; 0 without one.
    #[inline(always)]
    pub fn vlan_tci(&self) -> u16 {
        // SAFETY: as above.
        unsafe {
            if (*self.raw()).vlan_present == 0 {
                0
            } else {
                (*self.raw()).vlan_tci as u16
            }
        }
    }

    /// Copies the packet's start; returns how many bytes.
    ///
    /// # Safety
    /// `data` is valid for writes.
    #[inline(always)]
    pub unsafe fn snapshot(&self, data: *mut [u8; SNAPSHOT]) -> u16 {
        let len = self.len();
        if len == 0 {
            return 0;
        }
        // The verifier must see that the size is neither 0 nor too large, and
        // kernels before 6.8 learn nothing from a comparison with 0. The mask
        // changes no value, which is why the compiler must not see through it.
        let mut last = u64::from(len.min(SNAPSHOT as u32) - 1);
        // SAFETY: it only masks a register.
        unsafe { asm!("{last} &= 127", last = inout(reg) last) };
        let captured = last as u32 + 1;
        // SAFETY: the helper writes `captured` bytes, which fit.
        let error = unsafe { bpf_skb_load_bytes(self.raw().cast(), 0, data.cast(), captured) };
        if error == 0 { captured as u16 } else { 0 }
    }
}

/// Has the verifier compare here what it knows with what it knew before, and stop
/// if that is no more. It does so where jumps lead; this one the kernel removes.
#[inline(always)]
pub fn meet() {
    // SAFETY: it leads to the next instruction.
    unsafe { asm!("goto +0") };
}

impl Packet for Skb<'_> {
    #[inline(always)]
    fn length(&self) -> usize {
        self.len() as usize
    }

    /// Reads where the bytes are when they are linear, and through the helper,
    /// which reads any skb and changes none, when they are not: only the
    /// Ethernet header is sure to be linear.
    #[inline(always)]
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let start = self.ctx.data() + offset;
        if start + N <= self.ctx.data_end() {
            // SAFETY: the comparison, which the verifier looks for.
            return Some(unsafe { (start as *const [u8; N]).read_unaligned() });
        }
        self.ctx.load(offset).ok()
    }
    /// Through the helper always, which takes any offset.
    #[inline(always)]
    fn load_rare<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.ctx.load(offset).ok()
    }

    /// Adding and subtracting something unknown leaves nothing that is known. By
    /// value: memory would be written in other pieces than it is read in.
    #[inline(always)]
    fn forget(&self, mut number: u64) -> u64 {
        // SAFETY: it only computes in registers.
        unsafe {
            asm!("{n} += {u}", "{n} -= {u}", n = inout(reg) number, u = in(reg) self.unknown);
        }
        number
    }

    #[inline(always)]
    fn bounded(&self, offset: usize) -> usize {
        verifier::bounded(offset, self.unknown)
    }
}
