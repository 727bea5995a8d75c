//! One device in full: what was counted on it, its history, and what is known of
//! it.

use std::collections::BTreeMap;
use std::time::Duration;

use probe_common::Direction;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::state::State;
use crate::app::views::DevicesView;
use crate::flow::Ledger;
use crate::listing::{self, Fact};
use crate::model::stack::{NeighborState, Qdisc};
use crate::model::{Device, DeviceKind, Fate, Watch};
use crate::text::{clean, plural};
use crate::traffic::{Kernel, LinkEnd};
use crate::ui::canvas::{Canvas, indent, line};
use crate::ui::{format, pane, plot, wrap};

/// Lines of the detail while it is not open.
pub const LINES: u16 = 14;
/// Lines and columns of the counters.
const COUNTERS: u16 = 7;
const COLUMNS: u16 = 56;
/// The history has more lines, where there is room.
const HISTORY: u16 = 10;
/// Columns of the labels of facts.
const LABEL: usize = 10;

/// Draws it.
pub fn draw(
    canvas: &mut Canvas<'_>,
    state: &State,
    view: &DevicesView,
    device: &Device,
    mut area: Rect,
) {
    let palette = canvas.palette;
    let place = line(&mut area);
    canvas.rule(place);
    let title = format!(" {} ", device.name);
    let rest = canvas.text(indent(place, 2), &title, palette.strong);
    if state.criteria().is_narrowed() {
        canvas.text(rest, "all traffic ", palette.dim);
    }
    if let Some(ledger) = state.ledger(device) {
        let graph = indent(area, COLUMNS);
        let has_graph = graph.width >= 24 && area.height > 2 * HISTORY;
        let height = match has_graph {
            true => HISTORY,
            false if fates(ledger).is_some() => COUNTERS,
            false => COUNTERS - 2,
        };
        let top = Rect {
            height: height.min(area.height),
            ..area
        };
        if has_graph {
            let top = Rect {
                height: HISTORY - 1,
                ..graph
            };
            let series = ledger.series(state.zoom, state.picture().flows.clock());
            plot::draw(canvas, state, &series, top);
        }
        counters(canvas, ledger, top);
        area.y += top.height;
        area.height -= top.height;
    }
    let lines = facts(canvas, state, device, usize::from(area.width));
    let write = |canvas: &mut Canvas<'_>, place, (label, text, style): &(String, String, Style)| {
        let rest = canvas.text(indent(place, 1), &format!("{label:<LABEL$}"), palette.dim);
        canvas.text(rest, text, *style);
    };
    let pane = pane::draw(canvas, area, &lines, view.detail_scroll, write);
    canvas.geometry.detail = pane.extent;
    pane.note_below(canvas, place);
}

/// What the hooks counted.
fn counters(canvas: &mut Canvas<'_>, ledger: &Ledger, mut area: Rect) {
    let palette = canvas.palette;
    let heads = [canvas.glyph("↓ in", "in"), canvas.glyph("↑ out", "out")];
    let [inward, outward] = heads;
    canvas.text(
        indent(line(&mut area), 1),
        &format!("{:<22}{inward:>15}{outward:>15}", ""),
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
        let rest = canvas.text(place, &format!("{label:<22}"), palette.dim);
        let [inward, outward] = values.map(format::grouped);
        canvas.text(rest, &format!("{inward:>15}{outward:>15}"), palette.text);
    }
    let Some(fates) = fates(ledger) else {
        return;
    };
    // When packets come past the hook, others may be missing unnoticed.
    let diverted = fates.map(|fate| match fate {
        Some(Fate {
            diverted: Some(diverted),
            bypassed: 0,
        }) => format::grouped(diverted),
        _ => "unknown".to_owned(),
    });
    let bypassed = fates.map(|fate| fate.map(|fate| fate.bypassed));
    let warns = bypassed.iter().flatten().any(|packets| *packets > 0);
    let bypassed = bypassed.map(|it| it.map_or_else(|| "unknown".to_owned(), format::grouped));
    let style = if warns { palette.warn } else { palette.text };
    for (label, values, style) in [
        ("dropped or redirected", diverted, palette.text),
        ("past the hook", bypassed, style),
    ] {
        let place = indent(line(&mut area), 1);
        let rest = canvas.text(place, &format!("{label:<22}"), palette.dim);
        let [inward, outward] = values;
        canvas.text(rest, &format!("{inward:>15}{outward:>15}"), style);
    }
}

/// The fate of the packets in both directions, where that is known of one.
fn fates(ledger: &Ledger) -> Option<[Option<Fate>; 2]> {
    let fates = Direction::BOTH.map(|direction| ledger.totals(direction).fate);
    fates.iter().any(Option::is_some).then_some(fates)
}

/// The lines of what is known: label, text, style.
fn facts(
    canvas: &Canvas<'_>,
    state: &State,
    device: &Device,
    width: usize,
) -> Vec<(String, String, Style)> {
    let palette = canvas.palette;
    let style = match device.watch {
        Watch::Failed(_) => palette.bad,
        _ => palette.text,
    };
    let remark = remark(device).map(|text| (String::new(), text, style));
    let facts = listing::facts(device).into_iter().map(
        |Fact {
             label, text, warns, ..
         }| {
            let style = if warns { palette.warn } else { palette.text };
            (label.to_owned(), text, style)
        },
    );
    let kernel = &state.picture().kernel;
    let queues = queues(kernel, device).into_iter().map(|(text, warns)| {
        let style = if warns { palette.warn } else { palette.text };
        ("queue".to_owned(), text, style)
    });
    let neighbors =
        silent_neighbors(kernel, device).map(|text| ("neighbor".to_owned(), text, palette.warn));
    let mut lines = Vec::new();
    let all = remark.into_iter().chain(facts).chain(queues);
    for (mut label, text, style) in all.chain(neighbors) {
        for text in wrap(&text, width.saturating_sub(LABEL + 2)) {
            lines.push((std::mem::take(&mut label), text, style));
        }
    }
    lines
}

/// The queues of both ends, all of a kind together, as a NIC has one for each of its
/// rings; and whether one has dropped packets.
fn queues(kernel: &Kernel, device: &Device) -> Vec<(String, bool)> {
    let mut kinds: BTreeMap<(LinkEnd, &str), (u64, Qdisc, Duration)> = BTreeMap::new();
    for (end, qdisc, period) in kernel.qdiscs(device) {
        let entry = kinds.entry((end, &qdisc.kind)).or_default();
        let (number, sum, longest) = entry;
        *number += 1;
        sum.queued = sum.queued.saturating_add(qdisc.queued);
        sum.backlog = sum.backlog.saturating_add(qdisc.backlog);
        sum.drops += qdisc.drops;
        sum.overlimits += qdisc.overlimits;
        *longest = (*longest).max(period.unwrap_or_default());
    }
    let is_root = |(end, kind): &(LinkEnd, &str)| *end == LinkEnd::Own && *kind == device.qdisc;
    let root = (!device.qdisc.is_empty() && !kinds.keys().any(is_root))
        .then(|| (clean(&device.qdisc), false));
    let kinds = kinds
        .into_iter()
        .map(|((end, kind), (number, sum, period))| {
            let owner = match end {
                LinkEnd::Own => "",
                LinkEnd::Peer => "the peer's ",
            };
            let kind = clean(kind);
            let kind = match number {
                1 => kind,
                _ => format!("{kind} ({})", plural(number, "queue")),
            };
            let mut text = format!(
                "{owner}{kind}: {} waiting, {}",
                plural(sum.queued.into(), "packet"),
                plural(sum.backlog.into(), "byte")
            );
            if !period.is_zero() {
                text += &format!(
                    "; in the last {} {} dropped, {} held back by its rate",
                    format::duration(period),
                    format::grouped(sum.drops),
                    format::grouped(sum.overlimits)
                );
            }
            (text, sum.drops > 0)
        });
    root.into_iter().chain(kinds).collect()
}

/// The neighbors of both ends that do not answer.
fn silent_neighbors(kernel: &Kernel, device: &Device) -> impl Iterator<Item = String> {
    kernel.silent_neighbors(device).map(|(end, it)| {
        let whom = match end {
            LinkEnd::Own => "",
            LinkEnd::Peer => " the peer",
        };
        let since = match it.state {
            NeighborState::Incomplete => "has not answered",
            NeighborState::Failed => "does not answer",
        };
        format!("{} {since}{whom}", it.address)
    })
}

/// How it stands with watching it.
fn remark(device: &Device) -> Option<String> {
    Some(match (&device.watch, &device.kind) {
        (Watch::Failed(reason), _) => reason.to_string(),
        (Watch::Gone { .. }, _) => {
            "This device is gone; its flows stay until they are over.".to_owned()
        }
        (_, DeviceKind::NetkitPeer) => "Watched through its primary.".to_owned(),
        (Watch::Starting | Watch::Yes { .. }, _) => return None,
        (Watch::No, _) => "Not watched.".to_owned(),
    })
}
