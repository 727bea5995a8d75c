//! What the network stacks of the namespaces with watched devices report:
//! counters, queues, neighbors, connection tracking, listeners, settings.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::tuple::{NamespaceInode, Tuple};

/// What the stack of one network namespace reports. Counters are what was added
/// since the last reading, in `period`; everything else is as it was when it was
/// read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// The namespace.
    pub namespace: NamespaceInode,
    /// Whether it is the one that nkview runs in.
    pub is_own: bool,
    /// The interface indices of the watched devices that lead to it, as the
    /// namespace of nkview knows them; empty for that one itself.
    pub devices: Vec<u32>,
    /// The time since the last reading; nothing at the first one, and where nothing
    /// happens and so it was not read again: all counters are 0 then.
    pub period: Option<Duration>,
    /// Counters of the protocols.
    pub counters: StackCounters,
    /// The devices in it, without their traffic.
    pub links: Vec<LinkState>,
    /// Queueing disciplines, in the order of the kernel; `noqueue` is left out.
    pub qdiscs: Vec<Qdisc>,
    /// Neighbors that do not answer.
    pub neighbors: Vec<Neighbor>,
    /// Addresses that another host has, too: duplicate address detection failed
    /// (`IFA_F_DADFAILED`).
    pub duplicates: Vec<Duplicate>,
    /// Connection tracking, where the namespace uses it.
    pub conntrack: Option<Conntrack>,
    /// Listening TCP sockets.
    pub listeners: Vec<Listener>,
    /// What could not be read, and why.
    pub unknown: Vec<String>,
}

/// Declares the counters once: field, table of `/proc/PID/net`, name there.
macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident: $table:literal $name:literal,)*) => {
        /// Counters of a network stack (`/proc/PID/net/snmp`, `netstat` and `snmp6`;
        /// RFC 4293, RFC 4022, RFC 4113 and `Documentation/networking/snmp_counter.rst`).
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct StackCounters {
            $($(#[$doc])* pub $field: u64,)*
        }

        impl StackCounters {
            /// Each counter with its table and its name there, as nstat(8) prints
            /// them together: `TcpExt`, `ListenDrops`.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [$(($table, $name, self.$field)),*].into_iter()
            }

            /// The counter with this table and name.
            pub fn get_mut(&mut self, table: &str, name: &str) -> Option<&mut u64> {
                match (table, name) {
                    $(($table, $name) => Some(&mut self.$field),)*
                    _ => None,
                }
            }

            /// What was added since an earlier reading. A counter that went back is
            /// of another namespace, and counts as 0.
            #[must_use]
            pub const fn since(&self, earlier: &Self) -> Self {
                Self {
                    $($field: self.$field.saturating_sub(earlier.$field),)*
                }
            }
        }
    };
}

counters! {
    /// Packets for an address that is not ours, with forwarding off.
    ip_in_addr_errors: "Ip" "InAddrErrors",
    /// Packets with a damaged header or an expired TTL.
    ip_in_header_errors: "Ip" "InHdrErrors",
    /// Packets dropped for want of memory, or by the policy of IPsec.
    ip_in_discards: "Ip" "InDiscards",
    /// Packets dropped on their way out.
    ip_out_discards: "Ip" "OutDiscards",
    /// Packets without a route.
    ip_out_no_routes: "Ip" "OutNoRoutes",
    /// Reassemblies that failed.
    ip_reassembly_failures: "Ip" "ReasmFails",
    /// Packets that were too long and must not be fragmented.
    ip_fragmentation_failures: "Ip" "FragFails",
    /// Packets that the forwarding path handed on.
    ip_forwarded: "Ip" "ForwDatagrams",
    /// Packets without a route to their destination.
    ip_in_no_routes: "IpExt" "InNoRoutes",
    /// Connections that were attempted.
    tcp_active_opens: "Tcp" "ActiveOpens",
    /// Connections that were accepted by the kernel.
    tcp_passive_opens: "Tcp" "PassiveOpens",
    /// Attempts that failed.
    tcp_attempt_failures: "Tcp" "AttemptFails",
    /// Connections that were reset.
    tcp_established_resets: "Tcp" "EstabResets",
    /// Segments received.
    tcp_in_segments: "Tcp" "InSegs",
    /// Segments sent.
    tcp_out_segments: "Tcp" "OutSegs",
    /// Segments sent again.
    tcp_retransmitted_segments: "Tcp" "RetransSegs",
    /// Segments with an error, checksums included.
    tcp_in_errors: "Tcp" "InErrs",
    /// Segments with a wrong checksum.
    tcp_checksum_errors: "Tcp" "InCsumErrors",
    /// Resets sent.
    tcp_out_resets: "Tcp" "OutRsts",
    /// Connections dropped since a listener's accept queue was full.
    tcp_listen_overflows: "TcpExt" "ListenOverflows",
    /// Connections dropped by listeners, for whatever reason.
    tcp_listen_drops: "TcpExt" "ListenDrops",
    /// SYNs dropped since a listener's SYN queue was full.
    tcp_syn_queue_drops: "TcpExt" "TCPReqQFullDrop",
    /// SYN cookies sent since a listener's SYN queue was full.
    tcp_syn_cookies_sent: "TcpExt" "SyncookiesSent",
    /// Reordering that SACKs have shown to the sender.
    tcp_sack_reorders: "TcpExt" "TCPSACKReorder",
    /// Reordering that timestamps have shown to the sender.
    tcp_timestamp_reorders: "TcpExt" "TCPTSReorder",
    /// Duplicate SACKs received: what was sent again had arrived (RFC 2883).
    tcp_duplicate_sacks_received: "TcpExt" "TCPDSACKRecv",
    /// Duplicate SACKs sent: what came had been there before.
    tcp_duplicate_sacks_sent: "TcpExt" "TCPDSACKOldSent",
    /// Retransmission timeouts.
    tcp_timeouts: "TcpExt" "TCPTimeouts",
    /// SYNs and SYN-ACKs sent again.
    tcp_syn_retransmits: "TcpExt" "TCPSynRetrans",
    /// Retransmitted segments that were lost as well.
    tcp_lost_retransmits: "TcpExt" "TCPLostRetransmit",
    /// Connections given up after too many retransmissions.
    tcp_abort_on_timeout: "TcpExt" "TCPAbortOnTimeout",
    /// Connections given up for want of memory.
    tcp_abort_on_memory: "TcpExt" "TCPAbortOnMemory",
    /// Segments dropped since the socket's backlog was full.
    tcp_backlog_drops: "TcpExt" "TCPBacklogDrop",
    /// Segments dropped since the receive queue was full.
    tcp_receive_queue_drops: "TcpExt" "TCPRcvQDrop",
    /// Advertised windows that closed.
    tcp_zero_windows_sent: "TcpExt" "TCPToZeroWindowAdv",
    /// Segments dropped since they came to a closed window.
    tcp_zero_window_drops: "TcpExt" "TCPZeroWindowDrop",
    /// Times that TCP came under memory pressure.
    tcp_memory_pressures: "TcpExt" "TCPMemoryPressures",
    /// Packets dropped since only reserved memory was left.
    memory_reserve_drops: "TcpExt" "PFMemallocDrop",
    /// Packets that failed the reverse path filter.
    reverse_path_filtered: "TcpExt" "IPReversePathFilter",
    /// Datagrams for a port without a listener.
    udp_no_ports: "Udp" "NoPorts",
    /// Datagrams that could not be delivered.
    udp_in_errors: "Udp" "InErrors",
    /// Datagrams dropped since the socket's receive buffer was full.
    udp_receive_buffer_errors: "Udp" "RcvbufErrors",
    /// Datagrams dropped since the socket's send buffer was full.
    udp_send_buffer_errors: "Udp" "SndbufErrors",
    /// Datagrams with a wrong checksum.
    udp_checksum_errors: "Udp" "InCsumErrors",
    /// As `ip_in_addr_errors`, of IPv6.
    ip6_in_addr_errors: "Ip6" "InAddrErrors",
    /// IPv6 packets without a route, received.
    ip6_in_no_routes: "Ip6" "InNoRoutes",
    /// IPv6 packets without a route, sent.
    ip6_out_no_routes: "Ip6" "OutNoRoutes",
    /// IPv6 packets dropped on their way out.
    ip6_out_discards: "Ip6" "OutDiscards",
    /// IPv6 packets that were too long for the next link.
    ip6_too_big: "Ip6" "InTooBigErrors",
    /// Reassemblies of IPv6 that failed.
    ip6_reassembly_failures: "Ip6" "ReasmFails",
    /// As `udp_receive_buffer_errors`, over IPv6.
    udp6_receive_buffer_errors: "Udp6" "RcvbufErrors",
    /// As `udp_checksum_errors`, over IPv6.
    udp6_checksum_errors: "Udp6" "InCsumErrors",
    /// As `udp_no_ports`, over IPv6.
    udp6_no_ports: "Udp6" "NoPorts",
}

/// How one CPU copes with what comes in (`/proc/net/softnet_stat`), since the
/// last reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Softnet {
    /// The CPU's number.
    pub cpu: u32,
    /// Packets processed.
    pub processed: u64,
    /// Packets dropped since the backlog was full
    /// (`net.core.netdev_max_backlog`).
    pub dropped: u64,
    /// Times that work was left when the budget was used up
    /// (`net.core.netdev_budget`).
    pub squeezed: u64,
}

/// The state of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkState {
    /// Its interface index in its namespace.
    pub index: u32,
    /// Its name there.
    pub name: String,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether it has a carrier.
    pub carrier: bool,
    /// How often the carrier has come or gone since the device was made.
    pub carrier_changes: u32,
    /// MTU in bytes.
    pub mtu: u32,
    /// What came in and what of that was lost, where it is hardware.
    pub receive: Option<NicReceive>,
}

/// What a network card did with what came in (`struct rtnl_link_stats64` of
/// `include/uapi/linux/if_link.h`), since the last reading. What virtual devices drop
/// (`rx_dropped`: a protocol that nobody knows, a VLAN that there is not) is not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NicReceive {
    /// Packets received.
    pub packets: u64,
    /// Frames that the host had no buffer for: its ring was full
    /// (`rx_missed_errors`).
    pub missed: u64,
    /// Overruns of the card's own queue (`rx_fifo_errors`), which some drivers count
    /// as missed as well.
    pub overruns: u64,
    /// Frames with a wrong CRC (`rx_crc_errors`).
    pub crc: u64,
    /// Frames with a wrong alignment (`rx_frame_errors`).
    pub misaligned: u64,
}

impl NicReceive {
    /// What was added since an earlier reading. A counter that went back is that of a
    /// card that was reset, and counts as 0.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            packets: self.packets.saturating_sub(earlier.packets),
            missed: self.missed.saturating_sub(earlier.missed),
            overruns: self.overruns.saturating_sub(earlier.overruns),
            crc: self.crc.saturating_sub(earlier.crc),
            misaligned: self.misaligned.saturating_sub(earlier.misaligned),
        }
    }

    /// Frames that were not taken fast enough. Where both counters grow it may be the
    /// same frames.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.missed.max(self.overruns)
    }

    /// Frames that were damaged on the wire.
    #[must_use]
    pub const fn damaged(&self) -> u64 {
        self.crc + self.misaligned
    }
}

impl std::ops::AddAssign for NicReceive {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.missed += other.missed;
        self.overruns += other.overruns;
        self.crc += other.crc;
        self.misaligned += other.misaligned;
    }
}

/// A queueing discipline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Qdisc {
    /// Interface index of its device, in its namespace.
    pub device: u32,
    /// Its kind: `fq_codel`, `netem`, `tbf`.
    pub kind: String,
    /// Its handle, major in the upper half.
    pub handle: u32,
    /// The handle of its parent; 4294967295 for the root.
    pub parent: u32,
    /// Packets sent since the last reading.
    pub packets: u64,
    /// Packets dropped since then.
    pub drops: u64,
    /// Times since then that a packet had to wait for the rate.
    pub overlimits: u64,
    /// Packets in it now.
    pub queued: u32,
    /// Their bytes.
    pub backlog: u32,
}

/// Whether a neighbor answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NeighborState {
    /// It is being asked for its hardware address.
    Incomplete,
    /// It has not answered.
    Failed,
}

/// A neighbor that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbor {
    /// Interface index of the device that leads to it, in its namespace.
    pub device: u32,
    /// Its address.
    pub address: IpAddr,
    /// Whether it was given up already.
    pub state: NeighborState,
}

/// An address that another host has, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    /// Interface index of its device, in its namespace.
    pub device: u32,
    /// The address.
    pub address: IpAddr,
}

/// Connection tracking. Counters are since the last reading, of all CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conntrack {
    /// Entries in use.
    pub entries: u64,
    /// The limit of entries, which only the initial namespace shows.
    pub capacity: Option<u64>,
    /// Packets dropped since the table was full or there was no memory.
    pub drops: u64,
    /// Entries given up for new ones since the table was full.
    pub early_drops: u64,
    /// Packets dropped since an equal connection was inserted first, as two DNS
    /// queries from one port can be.
    pub insert_failures: u64,
    /// Packets that belong to no connection and cannot begin one.
    pub invalid: u64,
}

/// A listening TCP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// The address that it listens on.
    pub address: SocketAddr,
    /// Connections that wait to be accepted.
    pub queued: u32,
    /// How many may wait; one more is taken.
    pub limit: u32,
    /// Its cookie.
    pub cookie: u64,
    /// Its inode, as in `/proc/PID/fd`.
    pub inode: u32,
    /// The user that opened it.
    pub uid: u32,
    /// Packets that it has dropped since it was opened, where the kernel reports it.
    pub drops: Option<u32>,
}

/// A TCP or UDP socket, by an exact look-up of its flow (sock_diag(7)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketState {
    /// Its cookie.
    pub cookie: u64,
    /// Its inode, as in `/proc/PID/fd`.
    pub inode: u32,
    /// The user that opened it.
    pub uid: u32,
    /// The state (`TCP_ESTABLISHED` = 1, see `net/tcp_states.h`).
    pub state: u8,
    /// The timer that runs: 1 retransmission, 2 keep-alive, 3 TIME-WAIT, 4 window
    /// probe; 0 none.
    pub timer: u8,
    /// Bytes that the application has not read.
    pub receive_queue: u32,
    /// Bytes that the other end has not acknowledged.
    pub send_queue: u32,
    /// Packets that the socket dropped, where the kernel reports it.
    pub drops: Option<u32>,
    /// What TCP knows of the connection.
    pub tcp: Option<TcpState>,
}

impl SocketState {
    /// Whether it is a listener: the kernel names it where there is no connection yet,
    /// and its queues are those of connections, not of bytes.
    #[must_use]
    pub const fn is_listening(&self) -> bool {
        self.state == 10
    }
}

/// Members of `struct tcp_info`. Nothing where the kernel is too old for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpState {
    /// Retransmissions of the same segment so far.
    pub retransmits: u8,
    /// Smoothed round-trip time.
    pub rtt: Duration,
    /// Least round-trip time (4.6).
    pub min_rtt: Option<Duration>,
    /// Congestion window in segments.
    pub congestion_window: u32,
    /// Segments taken as lost.
    pub lost: u32,
    /// Segments sent again in all.
    pub total_retransmits: u32,
    /// Segment size for sending, in bytes.
    pub send_mss: u32,
    /// Path MTU in bytes.
    pub path_mtu: u32,
    /// Bytes not sent yet (4.6).
    pub not_sent: Option<u32>,
    /// Time with something to send (4.10).
    pub busy: Option<Duration>,
    /// Of that, limited by the receiver's window (4.10).
    pub limited_by_receiver: Option<Duration>,
    /// Of that, limited by the own send buffer (4.10).
    pub limited_by_send_buffer: Option<Duration>,
    /// The window that the other end advertises, in bytes (5.4).
    pub send_window: Option<u32>,
}

/// What was found out about one flow, as `Command::LookUp` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowState {
    /// Interface index of the watched device that was asked about.
    pub device: u32,
    /// The flow, its local end as the source.
    pub tuple: Tuple,
    /// Its sockets in the namespaces that the device connects, and whether each is
    /// of the local end.
    pub sockets: Vec<FlowSocket>,
    /// Its connections there, as they are tracked.
    pub connections: Vec<(NamespaceInode, NatPair)>,
    /// How these namespaces route what the local end sends.
    pub routes: Vec<FlowRoute>,
    /// What could not be asked, and why.
    pub unknown: Vec<String>,
}

/// A socket of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowSocket {
    /// Its network namespace.
    pub namespace: NamespaceInode,
    /// Whether it is the flow's local end.
    pub is_local: bool,
    /// What the kernel knows of it.
    pub state: SocketState,
}

/// The two sides of a connection that is tracked: what address translation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatPair {
    /// Source and destination of the packet that began it, before translation.
    pub original: [SocketAddr; 2],
    /// Source and destination of the answers.
    pub reply: [SocketAddr; 2],
}

impl NatPair {
    /// Whether an address or port was translated at all.
    #[must_use]
    pub fn is_translated(&self) -> bool {
        let [source, destination] = self.reply;
        self.original != [destination, source]
    }
}

impl FlowState {
    /// Its translated connections, each once where both namespaces translate alike.
    pub fn translations(&self) -> impl Iterator<Item = &NatPair> {
        let pairs = self.connections.iter().enumerate();
        pairs.filter_map(|(place, (_, pair))| {
            let mut earlier = self.connections.iter().take(place);
            let is_new = earlier.all(|(_, it)| it != pair);
            (is_new && pair.is_translated()).then_some(pair)
        })
    }
}

impl NatPair {
    /// The destination that routing sees for packets with this tuple, if they belong
    /// to the connection: what they are sent to is translated before they are routed.
    #[must_use]
    pub fn routed(&self, tuple: &Tuple) -> Option<IpAddr> {
        let ends = [
            SocketAddr::new(tuple.source(), tuple.source_port),
            SocketAddr::new(tuple.destination(), tuple.destination_port),
        ];
        if ends == self.original {
            return Some(self.reply[0].ip());
        }
        (ends == self.reply).then(|| self.original[0].ip())
    }
}

/// How a namespace routes what a flow's local end sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowRoute {
    /// The namespace.
    pub namespace: NamespaceInode,
    /// Whether the local end is there; otherwise the packets are forwarded.
    pub is_local: bool,
    /// The route that the kernel takes now, or why it takes none.
    pub route: Result<Route, String>,
}

/// A route to one destination (`RTM_GETROUTE` of rtnetlink(7)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The router; nothing where the destination is on the link.
    pub gateway: Option<IpAddr>,
    /// The device's name.
    pub device: String,
    /// The device's MTU in bytes.
    pub mtu: u32,
    /// The MTU of the route, where it has one of its own: configured, or learned
    /// from ICMP.
    pub path_mtu: Option<u32>,
}
