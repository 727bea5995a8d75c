//! What this kernel and this user can do, and what to do about what they
//! cannot. Things are tried first; why they failed is asked only then.

use std::{fs, io};

use anyhow::{Context, anyhow};

use super::object::ObjectError;
use super::privileges;
use super::sys::{self, HookPoint};

/// The loopback device, which every namespace has, by its index.
const LOOPBACK: u32 = 1;

/// What to do where there is no netkit.
pub const NO_NETKIT: &str = "this kernel has no netkit (it came with Linux 6.7, as CONFIG_NETKIT); \
                             any device can be watched: choose some here";

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
/// (`EINVAL`). Nothing where the user may not ask.
#[must_use]
pub fn has(hook: HookPoint) -> Option<bool> {
    let error = sys::chain(LOOPBACK, hook).err();
    match error.and_then(|error| error.raw_os_error()) {
        Some(libc::EINVAL) => Some(false),
        Some(libc::EPERM) => None,
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

/// The capabilities that are missing, by name.
#[must_use]
pub fn missing_capabilities() -> Vec<&'static str> {
    let missing = privileges::missing(&privileges::NEEDED);
    missing.iter().map(|(_, name, _)| *name).collect()
}

/// Whether this user namespace is not the first, in which users are themselves
/// (user_namespaces(7)).
fn in_user_namespace() -> bool {
    const EVERYBODY: [&str; 3] = ["0", "0", "4294967295"];
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| !map.split_whitespace().eq(EVERYBODY))
}

/// Why the programs could not be made ready, and the cure.
#[must_use]
pub fn explain(error: ObjectError) -> anyhow::Error {
    let kind = error.os_error().map(io::Error::kind);
    if kind == Some(io::ErrorKind::PermissionDenied) {
        let missing = missing_capabilities();
        if !missing.is_empty() {
            return anyhow!(
                "cannot load the eBPF programs: {} missing; start it with sudo, or give the \
                 binary what it needs: setcap cap_bpf,cap_perfmon,cap_net_admin+ep nkview",
                missing.join(", ")
            );
        }
        if in_user_namespace() {
            return anyhow!(
                "cannot load the eBPF programs: in a user namespace, such as a rootless \
                 container's, capabilities do not count for them; start nkview outside of it"
            );
        }
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
