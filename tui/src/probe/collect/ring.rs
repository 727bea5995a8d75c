//! Reads captured packets from the ring buffer.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aya::maps::{MapData, RingBuf};
use bytemuck::Zeroable;
use probe_common::parse::parse;
use probe_common::{Direction, LinkLayer, PacketEvent, Reason, SNAPSHOT};

use super::Collector;
use crate::model::{Event, Packet};
use crate::probe::monotonic::{monotonic_now, since};

#[cfg(test)]
mod tests;

/// How often the ring buffer is emptied.
const PERIOD: Duration = Duration::from_millis(100);
/// Packets that one reading takes at most, so that a flood cannot keep the
/// reader from anything else. What waits longer is taken by the next.
const AT_ONCE: usize = 4096;

/// Bytes before each record (`BPF_RINGBUF_HDR_SZ`).
const RECORD_HEADER: u64 = 8;

/// The reader of the ring buffer.
pub struct Ring {
    buffer: RingBuf<MapData>,
    peak: Peak,
    /// The kernel's clock at the source's start.
    started: u64,
}

/// The most bytes that waited at a reading.
#[derive(Clone, Debug, Default)]
pub struct Peak(Arc<AtomicU64>);

impl Peak {
    /// Since this was asked last.
    pub fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Ring {
    /// Packets' times will be counted from now on.
    #[must_use]
    pub fn new(buffer: RingBuf<MapData>) -> Self {
        Self {
            buffer,
            peak: Peak::default(),
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
        self.peak.0.fetch_max(waiting, Ordering::Relaxed);
        packets
    }

    /// The most bytes that waited, from now on.
    #[must_use]
    pub fn peak(&self) -> Peak {
        self.peak.clone()
    }
}

impl Collector for Ring {
    fn period(&self) -> Duration {
        PERIOD
    }

    fn poll(&mut self) -> Vec<Event> {
        let packets = self.read();
        if packets.is_empty() {
            return Vec::new();
        }
        vec![Event::Packets(packets)]
    }

    fn finish(&mut self) -> Vec<Event> {
        self.poll()
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
