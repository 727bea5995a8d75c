//! Why a device cannot be watched, or a rule not be put there, and what to do about it.

use std::io;

use crate::probe::object::ObjectError;
use crate::probe::sys::HookPoint;

/// Why a device cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The program could not be loaded.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The filters of a kernel without tcx were refused.
    #[error("{0:#}")]
    Filters(anyhow::Error),
    /// The namespace of the far end cannot be entered.
    #[error("cannot enter the namespace of the peer: {0:#}; it needs CAP_SYS_ADMIN")]
    Namespace(anyhow::Error),
    /// The hook refused it.
    #[error("cannot attach to {hook}: {error}; {cure}")]
    Hook {
        /// The hook.
        hook: HookPoint,
        /// The kernel's answer.
        error: io::Error,
        /// What to do.
        cure: &'static str,
    },
    /// Our own program is not on the hook, so that nothing can be put behind it.
    #[error("nkview's program is not on {0} any more")]
    Gone(HookPoint),
    /// Packets are counted at the far end of the pair, where none are dropped.
    #[error("--cover-redirect counts at the other end of the pair, where nothing can be blocked")]
    Elsewhere,
}

impl AttachError {
    pub(super) fn hook(hook: HookPoint, error: io::Error) -> Self {
        Self::Hook {
            hook,
            cure: cure(&error),
            error,
        }
    }

    /// Whether the hook refused it with this number of an error.
    pub(super) fn is(&self, number: i32) -> bool {
        matches!(self, Self::Hook { error, .. } if error.raw_os_error() == Some(number))
    }
}

/// What the user can do about an error of attaching
/// (`netkit_dev_fetch()` in `drivers/net/netkit.c`, `kernel/bpf/mprog.c`).
fn cure(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EPERM) => "run it as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON",
        Some(libc::EACCES) => "this is the peer of a netkit pair: name its primary",
        Some(libc::ENODEV) => "the device is gone: `ip link` lists those there are",
        Some(libc::EINVAL) => "this kernel does not have the hook: netkit needs 6.7, tcx 6.6",
        Some(libc::EOPNOTSUPP) => "this netkit device has no peer",
        Some(libc::ERANGE) => "the hook has as many programs as it can hold",
        Some(libc::ESTALE) => "others keep changing the programs of the hook; try it again",
        _ => "see the kernel log",
    }
}
