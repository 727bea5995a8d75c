//! All there is to know of one flow.

use probe_common::Direction;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::canvas::{Canvas, indent, line};
use super::format::{self, count};
use super::plot;
use crate::app::action::Side;
use crate::app::{App, ends, names};
use crate::dissect::tcp_flags_text;
use crate::flow::Flow;

/// Lines that the text needs.
const TEXT: u16 = 12;
/// Width of the labels, of a column of values, and of both columns with them.
const LABEL: u16 = 14;
const VALUE: u16 = 18;
const FACTS: u16 = LABEL + 2 * VALUE + 2;

/// The lines of the detail where the view has so many.
#[must_use]
pub const fn lines(height: u16) -> u16 {
    let half = height.saturating_sub(4);
    if half < TEXT { half } else { TEXT }
}

/// Draws the detail of the selected flow.
pub fn draw(canvas: &mut Canvas<'_>, app: &App, mut area: Rect) {
    let Some(flow) = app.selected_flow() else {
        let place = line(&mut area);
        canvas.rule(place);
        super::empty(
            canvas,
            area,
            "The selected flow is over and has left the table.",
            "Its packets count as expired. Esc closes this.",
        );
        return;
    };
    let place = line(&mut area);
    title(canvas, app, flow, place);
    let facts = Rect {
        width: area.width.min(FACTS),
        ..area
    };
    table(canvas, app, flow, facts);
    let graphs = indent(area, FACTS + 1);
    if graphs.width >= 24 && graphs.height >= 6 {
        let series = flow.history.series(app.zoom, app.picture().flows.clock());
        plot::draw(canvas, app, &series, graphs);
    }
}

fn title(canvas: &mut Canvas<'_>, app: &App, flow: &Flow, place: Rect) {
    let palette = canvas.palette;
    canvas.rule(place);
    let end = |side| {
        let name = ends::address(&flow.key, side).and_then(|address| app.hostnames.name(address));
        match name {
            Some(name) => format!("{} ({name})", ends::text(&flow.key, side)),
            None => ends::text(&flow.key, side),
        }
    };
    let ends = match (end(Side::Local), end(Side::Remote)) {
        (local, remote) if local.is_empty() && remote.is_empty() => String::new(),
        (local, remote) => format!("{local} {} {remote} ", canvas.glyph("↔", "<->")),
    };
    let protocol = format!(" {} ", names::protocol(&flow.key));
    let device = format!("on {} ", app.devices.names().get(flow.key.device));
    let mut place = indent(place, 1);
    let state = match app.own {
        Some(own) if own.is(&flow.key) => "your own SSH session".into(),
        _ => names::state(flow),
    };
    if !state.is_empty() {
        place = canvas.right(place, " ", palette.dim);
        place = canvas.right(place, &format!(" {state} "), palette.strong);
        place = canvas.right(place, " ", palette.dim);
    }
    canvas.texts(
        place,
        [
            (protocol.as_str(), palette.accent),
            (ends.as_str(), palette.strong),
            (device.as_str(), palette.text),
        ],
    );
}

/// The facts, a column a direction.
fn table(canvas: &mut Canvas<'_>, app: &App, flow: &Flow, mut area: Rect) {
    let palette = canvas.palette;
    let clock = app.picture().flows.clock();
    let heads = [
        canvas.glyph("↓ in, to local", "in, to local").to_owned(),
        canvas.glyph("↑ out", "out").to_owned(),
    ];
    row(
        canvas,
        &mut area,
        "",
        &heads,
        [palette.inward, palette.outward],
    );
    let each = |value: &dyn Fn(Direction) -> String| Direction::BOTH.map(value);
    let counts = |direction: Direction| flow.counts[direction as usize];
    let rate_label = format!("rate, {} s", app.window().as_secs());
    let mut facts: Vec<(String, [String; 2])> = vec![
        (
            rate_label,
            each(&|d| format::rate(flow.rate(d, app.window(), clock), app.look.units)),
        ),
        ("packets".to_owned(), each(&|d| count(counts(d).packets))),
        ("segments".to_owned(), each(&|d| count(counts(d).segments))),
        ("bytes".to_owned(), each(&|d| count(counts(d).bytes))),
        (
            "mean size".to_owned(),
            each(&|d| {
                let mean = counts(d).bytes.checked_div(counts(d).packets);
                mean.map(|mean| format!("{} B", count(mean)))
                    .unwrap_or_default()
            }),
        ),
        (
            "largest".to_owned(),
            each(&|d| match flow.largest[d as usize] {
                0 => String::new(),
                largest => format!("{} B", count(u64::from(largest))),
            }),
        ),
        (
            "hop limit".to_owned(),
            each(&|d| match flow.hop_limit[d as usize] {
                0 => String::new(),
                hops => hops.to_string(),
            }),
        ),
    ];
    if flow.tcp.is_some() {
        facts.push((
            "TCP flags".to_owned(),
            each(&|d| tcp_flags_text(flow.tcp_flags[d as usize])),
        ));
    }
    for (label, values) in &facts {
        row(canvas, &mut area, label, values, [palette.text; 2]);
    }
    let now = clock.now();
    let seen = format!(
        "{} ago, {}",
        format::duration(flow.age(now)),
        super::time_of_day(app, flow.first_seen, "%T")
    );
    let last = match flow.idle(now) {
        idle if idle.is_zero() => "now".to_owned(),
        idle => format!("{} ago", format::duration(idle)),
    };
    for (label, text) in [("first seen", seen), ("last seen", last)] {
        let place = line(&mut area);
        let rest = canvas.text(indent(place, 1), &pad(label), palette.dim);
        canvas.text(rest, &format!("    {text}"), palette.text);
    }
}

fn pad(label: &str) -> String {
    format!("{label:width$}", width = usize::from(LABEL) - 1)
}

fn row(
    canvas: &mut Canvas<'_>,
    area: &mut Rect,
    label: &str,
    values: &[String; 2],
    styles: [Style; 2],
) {
    let place = line(area);
    let mut rest = canvas.text(indent(place, 1), &pad(label), canvas.palette.dim);
    for (value, style) in values.iter().zip(styles) {
        let field = Rect {
            width: VALUE.min(rest.width),
            ..rest
        };
        if value.is_empty() {
            let none = canvas.glyph("·", "-");
            canvas.right(field, none, canvas.palette.dim);
        } else {
            canvas.right(field, value, style);
        }
        rest = indent(rest, VALUE);
    }
}
