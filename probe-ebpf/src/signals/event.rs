//! Events: errors of sockets, neighbors that fail, resets.

use aya_ebpf::{
    bindings::BPF_RB_NO_WAKEUP,
    helpers::{bpf_ktime_get_ns, generated::bpf_get_socket_cookie},
};
use probe_common::{
    parse::number::ip,
    signal::{NAME, SignalEvent, SignalKind, WireTuple},
};

use crate::{
    kernel::{self, Pointer, layout, load},
    maps, packet,
};

/// `AF_INET` and `AF_INET6`.
pub const INET: u16 = 2;
pub const INET6: u16 = 10;
/// `NUD_FAILED` of `linux/neighbour.h`.
const FAILED: u8 = 0x20;

/// Sends an event for an error that a socket gets. An ordinary close reports 0.
#[inline(always)]
pub fn socket_error(sock: Pointer) {
    if sock == 0 {
        return;
    }
    // SAFETY: the tracepoint's argument, which is not 0.
    unsafe {
        let error: i32 = load(sock, layout!(sock_error));
        if error == 0 {
            return;
        }
        let protocol: u16 = load(sock, layout!(sock_protocol));
        send(SignalEvent {
            cookie: bpf_get_socket_cookie(sock as *mut _),
            tuple: tuple(sock, u32::from(protocol)),
            kind: SignalKind::SocketError as u32,
            namespace: kernel::namespace_of_socket(sock),
            value: error,
            state: state(sock),
            ..blank()
        });
    }
}

/// Sends an event for a reset, which `skb` caused where there is no socket.
#[inline(always)]
pub fn reset(kind: SignalKind, sock: Pointer, skb: Pointer, reason: i32) {
    let mut event = SignalEvent {
        kind: kind as u32,
        value: reason,
        ..blank()
    };
    // SAFETY: the tracepoint's arguments, compared with 0.
    unsafe {
        if sock != 0 {
            event.cookie = bpf_get_socket_cookie(sock as *mut _);
            event.tuple = tuple(sock, u32::from(ip::TCP));
            event.namespace = kernel::namespace_of_socket(sock);
            event.state = state(sock);
        } else if skb != 0 {
            if let Some(received) = packet::tuple(skb) {
                event.tuple = WireTuple {
                    source: received.destination,
                    destination: received.source,
                    source_port: received.destination_port,
                    destination_port: received.source_port,
                    protocol: received.protocol,
                };
            }
            event.namespace = namespace_of_packet(skb);
        }
    }
    send(event);
}

/// Sends an event for a neighbor that has just been given up.
#[inline(always)]
pub fn neighbor(neighbor: Pointer) {
    if neighbor == 0 {
        return;
    }
    let mut event = SignalEvent {
        kind: SignalKind::NeighborFailed as u32,
        ..blank()
    };
    // SAFETY: the tracepoint's argument; each pointer is compared with 0.
    unsafe {
        let state: u8 = load(neighbor, layout!(neighbor_state));
        if state & FAILED == 0 {
            return;
        }
        let table: Pointer = load(neighbor, layout!(neighbor_table));
        if table == 0 {
            return;
        }
        let family: u32 = load(table, layout!(table_family));
        let key = neighbor + u64::from(layout!(neighbor_key));
        event.tuple.destination = if family == u32::from(INET6) {
            kernel::probe(key).unwrap_or([0; 16])
        } else {
            mapped(kernel::probe(key).unwrap_or(0))
        };
        let device: Pointer = load(neighbor, layout!(neighbor_device));
        if device != 0 {
            event.device = load(device, layout!(device_index));
            event.device_name = kernel::name(device + u64::from(layout!(device_name)));
            let net: Pointer = load(device, layout!(device_net));
            if net != 0 {
                event.namespace = load(net, layout!(net_inode));
            }
        }
    }
    send(event);
}

/// # Safety
/// `skb` is the tracepoint's argument and not 0.
#[inline(always)]
unsafe fn namespace_of_packet(skb: Pointer) -> u32 {
    // SAFETY: the caller's; each pointer is compared with 0.
    unsafe {
        let device: Pointer = load(skb, layout!(skb_dev));
        if device == 0 {
            return 0;
        }
        let net: Pointer = load(device, layout!(device_net));
        if net == 0 {
            return 0;
        }
        load(net, layout!(net_inode))
    }
}

/// # Safety
/// `sock` is the tracepoint's argument and not 0.
#[inline(always)]
unsafe fn state(sock: Pointer) -> u32 {
    // SAFETY: the caller's.
    u32::from(unsafe { load::<u8>(sock, layout!(sock_state)) })
}

/// The socket's tuple, its own end first.
///
/// # Safety
/// `sock` is the tracepoint's argument and not 0.
#[inline(always)]
unsafe fn tuple(sock: Pointer, protocol: u32) -> WireTuple {
    // SAFETY: the caller's.
    unsafe {
        let family: u16 = load(sock, layout!(sock_family));
        let (source, destination) = if family == INET6 {
            let at = |offset: u32| kernel::probe(sock + u64::from(offset)).unwrap_or([0; 16]);
            (
                at(layout!(sock_address_v6)),
                at(layout!(sock_remote_address_v6)),
            )
        } else {
            let at = |offset: u32| mapped(load(sock, offset));
            (at(layout!(sock_address)), at(layout!(sock_remote_address)))
        };
        let remote: u16 = load(sock, layout!(sock_remote_port));
        WireTuple {
            source,
            destination,
            source_port: load(sock, layout!(sock_port)),
            destination_port: u16::from_be(remote),
            protocol,
        }
    }
}

/// An IPv4 address, in network order, as an IPv6 address.
#[inline(always)]
fn mapped(address: u32) -> [u8; 16] {
    (0xffff_0000_0000 | u128::from(u32::from_be(address))).to_be_bytes()
}

#[inline(always)]
const fn blank() -> SignalEvent {
    SignalEvent {
        time: 0,
        cookie: 0,
        tuple: WireTuple {
            source: [0; 16],
            destination: [0; 16],
            source_port: 0,
            destination_port: 0,
            protocol: 0,
        },
        kind: 0,
        namespace: 0,
        value: 0,
        state: 0,
        device: 0,
        reserved: 0,
        device_name: [0; NAME],
    }
}

#[inline(always)]
fn send(mut event: SignalEvent) {
    // SAFETY: a helper without arguments.
    event.time = unsafe { bpf_ktime_get_ns() };
    let Some(mut entry) = maps::SIGNALS.reserve::<SignalEvent>(0) else {
        maps::tally(|tally| tally.lost += 1);
        return;
    };
    entry.write(event);
    // User space reads on a timer: a wakeup costs more than the event.
    entry.submit(u64::from(BPF_RB_NO_WAKEUP));
}
