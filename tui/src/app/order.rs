//! The order of a table's rows.

/// A column that rows can be sorted by.
pub trait Sortable: Copy + PartialEq {
    /// Whether the largest comes first unless the order is reversed.
    fn descends(self) -> bool;
}

/// A column and a direction to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order<C> {
    /// The column.
    pub column: C,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl<C: Sortable> Order<C> {
    /// The column's natural order.
    #[must_use]
    pub fn by(column: C) -> Self {
        Self {
            column,
            descending: column.descends(),
        }
    }

    /// Sorts by a column; by the same again in reverse.
    pub fn sort_by(&mut self, column: C) {
        if self.column == column {
            self.descending = !self.descending;
        } else {
            *self = Self::by(column);
        }
    }

    /// Sorts by the next of these columns.
    pub fn sort_by_next(&mut self, columns: &[C]) {
        let place = columns.iter().position(|column| *column == self.column);
        let next = place.map_or(0, |place| place + 1);
        if let Some(column) = columns.get(next).or(columns.first()) {
            self.sort_by(*column);
        }
    }
}
