//! The graph of all that is watched.

use probe_common::Direction;
use ratatui::layout::Rect;

use super::canvas::{Canvas, indent, line};
use super::{format, plot};
use crate::app::App;

/// Lines that it takes, where the screen has room.
#[must_use]
pub const fn lines(height: u16) -> u16 {
    let half = height / 2;
    if half < 12 { half } else { 12 }
}

/// Draws it: of the flows that are shown, where these are not all.
pub fn draw(canvas: &mut Canvas<'_>, app: &App, mut area: Rect) {
    let palette = canvas.palette;
    let state = &app.state;
    let place = line(&mut area);
    canvas.rule(place);
    let flows = &state.picture().flows;
    if let Some(series) = app.narrowed() {
        let title = " traffic of the flows that are shown ";
        canvas.text(indent(place, 1), title, palette.strong);
        return plot::draw(canvas, state, series, area);
    }
    let devices = format::plural(state.known_devices().watched().count() as u64, "device");
    let once = if flows.repeated().is_zero() {
        ""
    } else {
        ", each packet once"
    };
    let title = format!(" all traffic of {devices}{once} ");
    let mut rest = canvas.text(indent(place, 1), &title, palette.strong);
    for (direction, arrow, style) in [
        (Direction::In, canvas.glyph("↓ ", "in "), palette.inward),
        (Direction::Out, canvas.glyph("↑ ", "out "), palette.outward),
    ] {
        let bytes = format::bytes(
            flows.whole().sums(direction).seen.bytes,
            state.appearance.units,
        );
        rest = canvas.text(rest, &format!("{arrow}{bytes} "), style);
    }
    let series = flows.whole().series(state.zoom, flows.clock());
    plot::draw(canvas, state, &series, area);
}
