//! What is wrong: the worst first, and the evidence of the selected problem.

use ratatui::layout::Rect;

use crate::app::action::Action;
use crate::app::item::Item;
use crate::app::list::Extent;
use crate::app::state::State;
use crate::app::views::{ProblemsView, problem_key};
use crate::diagnosis::{Finding, Severity};
use crate::ui::canvas::{Canvas, bottom, indent, line};
use crate::ui::pane::{self, Line};
use crate::ui::{empty, format, wrap};

/// Columns before the sentences: the mark and the age.
const LABEL: u16 = 11;
/// Lines that a sentence may take in the list.
const LINES: usize = 3;
/// Columns of the labels of the evidence.
const FACT: usize = 15;

/// Draws the view.
pub fn draw(canvas: &mut Canvas<'_>, state: &State, view: &ProblemsView, mut area: Rect) {
    if state.problems.is_empty() && state.policy.silenced.is_empty() {
        return nothing(canvas, state, area);
    }
    let place = line(&mut area);
    about(canvas, state, place);
    if view.detail {
        let lines = area.height * 3 / 5;
        let place = bottom(&mut area, lines);
        detail(canvas, state, view, place);
    }
    let room = usize::from(area.width.saturating_sub(LABEL + 1));
    let sentences: Vec<Vec<String>> = state
        .problems
        .iter()
        .map(|finding| wrap(&finding.sentence, room))
        .collect();
    // All take as many lines as the longest, so that a page has as many rows
    // wherever it is scrolled to.
    let lines = sentences.iter().map(Vec::len).max().unwrap_or(1);
    let height = lines.clamp(1, LINES).min(area.height.max(1).into());
    let page = usize::from(area.height) / height;
    canvas.geometry.extent = Extent {
        page,
        rows: state.problems.len(),
    };
    let visible = view.list.visible(page);
    for (finding, sentence) in state.problems.iter().zip(&sentences) {
        let key = problem_key(finding);
        if !visible.contains(&key) {
            continue;
        }
        let row = Rect {
            height: (height as u16).min(area.height),
            ..area
        };
        problem(
            canvas,
            state,
            finding,
            &sentence[..sentence.len().min(height)],
            row,
        );
        canvas
            .geometry
            .zone(row, Action::Select(Item::Problem(key)));
        if view.list.selected() == Some(key) {
            canvas.text(row, canvas.glyph("▌", ">"), canvas.palette.accent);
            canvas.buffer.set_style(row, canvas.palette.selected);
        }
        area.y += row.height;
        area.height -= row.height;
    }
}

/// How many there are of each kind.
fn about(canvas: &mut Canvas<'_>, state: &State, place: Rect) {
    let count = |severity| {
        let present = state.problems.iter().filter(|finding| !finding.past);
        present.filter(|it| it.severity == severity).count()
    };
    let mut parts: Vec<String> = [
        (Severity::Error, "error"),
        (Severity::Warning, "warning"),
        (Severity::Info, "note"),
    ]
    .into_iter()
    .filter(|(severity, _)| count(*severity) > 0)
    .map(|(severity, word)| format::plural(count(severity) as u64, word))
    .collect();
    let past = state.problems.iter().filter(|finding| finding.past).count();
    if past > 0 {
        parts.push(format!("{} past", format::grouped(past as u64)));
    }
    if !state.policy.silenced.is_empty() {
        let kinds: Vec<&str> = state
            .policy
            .silenced
            .iter()
            .map(|kind| kind.slug())
            .collect();
        parts.push(format!("silenced: {}", kinds.join(", ")));
    }
    let style = canvas.palette.dim;
    canvas.text(place, &format!(" {}", parts.join(", ")), style);
}

/// A problem in the list: how bad, since when, and its sentence.
fn problem(
    canvas: &mut Canvas<'_>,
    state: &State,
    finding: &Finding,
    sentence: &[String],
    mut area: Rect,
) {
    let palette = canvas.palette;
    let (mark, style) = match finding.severity {
        _ if finding.past => (canvas.glyph("○", "."), palette.dim),
        severity => canvas.severity(severity),
    };
    let (age, text) = if finding.past {
        ("past".to_owned(), palette.dim)
    } else {
        let now = state.picture().flows.now();
        let age = format::duration(now.saturating_sub(finding.since));
        (age, palette.text)
    };
    for (number, words) in sentence.iter().enumerate() {
        let place = line(&mut area);
        if number == 0 {
            let rest = canvas.text(indent(place, 1), mark, style);
            canvas.text(rest, &format!(" {age:>6}"), palette.dim);
        }
        canvas.text(indent(place, LABEL), words, text);
    }
}

/// The evidence of the selected problem, and what to do next.
fn detail(canvas: &mut Canvas<'_>, state: &State, view: &ProblemsView, mut area: Rect) {
    let palette = canvas.palette;
    let title = line(&mut area);
    canvas.rule(title);
    let Some(finding) = view.selected(state) else {
        let text = " the selected problem is no longer kept ";
        canvas.text(indent(title, 2), text, palette.dim);
        return;
    };
    let now = state.picture().flows.now();
    let last = format::duration(now.saturating_sub(finding.last));
    let head = format!(
        " {} since {}, last seen {last} ago ",
        finding.severity.name(),
        crate::ui::time_of_day(state, finding.since, "%T"),
    );
    canvas.text(indent(title, 2), &head, palette.strong);
    let room = usize::from(area.width).saturating_sub(FACT + 2);
    let mut lines: Vec<Line> = Vec::new();
    let facts = [
        ("problem", std::slice::from_ref(&finding.sentence)),
        ("evidence", finding.evidence.as_slice()),
        ("not looked at", finding.not_looked_at.as_slice()),
        ("next", std::slice::from_ref(&finding.advice)),
    ];
    for (label, texts) in facts {
        let mut label = format!(" {label}");
        for text in texts.iter().filter(|text| !text.is_empty()) {
            for words in wrap(text, room) {
                let label = std::mem::take(&mut label);
                lines.push(vec![
                    (format!("{label:<FACT$}"), palette.dim),
                    (words, palette.text),
                ]);
            }
        }
    }
    let pane = pane::draw(canvas, area, &lines, view.detail_scroll, pane::write);
    canvas.geometry.detail = pane.extent;
    pane.note_below(canvas, title);
}

fn nothing(canvas: &mut Canvas<'_>, state: &State, area: Rect) {
    let watched = state.known_devices().watched().count();
    let matter = "No problems found so far.";
    let cure = if watched == 0 {
        "No device is watched: 4 shows the devices, Enter there watches one.".to_owned()
    } else {
        format!(
            "Connections, DNS, ICMP and neighbors of {} are checked as traffic arrives; {} so far.",
            format::plural(watched as u64, "device"),
            format::duration(state.picture().flows.now())
        )
    };
    empty(canvas, area, matter, &cure);
}
