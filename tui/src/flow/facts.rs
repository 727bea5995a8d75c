//! What is known of a flow beyond its size, over its intervals.

use crate::model::{FlowFacts, TcpCounts};

/// Adds the facts of an interval: counts are summed, sockets replaced.
pub(super) fn add(all: &mut FlowFacts, facts: &FlowFacts) {
    for (sum, counts) in all.tcp.iter_mut().zip(&facts.tcp) {
        *sum = sum_of(sum, counts);
    }
    for (known, socket) in all.sockets.iter_mut().zip(facts.sockets) {
        *known = socket.or(*known);
    }
}

/// Saturates, since recordings can claim anything.
fn sum_of(a: &TcpCounts, b: &TcpCounts) -> TcpCounts {
    TcpCounts {
        retransmitted: a.retransmitted.saturating_add(b.retransmitted),
        retransmitted_bytes: a.retransmitted_bytes.saturating_add(b.retransmitted_bytes),
        gaps: a.gaps.saturating_add(b.gaps),
        duplicate_acks: a.duplicate_acks.saturating_add(b.duplicate_acks),
        zero_windows: a.zero_windows.saturating_add(b.zero_windows),
        syn: a.syn.saturating_add(b.syn),
        syn_ack: a.syn_ack.saturating_add(b.syn_ack),
        fin: a.fin.saturating_add(b.fin),
        rst: a.rst.saturating_add(b.rst),
    }
}
