//! The socket behind a packet, where it was sent on this host and has come here
//! with it.

use aya_ebpf::{
    bindings::{BPF_RB_NO_WAKEUP, bpf_sock},
    helpers::generated::{bpf_sk_fullsock, bpf_tcp_sock},
};
use probe_common::{SocketRecord, parse::number::ip};

use crate::{maps::SOCKETS, skb::Skb};

/// `SOCK_STREAM` and `SOCK_DGRAM` of `linux/net.h`.
const STREAM: u32 = 1;
const DATAGRAM: u32 = 2;

/// Tells user space of the socket, if there is one and it is the flow's: RST and
/// late ACKs are sent by a control socket of the kernel, which is a raw one, and
/// request sockets are not full ones. Without room it is not reported: the next epoch
/// brings another chance.
#[inline(always)]
pub fn tell(skb: &Skb, protocol: u8, slot: u32, side: u32, epoch: u32) {
    let wanted = match protocol {
        ip::TCP => STREAM,
        ip::UDP => DATAGRAM,
        _ => return,
    };
    let socket = skb.socket();
    if socket.is_null() {
        return;
    }
    // SAFETY: the helpers take a socket that is not null, and the verifier sees
    // to it that what they return is used only when it is not null either.
    unsafe {
        let full = bpf_sk_fullsock(socket);
        if full.is_null() || kind(full) != wanted {
            return;
        }
        let mut record = SocketRecord {
            slot,
            epoch,
            direction: side,
            is_tcp: 0,
            cookie: skb.cookie(),
            cgroup: skb.cgroup(),
            srtt: 0,
            min_rtt: 0,
            cwnd: 0,
            mss: 0,
            total_retrans: 0,
            packets_out: 0,
        };
        if wanted == STREAM {
            let tcp = bpf_tcp_sock(full);
            if tcp.is_null() {
                return;
            }
            record.is_tcp = 1;
            // The kernel keeps eighths.
            record.srtt = (&raw const (*tcp).srtt_us).read_volatile() >> 3;
            record.min_rtt = (&raw const (*tcp).rtt_min).read_volatile();
            record.cwnd = (&raw const (*tcp).snd_cwnd).read_volatile();
            record.mss = (&raw const (*tcp).mss_cache).read_volatile();
            record.total_retrans = (&raw const (*tcp).total_retrans).read_volatile();
            record.packets_out = (&raw const (*tcp).packets_out).read_volatile();
        }
        if let Some(mut entry) = SOCKETS.reserve::<SocketRecord>(0) {
            entry.write(record);
            entry.submit(u64::from(BPF_RB_NO_WAKEUP));
        }
    }
}

#[inline(always)]
unsafe fn kind(socket: *mut bpf_sock) -> u32 {
    // SAFETY: the caller's.
    unsafe { (&raw const (*socket).type_).read_volatile() }
}
