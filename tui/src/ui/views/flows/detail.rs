//! All there is to know of one flow.

use probe_common::Direction;
use probe_common::parse::number::ether;
use ratatui::layout::Rect;

use crate::app::ends::Side;
use crate::app::state::State;
use crate::app::views::FlowsView;
use crate::app::{ends, names};
use crate::diagnosis::Severity;
use crate::dissect::tcp_flags_text;
use crate::flow::Flow;
use crate::text::clean;
use crate::traffic::Crossing;
use crate::ui::canvas::{Canvas, indent, line};
use crate::ui::format::{self, grouped};
use crate::ui::{pane, plot};

mod health;
mod looked_up;

/// Lines of the text that are shown at least, where the view has them.
const TEXT: u16 = 12;
/// Width of the labels, of a column of values, and of both columns with them.
const LABEL: u16 = 14;
const VALUE: u16 = 18;
const FACTS: u16 = LABEL + 2 * VALUE + 2;

/// The lines of the detail, where the view has room: what the text needs, but
/// no more than leaves half of it to the table.
#[must_use]
pub fn lines(state: &State, view: &FlowsView, height: u16) -> u16 {
    let needed = view
        .selected(state)
        .map_or(0, |flow| facts(state, flow).len() + 2);
    let most = TEXT.max(height / 2).min(height.saturating_sub(4));
    (needed as u16).max(TEXT).min(most)
}

/// Draws the detail of the selected flow.
pub fn draw(canvas: &mut Canvas<'_>, state: &State, view: &FlowsView, mut area: Rect) {
    let Some(flow) = view.selected(state) else {
        let place = line(&mut area);
        canvas.rule(place);
        crate::ui::empty(
            canvas,
            area,
            "No flow is selected.",
            "The arrow keys select one; Esc closes this.",
        );
        return;
    };
    let place = line(&mut area);
    let facts = facts(state, flow);
    title(canvas, state, view, flow, place);
    let mut text = Rect {
        width: area.width.min(FACTS),
        ..area
    };
    let head = line(&mut text);
    let pane = pane::draw(canvas, text, &facts, view.detail_scroll, row);
    canvas.geometry.detail = pane.extent;
    heads(canvas, head, pane.below);
    let graphs = indent(area, FACTS + 1);
    if graphs.width >= 24 && graphs.height >= 6 {
        let series = flow
            .history
            .series(state.zoom, state.picture().flows.clock());
        plot::draw(canvas, state, &series, graphs);
    }
}

fn title(canvas: &mut Canvas<'_>, state: &State, view: &FlowsView, flow: &Flow, place: Rect) {
    let palette = canvas.palette;
    canvas.rule(place);
    let end = |side| {
        let name = ends::address(&flow.key, side).and_then(|address| state.hostnames.name(address));
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
    let device = format!(
        "on {} ",
        state.picture().devices.names().get(flow.key.device)
    );
    let mut place = indent(place, 1);
    let label = match state.own {
        Some(own) if own.is(&flow.key) => "your own SSH session".into(),
        _ => names::state(flow),
    };
    let has_left = state.picture().flows.get(&flow.key).is_none();
    let label = if has_left {
        let kept = if view.is_marked(&flow.key) {
            "marked"
        } else {
            "selected"
        };
        format!("{label} ended, kept while {kept}")
            .trim_start()
            .to_owned()
            .into()
    } else {
        label
    };
    if !label.is_empty() {
        place = canvas.right(place, " ", palette.dim);
        place = canvas.right(place, &format!(" {label} "), palette.strong);
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

/// What the columns are, and how many lines are out of sight below.
fn heads(canvas: &mut Canvas<'_>, place: Rect, below: usize) {
    if below > 0 {
        let below = format::below(below);
        canvas.text(indent(place, 1), &below, canvas.palette.dim);
    }
    let (inward, outward) = (canvas.palette.inward, canvas.palette.outward);
    let mut rest = indent(place, LABEL);
    for (head, style) in [
        (canvas.glyph("↓ in, to local", "in, to local"), inward),
        (canvas.glyph("↑ out", "out"), outward),
    ] {
        let field = Rect {
            width: VALUE.min(rest.width),
            ..rest
        };
        canvas.right(field, head, style);
        rest = indent(rest, VALUE);
    }
}

/// What is known of a flow: of each direction, or of both.
enum Values {
    Each([Option<String>; 2]),
    Both(String),
    /// A sentence about what is wrong, or a part of it.
    Problem(Severity, String),
}

/// A label and what it is about.
type Fact = (String, Values);

/// A text over as many lines as it needs, the label before the first.
fn wrapped(label: &str, text: &str, values: impl Fn(String) -> Values) -> Vec<Fact> {
    let width = usize::from(FACTS - LABEL - 6);
    let lines = crate::ui::wrap(text, width).into_iter().enumerate();
    lines
        .map(|(number, text)| {
            let label = if number == 0 { label } else { "" };
            (label.to_owned(), values(text))
        })
        .collect()
}

/// What is wrong with the flow.
fn problems(state: &State, flow: &Flow) -> Vec<Fact> {
    let places = state.concerns.findings(&flow.key).into_iter();
    places
        .filter_map(|place| state.problems.get(place))
        .flat_map(|finding| {
            let severity = finding.severity;
            let label = severity.name();
            wrapped(label, &finding.sentence, |text| {
                Values::Problem(severity, text)
            })
        })
        .collect()
}

fn facts(state: &State, flow: &Flow) -> Vec<Fact> {
    let clock = state.picture().flows.clock();
    let each = |value: &dyn Fn(Direction) -> Option<String>| {
        Values::Each(Direction::BOTH.map(|d| value(d).filter(|text| !text.is_empty())))
    };
    let counts = |direction: Direction| flow.counts[direction as usize];
    let bytes = |bytes: u64| format!("{} B", grouped(bytes));
    let rate = |d| format::rate(flow.rate(d, state.window(), clock), state.appearance.units);
    let mean = |d| counts(d).bytes.checked_div(counts(d).packets).map(bytes);
    let largest = |d: Direction| Some(u64::from(flow.largest[d as usize])).filter(|b| *b > 0);
    let hops = |d: Direction| Some(flow.hop_limit[d as usize]).filter(|hops| *hops > 0);
    let rate_label = format!("rate, {} s", state.window().as_secs());
    let mut facts = problems(state, flow);
    facts.extend([
        (rate_label, each(&|d| Some(rate(d)))),
        (
            "packets".to_owned(),
            each(&|d| Some(grouped(counts(d).packets))),
        ),
        (
            "segments".to_owned(),
            each(&|d| Some(grouped(counts(d).segments))),
        ),
        (
            "bytes".to_owned(),
            each(&|d| Some(grouped(counts(d).bytes))),
        ),
    ]);
    facts.extend(between(state, flow));
    facts.extend([
        ("mean size".to_owned(), each(&mean)),
        ("largest".to_owned(), each(&|d| largest(d).map(bytes))),
        (
            if flow.key.ether_type == ether::IPV4 {
                "TTL".to_owned()
            } else {
                "hop limit".to_owned()
            },
            each(&|d| Some(hops(d)?.to_string())),
        ),
    ]);
    if flow.tcp.is_some() {
        let flags = |d: Direction| Some(tcp_flags_text(flow.tcp_flags[d as usize]));
        facts.push(("TCP flags".to_owned(), each(&flags)));
    }
    let now = clock.now();
    let first = format!(
        "{} ago, {}",
        format::duration(flow.age(now)),
        crate::ui::time_of_day(state, flow.first_seen, "%T")
    );
    let last = match flow.idle(now) {
        idle if idle.is_zero() => "now".to_owned(),
        idle => format!("{} ago", format::duration(idle)),
    };
    facts.push(("first seen".to_owned(), Values::Both(first)));
    facts.push(("last seen".to_owned(), Values::Both(last)));
    facts.extend(health::facts(state, flow));
    facts.extend(looked_up::facts(state, flow));
    facts
}

/// What two hosts that see the flow have counted of it.
fn between(state: &State, flow: &Flow) -> Vec<Fact> {
    let crossings = state.known().crossings(&flow.key);
    if crossings == [None; 2] {
        return Vec::new();
    }
    let host = |id| {
        let name = state.traffic().host(id).name.as_deref();
        clean(name.unwrap_or_default())
    };
    let row = |label: &str, value: &dyn Fn(Crossing) -> String| {
        (
            label.to_owned(),
            Values::Each(crossings.map(|it| it.map(value))),
        )
    };
    vec![
        row("sent by", &|it| host(it.from)),
        row("segments", &|it| grouped(it.sent)),
        row("received by", &|it| host(it.to)),
        row("segments", &|it| grouped(it.received)),
        row("lost between", &|it| grouped(it.lost)),
    ]
}

fn row(canvas: &mut Canvas<'_>, place: Rect, (label, values): &Fact) {
    let palette = canvas.palette;
    canvas.text(indent(place, 1), label, palette.dim);
    let mut rest = indent(place, LABEL);
    match values {
        Values::Problem(severity, text) => {
            let (mark, style) = canvas.severity(*severity);
            if !label.is_empty() {
                canvas.text(indent(rest, 2), mark, style);
            }
            canvas.text(indent(rest, 4), text, canvas.palette.strong);
        }
        Values::Both(text) => {
            canvas.text(indent(rest, 4), text, palette.text);
        }
        Values::Each(values) => {
            let none = (canvas.glyph("·", "-"), palette.dim);
            for value in values {
                let field = Rect {
                    width: VALUE.min(rest.width),
                    ..rest
                };
                let shown = value.as_deref().map(|value| (value, palette.text));
                let (text, style) = shown.unwrap_or(none);
                canvas.right(field, text, style);
                rest = indent(rest, VALUE);
            }
        }
    }
}
