//! The maps; `probe_common::block::map` has their names and meanings.

use core::arch::asm;

use aya_ebpf::{
    macros::map,
    maps::{Array, LpmTrie, PerCpuArray, lpm_trie::Key},
};
use probe_common::{
    Attachment,
    block::{self, Blocked, Label, Terms, until},
};

#[map]
static ATTACHMENT: Array<Attachment> = Array::with_max_entries(1, 0);
#[map]
static TERMS: Array<Terms> = Array::with_max_entries(2, 0);
#[map]
static UNTIL: Array<u64> = Array::with_max_entries(2, 0);
#[map]
static ADDRESSES: LpmTrie<[u8; 16], u32> = LpmTrie::with_max_entries(block::PREFIXES, 0);
#[map]
static PORTS: Array<[u8; block::PORTS]> = Array::with_max_entries(1, 0);
#[map]
static BLOCKED: PerCpuArray<Blocked> = PerCpuArray::with_max_entries(1, 0);
/// Not read here: user space binds it to the program.
#[map]
static LABEL: Array<Label> = Array::with_max_entries(1, 0);

/// Which hook this copy is on; user space may change the verdict at any time.
#[inline(always)]
pub fn attachment() -> Option<Attachment> {
    let pointer = ATTACHMENT.get_ptr(0)?;
    // SAFETY: the map gave the pointer, and elements of an array map live as
    // long as the program. Volatile, since user space writes to it.
    Some(unsafe { pointer.read_volatile() })
}

/// What packets of a direction must be to match.
#[inline(always)]
pub fn terms(direction: u32) -> Option<&'static Terms> {
    let pointer = TERMS.get_ptr(direction)?;
    // SAFETY: as above; the map is frozen, so that nobody writes to it.
    Some(unsafe { &*pointer })
}

/// When the rule ends; 0 where it is lifted, or not known.
#[inline(always)]
pub fn until() -> u64 {
    let (Some(deadline), Some(lease)) =
        (UNTIL.get_ptr(until::DEADLINE), UNTIL.get_ptr(until::LEASE))
    else {
        return 0;
    };
    // SAFETY: as for the attachment. Each is one word: read as a whole.
    let (deadline, lease) = unsafe { (deadline.read_volatile(), lease.read_volatile()) };
    if lease < deadline { lease } else { deadline }
}

/// This CPU's count.
///
/// # Safety
/// No other reference to it is in use. Other CPUs have counts of their own, and
/// programs of this type do not interrupt each other.
#[inline(always)]
pub unsafe fn blocked() -> Option<&'static mut Blocked> {
    let pointer = BLOCKED.get_ptr_mut(0)?;
    // SAFETY: elements of an array map live as long as the program; the rest is the
    // caller's.
    Some(unsafe { &mut *pointer })
}

/// The sets of the rule.
pub struct Sets;

impl block::Sets for Sets {
    #[inline(always)]
    fn of_address(&self, address: [u8; 16]) -> u32 {
        ADDRESSES.get(Key::new(128, address)).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn of_port(&self, port: u16) -> u32 {
        const LAST: i32 = block::PORTS as i32 - 1;
        let Some(sets) = PORTS.get_ptr(0) else {
            return 0;
        };
        let at = self.masked::<LAST>(u64::from(port)) as usize;
        // SAFETY: there are as many as the mask allows; the map is frozen.
        unsafe { sets.cast::<u8>().add(at).read() }.into()
    }

    /// The compiler must not see through it: it would move the mask away from where the
    /// verifier looks, and older kernels lose the bounds of what was on the stack.
    #[inline(always)]
    fn masked<const MASK: i32>(&self, mut number: u64) -> u64 {
        // SAFETY: it only masks a register.
        unsafe { asm!("{n} &= {mask}", n = inout(reg) number, mask = const MASK) };
        number
    }
}
