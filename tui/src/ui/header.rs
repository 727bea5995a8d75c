//! What is watched, how much goes through it, and the tabs.

use probe_common::Direction;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, line};
use super::{format, graph};
use crate::app::App;
use crate::app::action::Action;
use crate::app::measure::Measure;
use crate::app::tab::Tab;
use crate::app::views::Badge;
use crate::flow::SLOTS;

/// Draws the two uppermost lines and takes them off the area. Returns what is
/// left of the second.
pub fn draw(canvas: &mut Canvas<'_>, app: &App, area: &mut Rect) -> Rect {
    let place = line(area);
    let palette = canvas.palette;
    let dot = canvas.glyph(" · ", " - ");
    let name = " nkview ";
    let repeats = !app.state.picture().flows.repeated().is_zero();
    let once = if repeats && place.width >= 120 {
        ", each packet once"
    } else {
        ""
    };
    let host = format!("{}{dot}{}{once}", app.state.session.host, watched(app));
    let rest = rates(canvas, app, place, name.width() + host.width());
    let rest = canvas.text(rest, name, palette.accent);
    canvas.text(rest, &host, palette.text);
    let place = line(area);
    tabs(canvas, app, place)
}

/// The devices by name, as long as they are few.
fn watched(app: &App) -> String {
    let names: Vec<&str> = app
        .state
        .known_devices()
        .watched()
        .map(|device| device.name.as_str())
        .collect();
    match names.len() {
        0 if !app.state.known_devices().are_listed() => "looking for devices".to_owned(),
        0 => "no device watched".to_owned(),
        1..=2 => names.join(", "),
        number => match app.state.known_devices().progress() {
            Some((done, all)) => format!("{done} of {all} devices"),
            None => format!("{number} devices"),
        },
    }
}

/// Cells that the graphs may have: each stands for whole seconds.
const GRAPHS: [u16; 7] = [60, 30, 20, 15, 12, 8, 0];

/// Writes the rates at the right end of the line and leaves `wanted` cells at
/// its left if it can; returns what is left of it.
fn rates(canvas: &mut Canvas<'_>, app: &App, place: Rect, wanted: usize) -> Rect {
    let flows = &app.state.picture().flows;
    let ledger = flows.whole();
    let narrowed = app.views.flows.narrowed();
    let palette = canvas.palette;
    let roomy = place.width >= 100;
    let window = match (app.state.measure(), roomy) {
        (Measure::Rate(window), true) => format!(" over {} s ", window.as_secs()),
        (Measure::Rate(window), false) => format!(" {} s ", window.as_secs()),
        (Measure::Total, true) => " in total ".to_owned(),
        (Measure::Total, false) => " total ".to_owned(),
    };
    let sides = match (roomy, canvas.ascii) {
        (true, false) => ["↓ in", "↑ out"],
        (false, false) => ["↓", "↑"],
        (_, true) => ["in", "out"],
    };
    let is_rate = matches!(app.state.measure(), Measure::Rate(_));
    let packets = if place.width >= 120 && is_rate { 10 } else { 0 };
    let rate_width = format::rate_width(app.state.appearance.units);
    let labels = (sides[0].width() + sides[1].width()) as u16;
    // Of how much, beside what is shown.
    let is_part = narrowed.is_some() && !app.views.flows.is_turned();
    let of = if is_part { rate_width + 4 } else { 0 };
    let packets = if narrowed.is_some() { 0 } else { packets };
    let texts = window.len() as u16 + labels + 2 * (rate_width + 3 + packets + of) + 4;
    let room = place.width.saturating_sub(texts + wanted as u16) / 2;
    let cells = GRAPHS.into_iter().find(|cells| *cells <= room).unwrap_or(0);
    let mut rest = canvas.right(place, &window, palette.dim);
    for (direction, label, style) in [
        (Direction::Out, sides[1], palette.outward),
        (Direction::In, sides[0], palette.inward),
    ] {
        let amount = app
            .state
            .measure()
            .of_ledger(ledger, direction, flows.clock());
        let rate = format::some_amount(amount, app.state.measure(), app.state.appearance.units);
        let values: Vec<f64> = ledger.history().values(direction, flows.clock()).collect();
        let graph = graph::cells(
            &values,
            cells.into(),
            SLOTS,
            app.state.picture().newest_slot(),
        );
        let graph = graph::sparkline(&graph, canvas.ascii);
        rest = canvas.right(rest, "  ", palette.text);
        rest = canvas.right(rest, &graph, style);
        rest = canvas.right(rest, " ", palette.text);
        if packets > 0 {
            let rate = ledger.packet_rate(direction, app.state.window(), flows.clock());
            let rate = format::short_count(rate.round() as u64);
            rest = canvas.right(rest, &format!("{rate:>6} p/s"), palette.dim);
        }
        let width = usize::from(rate_width);
        let rate = match narrowed {
            Some(shown) => {
                if is_part {
                    rest = canvas.right(rest, &format!(" of {rate:<width$}"), palette.dim);
                }
                let shown = shown[direction as usize];
                format::some_amount(shown, app.state.measure(), app.state.appearance.units)
            }
            None => rate,
        };
        rest = canvas.right(rest, &format!("{rate:>width$}"), palette.strong);
        rest = canvas.right(rest, " ", palette.text);
        rest = canvas.right(rest, label, style);
    }
    canvas.right(rest, "  ", palette.text)
}

/// The fewest cells in which the start of a remark is still readable.
const REMARK: u16 = 20;

fn tabs(canvas: &mut Canvas<'_>, app: &App, place: Rect) -> Rect {
    let palette = canvas.palette;
    let mut rest = marks(canvas, app, place);
    for &tab in Tab::ALL {
        let style = if tab == app.tab() {
            palette.accent.add_modifier(Modifier::UNDERLINED)
        } else {
            palette.text
        };
        rest = canvas.text(rest, " ", palette.text);
        let name = format!("{} {}", tab.number(), tab.name());
        rest = canvas.button(rest, &name, style, Action::Show(tab));
        rest = badge(canvas, app, tab, rest);
        rest = canvas.text(rest, " ", palette.text);
    }
    if let Some(remark) = &app.state.session.remark
        && rest.width >= REMARK
        && app.prompt().is_none()
    {
        rest = canvas.text(rest, "  ", palette.text);
        rest = canvas.text(rest, remark, palette.dim);
    }
    rest
}

/// Writes what the view has to add, where there is room for all of it.
pub fn note(canvas: &mut Canvas<'_>, place: Rect) {
    if let Some(note) = canvas.note.take()
        && note.width() <= usize::from(place.width)
    {
        canvas.right(place, &note, canvas.palette.dim);
    }
}

/// What a tab shows after its name.
fn badge(canvas: &mut Canvas<'_>, app: &App, tab: Tab, place: Rect) -> Rect {
    let palette = canvas.palette;
    let grouped = |number: usize| format::grouped(number as u64);
    let text = match app.views.get(tab).badge(&app.state) {
        Badge::None => return place,
        Badge::Count(number) => grouped(number),
        Badge::Of(part, all) if part == all => grouped(all),
        Badge::Of(part, all) => format!("{}/{}", grouped(part), grouped(all)),
        Badge::Marks { errors, warnings } => {
            let marks = [
                (canvas.glyph("✗", "x"), errors, palette.bad),
                (canvas.glyph("▲", "!"), warnings, palette.warn),
            ];
            return marks
                .into_iter()
                .filter(|(_, number, _)| *number > 0)
                .fold(place, |rest, (mark, number, style)| {
                    canvas.text(rest, &format!(" {mark}{number}"), style)
                });
        }
    };
    canvas.text(place, &format!(" {text}"), palette.dim)
}

/// Writes what is special about the picture at the right end of the line;
/// returns what is left of it.
fn marks(canvas: &mut Canvas<'_>, app: &App, place: Rect) -> Rect {
    let palette = canvas.palette;
    let mut rest = canvas.right(place, " ", palette.text);
    if app.state.ended().is_some() {
        rest = canvas.right(rest, " ENDED ", palette.alarm);
        rest = canvas.right(rest, " ", palette.text);
    }
    let lost = app.state.lost();
    if !lost.is_empty() && app.state.ended().is_none() {
        let mark = match lost.as_slice() {
            [name] => format!(" {name} LOST "),
            names => format!(" {} HOSTS LOST ", names.len()),
        };
        rest = canvas.right(rest, &mark, palette.alarm);
        rest = canvas.right(rest, " ", palette.text);
    }
    if let Some(name) = &app.state.recording {
        let mark = format!(" REC {name} ");
        let is_roomy = usize::from(rest.width) > 3 * mark.width();
        let mark = if is_roomy { mark.as_str() } else { " REC " };
        rest = canvas.right(rest, mark, palette.alarm);
        rest = canvas.right(rest, " ", palette.text);
    }
    if let Some(back) = app.state.back_by() {
        let mark = format!(" {} AGO ", format::duration(back));
        let style = palette.warn.add_modifier(Modifier::REVERSED);
        return canvas.right(rest, &mark, style);
    }
    if let Some(age) = app.state.frozen_for() {
        let mark = format!(" PAUSED {} ago ", format::duration(age));
        let style = palette.warn.add_modifier(Modifier::REVERSED);
        rest = canvas.right(rest, &mark, style);
    }
    rest
}
