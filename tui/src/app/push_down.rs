//! The part of the filter that the source is to apply by itself, so that the
//! kernel keeps no flows of what nobody wants to see.

use ipnet::IpNet;

use crate::filter::Filter;
use crate::model::Command;

#[cfg(test)]
mod tests;

/// Whether that is wanted, and what the source was told last.
#[derive(Debug, Default)]
pub struct PushDown {
    is_wanted: bool,
    told: Option<Vec<IpNet>>,
    /// The source did not take what it was told last.
    is_lost: bool,
}

impl PushDown {
    /// Nothing was told yet.
    #[must_use]
    pub const fn new(is_wanted: bool) -> Self {
        Self {
            is_wanted,
            told: None,
            is_lost: false,
        }
    }

    /// What to tell the source when the filter is this one now. While a filter
    /// is typed it is not told: what the kernel keeps out is gone, also when
    /// the next letter makes the filter wider.
    pub fn follow(&mut self, kept: &Filter) -> Option<Command> {
        if !self.is_wanted {
            return None;
        }
        let prefixes = kept.prefixes();
        if prefixes == self.told && !self.is_lost {
            return None;
        }
        self.is_lost = false;
        self.told.clone_from(&prefixes);
        Some(Command::PushDown(prefixes))
    }

    /// The source had no time to listen: it will be told again.
    pub const fn lost(&mut self) {
        self.is_lost = true;
    }

    /// The prefixes that the source was told.
    #[must_use]
    pub fn prefixes(&self) -> Option<&[IpNet]> {
        self.told.as_deref()
    }
}
