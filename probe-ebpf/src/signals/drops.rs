//! Counting drops.

#![expect(
    clippy::needless_borrows_for_generic_args,
    reason = "by value, keys and values would be copied on the small stack of a program"
)]

use core::hint::black_box;

use aya_ebpf::{bindings::BPF_NOEXIST, helpers::generated::bpf_snprintf};
use probe_common::signal::{DropKey, DropValue, FlowDropKey, NAME, PlaceName, Reasons};

use crate::{
    kernel::{self, Pointer, layout, load},
    maps, packet,
};

/// The reasons that are part of healthy traffic; filled in by user space.
#[unsafe(no_mangle)]
static NOISE: [u64; size_of::<Reasons>() / size_of::<u64>()] =
    [0; size_of::<Reasons>() / size_of::<u64>()];

/// The kernel's format for a symbol and the offset in it.
#[unsafe(no_mangle)]
static FORMAT: [u8; 4] = *b"%pS\0";

/// Counts a drop by where and why, and by its flow.
#[inline(always)]
pub fn count(skb: Pointer, place: u64, reason: u32, receiver: Pointer) {
    // A packet of no protocol is a message of a local or netlink socket.
    // SAFETY: the tracepoint's argument.
    let protocol: u16 = unsafe { load(skb, layout!(skb_protocol)) };
    if is_noise(reason) || protocol == 0 {
        maps::tally(|tally| tally.noise += 1);
        return;
    }
    // SAFETY: the tracepoint's arguments.
    let (device, namespace) = unsafe { find(skb, receiver) };
    let key = DropKey {
        place,
        reason,
        namespace,
        device: if device == 0 {
            0
        } else {
            // SAFETY: it comes from the tracepoint's argument.
            unsafe { load(device, layout!(device_index)) }
        },
        reserved: 0,
    };
    if !count_place(&key, device) {
        maps::tally(|tally| tally.unplaced += 1);
        return;
    }
    // SAFETY: the tracepoint's argument.
    if !unsafe { count_flow(key, skb) } {
        maps::tally(|tally| tally.without_flow += 1);
    }
}

#[inline(always)]
fn is_noise(reason: u32) -> bool {
    if reason > 255 {
        return false;
    }
    let word = (reason >> 6) & 3;
    // SAFETY: the index is masked. Volatile, since user space has filled it in.
    let word = unsafe {
        (&raw const NOISE)
            .cast::<u64>()
            .add(word as usize)
            .read_volatile()
    };
    word >> (reason & 63) & 1 != 0
}

/// The packet's device, or 0, and the inode of its namespace, or 0: the device's,
/// else that of the socket that receives it, of the one that sent it, or of its
/// route. The device comes first: until `ip_rcv()` a packet's socket is the sender's,
/// at the other end of a pair. In a UDP socket's queue the member is something else,
/// which is no pointer, so that it leads nowhere.
///
/// # Safety
/// Both are arguments of the tracepoint.
#[inline(always)]
unsafe fn find(skb: Pointer, receiver: Pointer) -> (Pointer, u32) {
    // SAFETY: loads from the arguments, each pointer compared with 0.
    unsafe {
        let device: Pointer = load(skb, layout!(skb_dev));
        if device != 0 {
            let net: Pointer = load(device, layout!(device_net));
            if net != 0 {
                let inode = load(net, layout!(net_inode));
                if inode != 0 {
                    return (device, inode);
                }
            }
        }
        let mut inode = kernel::namespace_of_socket(receiver);
        if inode == 0 {
            inode = kernel::namespace_of_socket(load(skb, layout!(skb_sk)));
        }
        if inode == 0 {
            inode = namespace_of_route(skb).unwrap_or(0);
        }
        (0, inode)
    }
}

/// # Safety
/// `skb` is the tracepoint's argument.
#[inline(always)]
unsafe fn namespace_of_route(skb: Pointer) -> Option<u32> {
    // SAFETY: the caller's.
    let reference: u64 = unsafe { load(skb, layout!(skb_dst)) };
    // The last bit says whether it is counted (`SKB_DST_NOREF`).
    let route = reference & !1;
    if route == 0 {
        return None;
    }
    let device: u64 = kernel::probe(route + u64::from(layout!(dst_dev)))?;
    let net: u64 = kernel::probe(device + u64::from(layout!(device_net)))?;
    kernel::probe(net + u64::from(layout!(net_inode)))
}

/// Counts a drop at its place; false where there is no room.
#[inline(always)]
fn count_place(key: &DropKey, device: Pointer) -> bool {
    if let Some(value) = maps::DROPS.get_ptr_mut(key) {
        // SAFETY: the map gave the pointer.
        unsafe { maps::increment(&raw mut (*value).packets) };
        return true;
    }
    name_place(key.place);
    let value = DropValue {
        packets: 1,
        device: if device == 0 {
            [0; NAME]
        } else {
            kernel::name(device + u64::from(layout!(device_name)))
        },
    };
    if maps::DROPS
        .insert(key, &value, u64::from(BPF_NOEXIST))
        .is_ok()
    {
        return true;
    }
    // Another CPU was faster, or there is no room.
    match maps::DROPS.get_ptr_mut(key) {
        Some(value) => {
            // SAFETY: the map gave the pointer.
            unsafe { maps::increment(&raw mut (*value).packets) };
            true
        }
        None => false,
    }
}

/// Lets the kernel name the place. This takes neither `/proc/kallsyms` nor
/// `CAP_SYSLOG`.
#[inline(always)]
fn name_place(place: u64) {
    if maps::PLACES.get_ptr(&place).is_some() {
        return;
    }
    let mut name = PlaceName { text: [0; 64] };
    let arguments = [place];
    // SAFETY: the sizes are those of the buffers; the format is read-only data.
    unsafe {
        bpf_snprintf(
            name.text.as_mut_ptr().cast(),
            name.text.len() as u32,
            black_box(&raw const FORMAT).cast(),
            arguments.as_ptr().cast_mut().cast(),
            size_of_val(&arguments) as u32,
        );
    }
    let _ = maps::PLACES.insert(&place, &name, 0);
}

/// Counts a drop of a flow; false where the flow is not known or there is no room.
///
/// # Safety
/// `skb` is the tracepoint's argument.
#[inline(always)]
unsafe fn count_flow(drop: DropKey, skb: Pointer) -> bool {
    if !maps::take_flow() {
        return false;
    }
    // SAFETY: the caller's.
    let Some(tuple) = (unsafe { packet::tuple(skb) }) else {
        return false;
    };
    let key = FlowDropKey { drop, tuple };
    if let Some(packets) = maps::FLOW_DROPS.get_ptr_mut(&key) {
        // SAFETY: the map gave the pointer.
        unsafe { maps::increment(packets) };
        return true;
    }
    // Where another CPU is faster this count is lost: it is a lower bound.
    maps::FLOW_DROPS
        .insert(&key, &1, u64::from(BPF_NOEXIST))
        .is_ok()
}
