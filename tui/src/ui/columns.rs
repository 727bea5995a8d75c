//! The list in which the columns of the flow table are chosen.

use ratatui::layout::Rect;

use super::canvas::{Canvas, clear, indent, line};
use super::{views, wrap};
use crate::app::App;
use crate::app::action::Action;
use crate::app::columns::ColumnEdit;

const WIDTH: u16 = 58;

/// Draws the list over the lower right of the table, whose titles stay in
/// sight.
pub fn draw(canvas: &mut Canvas<'_>, app: &App, area: Rect) {
    let palette = canvas.palette;
    let columns = &app.views.flows.columns;
    let width = WIDTH.min(area.width);
    let keep = wrap(
        &format!(
            "To keep it, in config.toml under [flows]: {}",
            columns.setting()
        ),
        usize::from(width).saturating_sub(3),
    );
    let rows = columns.all().len() as u16;
    let height = (1 + rows + keep.len() as u16).min(area.height.saturating_sub(1));
    let mut place = Rect {
        x: area.right() - width,
        y: area.bottom() - height,
        width,
        height,
    };
    clear(canvas, place);
    canvas.geometry.cover(place);
    let title = line(&mut place);
    canvas.rule(title);
    canvas.text(indent(title, 2), " columns ", palette.accent);
    let fitting = views::fitting(&app.state, &app.views.flows, area.width);
    let page = usize::from(place.height);
    let chosen = columns.chosen();
    let at = columns.all().iter().position(|(c, _)| *c == chosen);
    let hidden = (at.unwrap_or(0) + 1).saturating_sub(page);
    for (column, is_shown) in columns.all().iter().skip(hidden).take(page) {
        let row = line(&mut place);
        let mark = if *is_shown { " [x] " } else { " [ ] " };
        let name = format!("{:<10}", column.name());
        let rest = canvas.texts(row, [(mark, palette.accent), (&name, palette.strong)]);
        let meaning = if *is_shown && !fitting.contains(column) {
            "does not fit here"
        } else {
            column.meaning()
        };
        canvas.text(rest, meaning, palette.dim);
        let toggle = Action::Column(ColumnEdit::ToggleThis(*column));
        canvas.geometry.zone(row, toggle);
        if *column == chosen {
            canvas.text(row, canvas.glyph("▌", ">"), palette.accent);
            canvas.buffer.set_style(row, palette.selected);
        }
    }
    for text in keep {
        let row = line(&mut place);
        canvas.text(indent(row, 1), &text, palette.dim);
    }
}
