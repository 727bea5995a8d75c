//! Lists with a selection that follows an item and not a row, and text that
//! scrolls.

#[cfg(test)]
mod tests;

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

/// Where a search goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Find {
    /// At the selected row.
    Here,
    /// Behind it.
    Next,
    /// Before it.
    Previous,
}

/// A list, whatever its rows are.
pub trait Rows {
    /// Moves the selection.
    fn step(&mut self, motion: Motion);

    /// Scrolls by rows; the selection stays where it is.
    fn scroll(&mut self, rows: i32);

    /// Sets how many rows fit. Returns whether that moves the rows.
    fn set_page(&mut self, page: usize) -> bool;

    /// Clears the selection. Returns whether there was one.
    fn deselect(&mut self) -> bool;
}

/// Rows that move, which of them is selected, and which are visible.
#[derive(Clone, Debug)]
pub struct List<I> {
    rows: Vec<I>,
    selected: Option<I>,
    /// Where the selected item stands, or stood last.
    index: usize,
    offset: usize,
    page: usize,
}

impl<I> Default for List<I> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            selected: None,
            index: 0,
            offset: 0,
            page: 0,
        }
    }
}

impl<I: Copy + PartialEq> List<I> {
    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[I] {
        &self.rows
    }

    /// The rows that are visible when `page` fit.
    #[must_use]
    pub fn visible(&self, page: usize) -> &[I] {
        let start = self.offset.min(self.rows.len().saturating_sub(page));
        let end = self.rows.len().min(start + page);
        &self.rows[start..end]
    }

    /// The selected item, also when no row shows it any more.
    #[must_use]
    pub const fn selected(&self) -> Option<I> {
        self.selected
    }

    /// Where the selected item stands, or stood last.
    #[must_use]
    pub const fn place(&self) -> usize {
        self.index
    }

    /// Takes over new rows. The selected item stays in its line of the screen
    /// for as long as that is possible.
    pub fn settle(&mut self, rows: Vec<I>) {
        self.rows = rows;
        let visible = self.offset..self.offset + self.page.max(1);
        let position = self
            .selected
            .and_then(|item| self.rows.iter().position(|row| *row == item));
        if let Some(position) = position {
            if visible.contains(&self.index) {
                self.offset = position.saturating_sub(self.index - self.offset);
            }
            self.index = position;
        }
        self.clamp();
    }

    /// Moves the selection. Where nothing is selected the first visible row
    /// gets it; where its item has gone, the row that stands in its place.
    pub fn step(&mut self, motion: Motion) {
        let Some(last) = self.rows.len().checked_sub(1) else {
            return;
        };
        let page = self.page.saturating_sub(1).max(1);
        let present = self
            .selected
            .is_some_and(|item| self.rows.get(self.index) == Some(&item));
        let index = match motion {
            Motion::First => 0,
            Motion::Last => last,
            _ if self.selected.is_none() => self.offset,
            Motion::Down if !present => self.index,
            Motion::Up => self.index.saturating_sub(1),
            Motion::Down => self.index + 1,
            Motion::PageUp => self.index.saturating_sub(page),
            Motion::PageDown => self.index + page,
        };
        self.index = index.min(last);
        self.selected = Some(self.rows[self.index]);
        self.reveal();
    }

    /// Scrolls by rows.
    pub fn scroll(&mut self, rows: i32) {
        let by = rows.unsigned_abs() as usize;
        self.offset = if rows < 0 {
            self.offset.saturating_sub(by)
        } else {
            self.offset + by
        };
        self.clamp();
    }

    /// Selects a row that is wanted; behind the last one the search goes on with the
    /// first. Returns whether there is one.
    pub fn find(&mut self, from: Find, is_wanted: impl Fn(I) -> bool) -> bool {
        let rows = self.rows.len();
        let start = match self.selected {
            Some(_) => self.index.min(rows.saturating_sub(1)),
            None => self.offset,
        };
        let place = |step: usize| match from {
            Find::Here => (start + step) % rows,
            Find::Next => (start + step + 1) % rows,
            Find::Previous => (start + rows - 1 - step) % rows,
        };
        let found = (0..rows).map(place).find(|at| is_wanted(self.rows[*at]));
        if let Some(at) = found {
            self.index = at;
            self.selected = Some(self.rows[at]);
            self.reveal();
        }
        found.is_some()
    }

    /// Selects an item that is among the rows.
    pub fn select(&mut self, item: I) {
        if let Some(index) = self.rows.iter().position(|row| *row == item) {
            self.selected = Some(item);
            self.index = index;
            self.reveal();
        }
    }

    /// Clears the selection; returns whether there was one.
    pub fn deselect(&mut self) -> bool {
        self.selected.take().is_some()
    }

    /// Shows the rows from the first on.
    pub const fn rewind(&mut self) {
        self.offset = 0;
    }

    /// Sets how many rows fit. Returns whether that moves them.
    pub fn set_page(&mut self, page: usize) -> bool {
        let offset = self.offset;
        if self.page != page {
            let seen =
                self.page == 0 || (self.offset..self.offset + self.page).contains(&self.index);
            self.page = page;
            if seen && self.selected.is_some() {
                self.reveal();
            }
            self.clamp();
        }
        self.offset != offset
    }

    fn reveal(&mut self) {
        let page = self.page.max(1);
        if self.index < self.offset {
            self.offset = self.index;
        } else if self.index >= self.offset + page {
            self.offset = self.index + 1 - page;
        }
        self.clamp();
    }

    fn clamp(&mut self) {
        self.offset = self
            .offset
            .min(self.rows.len().saturating_sub(self.page.max(1)));
    }
}

impl<I: Copy + PartialEq> Rows for List<I> {
    fn step(&mut self, motion: Motion) {
        self.step(motion);
    }

    fn scroll(&mut self, rows: i32) {
        self.scroll(rows);
    }

    fn set_page(&mut self, page: usize) -> bool {
        self.set_page(page)
    }

    fn deselect(&mut self) -> bool {
        self.deselect()
    }
}

/// Lines of text of which some are visible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    offset: usize,
    extent: Extent,
}

/// How much of something was visible in the last frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Visible rows.
    pub page: usize,
    /// All rows.
    pub rows: usize,
}

impl Scroll {
    /// The first visible line.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Scrolls.
    pub fn step(&mut self, motion: Motion) {
        let page = self.extent.page.saturating_sub(1).max(1);
        self.offset = match motion {
            Motion::Up => self.offset.saturating_sub(1),
            Motion::Down => self.offset + 1,
            Motion::PageUp => self.offset.saturating_sub(page),
            Motion::PageDown => self.offset + page,
            Motion::First => 0,
            Motion::Last => usize::MAX,
        };
        self.clamp();
    }

    /// Scrolls by lines.
    pub fn scroll(&mut self, lines: i32) {
        self.offset = self.offset.saturating_add_signed(lines as isize);
        self.clamp();
    }

    /// So much was visible. Returns whether that moves the lines.
    pub fn set_extent(&mut self, extent: Extent) -> bool {
        let offset = self.offset;
        self.extent = extent;
        self.clamp();
        self.offset != offset
    }

    fn clamp(&mut self) {
        let last = self.extent.rows.saturating_sub(self.extent.page);
        self.offset = self.offset.min(last);
    }
}
