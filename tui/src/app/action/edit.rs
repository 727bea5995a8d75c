//! Changes of lines, columns and selections.

use crate::app::columns::{Column, Shift};

/// A change of the line that is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Insert a character.
    Insert(char),
    /// Delete the character before the cursor.
    Backspace,
    /// Delete the character under the cursor.
    Delete,
    /// Delete the word before the cursor.
    DeleteWord,
    /// Delete all before the cursor.
    DeleteToStart,
    /// Delete all from the cursor on.
    DeleteToEnd,
    /// Move one character to the left.
    Left,
    /// Move one character to the right.
    Right,
    /// Move to the start.
    Start,
    /// Move to the end.
    End,
    /// Take up the filter that was kept before.
    Earlier,
    /// Take up the filter that was kept after.
    Later,
    /// Complete the word before the cursor; again: with the next proposal.
    Complete,
}

/// A change of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnEdit {
    /// Show the chosen one, or hide it.
    Toggle,
    /// Show this one, or hide it.
    ToggleThis(Column),
    /// Move it.
    Move(Shift),
    /// Sort by it.
    Sort,
    /// Copy the setting that keeps all of this.
    Copy,
}

/// A movement of the selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// A screen up.
    PageUp,
    /// A screen down.
    PageDown,
    /// The first row.
    First,
    /// The last row.
    Last,
}
