//! The accounting line, the last message, and what the keys do.

use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, bottom, line};
use super::format::grouped;
use crate::app::App;
use crate::app::action::Action;
use crate::keys::Binding;
use crate::model::Level;
use crate::traffic::Accounting;

/// Draws the lowest lines and takes them off the area.
pub fn draw(canvas: &mut Canvas<'_>, app: &App, area: &mut Rect) {
    let keys = bottom(area, 1);
    hints(canvas, app, keys);
    let trust = app.accounting();
    let sum = sum(canvas, &trust, usize::from(area.width));
    let mut place = bottom(area, sum.len() as u16);
    for parts in sum {
        let place = line(&mut place);
        canvas.texts(
            place,
            parts.iter().map(|(text, style)| (text.as_str(), *style)),
        );
    }
    let prompt = app.prompt();
    if let Some(notice) = app.state.notices.fresh()
        && Some(notice.text.as_str()) != prompt
    {
        let place = bottom(area, 1);
        let (mark, style) = match notice.level {
            Level::Info => (canvas.glyph(" ● ", " i "), canvas.palette.good),
            Level::Warning => (canvas.glyph(" ▲ ", " ! "), canvas.palette.warn),
        };
        canvas.texts(
            place,
            [(mark, style), (notice.text.as_str(), canvas.palette.text)],
        );
    }
}

/// The sum in as many lines as it needs: what is not there is left out first
/// where it is narrow.
fn sum(canvas: &Canvas<'_>, trust: &Accounting, width: usize) -> Vec<Vec<(String, Style)>> {
    let full = terms(canvas, trust, true);
    if length(&full) <= width {
        return vec![full];
    }
    let short = terms(canvas, trust, false);
    if length(&short) <= width {
        return vec![short];
    }
    let mut lines = vec![Vec::new()];
    for term in short {
        if let Some(last) = lines.last_mut() {
            if length(last) + term.0.width() <= width {
                last.push(term);
            } else {
                lines.push(vec![("   ".to_owned(), canvas.palette.text), term]);
            }
        }
    }
    lines
}

/// How many packets were seen again: on a pod's device and the uplink, say.
fn repeated(packets: u64, full: bool) -> String {
    match packets {
        0 => String::new(),
        _ if full => format!(" ({} again on another device)", grouped(packets)),
        _ => format!(" ({} again)", grouped(packets)),
    }
}

fn length(parts: &[(String, Style)]) -> usize {
    parts.iter().map(|(text, _)| text.width()).sum()
}

fn terms(canvas: &Canvas<'_>, trust: &Accounting, all: bool) -> Vec<(String, Style)> {
    let palette = canvas.palette;
    let (mark, style) = if trust.unaccounted == 0 {
        (canvas.glyph(" ✓", " ok"), palette.good)
    } else {
        (canvas.glyph(" ✗", " BAD"), palette.bad)
    };
    let mut parts = vec![
        (mark.to_owned(), style),
        (format!(" seen {}", grouped(trust.seen)), palette.strong),
        (repeated(trust.repeated, all), palette.dim),
        (format!(" = shown {}", grouped(trust.shown)), palette.text),
    ];
    let others = [
        ("filtered", trust.filtered, palette.text),
        ("expired", trust.expired, palette.text),
        ("untracked", trust.untracked, palette.warn),
    ];
    for (word, number, style) in others {
        if all || number > 0 {
            let style = if number == 0 { palette.dim } else { style };
            parts.push((format!(" + {word} {}", grouped(number)), style));
        }
    }
    if trust.unaccounted != 0 {
        let text = format!(
            " + UNACCOUNTED {}: a bug, please report ",
            trust.unaccounted
        );
        parts.push((text, palette.alarm));
    }
    if trust.blocked > 0 {
        let dot = canvas.glyph("·", "-");
        parts.push((
            format!(" {dot} blocked {}", grouped(trust.blocked)),
            palette.warn,
        ));
    }
    if all || trust.lost > 0 {
        let style = if trust.lost > 0 {
            palette.warn
        } else {
            palette.dim
        };
        let dot = canvas.glyph("·", "-");
        parts.push((format!(" {dot} ring lost {}", grouped(trust.lost)), style));
    }
    parts
}

/// What the keys do, as many as fit, from the table of bindings.
fn hints(canvas: &mut Canvas<'_>, app: &App, place: Rect) {
    // Those at the right end are there however narrow it is.
    let (last, first): (Vec<Hint<'_>>, Vec<Hint<'_>>) = canvas
        .keymap
        .hints(app.context())
        .filter_map(|binding| Some((binding, app.hint(&binding.action, binding.short)?)))
        .partition(|(binding, _)| matches!(binding.action, Action::Help | Action::Quit));
    let width = last
        .iter()
        .map(|given| size_of_hint(canvas, given))
        .sum::<usize>() as u16;
    let mut right = Rect {
        x: place.right() - width.min(place.width),
        width: width.min(place.width),
        ..place
    };
    for given in last {
        right = write(canvas, &given, right);
    }
    let mut rest = Rect {
        width: place.width.saturating_sub(width),
        ..place
    };
    for given in first {
        if usize::from(rest.width) < size_of_hint(canvas, &given) {
            break;
        }
        rest = write(canvas, &given, rest);
    }
}

/// A binding, and what it does now.
type Hint<'a> = (&'a Binding, &'static str);

/// Its key and what that does.
fn hint(canvas: &Canvas<'_>, (binding, word): &Hint<'_>) -> [String; 2] {
    let key = binding.keys.first().map(|key| key.name(canvas.ascii));
    [format!(" {}", key.unwrap_or_default()), format!(" {word} ")]
}

fn size_of_hint(canvas: &Canvas<'_>, given: &Hint<'_>) -> usize {
    hint(canvas, given).iter().map(|text| text.width()).sum()
}

fn write(canvas: &mut Canvas<'_>, given: &Hint<'_>, place: Rect) -> Rect {
    let [key, word] = hint(canvas, given);
    let rest = canvas.text(place, &key, canvas.palette.accent);
    let rest = canvas.text(rest, &word, canvas.palette.dim);
    let zone = Rect {
        width: rest.x - place.x,
        ..place
    };
    canvas.geometry.zone(zone, given.0.action.clone());
    rest
}
