//! Rules behind a program of ours in the chain of its hook: those of this process,
//! and what those of others drop there.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use probe_common::{Attachment, verdict};

use super::Hook;
use crate::model::{BLOCK_PROGRAM, BlockId};
use crate::probe::attach::{AttachError, direction_of};
use crate::probe::block::tally::Tally;
use crate::probe::block::{BlockProgram, Blocker};
use crate::probe::{change, policy};
use crate::sys;

/// A rule behind a program of ours. Dropping it takes the rule off.
pub(super) struct ChainedBlock {
    rule: BlockId,
    id: u32,
    program: BlockProgram,
    link: OwnedFd,
}

impl ChainedBlock {
    /// Sets what it returns for packets that the rule does not drop.
    pub(super) fn set_verdict(&mut self, verdict: i32) -> io::Result<()> {
        self.program.set_verdict(verdict).map_err(io::Error::other)
    }
}

impl Drop for ChainedBlock {
    fn drop(&mut self) {
        // As for the hook.
        let _ = sys::detach(self.link.as_fd());
    }
}

impl Hook {
    /// Puts a rule behind our program.
    pub(in crate::probe::attach) fn block(
        &mut self,
        blocker: &Blocker,
        tally: &Tally,
    ) -> Result<(), AttachError> {
        if self.is_elsewhere {
            return Err(AttachError::Elsewhere);
        }
        let (device, point) = (self.device, self.point);
        let refused = |error| AttachError::hook(point, error);
        let identity = self.program.identity();
        let (mut program, counts) = blocker.load(Attachment {
            verdict: verdict::NEXT,
            ..identity
        })?;
        let id = sys::program_info(program.as_fd()).map_err(refused)?.id;
        let (link, mut programs) = self.try_while_changing(|hook, chain| {
            let programs = change::Program::all(chain.ids(), &hook.programs);
            let verdict = policy::block_verdict(hook.is_closed, &programs, hook.id);
            let set = program.set_verdict(verdict);
            set.map_err(|error| refused(io::Error::other(error)))?;
            let anchor = policy::anchor(&programs, hook.id).ok_or(AttachError::Gone(point))?;
            let link = sys::attach_after(program.as_fd(), device, point, chain.revision, anchor);
            Ok((link.map_err(refused)?, programs))
        })?;
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
        self.look().map_err(refused)
    }

    /// Takes a rule off.
    pub(in crate::probe::attach) fn unblock(&mut self, rule: BlockId) {
        let before = self.blocks.len();
        self.blocks.retain(|block| block.rule != rule);
        if self.blocks.len() != before {
            // Only a device that is going cannot be looked at.
            let _ = self.look();
        }
    }

    /// Counts what rules of other nkviews drop here.
    pub(in crate::probe::attach) fn follow_others(&self, tally: &Tally) {
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

    /// Looks at the chain after a change of our own, which is not to be reported.
    fn look(&mut self) -> io::Result<()> {
        let chain = sys::chain(self.device, self.point)?;
        let now = change::Program::all(chain.ids(), &self.programs);
        self.set_verdicts(self.is_closed, &now)?;
        self.chain = chain;
        self.programs = now;
        Ok(())
    }
}
