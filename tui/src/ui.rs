//! Drawing: a pure function of the application's state, which returns where
//! things stand.

mod block;
mod canvas;
mod columns;
mod filter;
mod footer;
pub mod format;
pub mod geometry;
mod graph;
mod group;
mod header;
mod help;
pub mod palette;
mod pane;
mod plot;
mod search;
mod table;
mod timeline;
mod views;
mod whole;

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::app::App;
use crate::app::state::State;
use crate::keys::Keymap;
use crate::model::Moment;
use crate::text::wrap;
use canvas::Canvas;
use geometry::Geometry;
use palette::Palette;

#[cfg(test)]
mod tests;

/// The smallest screen on which there is anything to see, in cells.
const LEAST: (u16, u16) = (40, 10);

/// Draws the state.
pub fn draw(app: &App, keymap: &Keymap, frame: &mut Frame<'_>) -> Geometry {
    let mut area = frame.area();
    let mut canvas = Canvas {
        palette: Palette::new(app.state.appearance),
        ascii: app.state.appearance.ascii,
        geometry: Geometry::default(),
        keymap,
        note: None,
        buffer: frame.buffer_mut(),
    };
    if area.width < LEAST.0 || area.height < LEAST.1 {
        too_small(&mut canvas, area);
        return canvas.geometry;
    }
    let tabs = header::draw(&mut canvas, app, &mut area);
    block::banner(&mut canvas, app, &mut area);
    footer::draw(&mut canvas, app, &mut area);
    let cursor = filter::draw(&mut canvas, app, &mut area);
    let cursor = timeline::draw(&mut canvas, app, &mut area).or(cursor);
    let cursor = search::draw(&mut canvas, &app.state.search, &mut area).or(cursor);
    if app.whole {
        let lines = whole::lines(area.height);
        let place = canvas::bottom(&mut area, lines);
        whole::draw(&mut canvas, app, place);
    }
    views::draw(&mut canvas, app, area);
    header::note(&mut canvas, tabs);
    if app.chooses_columns() {
        columns::draw(&mut canvas, app, area);
    }
    let cursor = block::draw(&mut canvas, app, area).or(cursor);
    if app.helps() {
        help::draw(&mut canvas, app, area);
    }
    let geometry = canvas.geometry;
    if let Some(position) = cursor {
        frame.set_cursor_position(position);
    }
    geometry
}

fn too_small(canvas: &mut Canvas<'_>, mut area: Rect) {
    let style = canvas.palette.text;
    let (width, height) = (area.width, area.height);
    for text in [
        format!("nkview needs {}x{}", LEAST.0, LEAST.1),
        format!("this is {width}x{height}"),
    ] {
        let place = canvas::line(&mut area);
        canvas.text(place, &text, style);
    }
}

/// The time of day of a moment, in this machine's time zone.
fn time_of_day(state: &State, moment: Moment, format: &str) -> String {
    let time = state.clock.at(moment).to_zoned(state.zone.clone());
    time.strftime(format).to_string()
}

/// An empty view: what is the matter, and what to do next.
fn empty(canvas: &mut Canvas<'_>, area: Rect, matter: &str, cure: &str) {
    let mut place = Rect {
        x: area.x + 3.min(area.width),
        y: area.y + area.height / 3,
        width: area.width.saturating_sub(6),
        height: area.height - area.height / 3,
    };
    let (strong, text) = (canvas.palette.strong, canvas.palette.text);
    for (words, style) in [(matter, strong), (cure, text)] {
        for words in wrap(words, place.width.into()) {
            canvas.text(canvas::line(&mut place), &words, style);
        }
    }
}
