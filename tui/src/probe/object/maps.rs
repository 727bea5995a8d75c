//! The maps of the program that counts.

use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, MapData, MapError, PerCpuArray, RingBuf};
use ipnet::IpNet;
use probe_common::table::Geometry;
use probe_common::{Settings, TotalsValue};

use crate::probe::flow_table::FlowTable;

/// A map with integers of one width as its value, as bytes of that layout.
pub type Words<const N: usize> = Array<MapData, [u32; N]>;

/// The maps of the program that counts.
pub struct Maps {
    /// The flow table.
    pub table: FlowTable,
    /// Socket records from the programs.
    pub sockets: RingBuf<MapData>,
    pub(super) geometry: Array<MapData, [u64; GEOMETRY_WORDS]>,
    pub(super) settings: Words<SETTINGS_WORDS>,
    pub(super) totals: PerCpuArray<MapData, [u64; TOTALS_WORDS]>,
    pub(super) prefixes: LpmTrie<MapData, [u8; 16], u32>,
    /// The events' budgets and the maps of the table: the programs' while they live.
    pub(super) _private: [MapData; 4],
}

const SETTINGS_WORDS: usize = size_of::<Settings>() / size_of::<u32>();
const GEOMETRY_WORDS: usize = size_of::<Geometry>() / size_of::<u64>();
const TOTALS_WORDS: usize = size_of::<TotalsValue>() / size_of::<u64>();

impl Maps {
    /// Sets them for all hooks.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_settings(&mut self, settings: Settings) -> Result<(), MapError> {
        self.settings
            .set(0, bytemuck::cast::<_, [u32; SETTINGS_WORDS]>(settings), 0)
    }

    /// Sets where flows are looked for, which [`FlowTable`] has decided.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_geometry(&mut self) -> Result<(), MapError> {
        let geometry = self.table.geometry();
        self.geometry
            .set(0, bytemuck::cast::<_, [u64; GEOMETRY_WORDS]>(geometry), 0)
    }

    /// Replaces the prefixes. The programs must not be looking at them.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_prefixes(&mut self, prefixes: &[IpNet]) -> Result<(), MapError> {
        let old: Vec<_> = self.prefixes.keys().collect::<Result<_, _>>()?;
        for key in old {
            self.prefixes.remove(&key)?;
        }
        for prefix in prefixes {
            self.prefixes.insert(&trie_key(prefix), 0, 0)?;
        }
        Ok(())
    }

    /// One entry of TOTALS, summed over the CPUs.
    ///
    /// # Errors
    /// The kernel's.
    pub fn totals(&self, index: u32) -> Result<TotalsValue, MapError> {
        Ok(sum(&self.totals_by_cpu(index)?))
    }

    /// One entry of TOTALS, by the number of the CPU.
    ///
    /// # Errors
    /// The kernel's.
    pub fn totals_by_cpu(&self, index: u32) -> Result<Vec<TotalsValue>, MapError> {
        let cpus = self.totals.get(&index, 0)?;
        Ok(cpus.iter().map(|words| bytemuck::cast(*words)).collect())
    }
}

/// Bytes of the ring for sockets: a record of each flow within bounds. It is
/// emptied once an interval, and what finds no room is reported in the next.
pub fn socket_bytes(flows: u32) -> u32 {
    const RANGE: [u32; 2] = [1 << 16, 1 << 22];
    let bytes = flows.saturating_mul(72).min(RANGE[1]);
    bytes.next_power_of_two().max(RANGE[0])
}

/// All CPUs together.
#[must_use]
pub fn sum(cpus: &[TotalsValue]) -> TotalsValue {
    let mut sum = [0; TOTALS_WORDS];
    for cpu in cpus {
        let words: [u64; TOTALS_WORDS] = bytemuck::cast(*cpu);
        for (sum, word) in sum.iter_mut().zip(words) {
            *sum += word;
        }
    }
    bytemuck::cast(sum)
}

/// A prefix of addresses as flow keys have them: IPv4 as mapped into IPv6. A
/// short IPv6 prefix then holds IPv4 addresses, too; the filter that comes behind
/// knows better.
pub fn trie_key(prefix: &IpNet) -> Key<[u8; 16]> {
    /// Bits before a mapped IPv4 address (RFC 4291, 2.5.5.2).
    const MAPPED: u32 = 96;
    match prefix {
        IpNet::V4(v4) => Key::new(
            MAPPED + u32::from(v4.prefix_len()),
            v4.network().to_ipv6_mapped().octets(),
        ),
        IpNet::V6(v6) => Key::new(u32::from(v6.prefix_len()), v6.network().octets()),
    }
}
