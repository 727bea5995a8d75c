//! What keeps the verifier from following each way through a program by itself.

use core::arch::asm;

/// Adding and subtracting something unknown leaves any 15 bits as far as the
/// verifier can tell, so that it does not verify what follows once for each way
/// that leads there. The headers that are walked end before.
///
/// This also helps kernels before 6.8, which lose the bounds of what was on the stack.
#[inline(always)]
pub fn bounded(offset: usize, unknown: u64) -> usize {
    let mut bounded = offset as u64;
    // SAFETY: it only computes in registers.
    unsafe {
        asm!(
            "{bounded} += {unknown}",
            "{bounded} -= {unknown}",
            "{bounded} &= 0x7fff",
            bounded = inout(reg) bounded,
            unknown = in(reg) unknown,
        );
    }
    bounded as usize
}
