//! What this process may do, and giving up what it does not need
//! (capabilities(7)).
//!
//! Capabilities are each thread's own and pass on to the threads that it
//! starts. So they are given up once, by the first thread, before there is
//! another: files of others that have to be read are read before.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, no_new_privs,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

#[cfg(test)]
mod tests;

/// A capability, its name, and what it is kept for.
pub type Capability = (CapabilitySet, &'static str, &'static str);

/// Without these nothing can be watched. They are needed for as long as devices
/// may come and have to be let go.
pub const NEEDED: [Capability; 3] = [
    (
        CapabilitySet::BPF,
        "CAP_BPF",
        "to load programs and make maps",
    ),
    (
        CapabilitySet::PERFMON,
        "CAP_PERFMON",
        "for the verifier to accept how the programs read packets",
    ),
    (
        CapabilitySet::NET_ADMIN,
        "CAP_NET_ADMIN",
        "to attach to devices, make the pair and remove it",
    ),
];

/// Without these some things are not known. (Before 5.8, and still,
/// `CAP_SYS_ADMIN` also stands for the first two that are needed.)
pub const HELPFUL: [Capability; 2] = [
    (
        CapabilitySet::SYS_ADMIN,
        "CAP_SYS_ADMIN",
        "the names of other programs, what the programs cost, and other network namespaces",
    ),
    (
        CapabilitySet::SYS_PTRACE,
        "CAP_SYS_PTRACE",
        "the containers behind the devices",
    ),
];

/// What the demo's actors need besides: raw sockets for their pings, and the
/// ports of well-known services.
const ACTING: CapabilitySet = CapabilitySet::NET_RAW.union(CapabilitySet::NET_BIND_SERVICE);

/// What watching makes use of.
#[must_use]
pub fn for_watching() -> CapabilitySet {
    let kept = NEEDED.iter().chain(&HELPFUL);
    kept.map(|&(capability, ..)| capability).collect()
}

/// What watching and playing the demo make use of.
#[must_use]
pub fn for_demo() -> CapabilitySet {
    for_watching() | ACTING
}

/// Whether the process was started with `no_new_privs`, as far as that was looked
/// at: from [`give_up_all_but`] on it is set in any case.
static HAD_NO_NEW_PRIVS: AtomicBool = AtomicBool::new(false);

/// Whether it was started with `no_new_privs`: sudo and the capabilities of files
/// had no effect then.
#[must_use]
pub fn had_no_new_privs() -> bool {
    HAD_NO_NEW_PRIVS.load(Ordering::Relaxed)
}

/// Gives up all that is not in `keep`, for this thread and those that it will
/// start, and the ways to gain anything: by running another program, or from
/// the inheritable, ambient and bounding sets.
///
/// # Errors
/// The kernel's. What was not given up is still there.
pub fn give_up_all_but(keep: CapabilitySet) -> io::Result<()> {
    if no_new_privs()? {
        HAD_NO_NEW_PRIVS.store(true, Ordering::Relaxed);
    }
    set_no_new_privs(true)?;
    clear_ambient_capability_set()?;
    let sets = capabilities(None)?;
    // Nothing is ever run that could gain from it. Only who has CAP_SETPCAP can
    // take from this set, and without no_new_privs only root could gain from it.
    if sets.effective.contains(CapabilitySet::SETPCAP) {
        for number in 0..u64::BITS {
            let capability = CapabilitySet::from_bits_retain(1 << number);
            match remove_capability_from_bounding_set(capability) {
                Ok(()) => {}
                // The kernel knows no more.
                Err(Errno::INVAL) => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
    let kept = sets.permitted & keep;
    set_capabilities(
        None,
        CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    Ok(())
}

/// Those of `wanted` that this thread does not have.
#[must_use]
pub fn missing(wanted: &'static [Capability]) -> Vec<&'static Capability> {
    let Ok(sets) = capabilities(None) else {
        return Vec::new();
    };
    let stands_for = CapabilitySet::BPF | CapabilitySet::PERFMON;
    let has = |capability: CapabilitySet| {
        sets.effective.contains(capability)
            || (stands_for.contains(capability)
                && sets.effective.contains(CapabilitySet::SYS_ADMIN))
    };
    let missing = wanted.iter().filter(|(capability, ..)| !has(*capability));
    missing.collect()
}

/// What this thread may do, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    capabilities: CapabilitySet,
    can_gain: bool,
}

impl Held {
    /// As the kernel says.
    ///
    /// # Errors
    /// The kernel's.
    pub fn now() -> io::Result<Self> {
        Ok(Self {
            capabilities: capabilities(None)?.permitted,
            can_gain: !no_new_privs()?,
        })
    }
}

impl fmt::Display for Held {
    /// The capabilities by name, and what else there is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut others = self.capabilities;
        let mut separator = "";
        for (capability, name, _) in NEEDED.iter().chain(&HELPFUL) {
            if others.contains(*capability) {
                write!(f, "{separator}{name}")?;
                separator = ", ";
                others -= *capability;
            }
        }
        match (separator.is_empty(), others.bits().count_ones()) {
            (true, 0) => f.write_str("no capabilities")?,
            (_, 0) => {}
            (_, number) => write!(f, "{separator}{number} others")?,
        }
        f.write_str(if self.can_gain {
            "; more can be gained"
        } else {
            "; the rest cannot be gained (no_new_privs)"
        })
    }
}
