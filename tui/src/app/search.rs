//! Searching for text in the rows of a view.

use super::line::Line;

/// What is searched for.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The line in which it is typed, while it is.
    pub typing: Option<Line>,
    /// What was typed last.
    pub text: String,
    /// Whether no row has it.
    pub is_missing: bool,
}
