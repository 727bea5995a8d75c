//! Reading the packets that deserved a look.

use std::num::NonZeroU64;
use std::time::Duration;

use aya::maps::{MapData, RingBuf};
use bytemuck::Zeroable;
use probe_common::parse::parse;
use probe_common::{Direction, LinkLayer, PacketEvent, Reason, SNAPSHOT};
use rustix::time::{ClockId, clock_gettime};

use crate::model::{Moment, Packet};

#[cfg(test)]
mod tests;

/// Packets that one reading takes at most, so that a flood cannot keep the
/// reader from anything else. What waits longer is taken by the next.
const AT_ONCE: usize = 4096;

/// Bytes before each record (`BPF_RINGBUF_HDR_SZ`).
const RECORD_HEADER: u64 = 8;

/// The reader of the ring buffer.
pub struct Ring {
    buffer: RingBuf<MapData>,
    /// The most bytes that waited at a reading, since they were asked for.
    peak: u64,
    /// The kernel's clock at the source's start.
    started: u64,
}

impl Ring {
    /// Packets' times will be counted from now on.
    #[must_use]
    pub fn new(buffer: RingBuf<MapData>) -> Self {
        Self {
            buffer,
            peak: 0,
            started: monotonic_now(),
        }
    }

    /// The packets that wait, oldest first.
    pub fn read(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        let mut waiting = 0;
        while packets.len() < AT_ONCE {
            let Some(item) = self.buffer.next() else {
                break;
            };
            waiting += RECORD_HEADER + item.len() as u64;
            packets.extend(packet(&item, self.started));
        }
        self.peak = self.peak.max(waiting);
        packets
    }

    /// The most bytes that have waited since this was asked last.
    pub const fn take_peak(&mut self) -> u64 {
        std::mem::replace(&mut self.peak, 0)
    }
}

/// The packet of an event; nothing if it is not one of our programs'.
fn packet(bytes: &[u8], started: u64) -> Option<Packet> {
    // The kernel's alignment is 8, but a copy needs none.
    let mut event = PacketEvent::zeroed();
    let target = bytemuck::bytes_of_mut(&mut event);
    target.copy_from_slice(bytes.get(..target.len())?);
    let direction = Direction::from_number(event.direction.into())?;
    let link_layer = LinkLayer::from_number(event.link_layer)?;
    let data = &event.data[..usize::from(event.captured).min(SNAPSHOT)];
    let mut headers = parse(data, link_layer, event.device.into(), direction);
    headers.put_outer_tag(event.vlan_tci);
    Some(Packet {
        at: since(started, event.time),
        key: headers.key,
        direction,
        reason: Reason::from_number(event.reason)?,
        len: event.len,
        segments: u32::from(event.gso_segs).max(1),
        mark: event.mark,
        vlan_tci: event.vlan_tci,
        cookie: NonZeroU64::new(event.cookie),
        cgroup: NonZeroU64::new(event.cgroup),
        link_layer,
        data: data.into(),
    })
}

fn since(started: u64, time: u64) -> Moment {
    Duration::from_nanos(time.saturating_sub(started))
}

/// What `bpf_ktime_get_ns()` would say now, in nanoseconds.
fn monotonic_now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}
