//! The cursor of the graphs: it stays on its moment while the graphs move on.

use super::App;
use super::columns::Shift;
use crate::flow::Block;
use crate::model::Level;

impl App {
    /// Moves the cursor by a value of the finest graph that is shown; puts it on the
    /// newest one where it is not seen.
    pub(super) fn move_cursor(&mut self, to: Shift) {
        // A key may come before the graph that was just opened is drawn.
        let is_open = self.whole || self.view().standing().is_open;
        let Some(span) = self.graph.or(is_open.then_some(self.state.zoom)) else {
            let text = "No graph is shown: v opens that of all traffic, Enter that of the \
                        selected row.";
            self.state.notify(Level::Info, text);
            return;
        };
        let clock = self.state.picture().flows.clock();
        let blocks: Vec<Block> = clock.newest_blocks(span).collect();
        let place = self.state.cursor.and_then(|cursor| {
            let at = clock.block_at(span, cursor)?;
            blocks.iter().position(|block| *block == at)
        });
        let next = match (place, to) {
            (None, _) => 0,
            (Some(place), Shift::Left) => place + 1,
            (Some(place), Shift::Right) => place.saturating_sub(1),
        };
        if let Some(block) = blocks.get(next) {
            self.state.cursor = Some(block.middle());
        }
    }

    /// Removes the cursor. Returns whether it was seen.
    pub(super) fn remove_cursor(&mut self) -> bool {
        let seen = self.graph.zip(self.state.cursor.take());
        let clock = self.state.picture().flows.clock();
        seen.is_some_and(|(span, cursor)| clock.block_at(span, cursor).is_some())
    }
}

#[cfg(test)]
mod tests;
