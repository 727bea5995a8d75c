//! The part of the filter that the source is to apply by itself, so that the
//! kernel keeps no flows that are not shown.

use ipnet::IpNet;

use crate::filter::Filter;
use crate::model::Command;

#[cfg(test)]
mod tests;

/// Whether that is wanted, what the source was asked for last, and what it does.
#[derive(Debug, Default)]
pub struct PushDown {
    is_wanted: bool,
    asked: Option<Vec<IpNet>>,
    in_force: Option<Vec<IpNet>>,
}

impl PushDown {
    /// Nothing was asked for yet.
    #[must_use]
    pub const fn new(is_wanted: bool) -> Self {
        Self {
            is_wanted,
            asked: None,
            in_force: None,
        }
    }

    /// What to ask of the source when the filter is this one now. Not while a
    /// filter is typed: what the kernel keeps out is gone, also when
    /// the next letter makes the filter wider.
    pub fn follow(&mut self, kept: &Filter) -> Option<Command> {
        if !self.is_wanted {
            return None;
        }
        let prefixes = kept.prefixes();
        if prefixes == self.asked {
            return None;
        }
        self.asked.clone_from(&prefixes);
        Some(Command::PushDown(prefixes))
    }

    /// The source has answered. A source that refuses keeps flows of all packets.
    pub fn replied(&mut self, prefixes: Option<&[IpNet]>, is_done: bool) {
        self.in_force = prefixes.filter(|_| is_done).map(<[IpNet]>::to_vec);
    }

    /// The prefixes that the source applies.
    #[must_use]
    pub fn prefixes(&self) -> Option<&[IpNet]> {
        self.in_force.as_deref()
    }
}
