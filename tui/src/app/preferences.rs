//! What is chosen at the start: how it looks, and what the user prefers.

use std::time::Duration;

use super::columns::Column;
use super::filtering::Closed;
use crate::diagnosis::Policy;
use crate::filter::NamedFilters;
use crate::text::Units;

/// How the screen is to look, chosen at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appearance {
    /// Only ASCII characters.
    pub ascii: bool,
    /// The units of amounts.
    pub units: Units,
    /// The colors that the terminal has.
    pub colors: Colors,
    /// Whether text is dark on a light background.
    pub light: bool,
}

/// What the user prefers, chosen at the start.
#[derive(Clone, Debug)]
pub struct Preferences {
    /// The columns of the flow table.
    pub columns: Vec<Column>,
    /// The column that it is sorted by.
    pub sort: Column,
    /// What happens to closed flows.
    pub closed: Closed,
    /// By what problems are judged.
    pub policy: Policy,
    /// The window that rates are computed over, one of those of [`Measure::ALL`](super::measure::Measure::ALL).
    pub window: Duration,
    /// Filters by name.
    pub filters: NamedFilters,
}

/// The colors that a terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colors {
    /// None: bold, dim and reversed text only.
    #[default]
    None,
    /// The 16 of ANSI.
    Ansi,
    /// The 256 of xterm.
    Indexed,
    /// 24 bits.
    True,
}
