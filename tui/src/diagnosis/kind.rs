//! The kinds of findings: names that outputs and configurations rely on.

use serde::{Serialize, Serializer};

use super::severity::Severity;

/// A kind of finding. Its slug never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(usize);

struct Row {
    slug: &'static str,
    /// What is wrong: the comment in the table.
    summary: &'static str,
    severity: Severity,
    /// Slugs of the kinds that are consequences of this one, where both are about
    /// the same address. A kind that explains itself has one finding for hosts that
    /// share an end.
    explains: &'static [&'static str],
}

/// Declares the kinds in their order: causes before symptoms, since the first
/// of two findings of the same severity is read first.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $slug:literal, $severity:ident, [$($explained:literal),*];)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "the constants' names")]
        enum Number { $($name,)* }
        impl Kind {
            $($(#[doc = $doc])+ pub const $name: Self = Self(Number::$name as usize);)*
        }
        const TABLE: &[Row] = &[$(Row {
            slug: $slug,
            summary: concat!($($doc),+),
            severity: Severity::$severity,
            explains: &[$($explained),*],
        },)*];
    };
}

kinds! {
    /// A program behind our hook drops packets.
    POLICY_DROP = "policy-drop", Error, ["syn-unanswered", "syn-partly-unanswered", "syn-ack-lost", "one-way-udp", "dns-unanswered", "packet-loss", "kernel-drop", "mtu-black-hole", "stalled", "connection-lost", "keepalive-unanswered"];
    /// A netkit pair's policy drops its packets.
    POLICY_BLACKHOLE = "policy-blackhole", Error, ["kernel-drop"];
    /// Two hardware addresses claim one address.
    DUPLICATE_ADDRESS = "duplicate-address", Error, ["mac-flapping", "packet-loss", "syn-unanswered", "syn-ack-lost", "reset-midstream", "syn-partly-unanswered", "neighbor-unreachable", "kernel-drop"];
    /// Nobody answers ARP or neighbor discovery for an address.
    NEIGHBOR_UNREACHABLE = "neighbor-unreachable", Error, ["syn-unanswered", "syn-partly-unanswered", "host-unreachable", "dns-unanswered", "one-way-udp", "kernel-drop", "stalled", "connection-lost"];
    /// Packets are sent to a hardware address that nobody has.
    NEIGHBOR_STALE = "neighbor-stale", Error, ["syn-unanswered", "syn-partly-unanswered", "syn-ack-lost", "dns-unanswered", "one-way-udp", "kernel-drop", "stalled", "connection-lost", "keepalive-unanswered", "packet-loss", "neighbor-unreachable"];
    /// ARP works for a host and neighbor discovery does not, or the reverse.
    NEIGHBOR_ONE_FAMILY = "neighbor-one-family", Error, ["neighbor-unreachable", "syn-unanswered", "host-unreachable", "kernel-drop"];
    /// Packets go around in a circle.
    ROUTING_LOOP = "routing-loop", Error, ["syn-unanswered", "time-exceeded", "kernel-drop", "dns-unanswered", "one-way-udp", "duplicate-packets", "packet-loss"];
    /// The kernel's reverse-path filter drops packets.
    REVERSE_PATH_FILTER = "reverse-path-filter", Error, ["syn-unanswered", "kernel-drop", "one-way-udp", "syn-ack-lost", "dns-unanswered"];
    /// The connection tracking table is full.
    CONNTRACK_FULL = "conntrack-full", Error, ["firewall-drop", "kernel-drop", "syn-unanswered", "syn-partly-unanswered", "dns-unanswered", "one-way-udp", "packet-loss", "syn-ack-lost"];
    /// A firewall of this node drops packets.
    FIREWALL_DROP = "firewall-drop", Error, ["syn-unanswered", "syn-ack-lost", "kernel-drop", "packet-loss", "one-way-udp", "dns-unanswered", "syn-partly-unanswered", "connection-lost", "stalled", "tcp-refused", "port-unreachable", "keepalive-unanswered"];
    /// This node does not forward.
    FORWARDING_OFF = "forwarding-off", Error, ["forwarding-off", "syn-unanswered", "kernel-drop", "no-route", "dns-unanswered", "one-way-udp", "syn-ack-lost"];
    /// The listener's accept queue is full.
    ACCEPT_QUEUE_FULL = "accept-queue-full", Error, ["syn-partly-unanswered", "syn-unanswered", "syn-ack-lost", "packet-loss"];
    /// Many connections are begun and never completed.
    SYN_FLOOD = "syn-flood", Error, ["neighbor-unreachable", "host-unreachable", "syn-unanswered", "syn-ack-lost", "connection-churn", "syn-partly-unanswered", "accept-queue-full"];
    /// Large packets vanish, small ones pass.
    MTU_BLACK_HOLE = "mtu-black-hole", Error, ["packet-loss", "mtu-mismatch", "stalled", "path-mtu", "connection-lost", "kernel-drop", "firewall-drop"];
    /// Damaged packets arrive.
    CHECKSUM_ERRORS = "checksum-errors", Error, ["checksum-errors", "packet-loss", "kernel-drop", "high-latency"];
    /// A queueing discipline drops packets.
    QDISC_DROPS = "qdisc-drops", Warning, ["qdisc-drops", "packet-loss", "kernel-drop", "reordering"];
    /// A network card drops packets, as its receive ring is full.
    NIC_DROPS = "nic-drops", Warning, ["packet-loss", "kernel-drop", "syn-unanswered", "syn-partly-unanswered", "syn-ack-lost", "dns-unanswered", "one-way-udp", "stalled"];
    /// Administratively prohibited, by ICMP.
    PROHIBITED = "prohibited", Error, ["firewall-drop", "syn-unanswered", "no-route"];
    /// No route, by ICMP or by the kernel.
    NO_ROUTE = "no-route", Error, ["firewall-drop", "host-unreachable", "syn-unanswered", "syn-partly-unanswered", "kernel-drop", "dns-unanswered", "one-way-udp"];
    /// The last router's neighbor does not answer, by ICMP.
    HOST_UNREACHABLE = "host-unreachable", Error, ["firewall-drop", "syn-unanswered", "dns-unanswered", "kernel-drop"];
    /// TTL used up on the way, by ICMP.
    TIME_EXCEEDED = "time-exceeded", Warning, ["syn-unanswered"];
    /// SYN-ACKs do not reach the client.
    SYN_ACK_LOST = "syn-ack-lost", Error, ["syn-unanswered", "packet-loss"];
    /// Connections are refused with RST.
    TCP_REFUSED = "tcp-refused", Error, ["reset-midstream"];
    /// SYNs get no answer at all.
    SYN_UNANSWERED = "syn-unanswered", Error, ["packet-loss"];
    /// Some connections to a service get an answer, others do not.
    SYN_PARTLY_UNANSWERED = "syn-partly-unanswered", Error, ["syn-unanswered", "packet-loss"];
    /// DNS queries get no answer.
    DNS_UNANSWERED = "dns-unanswered", Error, ["one-way-udp"];
    /// A DNS server answers SERVFAIL.
    DNS_SERVFAIL = "dns-servfail", Error, [];
    /// A DNS server answers REFUSED.
    DNS_REFUSED = "dns-refused", Error, [];
    /// DNS answers do not fit, and are not fetched over TCP.
    DNS_TRUNCATED = "dns-truncated", Warning, ["tcp-refused", "syn-unanswered"];
    /// Connections are reset in the middle by something between the ends.
    RESET_MIDSTREAM = "reset-midstream", Error, [];
    /// An old connection lost its state on the way.
    CONNECTION_LOST = "connection-lost", Error, ["keepalive-unanswered", "packet-loss", "stalled"];
    /// Nothing listens on a UDP port.
    PORT_UNREACHABLE = "port-unreachable", Error, ["one-way-udp", "dns-unanswered"];
    /// An idle connection's other end no longer answers keep-alives.
    KEEPALIVE_UNANSWERED = "keepalive-unanswered", Error, [];
    /// The receiver does not read.
    ZERO_WINDOW = "zero-window", Warning, ["stalled"];
    /// A socket's receive buffer overflows.
    SOCKET_BUFFER = "socket-buffer-overflow", Warning, ["kernel-drop", "one-way-udp"];
    /// DNS names are searched in vain.
    NXDOMAIN_STORM = "nxdomain-storm", Warning, [];
    /// DNS answers late.
    DNS_SLOW = "dns-slow", Warning, [];
    /// TLS handshakes fail with an alert.
    TLS_ALERT = "tls-alert", Error, [];
    /// Very many short connections.
    CONNECTION_CHURN = "connection-churn", Warning, [];
    /// Packets arrive twice.
    DUPLICATE_PACKETS = "duplicate-packets", Warning, ["duplicate-packets", "reordering", "packet-loss"];
    /// Segments are lost.
    PACKET_LOSS = "packet-loss", Warning, ["packet-loss", "syn-partly-unanswered", "syn-ack-lost", "stalled", "slow-server"];
    /// Segments arrive out of order.
    REORDERING = "reordering", Warning, ["packet-loss", "reordering", "slow-server"];
    /// The network is slow.
    HIGH_LATENCY = "high-latency", Warning, ["slow-server", "dns-slow"];
    /// A server is slow though the network is fast.
    SLOW_SERVER = "slow-server", Warning, [];
    /// Data stays unacknowledged.
    STALLED = "stalled", Warning, [];
    /// UDP goes one way only where answers are expected.
    ONE_WAY_UDP = "one-way-udp", Warning, [];
    /// Fragments never complete.
    FRAGMENTS = "fragments-incomplete", Warning, ["one-way-udp", "kernel-drop"];
    /// The kernel drops packets of a flow that fails.
    KERNEL_DROP = "kernel-drop", Warning, [];
    /// A CPU cannot keep up with the packets.
    CPU_OVERLOADED = "cpu-backlog", Warning, ["cpu-backlog", "kernel-drop", "packet-loss", "syn-unanswered", "dns-unanswered", "one-way-udp"];
    /// The hardware address of an address changes again and again.
    MAC_FLAPPING = "mac-flapping", Warning, ["neighbor-stale"];
    /// A link goes down and up again and again.
    LINK_FLAPPING = "link-flapping", Warning, ["no-route", "neighbor-unreachable", "neighbor-one-family", "syn-unanswered", "host-unreachable", "kernel-drop", "dns-unanswered", "stalled"];
    /// Packets to everybody flood a device.
    BROADCAST_STORM = "broadcast-storm", Warning, ["kernel-drop", "one-way-udp"];
    /// A device is down or has no carrier.
    LINK_DOWN = "link-down", Warning, ["no-route", "neighbor-unreachable", "neighbor-one-family", "syn-unanswered", "host-unreachable", "kernel-drop", "dns-unanswered", "stalled"];
    /// A flow appeared that is watched for.
    WATCHED_FOR = "watched-for", Warning, [];
    /// A container talks to a peer that is not in the baseline.
    NEW_PEER = "new-peer", Warning, [];
    /// A server answers with errors.
    HTTP_ERRORS = "http-5xx", Info, [];
    /// A smaller MTU on the way was reported and heeded.
    PATH_MTU = "path-mtu", Info, [];
    /// The ends of a pair have different MTUs.
    MTU_MISMATCH = "mtu-mismatch", Info, [];
    /// One CPU does all the work for the network.
    ONE_CPU = "one-cpu", Info, [];
    /// nkview itself has missed something.
    OBSERVER = "observer-incomplete", Info, [];
}

impl Kind {
    /// All kinds, causes before symptoms.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..TABLE.len()).map(Self)
    }

    /// The name that outputs and configurations use.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        TABLE[self.0].slug
    }

    /// The kind with this slug.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::all().find(|kind| kind.slug() == slug)
    }

    /// What is wrong, in a sentence.
    #[must_use]
    pub fn summary(self) -> &'static str {
        TABLE[self.0].summary.trim()
    }

    /// How bad findings of the kind are.
    #[must_use]
    pub const fn severity(self) -> Severity {
        TABLE[self.0].severity
    }

    /// Whether the cause is at one port: what is wrong at another port of the same
    /// host is no consequence of it.
    #[must_use]
    pub const fn is_of_a_port(self) -> bool {
        matches!(
            self,
            Self::POLICY_DROP
                | Self::FIREWALL_DROP
                | Self::PROHIBITED
                | Self::NO_ROUTE
                | Self::HOST_UNREACHABLE
                | Self::DNS_TRUNCATED
        )
    }

    /// Whether `other`, about the same address, is a consequence of this kind.
    #[must_use]
    pub fn explains(self, other: Self) -> bool {
        TABLE[self.0].explains.contains(&other.slug())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.slug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_unique_and_explain_what_exists() {
        for kind in Kind::all() {
            assert_eq!(Kind::from_slug(kind.slug()), Some(kind));
            for slug in TABLE[kind.0].explains {
                assert!(Kind::from_slug(slug).is_some(), "{slug} of {}", kind.slug());
            }
        }
    }

    #[test]
    fn the_readme_lists_all_kinds() {
        let readme = include_str!("../../../README.md");
        for kind in Kind::all() {
            let row = format!("| `{}` | {} | ", kind.slug(), kind.severity().name());
            assert!(readme.contains(&row), "no row {row}");
        }
    }
}
