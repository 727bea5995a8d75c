//! A hook that chains programs, of netkit or tcx: a link at the head of its chain,
//! and the verdict that the chain asks for.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use self::blocks::ChainedBlock;
use super::AttachError;
use crate::model::PROGRAM;
use crate::probe::change::{self, Change};
use crate::probe::inventory::PeerLocation;
use crate::probe::object::Program;
use crate::probe::{netns, policy};
use crate::sys::{self, Chain, HookPoint};

mod blocks;

/// How often an attachment is tried while others change the chain.
const TRIES: usize = 10;

/// Attaches whatever the revision of the chain is.
const ANY_REVISION: u64 = 0;

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
    /// The rules behind our program.
    blocks: Vec<ChainedBlock>,
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

impl Hook {
    /// Attaches to where the far end of a pair receives.
    pub(super) fn attach_peer(program: Program, far: &PeerLocation) -> Result<Self, AttachError> {
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

    /// Attaches to a hook of the device with this index.
    pub(super) fn attach(
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

    pub(super) const fn point(&self) -> HookPoint {
        self.point
    }

    /// The id of the program.
    pub(super) const fn program(&self) -> u32 {
        self.id
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    pub(super) const fn is_released(&self) -> bool {
        self.link.is_none()
    }

    /// Whether its chain is to be followed.
    pub(super) const fn is_followed(&self) -> bool {
        !self.is_elsewhere && self.link.is_some()
    }

    /// Whether our program is in the chain that the device with this index has; taken
    /// to be so where the kernel does not answer.
    pub(super) fn is_attached(&self) -> bool {
        match sys::chain(self.device, self.point) {
            Ok(chain) => chain.ids().any(|id| id == self.id),
            Err(_) => true,
        }
    }

    /// Attaches the program at the head of the chain, with the verdict that the
    /// chain asks for.
    pub(super) fn join(&mut self) -> Result<(), AttachError> {
        let (device, point) = (self.device, self.point);
        let refused = |error| AttachError::hook(point, error);
        let named = |chain: &Chain| change::Program::all(chain.ids(), &[]);
        let link = self.try_while_changing(|hook, chain| {
            let mut programs = named(chain);
            programs.insert(0, change::Program::new(hook.id, PROGRAM));
            hook.set_verdicts(hook.is_closed, &programs)
                .map_err(refused)?;
            // An empty netkit hook reports 1, but remembers how often it has changed
            // and expects that (`netkit_entry_fetch()` with and without fallback).
            let revision = if chain.programs.is_empty() {
                ANY_REVISION
            } else {
                chain.revision
            };
            let link = sys::attach_at_head(hook.program.as_fd(), device, point, revision);
            link.map_err(refused)
        })?;
        // It is ours from here on, whatever fails.
        self.link = Some(link);
        self.chain = sys::chain(device, point).map_err(refused)?;
        // Others may have come in between.
        let programs = named(&self.chain);
        let set = self.set_verdicts(self.is_closed, &programs);
        self.programs = programs;
        set.map_err(refused)
    }

    /// Tries to attach to the chain as it is, and again while others change it.
    fn try_while_changing<T>(
        &mut self,
        mut attach: impl FnMut(&mut Self, &Chain) -> Result<T, AttachError>,
    ) -> Result<T, AttachError> {
        let mut tries = 0;
        loop {
            let chain = sys::chain(self.device, self.point);
            let chain = chain.map_err(|error| AttachError::hook(self.point, error))?;
            match attach(self, &chain) {
                Err(error) if error.is(libc::ESTALE) && tries < TRIES => tries += 1,
                result => return result,
            }
        }
    }

    /// Takes the program off the hook.
    pub(super) fn release(&mut self) {
        if let Some(link) = self.link.take() {
            let _ = sys::detach(link.as_fd());
        }
    }

    /// Looks at the chain, and lets the program's verdict follow it.
    ///
    /// # Errors
    /// When the kernel does not answer, as when the device is gone.
    pub(super) fn follow(&mut self) -> io::Result<Option<Change>> {
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
    pub(super) fn apply_policy(&mut self, is_closed: bool) -> io::Result<()> {
        if is_closed != self.is_closed {
            let chain = sys::chain(self.device, self.point)?;
            let now = change::Program::all(chain.ids(), &self.programs);
            self.set_verdicts(is_closed, &now)?;
            self.is_closed = is_closed;
        }
        Ok(())
    }

    /// Sets the verdicts that a chain asks for, of our program and of the rules behind
    /// it.
    fn set_verdicts(&mut self, is_closed: bool, chain: &[change::Program]) -> io::Result<()> {
        let verdict = policy::verdict(is_closed, chain, self.id);
        self.program
            .set_verdict(verdict)
            .map_err(io::Error::other)?;
        let verdict = policy::block_verdict(is_closed, chain, self.id);
        for block in &mut self.blocks {
            block.set_verdict(verdict)?;
        }
        Ok(())
    }
}
