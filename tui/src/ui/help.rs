//! The help, read from the table of bindings.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::canvas::{Canvas, clear, indent, line};
use super::{pane, wrap};
use crate::app::App;
use crate::app::bindings::Context;
use crate::filter;

/// What the screen shows, as text.
const SCREEN: &[(&str, &str)] = &[
    (
        "in",
        "towards the local end of a flow: the container, or this host",
    ),
    ("out", "away from it"),
    (
        "packets",
        "as the kernel passes them on; a large one is several segments",
    ),
    (
        "seen",
        "packets at the hooks, counted separately from the flows",
    ),
    ("shown", "packets of the flows in the table"),
    (
        "filtered",
        "packets hidden by the filter, or by hiding closed flows",
    ),
    (
        "expired",
        "packets of flows that were removed: closed, or idle for a minute",
    ),
    (
        "untracked",
        "packets that no table had room for: counted, but in no flow",
    ),
    (
        "ring lost",
        "captured packets that were lost; counters never are",
    ),
    (
        "captured",
        "first packets of flows, SYN, FIN, RST, ICMP, ARP, DNS, and a sample",
    ),
    ("dimmed", "closed, or no packet for 10 seconds"),
    (
        "graphs",
        "each has its own scale: full height is its largest value",
    ),
];

/// The column in which the sentences begin.
const TEXT: u16 = 28;

/// Draws the help over the view.
pub fn draw(canvas: &mut Canvas<'_>, app: &App, area: Rect) {
    let width = area.width.min(100);
    let mut area = Rect {
        x: area.x + (area.width - width) / 2,
        width,
        ..area
    };
    clear(canvas, area);
    canvas.geometry.cover(area);
    let title = line(&mut area);
    canvas.rule(title);
    canvas.text(indent(title, 2), " help ", canvas.palette.accent);
    let room = width.saturating_sub(TEXT + 1);
    let lines = lines(canvas, app, room.into());
    let write = |canvas: &mut Canvas<'_>, place, (label, text, style): &Entry| {
        canvas.text(indent(place, 3), label, *style);
        canvas.text(indent(place, TEXT), text, canvas.palette.text);
    };
    let pane = pane::draw(canvas, area, &lines, app.help, write);
    canvas.geometry.extent = pane.extent;
    pane.note_below(canvas, title);
}

/// A line: a label, what it means, and the style of the label.
type Entry = (String, String, Style);

/// The lines, with sentences wrapped to `room` cells.
fn lines(canvas: &Canvas<'_>, app: &App, room: usize) -> Vec<Entry> {
    let palette = canvas.palette;
    let mut lines = Vec::new();
    let mut section = |title: &str, rows: Vec<(String, String)>| {
        if rows.is_empty() {
            return;
        }
        lines.push((String::new(), String::new(), palette.text));
        lines.push((title.to_owned(), String::new(), palette.strong));
        for (mut label, text) in rows {
            for text in wrap(&text, room) {
                lines.push((std::mem::take(&mut label), text, palette.accent));
            }
        }
    };
    let words = |words: &[(&str, &str)]| -> Vec<(String, String)> {
        let row = |(word, text): &(&str, &str)| ((*word).to_owned(), (*text).to_owned());
        words.iter().map(row).collect()
    };
    // What holds where the user came from is read first.
    let here = Context::View(app.tab());
    for context in [here, Context::Main] {
        section(context.title(), bindings(canvas, context));
    }
    section("Glossary", words(SCREEN));
    section("Filters", words(filter::REFERENCE));
    for context in Context::all() {
        if context != here && context != Context::Main {
            section(context.title(), bindings(canvas, context));
        }
    }
    lines.remove(0);
    lines
}

/// The keys of a context and what they do, those that do alike in one line.
fn bindings(canvas: &Canvas<'_>, context: Context) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = Vec::new();
    for binding in canvas.keymap.of(context) {
        let names: Vec<String> = binding
            .keys
            .iter()
            .map(|key| key.name(canvas.ascii))
            .collect();
        let names = names.join("  ");
        match rows.last_mut() {
            Some((_, long)) if long == binding.long && names.is_empty() => (),
            Some((keys, long)) if long == binding.long => {
                if !keys.is_empty() {
                    keys.push(' ');
                }
                keys.push_str(&names);
            }
            _ => rows.push((names, binding.long.to_owned())),
        }
    }
    for (keys, _) in rows.iter_mut().filter(|(keys, _)| keys.is_empty()) {
        keys.push_str("(no key)");
    }
    rows
}
