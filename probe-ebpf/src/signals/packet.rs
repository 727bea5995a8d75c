//! A packet, as the kernel has it while it drops it.

use aya_ebpf::helpers::bpf_get_prandom_u32;
use probe_common::{
    Direction, LinkLayer,
    parse::{Packet, number::ether, parse},
    signal::WireTuple,
};

use crate::{
    kernel::{self, Pointer, layout},
    verifier,
};

/// The memory from a packet's IP header on.
struct Bytes {
    start: u64,
}

impl Packet for Bytes {
    #[inline(always)]
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        kernel::probe(self.start + offset as u64)
    }

    /// Unknown, and more than any: it changes nothing of the flow.
    #[inline(always)]
    fn length(&self) -> usize {
        usize::from(u16::MAX)
    }

    #[inline(always)]
    fn bounded(&self, offset: usize) -> usize {
        // SAFETY: the helper takes nothing.
        let unknown = unsafe { bpf_get_prandom_u32() };
        verifier::bounded(offset, unknown.into())
    }
}

/// The flow of an IP packet; nothing for other packets.
///
/// # Safety
/// `skb` is a tracepoint's argument.
#[inline(always)]
pub unsafe fn tuple(skb: Pointer) -> Option<WireTuple> {
    // SAFETY: the caller's.
    let (protocol, head, network) = unsafe {
        (
            kernel::load::<u16>(skb, layout!(skb_protocol)),
            kernel::load::<u64>(skb, layout!(skb_head)),
            kernel::load::<u16>(skb, layout!(skb_network_header)),
        )
    };
    let protocol = u16::from_be(protocol);
    if protocol != ether::IPV4 && protocol != ether::IPV6 {
        return None;
    }
    let bytes = Bytes {
        start: head + u64::from(network),
    };
    let key = parse(&bytes, LinkLayer::None, 0, Direction::Out).key;
    if key.ether_type != protocol {
        return None;
    }
    Some(WireTuple {
        source: key.local,
        destination: key.remote,
        source_port: key.local_port,
        destination_port: key.remote_port,
        protocol: u32::from(key.protocol),
    })
}
