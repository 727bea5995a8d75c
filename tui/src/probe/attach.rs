//! Attaching the programs to a device's hooks, at the head of each chain, and
//! keeping every packet's fate as it would be without them.
//!
//! A program that returns NEXT leaves the verdict to the programs behind it.
//! With none behind it, NEXT lets the packet pass (`netkit_run()` in
//! `drivers/net/netkit.c`), which would open a hook that is closed by its policy
//! (blackhole). There the program drops the packet, as the policy would, for as
//! long as it is alone: [`Attached::follow`] looks after that.
//!
//! The race that remains: after another program arrives at a closed hook, or
//! the last one leaves, packets are dropped, or let pass, until the next look.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use probe_common::{Attachment, Direction, verdict};

use super::change::{self, Change};
use super::clsact::Filters;
use super::cover::Far;
use super::devices::{BLACKHOLE, Link};
use super::netns;
use super::object::{Object, ObjectError, Program};
use super::preflight;
use super::sys::{self, Chain, HookPoint, ProgramInfo};
use crate::source::{DeviceKind, Hooks, Netkit};

/// How often an attachment is tried while others change the chain.
const TRIES: usize = 10;

/// Attaches whatever the revision of the chain is.
const ANY_REVISION: u64 = 0;

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
}

/// A watched device. Dropping it takes the programs off the hooks.
pub enum Attached {
    /// Links to hooks that chain programs: towards the local end, and away.
    Chained([Hook; 2]),
    /// Filters, where the kernel does not have those. The programs go with them.
    Filters {
        /// The filters.
        _filters: Filters,
        /// The programs.
        programs: [Program; 2],
    },
}

/// A hook that a program of ours is attached to.
pub struct Hook {
    point: HookPoint,
    device: u32,
    /// Whether the hook is closed by its policy.
    is_closed: bool,
    /// Whether it is in another namespace, where its chain is not followed:
    /// that would take entering it each time.
    is_elsewhere: bool,
    program: Program,
    id: u32,
    chain: Chain,
    programs: Vec<change::Program>,
    // After the program: a hook that is closed must not lose its only program
    // while that still drops. The kernel orders it anyway.
    _link: OwnedFd,
}

/// The kind of hooks that a device has on this kernel.
#[must_use]
pub fn hooks_of(kind: &DeviceKind) -> Hooks {
    match kind {
        DeviceKind::Netkit(_) => Hooks::Netkit,
        DeviceKind::NetkitPeer | DeviceKind::Other(_) if preflight::has_tcx() => Hooks::Tcx,
        DeviceKind::NetkitPeer | DeviceKind::Other(_) => Hooks::Clsact,
    }
}

impl Attached {
    /// Attaches to both hooks of a device; to both or to none. With a far end,
    /// what comes in is counted there.
    ///
    /// # Errors
    /// When a program is refused or a hook does not take it.
    pub fn new(
        object: &Object,
        link: &Link,
        slot: u32,
        hooks: Hooks,
        far: Option<&Far>,
    ) -> Result<Self, AttachError> {
        let load = |direction| load(object, link, slot, direction);
        let (inward, outward) = match hooks {
            Hooks::Netkit => (HookPoint::NetkitPrimary, HookPoint::NetkitPeer),
            Hooks::Tcx => (HookPoint::TcxIngress, HookPoint::TcxEgress),
            Hooks::Clsact => {
                let programs = [load(Direction::In)?, load(Direction::Out)?];
                let fds = [programs[0].as_fd(), programs[1].as_fd()];
                return Ok(Self::Filters {
                    _filters: Filters::attach(link.index, fds).map_err(AttachError::Filters)?,
                    programs,
                });
            }
        };
        let is_closed = |policy: fn(&Netkit) -> &str| {
            link.netkit().is_some_and(|pair| policy(pair) == BLACKHOLE)
        };
        let in_closed = is_closed(|pair| &pair.policy);
        let out_closed = is_closed(|pair| &pair.peer_policy);
        let inbound = load(Direction::In)?;
        Ok(Self::Chained([
            match far {
                Some(far) => Hook::attach_far(inbound, far)?,
                None => Hook::attach(inbound, link.index, inward, in_closed)?,
            },
            Hook::attach(load(Direction::Out)?, link.index, outward, out_closed)?,
        ]))
    }

    /// What the kernel knows of both programs.
    pub fn infos(&self) -> impl Iterator<Item = ProgramInfo> {
        let programs = match self {
            Self::Chained(hooks) => hooks.each_ref().map(|hook| &hook.program),
            Self::Filters { programs, .. } => programs.each_ref(),
        };
        let info = |program: &Program| sys::program_info(program.as_fd()).ok();
        programs.into_iter().filter_map(info)
    }

    /// The ids of the programs in chains.
    pub fn programs(&self) -> impl Iterator<Item = u32> {
        let hooks = match self {
            Self::Chained(hooks) => &hooks[..],
            Self::Filters { .. } => &[],
        };
        hooks.iter().map(|hook| hook.id)
    }

    /// What has changed on the hooks. Nothing is known of filters: their kernels
    /// have no chains to ask for.
    pub fn follow(&mut self) -> Vec<Change> {
        let Self::Chained(hooks) = self else {
            return Vec::new();
        };
        // A device that is going is let go when the kernel says so.
        let change = |hook: &mut Hook| hook.follow().ok()?;
        let here = hooks.iter_mut().filter(|hook| !hook.is_elsewhere);
        here.filter_map(change).collect()
    }
}

fn load(
    object: &Object,
    link: &Link,
    slot: u32,
    direction: Direction,
) -> Result<Program, ObjectError> {
    object.load(Attachment {
        device: slot,
        direction: direction as u32,
        verdict: verdict::NEXT,
        link_layer: link.link_layer as u32,
    })
}

impl Hook {
    /// Attaches to where the far end of a pair receives.
    fn attach_far(program: Program, far: &Far) -> Result<Self, AttachError> {
        let attach = || Self::attach(program, far.index, HookPoint::TcxIngress, false);
        let Some(place) = &far.place else {
            return attach();
        };
        let namespace = place.open().map_err(AttachError::Namespace)?;
        let hook = netns::enter(&namespace, attach);
        let mut hook = hook.map_err(|error| AttachError::Namespace(error.into()))??;
        hook.is_elsewhere = true;
        Ok(hook)
    }

    fn attach(
        mut program: Program,
        device: u32,
        point: HookPoint,
        is_closed: bool,
    ) -> Result<Self, AttachError> {
        let refused = |error: io::Error| AttachError::Hook {
            hook: point,
            cure: cure(&error),
            error,
        };
        let id = sys::program_info(program.as_fd()).map_err(refused)?.id;
        let mut tries = 0;
        loop {
            let chain = sys::chain(device, point).map_err(refused)?;
            let alone = chain.programs.is_empty();
            let set_verdict = |program: &mut Program, alone| {
                program
                    .set_verdict(verdict_for(is_closed, alone))
                    .map_err(|error| refused(io::Error::other(error)))
            };
            set_verdict(&mut program, alone)?;
            // An empty netkit hook says 1, but remembers how often it has changed
            // and expects that (`netkit_entry_fetch()` with and without fallback).
            let revision = if alone { ANY_REVISION } else { chain.revision };
            match sys::attach_at_head(program.as_fd(), device, point, revision) {
                Ok(fd) => {
                    let chain = sys::chain(device, point).map_err(refused)?;
                    // Others may have come in between.
                    set_verdict(&mut program, chain.programs.len() <= 1)?;
                    return Ok(Self {
                        point,
                        device,
                        is_closed,
                        is_elsewhere: false,
                        program,
                        id,
                        programs: change::Program::all(chain.ids(), &[]),
                        chain,
                        _link: fd,
                    });
                }
                Err(error) if error.raw_os_error() == Some(libc::ESTALE) && tries < TRIES => {
                    tries += 1;
                }
                Err(error) => return Err(refused(error)),
            }
        }
    }

    /// Looks at the chain, and lets the program's verdict follow it.
    ///
    /// # Errors
    /// When the kernel does not answer, as when the device is gone.
    fn follow(&mut self) -> io::Result<Option<Change>> {
        let chain = sys::chain(self.device, self.point)?;
        if chain == self.chain {
            return Ok(None);
        }
        // First of all: until then packets have another fate.
        let verdict = verdict_for(self.is_closed, chain.programs.len() <= 1);
        self.program
            .set_verdict(verdict)
            .map_err(io::Error::other)?;
        let now = change::Program::all(chain.ids(), &self.programs);
        let change = Change::between(self.point, &self.programs, &now, self.id);
        self.chain = chain;
        self.programs = now;
        Ok(Some(change))
    }
}

/// What keeps the packet's fate as it would be without us.
const fn verdict_for(is_closed: bool, alone: bool) -> i32 {
    if is_closed && alone {
        verdict::DROP
    } else {
        verdict::NEXT
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
        _ => "the kernel log may say more",
    }
}
