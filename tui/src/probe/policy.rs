//! What a program of ours has to return, so that each packet's fate is as it
//! would be without.
//!
//! A program that returns NEXT leaves the verdict to the programs behind it.
//! With none behind it, NEXT lets the packet pass (`netkit_run()` in
//! `drivers/net/netkit.c`), which would open a hook that is closed by its policy
//! (blackhole). There the program drops the packet, as the policy would, for as
//! long as no other program is there. Of several nkviews the last one does that:
//! those before it leave the packet to it, and all of them count it.

use probe_common::verdict;

use super::change::Program;
use super::devices::{BLACKHOLE, Link};
use crate::sys::HookPoint;

#[cfg(test)]
mod tests;

/// Whether a hook of the device is closed by its policy, which can change at any
/// time (`netkit_change_link()`). Only netkit's have one.
#[must_use]
pub fn is_closed(link: &Link, hook: HookPoint) -> bool {
    link.netkit().is_some_and(|pair| match hook {
        HookPoint::NetkitPrimary => pair.policy == BLACKHOLE,
        HookPoint::NetkitPeer => pair.peer_policy == BLACKHOLE,
        HookPoint::TcxIngress
        | HookPoint::TcxEgress
        | HookPoint::ClsactIngress
        | HookPoint::ClsactEgress => false,
    })
}

/// Whether one of the device's hooks is.
#[must_use]
pub fn has_closed_hook(link: &Link) -> bool {
    is_closed(link, HookPoint::NetkitPrimary) || is_closed(link, HookPoint::NetkitPeer)
}

/// The verdict of the counting program with the id `ours` in a chain. Programs that
/// drop packets by a rule open nothing and are as good as not there. Without
/// `CAP_SYS_ADMIN` another nkview has no name, and is taken for another program.
#[must_use]
pub fn verdict(is_closed: bool, chain: &[Program], ours: u32) -> i32 {
    let mut counting = chain.iter().filter(|program| !program.is_block());
    let is_last = counting
        .next_back()
        .is_some_and(|program| program.id() == ours);
    if is_last {
        if_alone(is_closed, chain, ours)
    } else {
        verdict::NEXT
    }
}

/// The verdict of a program that drops packets by a rule, for all others. It does not
/// rely on the counting program, which may be taken off first.
#[must_use]
pub fn block_verdict(is_closed: bool, chain: &[Program], ours: u32) -> i32 {
    if_alone(is_closed, chain, ours)
}

/// What the policy would do, where nobody but nkviews is on the hook. `ours` is the
/// counting program, whose name need not be known.
fn if_alone(is_closed: bool, chain: &[Program], ours: u32) -> i32 {
    let is_nkview =
        |program: &Program| program.id() == ours || program.is_nkview() || program.is_block();
    if is_closed && chain.iter().all(is_nkview) {
        verdict::DROP
    } else {
        verdict::NEXT
    }
}

/// The program behind which a rule is to be: behind our counting program, and those
/// of other nkviews that follow it, so that what is dropped is counted by all.
#[must_use]
pub fn anchor(chain: &[Program], ours: u32) -> Option<u32> {
    let place = chain.iter().position(|program| program.id() == ours)?;
    let mut behind = chain[place + 1..].iter();
    let counting = behind.by_ref().take_while(|program| program.is_nkview());
    Some(counting.last().map_or(ours, Program::id))
}
