//! The probe view: text that scrolls.

use super::{Badge, View};
use crate::app::list::{Extent, Motion, Scroll};
use crate::app::state::State;
use crate::model::Level;

/// The state of the view.
#[derive(Debug, Default)]
pub struct ProbeView {
    /// How far it is scrolled.
    pub scroll: Scroll,
}

impl View for ProbeView {
    fn badge(&self, state: &State) -> Badge {
        let warnings = state.notices.all().filter(|n| n.level == Level::Warning);
        Badge::Marks {
            errors: 0,
            warnings: warnings.count(),
        }
    }

    fn shows_cost(&self) -> bool {
        true
    }

    fn step(&mut self, motion: Motion, _: &State) {
        self.scroll.step(motion);
    }

    fn scroll(&mut self, rows: i32) {
        self.scroll.scroll(rows);
    }

    fn set_extent(&mut self, extent: Extent) -> bool {
        self.scroll.set_extent(extent)
    }
}
