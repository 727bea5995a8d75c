//! The maps; `probe_common::map` has their names and meanings.

use aya_ebpf::{
    bindings::BPF_NOEXIST,
    macros::map,
    maps::{Array, HashMap, LpmTrie, PerCpuArray, RingBuf, lpm_trie::Key},
};
use probe_common::{Attachment, FlowKey, MapValue, Settings, TotalsValue, limits};

/// What is left of this CPU's budget of events in an epoch.
#[repr(C)]
pub struct Budget {
    /// The epoch that the budget is for.
    pub epoch: u32,
    /// Events left for packets that deserve one.
    pub events: u32,
    /// Events left for samples of the rest.
    pub samples: u32,
}

#[map]
static ATTACHMENT: Array<Attachment> = Array::with_max_entries(1, 0);
#[map]
static SETTINGS: Array<Settings> = Array::with_max_entries(1, 0);
#[map]
static TOTALS: PerCpuArray<TotalsValue> = PerCpuArray::with_max_entries(limits::TOTALS, 0);
#[map]
static ZEROS: Array<MapValue> = Array::with_max_entries(1, 0);
#[map]
static BUDGET: PerCpuArray<Budget> = PerCpuArray::with_max_entries(1, 0);
#[map]
static PREFIXES: LpmTrie<[u8; 16], u32> = LpmTrie::with_max_entries(limits::PREFIXES, 0);
// User space sets the sizes of these when it creates them.
#[map]
static FLOWS_EVEN: HashMap<FlowKey, MapValue> = HashMap::with_max_entries(1 << 17, 0);
#[map]
static FLOWS_ODD: HashMap<FlowKey, MapValue> = HashMap::with_max_entries(1 << 17, 0);
#[map]
pub static PACKETS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// Who this copy of the program is; user space may change the verdict at any
/// time.
#[inline(always)]
pub fn attachment() -> Option<Attachment> {
    let pointer = ATTACHMENT.get_ptr(0)?;
    // SAFETY: the map gave the pointer, and elements of an array map live as
    // long as the program. Volatile, since user space writes to it.
    Some(unsafe { pointer.read_volatile() })
}

/// The settings now.
#[inline(always)]
pub fn settings() -> Option<Settings> {
    let pointer = SETTINGS.get_ptr(0)?;
    // SAFETY: as for the attachment.
    Some(unsafe { pointer.read_volatile() })
}

/// This CPU's totals of the device, direction and epoch.
#[inline(always)]
pub fn totals(epoch: u32, device: u32, side: u32) -> Option<&'static mut TotalsValue> {
    let pointer = TOTALS.get_ptr_mut(limits::totals_index(epoch, device, side))?;
    // SAFETY: elements of an array map live as long as the program, and a
    // per-CPU element is written by the program that runs on this CPU alone.
    Some(unsafe { &mut *pointer })
}

/// This CPU's budget.
#[inline(always)]
pub fn budget() -> Option<&'static mut Budget> {
    let pointer = BUDGET.get_ptr_mut(0)?;
    // SAFETY: as for the totals.
    Some(unsafe { &mut *pointer })
}

/// The flow's counters in this epoch.
///
/// Two calls, so that each has a constant map, which the kernel's JIT inlines.
#[inline(always)]
pub fn flow(epoch: u32, key: &FlowKey) -> Option<*mut MapValue> {
    if epoch & 1 == 0 {
        FLOWS_EVEN.get_ptr_mut(key)
    } else {
        FLOWS_ODD.get_ptr_mut(key)
    }
}

/// Adds a flow without counts to this epoch; an error when it is there or when
/// there is no room.
#[inline(always)]
pub fn insert(epoch: u32, key: &FlowKey) -> Result<(), i32> {
    let zeros = ZEROS.get(0).ok_or(0)?;
    let flags = u64::from(BPF_NOEXIST);
    if epoch & 1 == 0 {
        FLOWS_EVEN.insert(key, zeros, flags)
    } else {
        FLOWS_ODD.insert(key, zeros, flags)
    }
}

/// Whether one of the flow's ends is in one of the prefixes.
#[inline(always)]
pub fn is_in_prefixes(key: &FlowKey) -> bool {
    let is_in = |address| PREFIXES.get(Key::new(128, address)).is_some();
    is_in(key.local) || is_in(key.remote)
}
