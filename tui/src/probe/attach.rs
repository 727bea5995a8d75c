//! Attaching the programs to a device's hooks, at the head of each chain, and
//! keeping every packet's fate as it would be without them.
//!
//! [`policy`] says which verdict that takes; [`Shared::follow`] and
//! [`Shared::apply_policy`] keep it right.
//!
//! The race that remains: after another program arrives at a closed hook, the
//! last one leaves, or the policy changes, packets are dropped, or let pass,
//! until the next look.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probe_common::{Attachment, Direction, verdict};

use super::change::{self, Change};
use super::clsact::Filters;
use super::devices::Link;
use super::inventory::PeerLocation;
use super::netns;
use super::object::{Object, ObjectError, Program};
use super::policy;
use super::preflight;
use super::sys::{self, Chain, HookPoint};
use crate::model::{DeviceKind, Hooks, PROGRAM};

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

impl AttachError {
    fn hook(hook: HookPoint, error: io::Error) -> Self {
        Self::Hook {
            hook,
            cure: cure(&error),
            error,
        }
    }
}

/// A watched device. Dropping it takes the programs off the hooks.
pub enum Attached {
    /// Links to hooks that chain programs: towards the local end, and away; of a
    /// loopback device one for both.
    Chained(Vec<Hook>),
    /// Filters, where the kernel does not have those. The programs go with them.
    Filters {
        /// The filters.
        _filters: Filters,
        /// The programs.
        programs: Vec<Program>,
    },
}

/// A watched device that the guard looks at while others manage it.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<Option<Attached>>>);

/// Which hooks are queried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that are closed by their policy: the verdict depends on the chain.
    Closed,
    /// All.
    All,
}

impl Shared {
    /// Shares a device.
    #[must_use]
    pub fn new(attached: Attached) -> Self {
        Self(Arc::new(Mutex::new(Some(attached))))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Attached>> {
        // What a panic has left is still the best that is known.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the chains, lets the verdicts follow them, and returns what has
    /// changed. Nothing is known of filters: their kernels have no chains to ask
    /// for.
    #[must_use]
    pub fn follow(&self, which: Which) -> Vec<Change> {
        let mut attached = self.lock();
        let Some(Attached::Chained(hooks)) = &mut *attached else {
            return Vec::new();
        };
        let hooks = hooks.iter_mut().filter(|hook| {
            let is_meant = hook.is_closed || which == Which::All;
            is_meant && !hook.is_elsewhere && hook.link.is_some()
        });
        // A device that is being removed is detached from when the kernel reports it.
        hooks.filter_map(|hook| hook.follow().ok()?).collect()
    }

    /// Applies the policies that the device has now.
    pub fn apply_policy(&self, link: &Link) {
        if let Some(Attached::Chained(hooks)) = &mut *self.lock() {
            for hook in hooks {
                // As above: only a device that is going does not take it.
                let _ = hook.apply_policy(policy::is_closed(link, hook.point));
            }
        }
    }

    /// Whether none of our programs is on the hooks of the device with that index
    /// any more: the device was another one.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        match &*self.lock() {
            Some(Attached::Chained(hooks)) => {
                let is_here = |hook: &&Hook| !hook.is_elsewhere && hook.link.is_some();
                let mut here = hooks.iter().filter(is_here);
                here.all(|hook| match sys::chain(hook.device, hook.point) {
                    Ok(chain) => chain.ids().all(|id| id != hook.id),
                    Err(_) => false,
                })
            }
            Some(Attached::Filters { .. }) => false,
            None => true,
        }
    }

    /// Takes the programs off those hooks that are closed by their policy, until
    /// [`Self::take_back`]: their verdict would follow nothing meanwhile. Whether
    /// there are any.
    #[must_use]
    pub fn release_closed(&self) -> bool {
        let mut has_released = false;
        if let Some(Attached::Chained(hooks)) = &mut *self.lock() {
            for hook in hooks.iter_mut().filter(|hook| hook.is_closed) {
                hook.release();
                has_released = true;
            }
        }
        has_released
    }

    /// Attaches to released hooks again.
    ///
    /// # Errors
    /// As with [`Attached::new`].
    pub fn take_back(&self) -> Result<(), AttachError> {
        if let Some(Attached::Chained(hooks)) = &mut *self.lock() {
            for hook in hooks.iter_mut().filter(|hook| hook.link.is_none()) {
                hook.join()?;
            }
        }
        Ok(())
    }

    /// Takes the programs off the hooks.
    pub fn detach(&self) {
        drop(self.lock().take());
    }
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
    /// Nothing while the hook is released.
    link: Option<OwnedFd>,
}

impl Drop for Hook {
    fn drop(&mut self) {
        // Others may hold the link open, as `bpftool link` does while it lists
        // them: our program must not stay for as long. It goes before its map,
        // and at once: it decides the fate of packets while it is there. Whatever
        // is refused is tried again when the link is closed.
        self.release();
    }
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
    /// Attaches to the hooks of a device; to all or to none. With a far end,
    /// what that receives is counted there.
    ///
    /// # Errors
    /// When a program is refused or a hook does not take it.
    pub fn new(
        object: &Object,
        link: &Link,
        slot: u32,
        hooks: Hooks,
        far: Option<&PeerLocation>,
    ) -> Result<Self, AttachError> {
        let load = |direction| load(object, link, slot, direction);
        // What leaves a loopback device has arrived. There it still has its socket.
        let is_loopback = link.kind == DeviceKind::Other("loopback".to_owned());
        let (inward, outward) = match hooks {
            Hooks::Netkit => (HookPoint::NetkitPrimary, HookPoint::NetkitPeer),
            Hooks::Tcx => (HookPoint::TcxIngress, HookPoint::TcxEgress),
            Hooks::Clsact => {
                let programs = if is_loopback {
                    vec![load(Attachment::EITHER)?]
                } else {
                    vec![load(Direction::Out as u32)?, load(Direction::In as u32)?]
                };
                let fds: Vec<_> = programs.iter().map(|program| program.as_fd()).collect();
                return Ok(Self::Filters {
                    _filters: Filters::attach(link.index, &fds).map_err(AttachError::Filters)?,
                    programs,
                });
            }
        };
        let attach =
            |program, hook| Hook::attach(program, link.index, hook, policy::is_closed(link, hook));
        if is_loopback {
            let hook = attach(load(Attachment::EITHER)?, outward)?;
            return Ok(Self::Chained(vec![hook]));
        }
        // What the far end receives.
        let covered = match hooks {
            Hooks::Netkit => Direction::In,
            Hooks::Tcx | Hooks::Clsact => Direction::Out,
        };
        let attach = |direction, hook| {
            let program = load(direction as u32)?;
            match far {
                Some(far) if direction == covered => Hook::attach_peer(program, far),
                _ => attach(program, hook),
            }
        };
        Ok(Self::Chained(vec![
            attach(Direction::In, inward)?,
            attach(Direction::Out, outward)?,
        ]))
    }

    /// The ids of both programs.
    #[must_use]
    pub fn programs(&self) -> Vec<u32> {
        let id = |program: &Program| Some(sys::program_info(program.as_fd()).ok()?.id);
        match self {
            Self::Chained(hooks) => hooks.iter().map(|hook| hook.id).collect(),
            Self::Filters { programs, .. } => programs.iter().filter_map(id).collect(),
        }
    }
}

fn load(object: &Object, link: &Link, slot: u32, direction: u32) -> Result<Program, ObjectError> {
    object.load(Attachment {
        device: slot,
        direction,
        verdict: verdict::NEXT,
        link_layer: link.link_layer as u32,
    })
}

impl Hook {
    /// Attaches to where the far end of a pair receives.
    fn attach_peer(program: Program, far: &PeerLocation) -> Result<Self, AttachError> {
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
        program: Program,
        device: u32,
        point: HookPoint,
        is_closed: bool,
    ) -> Result<Self, AttachError> {
        let refused = |error| AttachError::hook(point, error);
        let mut hook = Self {
            point,
            device,
            is_closed,
            is_elsewhere: false,
            id: sys::program_info(program.as_fd()).map_err(refused)?.id,
            program,
            programs: Vec::new(),
            chain: Chain::default(),
            link: None,
        };
        hook.join()?;
        Ok(hook)
    }

    /// Attaches the program at the head of the chain, with the verdict that the
    /// chain asks for.
    fn join(&mut self) -> Result<(), AttachError> {
        let (device, point, id) = (self.device, self.point, self.id);
        let refused = |error| AttachError::hook(point, error);
        let mut tries = 0;
        loop {
            let chain = sys::chain(device, point).map_err(refused)?;
            let named = |chain: &Chain| change::Program::all(chain.ids(), &[]);
            let mut programs = named(&chain);
            programs.insert(0, change::Program::new(id, PROGRAM));
            self.set_verdict(&programs).map_err(refused)?;
            // An empty netkit hook reports 1, but remembers how often it has changed
            // and expects that (`netkit_entry_fetch()` with and without fallback).
            let revision = if chain.programs.is_empty() {
                ANY_REVISION
            } else {
                chain.revision
            };
            match sys::attach_at_head(self.program.as_fd(), device, point, revision) {
                Ok(fd) => {
                    // It is ours from here on, whatever fails.
                    self.link = Some(fd);
                    self.chain = sys::chain(device, point).map_err(refused)?;
                    // Others may have come in between.
                    self.programs = named(&self.chain);
                    let programs = std::mem::take(&mut self.programs);
                    let set = self.set_verdict(&programs);
                    self.programs = programs;
                    return set.map_err(refused);
                }
                Err(error) if error.raw_os_error() == Some(libc::ESTALE) && tries < TRIES => {
                    tries += 1;
                }
                Err(error) => return Err(refused(error)),
            }
        }
    }

    /// Takes the program off the hook.
    fn release(&mut self) {
        if let Some(link) = self.link.take() {
            let _ = sys::detach(link.as_fd());
        }
    }

    /// Sets the verdict that a chain asks for.
    fn set_verdict(&mut self, chain: &[change::Program]) -> io::Result<()> {
        let verdict = policy::verdict(self.is_closed, chain, self.id);
        self.program.set_verdict(verdict).map_err(io::Error::other)
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
        let now = change::Program::all(chain.ids(), &self.programs);
        // First of all: until then packets have another fate.
        let verdict = policy::verdict(self.is_closed, &now, self.id);
        self.program
            .set_verdict(verdict)
            .map_err(io::Error::other)?;
        let change = Change::between(self.point, &self.programs, &now, self.id);
        self.chain = chain;
        self.programs = now;
        Ok(Some(change))
    }

    /// Lets the program's verdict follow the hook's policy. The chain is read again:
    /// while a hook is open, it is queried seldom.
    ///
    /// # Errors
    /// As [`Self::follow`].
    fn apply_policy(&mut self, is_closed: bool) -> io::Result<()> {
        if is_closed != self.is_closed {
            let chain = sys::chain(self.device, self.point)?;
            let now = change::Program::all(chain.ids(), &self.programs);
            let verdict = policy::verdict(is_closed, &now, self.id);
            self.program
                .set_verdict(verdict)
                .map_err(io::Error::other)?;
            self.is_closed = is_closed;
        }
        Ok(())
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
