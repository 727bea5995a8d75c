//! Lines of text of which some are visible.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::canvas::{Canvas, indent, line};
use super::format;
use crate::app::list::{Extent, Scroll};

/// A line: pieces of text with their styles.
pub type Line = Vec<(String, Style)>;

/// What was drawn of some lines.
#[derive(Clone, Copy, Debug)]
pub struct Pane {
    /// How much was visible.
    pub extent: Extent,
    /// How many lines are further down.
    pub below: usize,
}

/// Draws the lines from where they are scrolled to, each by `write`.
pub fn draw<T>(
    canvas: &mut Canvas<'_>,
    mut area: Rect,
    lines: &[T],
    scroll: Scroll,
    mut write: impl FnMut(&mut Canvas<'_>, Rect, &T),
) -> Pane {
    let extent = Extent {
        page: usize::from(area.height),
        rows: lines.len(),
    };
    let most = extent.rows.saturating_sub(extent.page);
    let hidden = scroll.offset().min(most);
    for text in lines.iter().skip(hidden).take(extent.page) {
        write(canvas, line(&mut area), text);
    }
    Pane {
        extent,
        below: most - hidden,
    }
}

/// Writes a line of text.
pub fn write(canvas: &mut Canvas<'_>, place: Rect, text: &Line) {
    canvas.texts(
        place,
        text.iter().map(|(text, style)| (text.as_str(), *style)),
    );
}

impl Pane {
    /// Says at the right end of a line how much there is below, if anything is.
    pub fn note_below(self, canvas: &mut Canvas<'_>, place: Rect) {
        if self.below > 0 {
            let text = format!(" {} ", format::below(self.below));
            let style = canvas.palette.dim;
            canvas.right(indent(place, 2), &text, style);
        }
    }
}
