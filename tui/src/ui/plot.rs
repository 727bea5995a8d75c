//! The graph of a flow, a prefix, a device or of all: both directions, each with
//! its scale, over the span that the user has zoomed to, and the values at the cursor.

use probe_common::Direction;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, bottom, indent, line};
use super::{format, graph};
use crate::app::action::Action;
use crate::app::columns::Shift;
use crate::app::state::State;
use crate::flow::{Series, Span};
use numbers::Numbers;

mod numbers;

/// With fewer lines the graph has no title.
const TITLED: u16 = 6;

/// Draws a series.
pub fn draw(canvas: &mut Canvas<'_>, state: &State, series: &Series, mut area: Rect) {
    let palette = canvas.palette;
    let finest = canvas
        .geometry
        .graph
        .map_or(series.span, |span| span.min(series.span));
    canvas.geometry.graph = Some(finest);
    let scale = format::rate_width(state.appearance.units) + 1;
    let room = usize::from(area.width.saturating_sub(scale + 1));
    let slots = series.span.values();
    let cells = slots.min(room).max(1);
    let clock = state.picture().flows.clock();
    let cursor = state.cursor;
    let cursor = cursor.and_then(|moment| clock.block_at(series.span, moment));
    // The columns of a cell: few values are wider than one.
    let columns = |cell: usize| {
        let edge = |cell: usize| (cell * room / cells) as u16;
        edge(cell)..edge(cell + 1)
    };
    let cursor_at = cursor.and_then(|at| {
        let cell = graph::place(at.number as usize, cells, slots, series.newest)?;
        Some(columns(cell))
    });
    let numbers = Numbers { state, series };
    let axis = Rect {
        width: room as u16,
        ..indent(bottom(&mut area, 1), scale)
    };
    let are_read = match cursor.zip(cursor_at.clone()) {
        Some((at, columns)) => numbers.under_cursor(canvas, axis, at, columns.start),
        None => {
            legend(canvas, state, series.span, axis);
            true
        }
    };
    let title = numbers.title(canvas, area.width, cursor.filter(|_| !are_read));
    if let Some(title) = title.filter(|_| area.height >= TITLED) {
        numbers::write(canvas, line(&mut area), &title);
    }
    let inward = area.height.div_ceil(2);
    for (direction, lines, style) in [
        (Direction::In, inward, palette.inward),
        (Direction::Out, area.height - inward, palette.outward),
    ] {
        let values = &series.values[direction as usize];
        let cells = graph::cells(values, cells, slots, series.newest);
        let max = format::rate(graph::max(&cells), state.appearance.units);
        let bars = graph::bars(&cells, usize::from(lines), canvas.ascii);
        for (number, bars) in bars.into_iter().enumerate() {
            let row = line(&mut area);
            let label = Rect {
                width: scale.saturating_sub(1),
                ..row
            };
            if number == 0 {
                canvas.right(label, &max, palette.dim);
            }
            let bars = bars.chars().enumerate();
            let bars: String = bars
                .flat_map(|(cell, bar)| std::iter::repeat_n(bar, columns(cell).len()))
                .collect();
            let field = indent(row, scale);
            canvas.text(field, &bars, style);
            if let Some(columns) = &cursor_at {
                upright(canvas, field, columns.clone());
            }
        }
    }
}

/// The cursor in a line of bars: they stay as they are, in another color.
fn upright(canvas: &mut Canvas<'_>, bars: Rect, columns: std::ops::Range<u16>) {
    let (style, glyph) = (canvas.palette.accent, canvas.glyph("│", "|"));
    let middle = columns.start + (columns.end - columns.start) / 2;
    for column in columns {
        let x = bars.x + column;
        if x < bars.right() {
            let cell = &mut canvas.buffer[(x, bars.y)];
            cell.set_style(style);
            if cell.symbol() == " " && column == middle {
                cell.set_symbol(glyph);
            }
        }
    }
}

/// When the graph begins and ends, and that it can be zoomed and read.
fn legend(canvas: &mut Canvas<'_>, state: &State, span: Span, axis: Rect) {
    let palette = canvas.palette;
    let ago = match span {
        Span::Minute => "1 min ago",
        Span::TenMinutes => "10 min ago",
        Span::Hour => "1 h ago",
    };
    if ago.width() + 4 >= usize::from(axis.width) {
        return;
    }
    let rest = canvas.text(axis, ago, palette.dim);
    let mut rest = canvas.right(rest, "now", palette.dim);
    for (action, word) in [
        (Action::ZoomIn, "zoom in"),
        (Action::ZoomOut, "zoom out"),
        (Action::Cursor(Shift::Left), "cursor"),
    ] {
        let changes = match action {
            Action::ZoomIn => span.shorter() != span,
            Action::ZoomOut => span == state.zoom && span.longer() != span,
            _ => true,
        };
        let key = canvas.keymap.key(&action).filter(|_| changes);
        if let Some(key) = key {
            let text = format!("  {} {word}", key.name(canvas.ascii));
            if text.width() + 2 < usize::from(rest.width) {
                rest = canvas.button(rest, &text, palette.dim, action);
            }
        }
    }
}
