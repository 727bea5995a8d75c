//! One device in full: what was counted on it, its history, and what is known of
//! it.

use probe_common::Direction;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::{Canvas, indent, line};
use super::super::{detail::plot, format, wrap};
use super::ledger;
use crate::app::App;
use crate::app::list::Extent;
use crate::flow::Ledger;
use crate::listing::{self, Fact};
use crate::source::{Device, DeviceKind, Watch};

/// Lines of the detail while it is not open.
pub const LINES: u16 = 14;
/// Lines and columns of the counters.
const COUNTERS: u16 = 5;
const COLUMNS: u16 = 56;
/// The history has more lines where the detail is open.
const HISTORY: u16 = 10;
/// Columns of the labels of facts.
const LABEL: usize = 10;

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, app: &App, device: &Device, mut area: Rect) {
    let palette = canvas.palette;
    let place = line(&mut area);
    canvas.rule(place);
    let title = format!(" {} ", device.name);
    canvas.text(indent(place, 2), &title, palette.strong);
    if let Some(ledger) = ledger(app, device) {
        let graph = indent(area, COLUMNS);
        let has_graph = graph.width >= 24 && app.devices.detail && area.height > 2 * HISTORY;
        let height = if has_graph { HISTORY } else { COUNTERS };
        let top = Rect {
            height: height.min(area.height),
            ..area
        };
        if has_graph {
            let top = Rect {
                height: HISTORY - 1,
                ..graph
            };
            plot(canvas, app, ledger.history(), top);
        }
        counters(canvas, ledger, top);
        area.y += top.height;
        area.height -= top.height;
    }
    let lines = facts(canvas, device, usize::from(area.width));
    let page = usize::from(area.height);
    canvas.geometry.detail = Extent {
        page,
        rows: lines.len(),
    };
    let most = lines.len().saturating_sub(page);
    let hidden = app.devices.inside.offset().min(most);
    for (label, text, style) in lines.iter().skip(hidden).take(page) {
        let place = indent(line(&mut area), 1);
        let rest = canvas.text(place, &format!("{label:<LABEL$}"), palette.dim);
        canvas.text(rest, text, *style);
    }
    if most > hidden {
        let below = format::count((most - hidden) as u64);
        canvas.right(
            indent(place, 2),
            &format!(" {below} lines below "),
            palette.dim,
        );
    }
}

/// What the hooks counted.
fn counters(canvas: &mut Canvas<'_>, ledger: &Ledger, mut area: Rect) {
    let palette = canvas.palette;
    let heads = [canvas.glyph("↓ in", "in"), canvas.glyph("↑ out", "out")];
    let [inward, outward] = heads;
    canvas.text(
        indent(line(&mut area), 1),
        &format!("{:<12}{inward:>18}{outward:>18}", ""),
        palette.dim,
    );
    let sums = Direction::BOTH.map(|direction| ledger.sums(direction));
    for (label, values) in [
        ("packets", sums.map(|sums| sums.seen.packets)),
        ("segments", sums.map(|sums| sums.seen.segments)),
        ("bytes", sums.map(|sums| sums.seen.bytes)),
        ("untracked", sums.map(|sums| sums.untracked.packets)),
    ] {
        let place = indent(line(&mut area), 1);
        let rest = canvas.text(place, &format!("{label:<12}"), palette.dim);
        let [inward, outward] = values.map(format::count);
        canvas.text(rest, &format!("{inward:>18}{outward:>18}"), palette.text);
    }
}

/// The lines of what is known: label, text, style.
fn facts(canvas: &Canvas<'_>, device: &Device, width: usize) -> Vec<(String, String, Style)> {
    let palette = canvas.palette;
    let style = match device.watch {
        Watch::Failed(_) => palette.bad,
        _ => palette.text,
    };
    let told = remark(device).map(|text| (String::new(), text, style));
    let facts = listing::facts(device).into_iter().map(
        |Fact {
             label, text, warns, ..
         }| {
            let style = if warns { palette.warn } else { palette.text };
            (label.to_owned(), text, style)
        },
    );
    let mut lines = Vec::new();
    for (mut label, text, style) in told.into_iter().chain(facts) {
        for text in wrap(&text, width.saturating_sub(LABEL + 2)) {
            lines.push((std::mem::take(&mut label), text, style));
        }
    }
    lines
}

/// How it stands with watching it.
fn remark(device: &Device) -> Option<String> {
    Some(match (&device.watch, &device.kind) {
        (Watch::Failed(reason), _) => reason.clone(),
        (Watch::Gone { .. }, _) => "It is gone; its flows stay until they are over.".to_owned(),
        (_, DeviceKind::NetkitPeer) => "It is watched through its primary.".to_owned(),
        (Watch::Starting | Watch::Yes { .. }, _) => return None,
        (Watch::No, _) => "Not watched.".to_owned(),
    })
}
