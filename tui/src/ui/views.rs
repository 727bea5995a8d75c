//! Drawing the views.

mod devices;
mod flows;
mod hosts;
mod packets;
mod probe;
mod problems;

use ratatui::layout::Rect;

use super::canvas::Canvas;
use crate::app::App;
use crate::app::tab::{Tab, each_view};

pub use flows::fitting;

macro_rules! draw {
    ($($name:ident $module:ident $state:ident $help:literal;)*) => {
        /// Draws the view that is shown.
        pub fn draw(canvas: &mut Canvas<'_>, app: &App, area: Rect) {
            match app.tab() {
                $(Tab::$name => $module::draw(canvas, &app.state, &app.views.$module, area),)*
            }
        }
    };
}
each_view!(draw);
