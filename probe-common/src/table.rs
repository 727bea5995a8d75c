//! The layout of the flow table, which the programs and user space write at the
//! same time. `ARCHITECTURE.md` has the protocol.
//!
//! All is in words of 64 bits, in host byte order. A slot is two cache lines, a
//! page 32 slots. What only TCP needs is in a line of its own in another array,
//! at the slot's number.

use crate::FlowKey;

pub mod protocol;

/// Slots of a page.
pub const SLOTS: usize = 32;
/// Slots that are tried one after the other, in each of two pages.
pub const PROBES: u64 = 8;

/// Words of a slot.
pub mod slot {
    /// Its length.
    pub const WORDS: usize = 16;
    /// [`state`](super::state) and the tag.
    pub const STATE: usize = 0;
    /// The packed key, of which the last half word shares its word with the flags.
    pub const KEY: usize = 1;
    /// The key's last 32 bits in the lower half. In the upper one a byte of or-ed
    /// TCP flags for each parity of the epoch and direction: `parity * 2 + direction`.
    pub const FLAGS: usize = KEY + super::KEY_WORDS - 1;
    /// For each direction 32 bits: the largest packet << 8 | the last hop limit.
    pub const META: usize = 7;
    /// For each direction the packed counts of either parity and what they have
    /// passed on: see [`hot`] and [`more`].
    pub const COUNTS: usize = 8;

    /// Packets << [`BYTES`](super::BYTES) | bytes.
    #[must_use]
    #[inline(always)]
    pub const fn hot(direction: usize, parity: usize) -> usize {
        COUNTS + direction * 4 + parity
    }

    /// Halves of the range of bytes << 52 | halves of that of packets << 40 |
    /// segments beyond one a packet.
    #[must_use]
    #[inline(always)]
    pub const fn more(direction: usize, parity: usize) -> usize {
        COUNTS + direction * 4 + 2 + parity
    }
}

/// Words of a slot's TCP line; each direction has half of it.
pub mod tcp {
    /// Its length.
    pub const WORDS: usize = 8;
    /// The words of one direction.
    pub const DIRECTION: usize = 4;
    /// The end of the highest sequence number | the last acknowledgment << 32.
    /// Lasting, as long as the slot has the flow.
    pub const SEQUENCE: usize = 0;
    /// Retransmitted segments << 40 | their bytes.
    pub const RETRANSMITTED: usize = 1;
    /// Gaps << 44 | duplicate acknowledgments << 20 | zero windows.
    pub const ODD: usize = 2;
    /// The last window, 16 bits | [`seen`], 8 bits | spare, 8 bits | SYN, SYN-ACK,
    /// FIN, RST, 8 bits each. All but the counts are lasting.
    pub const LAST: usize = 3;

    /// Bits of a direction's lasting state.
    pub mod seen {
        /// SEQUENCE has the end of a sequence number.
        pub const SEQUENCE: u8 = 1;
        /// SEQUENCE has an acknowledgment, and LAST a window.
        pub const ACK: u8 = 2;
        /// The direction's SYN.
        pub const SYN: u8 = 4;
        /// A segment with data.
        pub const DATA: u8 = 8;
        /// An acknowledgment without SYN: the handshake is over.
        pub const HANDSHAKE: u8 = 16;
        /// The direction's SYN had no ACK: it opened the connection.
        pub const CLIENT: u8 = 32;
    }

    /// Where in ODD the counts begin, and the bit at which each stops growing.
    pub const GAPS: (u32, u64) = (44, 1 << 63);
    /// As for gaps.
    pub const DUPLICATE_ACKS: (u32, u64) = (20, 1 << 43);
    /// As for gaps.
    pub const ZERO_WINDOWS: (u32, u64) = (0, 1 << 19);
    /// Retransmitted bytes are below this bit, segments from it on.
    pub const RETRANSMITTED_BYTES: u32 = 40;
    /// The upper bits of both counts in RETRANSMITTED.
    pub const RETRANSMITTED_FULL: u64 = 1 << 63 | 1 << 39;
    /// Where in LAST the counts of SYN, SYN-ACK, FIN and RST begin.
    pub const FLAGS: u32 = 32;
}

/// The upper half of STATE; the lower one is the tag, the hash's upper half.
pub mod state {
    /// Nobody's. The whole word is 0.
    pub const EMPTY: u64 = 0;
    /// A program writes the key.
    pub const BUSY: u64 = 1 << 32;
    /// It has a flow.
    pub const LIVE: u64 = 2 << 32;
    /// User space has retired the flow: programs no longer find it, but those that
    /// have found it may still add to it.
    pub const RETIRED: u64 = 3 << 32;
}

/// Bits of a hot word that count bytes; the upper ones count packets.
pub const BYTES: u32 = 38;
/// The upper halves of the two ranges of a hot word. The program whose add makes
/// one of these bits 1 moves it to `more`, so that no field ever overflows.
pub const HALVES: u64 = 1 << 63 | 1 << (BYTES - 1);
/// Where `more` counts halves of the range of packets.
pub const PACKET_HALVES: u32 = 40;
/// Where `more` counts halves of the range of bytes.
pub const BYTE_HALVES: u32 = 52;

/// Packets, bytes and extra segments of a direction's two words.
#[must_use]
pub const fn unpack_counts(hot: u64, more: u64) -> (u64, u64, u64) {
    let packets = (hot >> BYTES) + ((more >> PACKET_HALVES & 0xfff) << (63 - BYTES));
    let bytes = (hot & ((1 << BYTES) - 1)) + ((more >> BYTE_HALVES) << (BYTES - 1));
    (packets, bytes, more & ((1 << PACKET_HALVES) - 1))
}

/// Words of a packed key; of the last one only the lower half is used.
pub const KEY_WORDS: usize = 6;

/// What the programs must know to find a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Geometry {
    /// Pages that a flow is looked for in first. User space keeps them few, so
    /// that few flows do not lie far apart.
    pub pages: u32,
    /// All pages of the table.
    pub total: u32,
    /// Random numbers.
    pub seeds: [u64; SEEDS],
}

/// Seeds of the hash.
pub const SEEDS: usize = 2 * KEY_WORDS + 1;

impl FlowKey {
    /// The key in 44 bytes: devices have 10 bits, VLANs 12 each, flags 4.
    #[must_use]
    #[inline(always)]
    pub const fn pack(&self) -> [u64; KEY_WORDS] {
        let [local_high, local_low] = halves(self.local);
        let [remote_high, remote_low] = halves(self.remote);
        [
            local_high,
            local_low,
            remote_high,
            remote_low,
            self.device as u64 & 0x3ff
                | (self.vlan as u64 & 0xfff) << 10
                | (self.inner_vlan as u64 & 0xfff) << 22
                | (self.local_port as u64) << 34
                | (self.protocol as u64) << 50
                | (self.flags as u64) << 58,
            self.ether_type as u64 | (self.remote_port as u64) << 16,
        ]
    }

    /// The key of packed words.
    #[must_use]
    #[inline(always)]
    pub fn unpack(words: [u64; KEY_WORDS]) -> Self {
        let [local_high, local_low, remote_high, remote_low, ids, end] = words;
        Self {
            local: join([local_high, local_low]),
            remote: join([remote_high, remote_low]),
            device: (ids & 0x3ff) as u32,
            vlan: (ids >> 10 & 0xfff) as u16,
            inner_vlan: (ids >> 22 & 0xfff) as u16,
            local_port: (ids >> 34) as u16,
            protocol: (ids >> 50) as u8,
            flags: (ids >> 58) as u8,
            ether_type: end as u16,
            remote_port: (end >> 16) as u16,
        }
    }
}

#[inline(always)]
const fn halves(address: [u8; 16]) -> [u64; 2] {
    let whole = u128::from_ne_bytes(address);
    [whole as u64, (whole >> 64) as u64]
}

#[inline(always)]
fn join(halves: [u64; 2]) -> [u8; 16] {
    (u128::from(halves[0]) | u128::from(halves[1]) << 64).to_ne_bytes()
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
