//! What is filtered: the parts, or the line in which a filter is typed.

use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, bottom, indent, line};
use super::format;
use crate::app::App;
use crate::app::action::Action;
use crate::app::filtering::{Proposals, Typing};
use crate::app::tab::Tab;
use crate::filter::FilterError;

const LABEL: &str = " filter ";

/// Draws what is filtered, if anything is, and takes the lines off the end of the area,
/// so that the rows above stay where they are. Returns where the cursor stands while a
/// filter is typed.
pub fn draw(canvas: &mut Canvas<'_>, app: &App, area: &mut Rect) -> Option<Position> {
    if let Some(typing) = app.state.filtering.typing() {
        let mut lines = bottom(area, 2);
        let place = line(&mut lines);
        let (cursor, scrolled) = input(canvas, typing, place);
        verdict(canvas, app, typing, line(&mut lines), scrolled);
        return Some(cursor);
    }
    let parts = app.state.filtering.parts();
    if !parts.is_empty() {
        let place = bottom(area, 1);
        stack(canvas, app, &parts, place);
    }
    None
}

/// The parts, each of which can be removed.
fn stack(canvas: &mut Canvas<'_>, app: &App, parts: &[String], place: Rect) {
    let palette = canvas.palette;
    let last = if app.asks_part() {
        " remove which part? (number)".to_owned()
    } else {
        shown(app)
    };
    let chips = parts.iter().map(|part| part.width() + 5).sum::<usize>();
    let is_narrow = LABEL.len() + chips + last.width() > usize::from(place.width);
    // What is last is there however long the filter is.
    let place = if is_narrow {
        canvas.right(place, &last, palette.dim)
    } else {
        place
    };
    let mut rest = canvas.text(place, LABEL, palette.dim);
    for (number, part) in parts.iter().enumerate() {
        let (mark, cross) = if app.asks_part() {
            (format!(" {} ", number + 1), " ")
        } else {
            (" ".to_owned(), canvas.glyph(" × ", " x "))
        };
        let start = rest;
        rest = canvas.text(rest, &mark, palette.accent.patch(palette.part));
        rest = canvas.text(rest, part, palette.part);
        rest = canvas.text(rest, cross, palette.dim.patch(palette.part));
        let zone = Rect {
            width: rest.x - start.x,
            ..start
        };
        canvas.geometry.zone(zone, Action::RemovePartAt(number));
        rest = canvas.text(rest, " ", palette.text);
    }
    if is_narrow {
        return;
    }
    if !app.asks_part() {
        rest = offer(canvas, app, rest);
    }
    if last.width() <= usize::from(rest.width) {
        canvas.text(rest, &last, palette.dim);
    }
}

/// What the key that has narrowed the filter would take instead, and after that.
fn offer(canvas: &mut Canvas<'_>, app: &App, place: Rect) -> Rect {
    let palette = canvas.palette;
    let Some((subject, [next, later @ ..])) = app.state.filtering.offered() else {
        return place;
    };
    let again = Action::FilterBy(subject);
    let Some(key) = canvas.keymap.key(&again) else {
        return place;
    };
    let key = format!(" {} ", key.name(canvas.ascii));
    let rest = canvas.button(place, &key, palette.accent, again.clone());
    let mut rest = canvas.button(rest, &format!("again: {next}"), palette.text, again);
    for filter in later {
        // Of a wider prefix, how wide.
        let text = filter.to_string();
        let text = format!(", {}", text.rfind('/').map_or(&*text, |at| &text[at..]));
        if text.width() <= usize::from(rest.width) {
            rest = canvas.text(rest, &text, palette.dim);
        }
    }
    canvas.text(rest, " ", palette.text)
}

fn shown(app: &App) -> String {
    let shown = format::grouped(app.views.flows.count() as u64);
    let all = format::plural(app.state.picture().flows.len() as u64, "flow");
    let on = match app.tab() {
        Tab::Devices => {
            let listed = format::grouped(app.views.devices.list.rows().len() as u64);
            let known = app.state.known_devices().all().len() as u64;
            format!(", {listed} of {}", format::plural(known, "device"))
        }
        _ => String::new(),
    };
    format!(" {shown} of {all}{on}")
}

/// The line; returns where the cursor stands and how many characters are out of
/// sight at its left.
fn input(canvas: &mut Canvas<'_>, typing: &Typing, place: Rect) -> (Position, usize) {
    let palette = canvas.palette;
    let field = canvas.text(place, LABEL, palette.accent);
    let text = typing.line.text();
    let room = usize::from(field.width).saturating_sub(1);
    let scrolled = typing.line.cursor().saturating_sub(room);
    let (wrong, length) = typing
        .error
        .as_ref()
        .filter(|error| !error.is_incomplete() || typing.insisted)
        .map_or((usize::MAX, 0), |error| (error.column, error.length));
    let end = wrong.saturating_add(length);
    let part = |from: usize, to: usize| -> String {
        text.chars().take(to).skip(from.max(scrolled)).collect()
    };
    let (before, bad, after) = (part(0, wrong), part(wrong, end), part(end, usize::MAX));
    canvas.texts(
        field,
        [
            (before.as_str(), palette.text),
            (bad.as_str(), palette.bad),
            (after.as_str(), palette.text),
        ],
    );
    let visible: String = text
        .chars()
        .take(typing.line.cursor())
        .skip(scrolled)
        .collect();
    let x = field.x + visible.width() as u16;
    (
        Position::new(x.min(place.right().saturating_sub(1)), field.y),
        scrolled,
    )
}

/// The line below: what is wrong and where, what could be typed, or how much
/// passes.
fn verdict(canvas: &mut Canvas<'_>, app: &App, typing: &Typing, place: Rect, scrolled: usize) {
    let palette = canvas.palette;
    let below = indent(place, LABEL.len() as u16);
    match (&typing.error, typing.proposals()) {
        (_, Some(proposals)) => propose(canvas, proposals, below),
        (Some(error), _) if !error.is_incomplete() || typing.insisted => {
            complain(canvas, typing, error, below, scrolled);
        }
        (Some(error), _) => {
            let text = format!("{}{}", shown(app).trim_start(), canvas.glyph(" · ", " - "));
            let rest = canvas.text(below, &text, palette.dim);
            let message = explained(error, usize::from(rest.width));
            canvas.text(rest, &message, palette.dim);
        }
        (None, _) => {
            let text = shown(app);
            canvas.text(below, text.trim_start(), palette.good);
        }
    }
}

fn complain(
    canvas: &mut Canvas<'_>,
    typing: &Typing,
    error: &FilterError,
    below: Rect,
    scrolled: usize,
) {
    let palette = canvas.palette;
    let before: String = typing
        .line
        .text()
        .chars()
        .take(error.column)
        .skip(scrolled)
        .collect();
    let message = explained(error, usize::from(below.width));
    let column = before.width().min(usize::from(below.width));
    let (left, right) = (column, usize::from(below.width) - column);
    // The message stands at the side of the mark where it fits.
    if message.width() + 2 <= right || right >= left {
        let rest = canvas.text(indent(below, column as u16), "^ ", palette.bad);
        canvas.text(rest, &message, palette.bad);
    } else {
        let place = Rect {
            width: column as u16,
            ..below
        };
        let rest = canvas.right(place, " ", palette.bad);
        canvas.right(rest, &message, palette.bad);
        canvas.text(indent(below, column as u16), "^", palette.bad);
    }
}

/// What is wrong and how to fix it; where it is narrow, only how to fix it.
fn explained(error: &FilterError, width: usize) -> String {
    let whole = error.to_string();
    match &error.hint {
        Some(hint) if whole.width() + 2 > width => hint.clone(),
        _ => whole,
    }
}

/// The proposals around the chosen one.
fn propose(canvas: &mut Canvas<'_>, proposals: &Proposals, below: Rect) {
    let palette = canvas.palette;
    if proposals.all.is_empty() {
        canvas.text(below, "nothing to complete", palette.dim);
        return;
    }
    let mut rest = below;
    let from = proposals.chosen.saturating_sub(2);
    for (number, completion) in proposals.all.iter().enumerate().skip(from) {
        let style = if number == proposals.chosen {
            palette.accent
        } else {
            palette.text
        };
        rest = canvas.text(rest, &completion.text, style);
        if number == proposals.chosen && !completion.meaning.is_empty() {
            let meaning = format!(" {}", completion.meaning);
            rest = canvas.text(rest, &meaning, palette.dim);
        }
        rest = canvas.text(rest, "  ", palette.text);
    }
}
