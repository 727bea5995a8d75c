//! Why a device cannot be watched, or a rule not be put there, and what to do about it.

use std::io;

use crate::model::WatchFailure;
use crate::probe::object::ObjectError;
use crate::sys::HookPoint;

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
    #[error("{}", refusal(*hook, error))]
    Hook {
        /// The hook.
        hook: HookPoint,
        /// The kernel's answer.
        error: io::Error,
    },
    /// Our own program is not on the hook, so that nothing can be put behind it.
    #[error("nkview's program is not on {0} any more")]
    Gone(HookPoint),
    /// Packets are counted at the far end of the pair, where none are dropped.
    #[error("--cover-redirect counts at the other end of the pair, where nothing can be blocked")]
    Elsewhere,
}

impl AttachError {
    pub(super) const fn hook(hook: HookPoint, error: io::Error) -> Self {
        Self::Hook { hook, error }
    }

    /// The same for the consumer, where it says all.
    pub fn failure(&self) -> WatchFailure {
        match self {
            Self::Hook { hook, error } => refusal(*hook, error),
            other => WatchFailure::Other(other.to_string()),
        }
    }

    /// Whether the hook refused it with this number of an error.
    pub(super) fn is(&self, number: i32) -> bool {
        matches!(self, Self::Hook { error, .. } if error.raw_os_error() == Some(number))
    }
}

fn refusal(hook: HookPoint, error: &io::Error) -> WatchFailure {
    match error.raw_os_error() {
        Some(errno) => WatchFailure::Hook { hook, errno },
        None => WatchFailure::Other(format!(
            "cannot attach to {hook}: {error}; see the kernel log"
        )),
    }
}
