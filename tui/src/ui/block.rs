//! Dropping packets: the banner while a rule is in force, and what is asked before
//! and after.

use probe_common::Direction;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, bottom, clear, indent, line};
use super::{format, wrap};
use crate::app::App;
use crate::app::action::Action;
use crate::app::blocking::{Dialog, Field, Judged};
use crate::app::ends::{self, Side};
use crate::app::line::Line;
use crate::app::measure::Measure;
use crate::app::names;
use crate::model::Block;

/// Rules that the banner has a line for.
const LINES: usize = 3;
const WIDTH: u16 = 100;
/// Cells of the labels in the dialog.
const LABEL: u16 = 9;
/// Flows that are shown.
const FLOWS: usize = 12;
/// Lines of a rule that are shown.
const RULE: usize = 3;

/// Draws a line for each rule in force, and takes it off the area.
pub fn banner(canvas: &mut Canvas<'_>, app: &App, area: &mut Rect) {
    let rules = &app.state.blocking.rules;
    let palette = canvas.palette;
    for (place, rule) in rules.iter().take(LINES).enumerate() {
        let row = line(area);
        let mut right = if row.width < 100 {
            " "
        } else {
            "  B lifts it "
        }
        .to_owned();
        if place + 1 == LINES && rules.len() > LINES {
            right = format!(" and {} more{right}", rules.len() - LINES);
        }
        let rest = canvas.right(row, &right, palette.dim);
        let rest = canvas.right(rest, &dropped(app, rule), palette.strong);
        let rest = canvas.text(rest, " BLOCKING ", palette.alarm);
        let left = rule.left.unwrap_or_default();
        let rest = canvas.text(
            rest,
            &format!(" {} left  ", format::duration(left)),
            palette.strong,
        );
        canvas.text(rest, &rule.rule, palette.text);
        canvas.geometry.zone(row, Action::Block);
    }
}

/// What a rule has dropped so far.
fn dropped(app: &App, rule: &Block) -> String {
    let sum = |direction: Direction| {
        let dropped = rule.dropped[direction as usize];
        let bytes = format::bytes(dropped.bytes, app.state.appearance.units);
        format!("{} ({bytes})", format::grouped(dropped.packets))
    };
    format!(
        "  dropped in {} out {}",
        sum(Direction::In),
        sum(Direction::Out)
    )
}

/// Draws what is asked over the view. Returns where the cursor stands.
pub fn draw(canvas: &mut Canvas<'_>, app: &App, area: Rect) -> Option<Position> {
    if app.asks_lift() {
        lift(canvas, app, area);
        return None;
    }
    ask(canvas, app, app.dialog()?, area)
}

/// The place of a window with this many lines below its title.
fn window(canvas: &mut Canvas<'_>, area: Rect, lines: u16, title: &str) -> Rect {
    let width = WIDTH.min(area.width);
    let height = (lines + 2).min(area.height);
    let mut place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    clear(canvas, place);
    canvas.geometry.cover(place);
    let head = line(&mut place);
    canvas.rule(head);
    canvas.text(indent(head, 2), title, canvas.palette.accent);
    let foot = bottom(&mut place, 1);
    canvas.rule(foot);
    Rect {
        width: place.width.saturating_sub(2),
        ..indent(place, 1)
    }
}

fn ask(canvas: &mut Canvas<'_>, app: &App, dialog: &Dialog, area: Rect) -> Option<Position> {
    let choice = dialog.choice()?;
    let room = usize::from(WIDTH.min(area.width).saturating_sub(LABEL + 2));
    let mut rule = wrap(&choice.text, room);
    if rule.len() > RULE {
        rule.truncate(RULE);
        rule.push(canvas.ellipsis().to_owned());
    }
    match &choice.judged {
        None => None,
        Some(Err(reason)) => {
            refused(canvas, dialog, &rule, reason, room, area);
            None
        }
        Some(Ok(judged)) => question(canvas, app, dialog, &rule, judged, area),
    }
}

/// The rule, and which of how many.
fn head(canvas: &mut Canvas<'_>, dialog: &Dialog, rule: &[String], place: &mut Rect) {
    let palette = canvas.palette;
    for (number, text) in rule.iter().enumerate() {
        let label = if number == 0 { "Rule" } else { "" };
        labelled(canvas, line(place), label, text, palette.strong);
    }
    let (at, all) = dialog.place();
    if all > 1 {
        let arrows = canvas.glyph("↑ ↓", "Up Down");
        let text = format!("{at} of {all}; {arrows} another");
        labelled(canvas, line(place), "", &text, palette.dim);
    }
}

fn labelled(canvas: &mut Canvas<'_>, row: Rect, label: &str, text: &str, style: Style) {
    canvas.text(row, label, canvas.palette.dim);
    canvas.text(indent(row, LABEL), text, style);
}

fn refused(
    canvas: &mut Canvas<'_>,
    dialog: &Dialog,
    rule: &[String],
    reason: &str,
    room: usize,
    area: Rect,
) {
    let reason = wrap(reason, room);
    let choices = u16::from(dialog.place().1 > 1);
    let lines = rule.len() + reason.len() + 1;
    let mut place = window(canvas, area, lines as u16 + choices, " block: refused ");
    head(canvas, dialog, rule, &mut place);
    let _ = line(&mut place);
    for (number, text) in reason.iter().enumerate() {
        let label = if number == 0 { "Refused" } else { "" };
        let style = canvas.palette.bad;
        labelled(canvas, line(&mut place), label, text, style);
    }
}

fn question(
    canvas: &mut Canvas<'_>,
    app: &App,
    dialog: &Dialog,
    rule: &[String],
    judged: &Judged,
    area: Rect,
) -> Option<Position> {
    let palette = canvas.palette;
    let twice = dialog.asks_twice();
    let fields = 3 + u16::from(twice);
    let choices = usize::from(dialog.place().1 > 1);
    // Before and behind the flows.
    let fixed = rule.len() + choices + 2 + 1 + usize::from(fields);
    let room = usize::from(area.height).saturating_sub(fixed + 2);
    let flows = dialog.matches.flows.len().min(FLOWS).min(room);
    let mut place = window(canvas, area, (fixed + flows) as u16, " block ");
    let mut foot = bottom(&mut place, fields);
    head(canvas, dialog, rule, &mut place);
    let devices = judged.devices.join(", ");
    labelled(canvas, line(&mut place), "On", &devices, palette.text);
    let [inward, outward] = rates(app, dialog.matches.rates);
    let now = match dialog.matches.flows.len() {
        0 => "no flow of the last minute".to_owned(),
        number => {
            let flows = format::plural(number as u64, "flow");
            format!("{flows} of the last minute, in {inward}, out {outward}")
        }
    };
    labelled(canvas, line(&mut place), "Drops", &now, palette.text);
    for (key, rates) in dialog.matches.flows.iter().take(flows) {
        let row = line(&mut place);
        let [inward, outward] = self::rates(app, *rates);
        let rest = canvas.right(row, &format!("  {inward:>9} {outward:>9}"), palette.text);
        let [local, remote] = Side::BOTH.map(|side| ends::text(key, side));
        let arrow = canvas.glyph("↔", "<->");
        let text = format!("{} {local} {arrow} {remote}", names::protocol(key));
        canvas.text(indent(rest, LABEL), &text, palette.dim);
    }

    let row = line(&mut foot);
    if let Some(error) = &dialog.error {
        labelled(canvas, row, "", error, palette.bad);
    }
    let hint = "  90s, 10m, 1h; at most 24h";
    let time = field(canvas, line(&mut foot), "For", &dialog.time, hint);
    let hint = "  type block to drop these packets; Esc leaves";
    let word = field(canvas, line(&mut foot), "Confirm", &dialog.word, hint);
    let again = twice.then(|| {
        let hint = "  more than an hour: type block once more";
        field(canvas, line(&mut foot), "Again", &dialog.again, hint)
    });
    match dialog.field {
        Field::Time => Some(time),
        Field::Word => Some(word),
        Field::Again => again,
    }
}

fn rates(app: &App, rates: [f64; 2]) -> [String; 2] {
    let measure = Measure::Rate(std::time::Duration::from_secs(60));
    rates.map(|rate| format::some_amount(rate, measure, app.state.appearance.units))
}

/// A line that is typed; returns where its cursor stands.
fn field(canvas: &mut Canvas<'_>, row: Rect, label: &str, typed: &Line, hint: &str) -> Position {
    let palette = canvas.palette;
    canvas.text(row, label, palette.accent);
    let place = indent(row, LABEL);
    let rest = canvas.text(place, typed.text(), palette.strong);
    canvas.text(indent(rest, 1), hint, palette.dim);
    let before: String = typed.text().chars().take(typed.cursor()).collect();
    let x = place.x + before.width() as u16;
    Position::new(x.min(row.right().saturating_sub(1)), row.y)
}

/// The rules in force, one of which can be lifted.
fn lift(canvas: &mut Canvas<'_>, app: &App, area: Rect) {
    let palette = canvas.palette;
    let blocking = &app.state.blocking;
    let lines = 2 + 2 * blocking.rules.len() as u16;
    let mut place = window(canvas, area, lines, " lift ");
    let question = "Enter lets the packets of the selected rule pass again; B blocks more.";
    canvas.text(line(&mut place), question, palette.text);
    let _ = line(&mut place);
    for rule in &blocking.rules {
        let is_chosen = rule.id == blocking.chosen;
        let row = line(&mut place);
        let mark = if is_chosen {
            canvas.glyph("▌", ">")
        } else {
            " "
        };
        let rest = canvas.text(row, mark, palette.accent);
        canvas.text(rest, &rule.rule, palette.strong);
        if is_chosen {
            canvas.buffer.set_style(row, palette.selected);
        }
        let left = format::duration(rule.left.unwrap_or_default());
        let text = format!("{left} left{}", dropped(app, rule));
        canvas.text(indent(line(&mut place), 3), &text, palette.dim);
    }
}
