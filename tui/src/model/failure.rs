//! Why a device is not watched.

use std::fmt::{self, Display, Formatter};
use std::io;

use serde::{Deserialize, Serialize};

use super::HookPoint;

#[cfg(test)]
mod tests;

/// Why a device cannot be watched. As text it says what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WatchFailure {
    /// As many devices are watched as can be.
    Limit(u32),
    /// The kernel refuses the program at a hook.
    Hook {
        /// The hook.
        hook: HookPoint,
        /// The number of its error (errno(3)).
        errno: i32,
    },
    /// Anything else, in words.
    Other(String),
}

impl Display for WatchFailure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(devices) => write!(f, "the limit of {devices} watched devices is reached"),
            Self::Hook { hook, errno } => {
                let error = io::Error::from_raw_os_error(*errno);
                write!(f, "cannot attach to {hook}: {error}; {}", cure(*errno))
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// What the user can do about an error of attaching
/// (`netkit_dev_fetch()` in `drivers/net/netkit.c`, `kernel/bpf/mprog.c`).
const fn cure(errno: i32) -> &'static str {
    match errno {
        libc::EPERM => "run it as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON",
        libc::EACCES => "this is the peer of a netkit pair: name its primary",
        libc::ENODEV => "the device is gone: `ip link` lists those there are",
        libc::EINVAL => "this kernel does not have the hook: netkit needs 6.7, tcx 6.6",
        libc::EOPNOTSUPP => "this netkit device has no peer",
        libc::ERANGE => "the hook has as many programs as it can hold",
        libc::ESTALE => "others keep changing the programs of the hook; try it again",
        _ => "see the kernel log",
    }
}
