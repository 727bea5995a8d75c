//! The hooks of a kernel without tcx (6.6): filters of clsact. Nothing is known of
//! what else is there, as such a kernel has no chains to ask for.

use std::os::fd::AsFd;

use probe_common::{Attachment, verdict};

use super::{AttachError, direction_of};
use crate::model::BlockId;
use crate::probe::block::tally::Tally;
use crate::probe::block::{BlockProgram, Blocker};
use crate::probe::clsact::Filters;
use crate::probe::object::Program;
use crate::sys;

/// Filters of a device. The programs go with them.
pub struct FilterHooks {
    _filters: Filters,
    index: u32,
    programs: Vec<Program>,
    /// The rules behind them.
    blocks: Vec<FilterBlock>,
}

/// A rule behind filters.
struct FilterBlock {
    rule: BlockId,
    _filters: Filters,
    _programs: Vec<BlockProgram>,
}

impl FilterHooks {
    /// Puts the programs for egress and, if there is a second one, for ingress on the
    /// device with this index; all or none.
    pub(super) fn attach(index: u32, programs: Vec<Program>) -> Result<Self, AttachError> {
        let fds: Vec<_> = programs.iter().map(|program| program.as_fd()).collect();
        Ok(Self {
            _filters: Filters::attach(index, &fds).map_err(AttachError::Filters)?,
            index,
            programs,
            blocks: Vec::new(),
        })
    }

    /// Puts a rule behind the filters.
    pub(super) fn block(&mut self, blocker: &Blocker, tally: &Tally) -> Result<(), AttachError> {
        let mut loaded = Vec::new();
        for program in &self.programs {
            let identity = program.identity();
            let (copy, counts) = blocker.load(Attachment {
                verdict: verdict::NEXT,
                ..identity
            })?;
            tally.add(blocker.id(), direction_of(identity), counts);
            loaded.push(copy);
        }
        let fds: Vec<_> = loaded.iter().map(|program| program.as_fd()).collect();
        let filters = Filters::attach_behind(self.index, &fds, blocker.id());
        self.blocks.push(FilterBlock {
            rule: blocker.id(),
            _filters: filters.map_err(AttachError::Filters)?,
            _programs: loaded,
        });
        Ok(())
    }

    /// Takes a rule off.
    pub(super) fn unblock(&mut self, rule: BlockId) {
        self.blocks.retain(|block| block.rule != rule);
    }

    /// The ids of the programs.
    pub(super) fn programs(&self) -> Vec<u32> {
        let id = |program: &Program| Some(sys::program_info(program.as_fd()).ok()?.id);
        self.programs.iter().filter_map(id).collect()
    }
}
