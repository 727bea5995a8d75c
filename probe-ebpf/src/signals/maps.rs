//! The maps; `probe_common::signal::name` has their meanings.

use core::arch::asm;

use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, PerCpuArray, RingBuf},
};
use probe_common::signal::{
    DropKey, DropValue, FLOW_DROPS_MAX, FLOWS_A_PERIOD, FlowDropKey, PLACES_MAX, PlaceName,
    RING_BYTES, Tally,
};

/// What is left of this CPU's budget of flows.
#[repr(C)]
pub struct Budget {
    /// The period that it is for.
    period: u32,
    /// Flows left.
    flows: u32,
}

#[map]
static PERIOD: Array<u32> = Array::with_max_entries(1, 0);
#[map]
static TALLY: PerCpuArray<Tally> = PerCpuArray::with_max_entries(1, 0);
#[map]
static BUDGET: PerCpuArray<Budget> = PerCpuArray::with_max_entries(1, 0);
#[map]
pub static DROPS: HashMap<DropKey, DropValue> = HashMap::with_max_entries(PLACES_MAX, 0);
#[map]
pub static FLOW_DROPS: HashMap<FlowDropKey, u64> = HashMap::with_max_entries(FLOW_DROPS_MAX, 0);
#[map]
pub static PLACES: HashMap<u64, PlaceName> = HashMap::with_max_entries(PLACES_MAX, 0);
#[map]
pub static SIGNALS: RingBuf = RingBuf::with_byte_size(RING_BYTES, 0);

/// This CPU's tally.
#[inline(always)]
pub fn tally(add: impl FnOnce(&mut Tally)) {
    if let Some(tally) = TALLY.get_ptr_mut(0) {
        // SAFETY: elements of an array live as long as the program, and this CPU's
        // is written here alone: a tracing program does not interrupt itself, and
        // what another one of these loses to it is a count of what was not seen.
        add(unsafe { &mut *tally });
    }
}

/// Takes one flow from this CPU's budget; false when it is used up.
#[inline(always)]
pub fn take_flow() -> bool {
    let (Some(period), Some(budget)) = (PERIOD.get_ptr(0), BUDGET.get_ptr_mut(0)) else {
        return false;
    };
    // SAFETY: as for the tally; volatile, since user space writes the period.
    let (period, budget) = unsafe { (period.read_volatile(), &mut *budget) };
    if budget.period != period {
        budget.period = period;
        budget.flows = FLOWS_A_PERIOD;
    }
    if budget.flows == 0 {
        return false;
    }
    budget.flows -= 1;
    true
}

/// `AtomicU64::fetch_add` does not compile for the BPF target.
///
/// # Safety
/// `pointer` is valid for writes and aligned.
#[inline(always)]
pub unsafe fn increment(pointer: *mut u64) {
    // SAFETY: the caller's.
    unsafe {
        asm!("lock *(u64 *)({pointer} + 0) += {one}", pointer = in(reg) pointer, one = in(reg) 1u64);
    }
}
