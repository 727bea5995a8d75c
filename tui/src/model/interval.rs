//! What was counted in an interval.

use std::time::Duration;

use jiff::Timestamp;
use probe_common::{FlowKey, FlowValue, Reason};
use serde::{Deserialize, Serialize};

use super::{Anchor, LinkCounters};

/// A moment, as the time since the source's start.
pub type Moment = Duration;

/// What was counted between two moments: complete and coherent. For each
/// device and direction the flows' packets, the untracked and the filtered ones
/// add up to the packets seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The end of the interval.
    pub at: Moment,
    /// The wall clock at the end of the interval, read then.
    #[serde(with = "jiff::fmt::serde::timestamp::nanosecond::required")]
    pub wall: Timestamp,
    /// Its length.
    pub length: Duration,
    /// The totals of each watched device.
    pub devices: Vec<DeviceTotals>,
    /// The flows that had a packet.
    pub flows: Vec<FlowCounts>,
    /// What the probe itself did.
    pub probe: ProbeCounts,
}

impl Interval {
    /// The wall clock at its end.
    #[must_use]
    pub const fn anchor(&self) -> Anchor {
        Anchor {
            at: self.at,
            wall: self.wall,
        }
    }
}

/// One flow's counters of an interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlowCounts {
    /// The flow.
    pub key: FlowKey,
    /// In and out.
    pub value: FlowValue,
    /// What else is known; nothing for most flows, so that they cost no more.
    pub facts: Option<Box<FlowFacts>>,
}

/// What is known of a flow beyond its size, where there is something to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowFacts {
    /// What its TCP headers show, indexed by [`Direction`](probe_common::Direction).
    pub tcp: [TcpCounts; 2],
    /// The socket that sends the packets of each direction, where it is on this
    /// host and its packets reach the hook with it (forwarded packets do not).
    pub sockets: [Option<Socket>; 2],
}

/// What the TCP headers of one direction show in an interval. The program
/// follows the sequence numbers, so this is there for forwarded flows too.
/// Retransmissions are counted as segments of the wire, all else as packets that
/// the hook sees (skbs). Each is counted once, but those of the first milliseconds
/// after an interval may be counted in it. The counts stop growing at half of their range in the kernel (2²³ retransmissions, 2¹⁹ gaps,
/// 2²³ duplicate acknowledgments, 2¹⁹ zero windows, 2⁷ of each flag) in one
/// interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpCounts {
    /// Segments with data that ended at or below the highest sequence number
    /// sent so far, other than keep-alives: retransmitted, or reordered before
    /// they came here.
    pub retransmitted: u32,
    /// Their payload in bytes.
    pub retransmitted_bytes: u64,
    /// Segments that began beyond the highest sequence number sent so far: others
    /// were lost, or overtaken, before they came here.
    pub gaps: u32,
    /// Acknowledgments without data that repeat the last one with the same window
    /// (RFC 5681).
    pub duplicate_acks: u32,
    /// Segments that closed the receive window: window 0 after another one.
    pub zero_windows: u32,
    /// SYN without ACK.
    pub syn: u8,
    /// SYN with ACK.
    pub syn_ack: u8,
    /// FIN.
    pub fin: u8,
    /// RST.
    pub rst: u8,
}

impl std::ops::AddAssign for TcpCounts {
    fn add_assign(&mut self, other: Self) {
        self.retransmitted += other.retransmitted;
        self.retransmitted_bytes += other.retransmitted_bytes;
        self.gaps += other.gaps;
        self.duplicate_acks += other.duplicate_acks;
        self.zero_windows += other.zero_windows;
        self.syn = self.syn.saturating_add(other.syn);
        self.syn_ack = self.syn_ack.saturating_add(other.syn_ack);
        self.fin = self.fin.saturating_add(other.fin);
        self.rst = self.rst.saturating_add(other.rst);
    }
}

/// What the kernel knew of a socket when it sent a packet: once a flow,
/// direction and interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Socket {
    /// Its cookie (`SO_COOKIE`): unique on this host until it is restarted.
    pub cookie: u64,
    /// Id of its cgroup (v2), which is the inode of the cgroup's directory; 0 when
    /// there is none.
    pub cgroup: u64,
    /// TCP's state; nothing for other protocols.
    pub tcp: Option<TcpSocket>,
}

/// TCP's state in a [`Socket`] (`struct bpf_tcp_sock` in
/// `include/uapi/linux/bpf.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpSocket {
    /// Smoothed round-trip time in microseconds.
    pub srtt: u32,
    /// Least round-trip time in microseconds; nothing before the first sample.
    pub min_rtt: Option<u32>,
    /// Congestion window in segments.
    pub cwnd: u32,
    /// Maximum segment size in bytes.
    pub mss: u32,
    /// Segments retransmitted since the connection began, as a wire carries them.
    pub total_retrans: u32,
    /// Segments sent and not yet acknowledged.
    pub packets_out: u32,
}

/// One device's counters of an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeviceTotals {
    /// The device's slot.
    pub slot: u32,
    /// In and out, indexed by [`Direction`].
    pub directions: [Totals; 2],
    /// The device's own counters at the end of the interval.
    pub counters: Option<LinkCounters>,
    /// Those of its peer.
    pub peer_counters: Option<LinkCounters>,
}

/// What one hook saw in an interval, counted apart from the flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Packets as the stack passes them on (skbs).
    pub packets: u64,
    /// Segments as a wire would carry them: Σ max(1, `gso_segs`).
    pub segments: u64,
    /// Bytes as the device counts them: Σ `skb->len`.
    pub bytes: u64,
    /// Packets that found no room in the kernel's flow map.
    pub untracked_packets: u64,
    /// Their bytes.
    pub untracked_bytes: u64,
    /// Packets that were kept out of the flows by [`Command::PushDown`].
    pub filtered_packets: u64,
    /// Their bytes.
    pub filtered_bytes: u64,
    /// Packets that rules of this nkview dropped behind the hook, read at the end of
    /// the interval: all of its packets have been judged by then, and maybe some of
    /// the next one.
    pub blocked_packets: u64,
    /// Their bytes.
    pub blocked_bytes: u64,
    /// Packet events written.
    pub events: u64,
    /// Packet events that the ring buffer had no room for.
    pub lost: u64,
    /// Packets that should have had an event but were over the budget.
    pub over_budget: ByReason,
    /// The fate of the packets; nothing where the far end is not known.
    pub fate: Option<Fate>,
}

/// Packets by the reason for their event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByReason(pub [u64; Reason::COUNT]);

impl ByReason {
    /// Those of one reason.
    #[must_use]
    pub const fn of(&self, reason: Reason) -> u64 {
        self.0[reason as usize]
    }

    /// Those of any reason.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl std::ops::AddAssign for ByReason {
    fn add_assign(&mut self, other: Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }
}

/// The fate of packets, by the counters of the end that receives them. Both
/// are what is certain: when packets of both kinds come together, there were more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fate {
    /// Packets that the hook saw and the far end did not receive: dropped or
    /// redirected behind it. Nothing where the far end's counters do not show it.
    pub diverted: Option<u64>,
    /// Packets that the far end received and the hook did not see.
    pub bypassed: u64,
}

impl std::ops::AddAssign for Fate {
    fn add_assign(&mut self, other: Self) {
        if let Some(diverted) = other.diverted {
            *self.diverted.get_or_insert_default() += diverted;
        }
        self.bypassed += other.bypassed;
    }
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.segments += other.segments;
        self.bytes += other.bytes;
        self.untracked_packets += other.untracked_packets;
        self.untracked_bytes += other.untracked_bytes;
        self.filtered_packets += other.filtered_packets;
        self.filtered_bytes += other.filtered_bytes;
        self.blocked_packets += other.blocked_packets;
        self.blocked_bytes += other.blocked_bytes;
        self.events += other.events;
        self.lost += other.lost;
        self.over_budget += other.over_budget;
        if let Some(fate) = other.fate {
            *self.fate.get_or_insert_default() += fate;
        }
    }
}

/// What the probe itself did in an interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProbeCounts {
    /// Entries in the kernel's flow map at the end of the interval.
    pub map_entries: u64,
    /// Entries that it can hold.
    pub map_capacity: u64,
    /// The most bytes that waited in the ring buffer at a reading.
    pub ring_bytes: u64,
    /// Bytes that it can hold.
    pub ring_capacity: u64,
    /// Packet events that it had no room for since the source started, by the
    /// number of the CPU that had them; empty when there were none.
    pub lost: Vec<u64>,
    /// Packet events that were read and not reported, because the consumer was
    /// late.
    pub late: u64,
    /// How long it took to read the counters.
    pub read: Duration,
    /// What the programs cost, while that is measured.
    pub cost: Option<Cost>,
}

/// What the programs cost in an interval, as the kernel measures it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// How often one of them ran.
    pub runs: u64,
    /// How long that took in all.
    pub time: Duration,
}
