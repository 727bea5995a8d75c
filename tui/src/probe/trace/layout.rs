//! What the tracing programs must know about the running kernel, and what its
//! numbers are called.

use std::collections::HashMap;

use probe_common::signal::{Layout, Reasons};

use super::btf::{Btf, BtfError};

#[cfg(test)]
mod tests;

/// All types that are looked up.
const WANTED: [&str; 21] = [
    "sk_buff",
    "net_device",
    "net",
    "sock",
    "sock_common",
    "dst_entry",
    "neighbour",
    "neigh_table",
    "socket",
    "task_struct",
    "skb_drop_reason",
    "skb_drop_reason_subsys",
    "mac80211_drop_reason",
    "ovs_drop_reason",
    "qdisc_drop_reason",
    "sk_rst_reason",
    "btf_trace_kfree_skb",
    "btf_trace_inet_sk_error_report",
    "btf_trace_neigh_timer_handler",
    "btf_trace_tcp_send_reset",
    "btf_trace_tcp_receive_reset",
];

/// Reasons that a healthy node drops packets for all the time, as the kernel calls
/// them: what a closed socket has not read, copies for taps that are too slow,
/// solicitations for others, and duplicates and probes of TCP.
const NOISE: [&str; 7] = [
    "QUEUE_PURGE",
    "PACKET_SOCK_ERROR",
    "IPV6_NDISC_NS_OTHERHOST",
    "TCP_OLD_DATA",
    "TCP_OLD_SEQUENCE",
    "TCP_OFOMERGE",
    "TCP_RFC7323_TW_PAWS",
];

/// Bits of a drop reason below its subsystem's number
/// (`SKB_DROP_REASON_SUBSYS_SHIFT`).
const SUBSYSTEM_SHIFT: u32 = 16;

/// The running kernel, as far as the programs and the names go.
#[derive(Debug)]
pub struct Kernel {
    /// What the programs are given.
    pub layout: Layout,
    /// The reasons that they only count.
    pub noise: Reasons,
    /// Arguments of the tracepoints that there are.
    arguments: HashMap<&'static str, usize>,
    drop_reasons: HashMap<u32, String>,
    subsystems: HashMap<u32, String>,
    reset_reasons: HashMap<u32, String>,
}

impl Kernel {
    /// Looks everything up in a kernel's BTF.
    ///
    /// # Errors
    /// It is no BTF, or a member is missing.
    pub fn of(btf: &[u8]) -> Result<Self, BtfError> {
        let btf = Btf::parse(btf, &WANTED)?;
        let tracepoints = WANTED
            .iter()
            .filter_map(|name| name.strip_prefix("btf_trace_"));
        let arguments: HashMap<_, _> = tracepoints
            .filter_map(|name| Some((name, btf.arguments(name)?)))
            .collect();
        let has = |name, count| u32::from(arguments.get(name).is_some_and(|has| *has >= count));
        let layout = Layout {
            skb_dev: btf.offset("sk_buff.dev")?,
            skb_head: btf.offset("sk_buff.head")?,
            skb_network_header: btf.offset("sk_buff.network_header")?,
            skb_protocol: btf.offset("sk_buff.protocol")?,
            skb_sk: btf.offset("sk_buff.sk")?,
            skb_dst: btf.offset("sk_buff._skb_refdst")?,
            dst_dev: btf.offset("dst_entry.dev")?,
            device_index: btf.offset("net_device.ifindex")?,
            device_name: btf.offset("net_device.name")?,
            device_net: btf.offset("net_device.nd_net.net")?,
            net_inode: btf.offset("net.ns.inum")?,
            sock_net: btf.offset("sock_common.skc_net.net")?,
            sock_family: btf.offset("sock_common.skc_family")?,
            sock_port: btf.offset("sock_common.skc_num")?,
            sock_remote_port: btf.offset("sock_common.skc_dport")?,
            sock_address: btf.offset("sock_common.skc_rcv_saddr")?,
            sock_remote_address: btf.offset("sock_common.skc_daddr")?,
            sock_address_v6: btf.offset("sock_common.skc_v6_rcv_saddr")?,
            sock_remote_address_v6: btf.offset("sock_common.skc_v6_daddr")?,
            sock_state: btf.offset("sock_common.skc_state")?,
            sock_protocol: btf.offset("sock.sk_protocol")?,
            sock_error: btf.offset("sock.sk_err")?,
            neighbor_device: btf.offset("neighbour.dev")?,
            neighbor_key: btf.offset("neighbour.primary_key")?,
            neighbor_state: btf.offset("neighbour.nud_state")?,
            neighbor_table: btf.offset("neighbour.tbl")?,
            table_family: btf.offset("neigh_table.family")?,
            socket_sock: btf.offset("socket.sk")?,
            task_group: btf.offset("task_struct.tgid")?,
            task_leader: btf.offset("task_struct.group_leader")?,
            task_command: btf.offset("task_struct.comm")?,
            task_start: btf.offset("task_struct.start_boottime")?,
            drop_has_socket: has("kfree_skb", 4),
            reset_has_reason: has("tcp_send_reset", 3),
        };
        let mut drop_reasons = names(&btf, "skb_drop_reason", "SKB_DROP_REASON_");
        let mut noise = Reasons::default();
        for (number, name) in &drop_reasons {
            if NOISE.contains(&name.as_str()) {
                noise.insert(*number);
            }
        }
        for of_subsystem in ["qdisc_drop_reason", "ovs_drop_reason"] {
            drop_reasons.extend(names(&btf, of_subsystem, ""));
        }
        Ok(Self {
            layout,
            noise,
            arguments,
            drop_reasons,
            subsystems: names(&btf, "skb_drop_reason_subsys", "SKB_DROP_REASON_SUBSYS_"),
            reset_reasons: names(&btf, "sk_rst_reason", "SK_RST_REASON_"),
        })
    }

    /// How many arguments a tracepoint has; nothing where it is not there.
    #[must_use]
    pub fn arguments(&self, tracepoint: &str) -> Option<usize> {
        self.arguments.get(tracepoint).copied()
    }

    /// The name of a reason for a drop.
    #[must_use]
    pub fn drop_reason(&self, number: u32) -> String {
        if let Some(name) = self.drop_reasons.get(&number) {
            return name.clone();
        }
        let subsystem = number >> SUBSYSTEM_SHIFT;
        let rest = number & ((1 << SUBSYSTEM_SHIFT) - 1);
        match self.subsystems.get(&subsystem) {
            Some(name) if subsystem != 0 => format!("{name}:{rest}"),
            _ => format!("reason {number}"),
        }
    }

    /// The name of the reason for a reset; nothing where the kernel gives none.
    #[must_use]
    pub fn reset_reason(&self, number: i32) -> Option<String> {
        let number = u32::try_from(number).ok()?;
        self.reset_reasons.get(&number).cloned()
    }
}

/// An enumeration's names without their prefix.
fn names(btf: &Btf<'_>, name: &str, prefix: &str) -> HashMap<u32, String> {
    let values = btf.values(name).into_iter();
    let short = |name: String| name.strip_prefix(prefix).map(str::to_owned);
    values
        .filter_map(|(number, name)| Some((number, short(name)?)))
        .collect()
}
