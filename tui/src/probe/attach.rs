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

use super::block::tally::Tally;
use super::block::{BlockProgram, Blocker};
use super::change::{self, Change};
use super::clsact::Filters;
use super::devices::Link;
use super::inventory::PeerLocation;
use super::netns;
use super::object::{Object, ObjectError, Program};
use super::policy;
use super::preflight;
use super::sys::{self, Chain, HookPoint};
use crate::model::{BLOCK_PROGRAM, BlockId, DeviceKind, Hooks, LocalEnd, PROGRAM};

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
    /// Our own program is not on the hook, so that nothing can be put behind it.
    #[error("nkview's program is not on {0} any more")]
    Gone(HookPoint),
    /// Packets are counted at the far end of the pair, where none are dropped.
    #[error("--cover-redirect counts at the other end of the pair, where nothing can be blocked")]
    Elsewhere,
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
    /// Links to hooks that chain programs: of what the device sends, and of what it
    /// receives; of a loopback device one for both.
    Chained(Vec<Hook>),
    /// Filters, where the kernel does not have those. The programs go with them.
    Filters {
        /// The filters.
        _filters: Filters,
        /// The programs.
        programs: Vec<Program>,
        /// The rules behind them.
        blocks: Vec<FilterBlock>,
    },
}

/// A rule behind filters.
pub struct FilterBlock {
    rule: BlockId,
    _filters: Filters,
    _programs: Vec<BlockProgram>,
}

/// A watched device that the guard looks at while others manage it.
#[derive(Clone)]
pub struct Shared {
    attached: Arc<Mutex<Option<Attached>>>,
    index: u32,
    tally: Tally,
    is_chained: bool,
    is_loopback: bool,
}

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
    pub fn new(attached: Attached, link: &Link) -> Self {
        let tally = Tally::default();
        if let Attached::Chained(hooks) = &attached {
            hooks.iter().for_each(|hook| hook.follow_others(&tally));
        }
        Self {
            is_chained: matches!(attached, Attached::Chained(_)),
            is_loopback: is_loopback(link),
            index: link.index,
            tally,
            attached: Arc::new(Mutex::new(Some(attached))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Attached>> {
        // What a panic has left is still the best that is known.
        self.attached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is the very same attachment.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.attached, &other.attached)
    }

    /// What rules have dropped here.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether the kernel would leave a rule's programs there when this process is
    /// killed.
    #[must_use]
    pub const fn needs_lease(&self) -> bool {
        !self.is_chained
    }

    /// Whether one of its hooks is closed by its policy.
    #[must_use]
    pub fn has_closed_hook(&self) -> bool {
        match &*self.lock() {
            Some(Attached::Chained(hooks)) => hooks.iter().any(|hook| hook.is_closed),
            _ => false,
        }
    }

    /// Puts a rule behind the counting programs of all hooks, or of none. False where
    /// there is nothing to do: nothing is ever dropped on a loopback device, nor on
    /// one that is going.
    ///
    /// # Errors
    /// When a program is refused or a hook does not take it.
    pub fn block(&self, blocker: &Blocker) -> Result<bool, AttachError> {
        if self.is_loopback {
            return Ok(false);
        }
        let mut attached = self.lock();
        let Some(attached) = &mut *attached else {
            return Ok(false);
        };
        let blocked = attached.block(blocker, self.index, &self.tally);
        if blocked.is_err() {
            attached.unblock(blocker.id());
            self.tally.end(blocker.id());
        }
        match blocked {
            Err(AttachError::Hook { error, .. }) if error.raw_os_error() == Some(libc::ENODEV) => {
                Ok(false)
            }
            blocked => blocked.map(|()| true),
        }
    }

    /// Takes a rule off the hooks.
    pub fn unblock(&self, rule: BlockId) {
        if let Some(attached) = &mut *self.lock() {
            attached.unblock(rule);
        }
        self.tally.end(rule);
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
        hooks
            .filter_map(|hook| {
                let change = hook.follow().ok()??;
                hook.follow_others(&self.tally);
                Some(change)
            })
            .collect()
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
    blocks: Vec<ChainedBlock>,
}

/// A rule behind a program of ours. Dropping it takes the rule off.
struct ChainedBlock {
    rule: BlockId,
    id: u32,
    program: BlockProgram,
    link: OwnedFd,
}

impl Drop for ChainedBlock {
    fn drop(&mut self) {
        // As for the hook.
        let _ = sys::detach(self.link.as_fd());
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        // What is dropped has been counted until the end.
        self.blocks.clear();
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
        local: LocalEnd,
        far: Option<&PeerLocation>,
    ) -> Result<Self, AttachError> {
        let load = |direction| load(object, link, slot, direction);
        // What leaves a loopback device has arrived. There it still has its socket.
        let is_loopback = is_loopback(link);
        let (sending, receiving) = match hooks {
            Hooks::Netkit => (HookPoint::NetkitPrimary, HookPoint::NetkitPeer),
            Hooks::Tcx => (HookPoint::TcxEgress, HookPoint::TcxIngress),
            Hooks::Clsact => {
                let programs = if is_loopback {
                    vec![load(Attachment::EITHER)?]
                } else {
                    vec![load(local.sent() as u32)?, load(local.received() as u32)?]
                };
                let fds: Vec<_> = programs.iter().map(|program| program.as_fd()).collect();
                return Ok(Self::Filters {
                    _filters: Filters::attach(link.index, &fds).map_err(AttachError::Filters)?,
                    programs,
                    blocks: Vec::new(),
                });
            }
        };
        let attach =
            |program, hook| Hook::attach(program, link.index, hook, policy::is_closed(link, hook));
        if is_loopback {
            let hook = attach(load(Attachment::EITHER)?, sending)?;
            return Ok(Self::Chained(vec![hook]));
        }
        let sent = load(local.sent() as u32)?;
        let sent = match far {
            // There it is what the far end receives.
            Some(far) => Hook::attach_peer(sent, far)?,
            None => attach(sent, sending)?,
        };
        let received = attach(load(local.received() as u32)?, receiving)?;
        Ok(Self::Chained(vec![sent, received]))
    }

    fn block(&mut self, blocker: &Blocker, index: u32, tally: &Tally) -> Result<(), AttachError> {
        match self {
            Self::Chained(hooks) => {
                for hook in hooks {
                    hook.block(blocker, tally)?;
                }
            }
            Self::Filters {
                programs, blocks, ..
            } => {
                let mut loaded = Vec::new();
                for program in programs.iter() {
                    let identity = program.identity();
                    let (copy, counts) = blocker.load(Attachment {
                        verdict: verdict::NEXT,
                        ..identity
                    })?;
                    tally.add(blocker.id(), direction_of(identity), counts);
                    loaded.push(copy);
                }
                let fds: Vec<_> = loaded.iter().map(|program| program.as_fd()).collect();
                let filters = Filters::attach_behind(index, &fds, blocker.id());
                blocks.push(FilterBlock {
                    rule: blocker.id(),
                    _filters: filters.map_err(AttachError::Filters)?,
                    _programs: loaded,
                });
            }
        }
        Ok(())
    }

    fn unblock(&mut self, rule: BlockId) {
        match self {
            Self::Chained(hooks) => hooks.iter_mut().for_each(|hook| hook.unblock(rule)),
            Self::Filters { blocks, .. } => blocks.retain(|block| block.rule != rule),
        }
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

fn is_loopback(link: &Link) -> bool {
    link.kind == DeviceKind::Other("loopback".to_owned())
}

fn direction_of(identity: Attachment) -> Direction {
    Direction::from_number(identity.direction).unwrap_or(Direction::In)
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
            blocks: Vec::new(),
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
        self.set_verdicts(self.is_closed, chain)
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
        self.set_verdicts(self.is_closed, &now)?;
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
            self.set_verdicts(is_closed, &now)?;
            self.is_closed = is_closed;
        }
        Ok(())
    }

    /// Counts what rules of other nkviews drop here.
    fn follow_others(&self, tally: &Tally) {
        let identity = self.program.identity();
        if identity.direction == Attachment::EITHER || self.is_elsewhere {
            return;
        }
        let is_ours = |id| self.blocks.iter().any(|block| block.id == id);
        let others = self.programs.iter().filter(|program| program.is_block());
        let others: Vec<u32> = others
            .map(change::Program::id)
            .filter(|&id| !is_ours(id))
            .collect();
        tally.follow_others(direction_of(identity), &others);
    }

    fn set_verdicts(&mut self, is_closed: bool, chain: &[change::Program]) -> io::Result<()> {
        let verdict = policy::verdict(is_closed, chain, self.id);
        self.program
            .set_verdict(verdict)
            .map_err(io::Error::other)?;
        let verdict = policy::block_verdict(is_closed, chain, self.id);
        for block in &mut self.blocks {
            block
                .program
                .set_verdict(verdict)
                .map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Looks at the chain after a change of our own, which is not to be reported.
    fn look(&mut self) -> io::Result<()> {
        let chain = sys::chain(self.device, self.point)?;
        let now = change::Program::all(chain.ids(), &self.programs);
        self.set_verdicts(self.is_closed, &now)?;
        self.chain = chain;
        self.programs = now;
        Ok(())
    }

    /// Puts a rule behind our program.
    fn block(&mut self, blocker: &Blocker, tally: &Tally) -> Result<(), AttachError> {
        if self.is_elsewhere {
            return Err(AttachError::Elsewhere);
        }
        let point = self.point;
        let refused = |error| AttachError::hook(point, error);
        let identity = self.program.identity();
        let (mut program, counts) = blocker.load(Attachment {
            verdict: verdict::NEXT,
            ..identity
        })?;
        let id = sys::program_info(program.as_fd()).map_err(refused)?.id;
        let mut tries = 0;
        loop {
            let chain = sys::chain(self.device, point).map_err(refused)?;
            let mut programs = change::Program::all(chain.ids(), &self.programs);
            let verdict = policy::block_verdict(self.is_closed, &programs, self.id);
            let set = program.set_verdict(verdict);
            set.map_err(|error| refused(io::Error::other(error)))?;
            let anchor = policy::anchor(&programs, self.id).ok_or(AttachError::Gone(point))?;
            let attached =
                sys::attach_after(program.as_fd(), self.device, point, chain.revision, anchor);
            match attached {
                Ok(link) => {
                    tally.add(blocker.id(), direction_of(identity), counts);
                    self.blocks.push(ChainedBlock {
                        rule: blocker.id(),
                        id,
                        program,
                        link,
                    });
                    // Its name need not be asked for.
                    programs.push(change::Program::new(id, BLOCK_PROGRAM));
                    self.programs = programs;
                    return self.look().map_err(refused);
                }
                Err(error) if error.raw_os_error() == Some(libc::ESTALE) && tries < TRIES => {
                    tries += 1;
                }
                Err(error) => return Err(refused(error)),
            }
        }
    }

    fn unblock(&mut self, rule: BlockId) {
        let before = self.blocks.len();
        self.blocks.retain(|block| block.rule != rule);
        if self.blocks.len() != before {
            // Only a device that is going cannot be looked at.
            let _ = self.look();
        }
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
