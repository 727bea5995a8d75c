//! Attaching the programs to a device's hooks, at the head of each chain.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use probe_common::{Attachment, Direction, LinkLayer, verdict};

use super::object::{Object, ObjectError, Program};
use super::sys::{self, HookPoint};
use crate::source::Hooks;

/// Why a device cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The program could not be loaded.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The hook refused it.
    #[error("cannot attach to {hook:?}: {error}; {cure}")]
    Hook {
        /// The hook.
        hook: HookPoint,
        /// The kernel's answer.
        #[source]
        error: io::Error,
        /// What to do.
        cure: &'static str,
    },
}

/// A watched device: its programs and what attaches them. Dropping it closes
/// the links, and the kernel takes the programs off the hooks.
pub struct Attached {
    _links: [OwnedFd; 2],
    _programs: [Program; 2],
}

/// Attaches to both hooks of a device; to both or to none.
///
/// # Errors
/// When a program is refused or a hook does not take it.
pub fn attach(
    object: &Object,
    device: u32,
    slot: u32,
    hooks: Hooks,
    link_layer: LinkLayer,
) -> Result<Attached, AttachError> {
    let (inward, outward) = match hooks {
        Hooks::Netkit => (HookPoint::NetkitPrimary, HookPoint::NetkitPeer),
        Hooks::Tcx => (HookPoint::TcxIngress, HookPoint::TcxEgress),
    };
    let attach = |direction: Direction, hook: HookPoint| {
        let program = object.load(Attachment {
            device: slot,
            direction: direction as u32,
            verdict: verdict::NEXT,
            link_layer: link_layer as u32,
        })?;
        let link = sys::attach_at_head(program.as_fd(), device, hook).map_err(|error| {
            let cure = cure(&error);
            AttachError::Hook { hook, error, cure }
        })?;
        Ok::<_, AttachError>((link, program))
    };
    let (in_link, in_program) = attach(Direction::In, inward)?;
    let (out_link, out_program) = attach(Direction::Out, outward)?;
    Ok(Attached {
        _links: [in_link, out_link],
        _programs: [in_program, out_program],
    })
}

/// What the user can do about an error of attaching
/// (`netkit_dev_fetch()` in `drivers/net/netkit.c`, `kernel/bpf/mprog.c`).
fn cure(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EPERM) => "run it as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON",
        Some(libc::EACCES) => "this is the peer of a netkit pair: name its primary",
        Some(libc::ENODEV) => "the device is gone: look for it with `ip link`",
        Some(libc::EINVAL) => "this kernel does not have the hook: netkit needs 6.7, tcx 6.6",
        Some(libc::ERANGE) => "the hook has as many programs as it can hold",
        _ => "see the kernel's answer",
    }
}
