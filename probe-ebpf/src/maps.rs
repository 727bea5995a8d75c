//! The maps; `probe_common::map` has their names and meanings.

use aya_ebpf::{
    macros::map,
    maps::{Array, LpmTrie, PerCpuArray, RingBuf, lpm_trie::Key},
};
use probe_common::{
    Attachment, FlowKey, Settings, TotalsValue, limits,
    table::{Geometry, SLOTS, slot, tcp},
};

/// User space maps these into its memory (`BPF_F_MMAPABLE`).
const SHARED: u32 = 1 << 10;

/// What is left of this CPU's budget of events in an epoch.
#[repr(C)]
pub struct Budget {
    /// The epoch that the budget is for.
    pub epoch: u32,
    /// Events left for packets with a reason.
    pub events: u32,
    /// Events left for samples of the rest.
    pub samples: u32,
    /// Events left for each kind that no other may use up.
    pub kept: [u32; KEPT],
}

/// Kinds of packets that have a share of the events for themselves: a flow's
/// first SYN, RST, ICMP errors, DNS answers.
pub const KEPT: usize = 4;

#[map]
static ATTACHMENT: PerCpuArray<Attachment> = PerCpuArray::with_max_entries(1, 0);
#[map]
static SETTINGS: Array<Settings> = Array::with_max_entries(1, 0);
#[map]
static TOTALS: PerCpuArray<TotalsValue> = PerCpuArray::with_max_entries(limits::TOTALS, 0);
#[map]
static BUDGET: PerCpuArray<Budget> = PerCpuArray::with_max_entries(1, 0);
#[map]
static PREFIXES: LpmTrie<[u8; 16], u32> = LpmTrie::with_max_entries(limits::PREFIXES, 0);
// User space sets the sizes of these when it creates them.
#[map]
static TABLE: Array<[u64; SLOTS * slot::WORDS]> = Array::with_max_entries(8192, SHARED);
#[map]
static TCP: Array<[u64; SLOTS * tcp::WORDS]> = Array::with_max_entries(8192, SHARED);
#[map]
static DIRTY: Array<u64> = Array::with_max_entries(8192, SHARED);
#[map]
static GEOMETRY: Array<Geometry> = Array::with_max_entries(1, 0);
#[map]
pub static SOCKETS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);
#[map]
pub static PACKETS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// Which hook this packet is at: the program of the hook has just set it.
#[inline(always)]
pub fn attachment() -> Option<Attachment> {
    let pointer = ATTACHMENT.get_ptr(0)?;
    // SAFETY: the map gave the pointer, elements of an array map live as long as the
    // program, and a per-CPU element is written on this CPU alone.
    Some(unsafe { pointer.read_volatile() })
}

/// The settings now.
#[inline(always)]
pub fn settings() -> Option<Settings> {
    let pointer = SETTINGS.get_ptr(0)?;
    // SAFETY: as for the attachment. Volatile, since user space writes to it.
    Some(unsafe { pointer.read_volatile() })
}

/// This CPU's totals of the device, direction and epoch.
///
/// # Safety
/// No other reference to them is in use. Other CPUs have totals of their own, and
/// programs of this type do not interrupt each other.
#[inline(always)]
pub unsafe fn totals(epoch: u32, device: u32, side: u32) -> Option<&'static mut TotalsValue> {
    let pointer = TOTALS.get_ptr_mut(limits::totals_index(epoch, device, side))?;
    // SAFETY: elements of an array map live as long as the program; the rest is the
    // caller's.
    Some(unsafe { &mut *pointer })
}

/// This CPU's budget.
///
/// # Safety
/// As for the totals.
#[inline(always)]
pub unsafe fn budget() -> Option<&'static mut Budget> {
    let pointer = BUDGET.get_ptr_mut(0)?;
    // SAFETY: as for the totals.
    Some(unsafe { &mut *pointer })
}

/// A page of the flow table.
#[inline(always)]
pub fn page(row: u32) -> Option<*mut u64> {
    TABLE.get_ptr_mut(row).map(<*mut _>::cast)
}

/// The TCP lines of a page's slots.
#[inline(always)]
pub fn tcp_lines(row: u32) -> Option<*mut u64> {
    TCP.get_ptr_mut(row).map(<*mut _>::cast)
}

/// Which of a page's slots have counts.
#[inline(always)]
pub fn dirty(row: u32) -> Option<*mut u64> {
    DIRTY.get_ptr_mut(row)
}

/// Where flows are looked for.
#[inline(always)]
pub fn geometry() -> Option<*const Geometry> {
    GEOMETRY.get_ptr(0)
}

/// Whether one of the flow's ends is in one of the prefixes.
#[inline(always)]
pub fn is_in_prefixes(key: &FlowKey) -> bool {
    let is_in = |address| PREFIXES.get(Key::new(128, address)).is_some();
    is_in(key.local) || is_in(key.remote)
}
