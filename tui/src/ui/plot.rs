//! The graph of a flow, a prefix, a device or of all: both directions, each with
//! its scale, over the span that the user has zoomed to.

use probe_common::Direction;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, bottom, indent, line};
use super::{format, graph};
use crate::app::action::Action;
use crate::app::state::State;
use crate::flow::{Series, Span};

/// Draws a series.
pub fn draw(canvas: &mut Canvas<'_>, state: &State, series: &Series, mut area: Rect) {
    let palette = canvas.palette;
    let axis = bottom(&mut area, 1);
    let scale = format::rate_width(state.appearance.units) + 1;
    let room = usize::from(area.width.saturating_sub(scale + 1));
    let slots = series.span.values();
    let cells = slots.min(room);
    // Few values may be wider than a cell.
    let each = (room / cells.max(1)).max(1);
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
            let place = line(&mut area);
            let label = Rect {
                width: scale.saturating_sub(1),
                ..place
            };
            if number == 0 {
                canvas.right(label, &max, palette.dim);
            }
            let bars: String = bars
                .chars()
                .flat_map(|bar| std::iter::repeat_n(bar, each))
                .collect();
            canvas.text(indent(place, scale), &bars, style);
        }
    }
    let axis = Rect {
        width: ((cells * each) as u16).min(axis.width.saturating_sub(scale)),
        ..indent(axis, scale)
    };
    legend(canvas, state, series.span, axis);
}

/// When the graph begins and ends, and that it can be zoomed.
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
    for (action, word) in [(Action::ZoomIn, "nearer"), (Action::ZoomOut, "further")] {
        let changes = match action {
            Action::ZoomIn => span.shorter() != span,
            _ => span == state.zoom && span.longer() != span,
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
