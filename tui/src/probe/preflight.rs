//! What this kernel and this user can do, and what to do about what they
//! cannot. Things are tried first; why they failed is asked only then.

use std::fs;

use anyhow::{Context, anyhow};

use super::object::ObjectError;
use super::refusal::Limits;
use crate::sys::{self, HookPoint};

/// The loopback device, which every namespace has, by its index.
const LOOPBACK: u32 = 1;

/// What netkit takes, where there is none.
pub const NO_NETKIT: &str = "this kernel has no netkit (it came with Linux 6.7, as CONFIG_NETKIT)";

/// Whether the kernel has the netkit hooks, as far as can be determined.
#[must_use]
pub fn has_netkit() -> bool {
    has(HookPoint::NetkitPrimary).unwrap_or(true)
}

/// Whether the kernel has the tcx hooks, as far as can be determined.
#[must_use]
pub fn has_tcx() -> bool {
    has(HookPoint::TcxIngress).unwrap_or(true)
}

/// Whether the kernel has the hook: it does not understand the question then
/// (`EINVAL`). Nothing where it does not answer, or this process may not ask.
#[must_use]
pub fn has(hook: HookPoint) -> Option<bool> {
    let error = sys::chain(LOOPBACK, hook).err();
    match error.and_then(|error| error.raw_os_error()) {
        Some(libc::EINVAL) => Some(false),
        Some(libc::EPERM | libc::EACCES | libc::ENOSYS) => None,
        _ => Some(true),
    }
}

/// The possible CPUs: a per-CPU map has a value for each.
const POSSIBLE_CPUS: &str = "/sys/devices/system/cpu/possible";

/// Makes sure that counters by CPU can be read.
///
/// # Errors
/// When the file that it takes cannot be read, as in a bare chroot.
pub fn check_sysfs() -> anyhow::Result<()> {
    fs::read(POSSIBLE_CPUS).map(drop).with_context(|| {
        format!("cannot read {POSSIBLE_CPUS}, which counting needs; mount sysfs on /sys")
    })
}

/// Why the programs could not be made ready, and the cure.
#[must_use]
pub fn explain(error: ObjectError) -> anyhow::Error {
    if let Some(reason) = error
        .os_error()
        .and_then(|error| Limits::now().of_bpf(error))
    {
        return anyhow!("cannot load the eBPF programs: {reason}");
    }
    let release = rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned();
    anyhow::Error::new(error).context(format!(
        "cannot set up the eBPF programs on Linux {release}; nkview needs 5.12 for atomic \
         operations, 6.6 for tcx and 6.7 for netkit"
    ))
}
