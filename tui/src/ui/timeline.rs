//! Where what is shown is in time: a line from the first moment to the last.

use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, bottom};
use super::time_of_day;
use crate::app::App;
use crate::app::action::Action;
use crate::app::timeline::{TimeEntry, Timeline};
use crate::model::{MarkKind, Moment};

/// The narrowest useful line, in cells.
const LEAST: u16 = 10;

/// Draws it, where what is shown is not simply now, and takes it off the area.
/// Returns where the cursor stands while a time is typed.
pub fn draw(canvas: &mut Canvas<'_>, app: &App, area: &mut Rect) -> Option<Position> {
    let timeline = app.state.timeline().filter(|_| app.state.is_elsewhen())?;
    let place = bottom(area, 1);
    if let Some(entry) = &app.state.time_entry {
        return Some(typing(canvas, entry, place));
    }
    let palette = canvas.palette;
    let time = |moment| time_of_day(&app.state, moment, "%H:%M:%S");
    let rest = match timeline.playback {
        Some(playback) => {
            let (mark, style) = match (playback.is_playing, playback.is_seeking) {
                (_, true) => (canvas.glyph(" … ", " ~ "), palette.warn),
                (true, _) => (canvas.glyph(" ► ", " > "), palette.good),
                (false, _) => (canvas.glyph(" ‖ ", " = "), palette.warn),
            };
            let rest = canvas.button(place, mark, style, Action::Pause);
            let speed = f64::from(playback.speed) / 100.0;
            let times = canvas.glyph("×", "x");
            canvas.text(rest, &format!("{speed}{times} "), palette.strong)
        }
        None => canvas.text(place, canvas.glyph(" ‖ ", " = "), palette.warn),
    };
    let rest = canvas.text(rest, &time(timeline.at), palette.accent);
    let rest = canvas.text(rest, &format!("  {} ", time(timeline.begin)), palette.dim);
    let mut end = format!(" {} ", time(timeline.end));
    let since = format!(" counted since {} ", time(timeline.since));
    let room = usize::from(rest.width.saturating_sub(4 * LEAST));
    if timeline.since > timeline.begin && end.width() + since.width() <= room {
        end.push_str(&since);
    }
    let bar = canvas.right(rest, &end, palette.dim);
    if bar.width >= LEAST {
        self::bar(canvas, &timeline, bar);
    }
    None
}

fn bar(canvas: &mut Canvas<'_>, timeline: &Timeline<'_>, place: Rect) {
    let palette = canvas.palette;
    let length = timeline.end.saturating_sub(timeline.begin).as_secs_f64();
    let last = f64::from(place.width - 1);
    let cell = |moment: Moment| {
        let since = moment.saturating_sub(timeline.begin).as_secs_f64();
        (since / length.max(f64::MIN_POSITIVE) * last)
            .round()
            .min(last) as usize
    };
    let mut worst = vec![None; place.width.into()];
    for mark in timeline.marks {
        let worst = &mut worst[cell(mark.at)];
        *worst = Some(worst.map_or(mark.kind, |kind: MarkKind| kind.min(mark.kind)));
    }
    let (at, searched) = (cell(timeline.at), cell(timeline.searched));
    for (number, worst) in worst.into_iter().enumerate() {
        let (glyph, style) = match worst {
            Some(MarkKind::Error) => (canvas.glyph("✗", "x"), palette.bad),
            Some(MarkKind::Warning) => (canvas.glyph("▲", "!"), palette.warn),
            Some(MarkKind::Notice) => (canvas.glyph("●", "i"), palette.text),
            None if number > searched => (canvas.glyph("·", "."), palette.dim),
            None => (canvas.glyph("─", "-"), palette.dim),
        };
        let style = if number == at {
            style.patch(palette.selected)
        } else {
            style
        };
        let glyph = if number == at && worst.is_none() {
            canvas.glyph("┃", "|")
        } else {
            glyph
        };
        let cell = Rect {
            x: place.x + number as u16,
            width: 1,
            ..place
        };
        let share = number as f64 / last;
        let moment = timeline.begin + timeline.end.saturating_sub(timeline.begin).mul_f64(share);
        canvas.button(cell, glyph, style, Action::GoTo(moment));
    }
}

/// The time that is being typed; returns where the cursor stands.
fn typing(canvas: &mut Canvas<'_>, entry: &TimeEntry, place: Rect) -> Position {
    let palette = canvas.palette;
    let rest = canvas.text(place, " go to time ", palette.accent);
    let style = if entry.is_wrong {
        palette.bad
    } else {
        palette.text
    };
    let field = rest;
    let rest = canvas.text(rest, entry.line.text(), style);
    let hint = "   14:03 or 14:03:20, or a distance: -90s, +5m";
    let hint_style = if entry.is_wrong {
        palette.bad
    } else {
        palette.dim
    };
    canvas.text(rest, hint, hint_style);
    let before: String = entry
        .line
        .text()
        .chars()
        .take(entry.line.cursor())
        .collect();
    let x = field.x + before.width() as u16;
    Position::new(x.min(place.right().saturating_sub(1)), place.y)
}
