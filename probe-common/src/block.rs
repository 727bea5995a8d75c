//! A rule that drops packets, as the program in the kernel judges them.
//!
//! A rule is a conjunction: each of its terms must hold. Terms on addresses and on
//! ports are sets; one look-up tells all the sets that an address or a port is in.

use bytemuck::{Pod, Zeroable};

use crate::parse::number::{ether, ip};
use crate::{FlowKey, KeyFlags};

/// Names of the maps in the object, as user space looks them up.
pub mod map {
    /// One [`Attachment`](crate::Attachment): which hook this copy of the program is
    /// on. Its verdict is for packets that the rule does not match.
    pub const ATTACHMENT: &str = "ATTACHMENT";
    /// The [`Terms`](super::Terms) of each direction. Frozen before a program is
    /// loaded.
    pub const TERMS: &str = "TERMS";
    /// Two moments on `CLOCK_BOOTTIME` in nanoseconds; the rule holds before both. See
    /// [`until`](super::until).
    pub const UNTIL: &str = "UNTIL";
    /// Longest-prefix trie of addresses as flow keys have them: the sets that the
    /// prefix is part of, one bit each. Frozen.
    pub const ADDRESSES: &str = "ADDRESSES";
    /// For each port the sets that it is in, one bit each, in a single element.
    /// Frozen.
    pub const PORTS: &str = "PORTS";
    /// Per-CPU [`Blocked`](super::Blocked) of one copy of the program.
    pub const BLOCKED: &str = "BLOCKED";
    /// The [`Label`](super::Label): what other processes show of the rule. Frozen.
    pub const LABEL: &str = "LABEL";
}

/// Elements of UNTIL.
pub mod until {
    /// When the rule ends; 0 once it is lifted, which any process may do.
    pub const DEADLINE: u32 = 0;
    /// How long it may hold without its process, which alone writes this: for ever
    /// where the program goes with the process.
    pub const LEASE: u32 = 1;
}

/// Prefixes that a rule can hold; the trie allocates only those there are.
pub const PREFIXES: u32 = 16_384;
/// Sets of addresses that a rule can have: bits of a trie's value.
pub const ADDRESS_SETS: usize = 32;
/// Sets of ports that a rule can have: bits of a byte.
pub const PORT_SETS: usize = 8;
/// Ports there are.
pub const PORTS: usize = 1 << 16;

/// What a packet of one direction must be to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Terms {
    /// Not 0: the rule is about this direction.
    pub is_active: u32,
    /// The ethertype, or [`Terms::ANY`].
    pub ether_type: u32,
    /// Sets that the sender's address must be in.
    pub sources: u32,
    /// Sets that the receiver's address must be in.
    pub destinations: u32,
    /// Sets of which each must hold one of the two.
    pub ends: u32,
    /// As `sources`, for ports.
    pub source_ports: u32,
    /// As `destinations`, for ports.
    pub destination_ports: u32,
    /// As `ends`, for ports.
    pub end_ports: u32,
    /// Not 0: the IP protocol must be one of `protocols`.
    pub by_protocol: u32,
    /// Bits of [`spared`]: what the network itself depends on.
    pub spared: u32,
    /// A bit for each IP protocol number.
    pub protocols: [u64; 4],
}

/// What is not dropped unless the rule names it: without it whole machines are not
/// reached any more, and for longer than the rule holds.
pub mod spared {
    /// ARP.
    pub const ARP: u32 = 1;
    /// IPv6 neighbor and router discovery (RFC 4861).
    pub const DISCOVERY: u32 = 2;
}

/// Bytes of a rule's text that are kept.
pub const TEXT: usize = 240;

/// What other processes show of a rule, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Label {
    /// When it began, on `CLOCK_BOOTTIME` in nanoseconds.
    pub since: u64,
    /// The process that it ends with, in its own PID namespace.
    pub pid: u32,
    /// The user who asked for it, as the login has it.
    pub uid: u32,
    /// The rule as text, cut off where it is longer, and filled with zeros.
    pub text: [u8; TEXT],
}

/// What one copy of the program has dropped on one CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Blocked {
    /// Packets (skbs).
    pub packets: u64,
    /// Σ `skb->len`.
    pub bytes: u64,
}

/// Which sets an address or a port is in.
pub trait Sets {
    /// The sets of addresses, one bit each.
    fn of_address(&self, address: [u8; 16]) -> u32;
    /// The sets of ports, one bit each.
    fn of_port(&self, port: u16) -> u32;
    /// The number's bits of `MASK`, where an address is made of it: the verifier must
    /// see the bounds there.
    #[inline(always)]
    fn masked<const MASK: i32>(&self, number: u64) -> u64 {
        number & MASK as u64
    }
}

impl Terms {
    /// No ethertype in particular.
    pub const ANY: u32 = 1 << 16;

    /// Whether a packet matches. The key is that of
    /// [`parse_sent`](crate::parse::parse_sent): its local end is the sender.
    #[must_use]
    #[inline(always)]
    pub fn match_sent(&self, key: &FlowKey, sets: &impl Sets) -> bool {
        let ether_type = u32::from(key.ether_type);
        if self.is_active == 0 || (self.ether_type != Self::ANY && self.ether_type != ether_type) {
            return false;
        }
        if self.spared & spared::ARP != 0 && key.ether_type == ether::ARP
            || self.spared & spared::DISCOVERY != 0 && is_discovery(key)
        {
            return false;
        }
        let has_addresses = u128::from_ne_bytes(key.local) | u128::from_ne_bytes(key.remote) != 0;
        let is_ip = has_addresses && matches!(key.ether_type, ether::IPV4 | ether::IPV6);
        if self.by_protocol != 0 {
            let word = sets.masked::<3>(u64::from(key.protocol >> 6));
            let word = self.protocols[word as usize & 3];
            if !is_ip || word >> (key.protocol & 63) & 1 == 0 {
                return false;
            }
        }
        if self.source_ports | self.destination_ports | self.end_ports != 0 {
            let has_ports = is_ip
                && key.flags & (KeyFlags::FRAGMENT | KeyFlags::MALFORMED) == 0
                && matches!(
                    key.protocol,
                    ip::TCP | ip::UDP | ip::UDP_LITE | ip::SCTP | ip::DCCP
                );
            if !has_ports {
                return false;
            }
            let source = sets.of_port(key.local_port);
            let destination = sets.of_port(key.remote_port);
            if self.source_ports & !source
                | self.destination_ports & !destination
                | self.end_ports & !(source | destination)
                != 0
            {
                return false;
            }
        }
        if self.sources | self.destinations | self.ends != 0 {
            if !has_addresses {
                return false;
            }
            let mut source = 0;
            if self.sources | self.ends != 0 {
                source = sets.of_address(key.local);
            }
            let mut destination = 0;
            if self.destinations | self.ends & !source != 0 {
                destination = sets.of_address(key.remote);
            }
            if self.sources & !source
                | self.destinations & !destination
                | self.ends & !(source | destination)
                != 0
            {
                return false;
            }
        }
        true
    }
}

/// Whether it is ICMPv6 of types 133 to 137 (RFC 4861).
#[must_use]
#[inline(always)]
pub fn is_discovery(key: &FlowKey) -> bool {
    key.ether_type == ether::IPV6
        && key.protocol == ip::ICMPV6
        && key.remote_port.wrapping_sub(133) < 5
}
