//! The line in which is typed what to search for.

use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, bottom};
use crate::app::search::Search;

/// Draws it, while something is typed, and takes it off the area. Returns where the
/// cursor stands.
pub fn draw(canvas: &mut Canvas<'_>, search: &Search, area: &mut Rect) -> Option<Position> {
    let line = search.typing.as_ref()?;
    let palette = canvas.palette;
    let place = bottom(area, 1);
    let field = canvas.text(place, " find ", palette.accent);
    let rest = canvas.text(field, line.text(), palette.text);
    if search.is_missing && !search.text.is_empty() {
        canvas.text(rest, "   no row has this", palette.bad);
    }
    let before: String = line.text().chars().take(line.cursor()).collect();
    let x = field.x + before.width() as u16;
    Some(Position::new(
        x.min(place.right().saturating_sub(1)),
        place.y,
    ))
}
