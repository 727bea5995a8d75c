//! Whether the sums add up, what the probe does, and the notices.

use probe_common::Direction;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::app::state::State;
use crate::app::views::ProbeView;
use crate::flow::Ledger;
use crate::model::signal::Trace;
use crate::model::{Cost, Level, Reach};
use crate::text::clean;
use crate::ui::canvas::{Canvas, bottom, indent};
use crate::ui::format::{self, grouped};
use crate::ui::graph;
use crate::ui::pane::{self, Line};

/// Draws the view: text that scrolls.
pub fn draw(canvas: &mut Canvas<'_>, state: &State, view: &ProbeView, mut area: Rect) {
    let mut lines = nodes(canvas, state);
    lines.extend(sums(canvas, state, usize::from(area.width)));
    lines.extend(probe(canvas, state, usize::from(area.width)));
    lines.extend(kernel(canvas, state, usize::from(area.width)));
    lines.extend(notices(canvas, state, usize::from(area.width)));
    // Where not all has room, the last line says how much there is below.
    let fits = lines.len() <= usize::from(area.height);
    let foot = bottom(&mut area, u16::from(!fits));
    let pane = pane::draw(canvas, area, &lines, view.scroll, |canvas, place, text| {
        pane::write(canvas, indent(place, 1), text);
    });
    canvas.geometry.extent = pane.extent;
    pane.note_below(canvas, foot);
}

fn heading(canvas: &Canvas<'_>, text: &str) -> Line {
    vec![(text.to_owned(), canvas.palette.strong)]
}

/// The hosts that are watched together: whether they report, and how much.
fn nodes(canvas: &Canvas<'_>, state: &State) -> Vec<Line> {
    let palette = canvas.palette;
    let mut lines: Vec<Line> = Vec::new();
    let now = state.live().flows.now();
    let names = state.session.hosts.iter().map(|name| name.width());
    let width = names.fold(8, usize::max).min(24);
    for (name, host) in state.nodes() {
        let (word, style) = match &host.reach {
            Some(Reach::Lost { retries: true, .. }) => ("lost, retrying", palette.bad),
            Some(Reach::Lost { .. }) => ("lost", palette.bad),
            Some(Reach::Connected) => ("connected", palette.inward),
            // As when a recording is shown from the middle on.
            None => ("", palette.dim),
            Some(Reach::Connecting) => ("connecting", palette.warn),
        };
        let name = format::truncate(name, width, canvas.ellipsis());
        let mut line = vec![
            (format!("{name:<width$}  "), palette.text),
            (format!("{word:<15}"), style),
        ];
        let rates = Direction::BOTH.map(|direction| {
            let (measure, flows) = (state.measure(), &host.flows);
            let amount = measure.of_ledger(flows.whole(), direction, flows.clock());
            format::some_amount(amount, measure, state.appearance.units)
        });
        match &host.reach {
            Some(Reach::Lost { reason, .. }) => {
                let ago = format::duration(now.saturating_sub(host.flows.now()));
                let text = format!("last data {ago} ago: {}", clean(reason));
                line.push((text, palette.dim));
            }
            _ => {
                let text = format!(
                    "{:>11} in {:>11} out  {}, {}",
                    rates[0],
                    rates[1],
                    format::plural(host.devices.watched().count() as u64, "device"),
                    format::plural(host.flows.len() as u64, "flow"),
                );
                line.push((text, palette.text));
            }
        }
        lines.push(line);
    }
    if !lines.is_empty() {
        lines.insert(0, heading(canvas, "Hosts"));
        lines.push(Vec::new());
    }
    lines
}

/// The column of what the kernel keeps out of the flows, of all columns.
const FILTERED: usize = 5;

/// Where each device's packets are, a direction a line.
fn sums(canvas: &Canvas<'_>, state: &State, width: usize) -> Vec<Line> {
    let palette = canvas.palette;
    let flows = &state.picture().flows;
    // Where it is not, that column would be all zeros.
    let is_pushed_down = state.push_down.prefixes().is_some()
        || Direction::BOTH
            .iter()
            .any(|&direction| flows.total().sums(direction).filtered.packets > 0);
    let titles = [
        "SEEN",
        "IN FLOWS",
        "EXPIRED",
        "OVERFLOW",
        "UNTRACKED",
        "FILTERED",
        "EVENTS",
        "LOST",
        "OVER BUDGET",
    ];
    // The last columns leave where it is narrow: they are about events.
    let (label, size) = match (width, is_pushed_down) {
        (..78, false) => (9, 9),
        (78..90, false) => (15, 11),
        (..78, true) => (5, 9),
        (78..98, true) => (13, 10),
        (90.., _) => (15, 13),
    };
    let sums = if is_pushed_down { 6 } else { 5 };
    let fit = |number: usize| number < sums || label + 9 + (number + 1) * 13 <= width;
    let row = |name: &str, way: &str, mut cells: Vec<(String, Style)>| -> Line {
        if !is_pushed_down {
            cells.remove(FILTERED);
        }
        let name = format::truncate(name, label, canvas.ellipsis());
        let mut parts = vec![(format!("{name:<label$} {way:<4}"), palette.text)];
        let cells = cells
            .into_iter()
            .enumerate()
            .filter(|(number, _)| fit(*number));
        parts.extend(cells.map(|(_, (text, style))| (format!("{text:>size$}"), style)));
        parts
    };
    let number = if size < 11 {
        format::short_count
    } else {
        grouped
    };
    let title = |title| format::truncate(title, size - 1, canvas.ellipsis());
    let head = titles.map(|it| (title(it), palette.dim)).to_vec();
    let mut lines = vec![
        heading(
            canvas,
            if is_pushed_down {
                "Packets: seen = in flows + expired + overflow + untracked + filtered"
            } else {
                "Packets: seen = in flows + expired + overflow + untracked"
            },
        ),
        row("", "", head),
    ];
    let names = state.picture().devices.names();
    let mut devices: Vec<_> = flows.devices().collect();
    devices.sort_by_key(|(slot, _)| names.place(*slot));
    let ledgers = devices
        .into_iter()
        .map(|(slot, ledger)| (names.get(slot).to_owned(), ledger))
        .chain(std::iter::once(("all".to_owned(), flows.total())));
    for (name, ledger) in ledgers {
        for (direction, way) in [(Direction::In, "in"), (Direction::Out, "out")] {
            let name = if direction == Direction::In {
                name.as_str()
            } else {
                ""
            };
            lines.push(row(name, way, cells(canvas, ledger, direction, number)));
            let unaccounted = ledger.sums(direction).unaccounted();
            if unaccounted != 0 {
                let text =
                    format!(" packets unaccounted for: {unaccounted}; a bug, please report ");
                lines.push(vec![(text, palette.alarm)]);
            }
        }
    }
    lines.push(Vec::new());
    lines
}

fn cells(
    canvas: &Canvas<'_>,
    ledger: &Ledger,
    direction: Direction,
    text: fn(u64) -> String,
) -> Vec<(String, Style)> {
    let palette = canvas.palette;
    let (sums, totals) = (ledger.sums(direction), ledger.totals(direction));
    let plain = |number: u64| {
        let style = if number == 0 {
            palette.dim
        } else {
            palette.text
        };
        (text(number), style)
    };
    let wrong = |number: u64| {
        let style = if number == 0 {
            palette.dim
        } else {
            palette.warn
        };
        (text(number), style)
    };
    vec![
        plain(sums.seen.packets),
        plain(sums.live.packets),
        plain(sums.expired.packets),
        wrong(sums.overflow.packets),
        wrong(sums.untracked.packets),
        plain(sums.filtered.packets),
        plain(totals.events),
        wrong(totals.lost),
        plain(totals.over_budget.total()),
    ]
}

/// How full the kernel's maps are.
fn probe(canvas: &Canvas<'_>, state: &State, width: usize) -> Vec<Line> {
    let palette = canvas.palette;
    let probe = &state.picture().probe;
    let gauge = |label: &str, used: u64, of: u64, text: String| -> Line {
        let cells = if width < 80 { 8 } else { 20 };
        let bar = graph::share(used as f64, of as f64, cells, canvas.ascii);
        let style = if used * 10 > of * 9 {
            palette.warn
        } else {
            palette.inward
        };
        vec![
            (format!("{label:<21}"), palette.dim),
            (format!("{bar:<cells$} "), style),
            (text, palette.text),
        ]
    };
    let mut lines = vec![heading(canvas, "Probe, last interval")];
    if probe.map_capacity > 0 {
        let text = format!(
            "{} of {} flows",
            grouped(probe.map_entries),
            grouped(probe.map_capacity)
        );
        lines.push(gauge(
            "kernel's flow map",
            probe.map_entries,
            probe.map_capacity,
            text,
        ));
    }
    if probe.ring_capacity > 0 {
        let total = state.picture().flows.total();
        let lost = Direction::BOTH.map(|direction| total.totals(direction).lost);
        let by_cpu = probe.lost.iter().enumerate().filter(|(_, lost)| **lost > 0);
        let by_cpu: Vec<_> = by_cpu
            .map(|(cpu, &lost)| format!("CPU {cpu}: {}", grouped(lost)))
            .collect();
        let mut text = format!(
            "{} of {}, {} events lost",
            format::bytes(probe.ring_bytes, state.appearance.units),
            format::bytes(probe.ring_capacity, state.appearance.units),
            grouped(lost.iter().sum())
        );
        if !by_cpu.is_empty() {
            text = format!("{text} ({})", by_cpu.join(", "));
        }
        lines.push(gauge(
            "ring buffer",
            probe.ring_bytes,
            probe.ring_capacity,
            text,
        ));
    }
    if state.picture().late > 0 {
        let text = format!(
            "{} events since the start: nkview was too slow to take them",
            grouped(state.picture().late)
        );
        lines.push(vec![
            (format!("{:<21}", "not shown in time"), palette.dim),
            (text, palette.warn),
        ]);
    }
    let fact = |label: &str, text: String| -> Line {
        vec![(format!("{label:<21}"), palette.dim), (text, palette.text)]
    };
    let cost = match probe.cost {
        None if state.not_measured.is_some() => {
            let reason = state.not_measured.as_deref().unwrap_or_default();
            let text = format!("not measured: {reason}");
            format::truncate(&text, width.saturating_sub(23), canvas.ellipsis())
        }
        None => "measured in this view only, from the next interval on".to_owned(),
        Some(Cost { runs: 0, .. }) => "no packets in this interval".to_owned(),
        Some(Cost { runs, time }) => format!(
            "{} ns a packet, {} of a CPU; measured in this view",
            time.as_nanos() / u128::from(runs),
            percent(time.as_secs_f64() / state.picture().interval.as_secs_f64()),
        ),
    };
    lines.push(fact("eBPF programs", cost));
    if let Some(prefixes) = state.push_down.prefixes() {
        let prefixes: Vec<String> = prefixes.iter().map(ToString::to_string).collect();
        let text = format!(
            "{}; other packets are filtered in the kernel",
            prefixes.join(", ")
        );
        lines.push(fact(
            "kernel filter",
            format::truncate(&text, width.saturating_sub(23), canvas.ellipsis()),
        ));
    }
    let read = probe.read.as_secs_f64() * 1e3;
    lines.push(fact("reading the counters", format!("{read:.1} ms")));
    lines.push(Vec::new());
    lines.push(heading(canvas, "This process, last second"));
    if let Some(usage) = state.usage {
        lines.push(fact("CPU", format!("{} of a CPU", percent(usage.cpu))));
        if let Some(memory) = usage.memory {
            lines.push(fact(
                "memory",
                format::bytes(memory, state.appearance.units),
            ));
        }
        let drawn = match format::rate(usage.drawn, state.appearance.units) {
            none if none.is_empty() => "nothing".to_owned(),
            rate => rate,
        };
        lines.push(fact("drawn", format!("{drawn} to the terminal")));
    } else {
        lines.push(fact("", "available after the next interval".to_owned()));
    }
    let privileges = state.session.privileges.iter();
    let texts = privileges.flat_map(|text| crate::ui::wrap(text, width.saturating_sub(23)));
    for (number, text) in texts.enumerate() {
        let label = if number == 0 { "privileges" } else { "" };
        lines.push(fact(label, text));
    }
    lines.push(Vec::new());
    lines
}

/// Places of drops that are shown.
const PLACES: usize = 8;

/// How tracing is doing, and what the kernel dropped lately.
fn kernel(canvas: &Canvas<'_>, state: &State, width: usize) -> Vec<Line> {
    let palette = canvas.palette;
    let host = state.picture();
    let mut lines = vec![heading(canvas, "Tracing of the kernel")];
    let fact = |label: &str, text: &str, style: Style| -> Vec<Line> {
        let texts = crate::ui::wrap(text, width.saturating_sub(23));
        let label = |number| if number == 0 { label } else { "" };
        let line = |(number, text)| {
            let label = format!("{:<21}", label(number));
            vec![(label, palette.dim), (text, style)]
        };
        texts.into_iter().enumerate().map(line).collect()
    };
    match host.kernel.trace() {
        None => lines.extend(fact("status", "it has not reported yet", palette.dim)),
        Some(Trace::Off(reason)) => {
            lines.extend(fact("status", &format!("off: {reason}"), palette.warn));
        }
        Some(Trace::On(status)) => {
            let all = status.missing.is_empty();
            let text = if all { "on" } else { "on, in part" };
            lines.extend(fact("status", text, palette.text));
            for missing in &status.missing {
                lines.extend(fact("not seen", missing, palette.warn));
            }
            let missed = format!(
                "{} events, {} runs, {} places of drops",
                grouped(status.lost),
                grouped(status.skipped),
                grouped(status.unplaced)
            );
            if status.lost + status.skipped + status.unplaced > 0 {
                lines.extend(fact("missed", &missed, palette.warn));
            }
        }
    }
    let drops = host.kernel.drops();
    if host.kernel.trace().is_some() && drops.is_empty() {
        lines.extend(fact("drops, last minute", "none", palette.text));
    }
    for (number, (place, packets)) in drops.iter().take(PLACES).enumerate() {
        let label = if number == 0 {
            "drops, last minute"
        } else {
            ""
        };
        let device = match place.device.as_str() {
            "" => String::new(),
            device => format!(", {device}"),
        };
        let noise = if place.noise { ", harmless" } else { "" };
        let text = format!(
            "{:>7}  {} in {}{device}{noise}",
            grouped(*packets),
            place.reason,
            place.function
        );
        let style = if place.noise {
            palette.dim
        } else {
            palette.text
        };
        lines.extend(fact(label, &text, style));
    }
    if let Some(more) = drops.len().checked_sub(PLACES).filter(|more| *more > 0) {
        let text = format!("and {}", format::plural(more as u64, "further place"));
        lines.extend(fact("", &text, palette.dim));
    }
    lines.push(Vec::new());
    lines
}

/// A share as `12.3 %`.
fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The notices, newest first, wrapped.
fn notices(canvas: &Canvas<'_>, state: &State, width: usize) -> Vec<Line> {
    let palette = canvas.palette;
    let mut lines = vec![heading(canvas, "Notices, newest first")];
    if state.notices.all().len() == 0 {
        lines.push(vec![("none".to_owned(), palette.dim)]);
    }
    for notice in state.notices.all().rev() {
        let (mark, style) = match notice.level {
            Level::Info => (canvas.glyph("●", "i"), palette.good),
            Level::Warning => (canvas.glyph("▲", "!"), palette.warn),
        };
        let when = format!("{:>8} ", format::duration(notice.at));
        for (number, text) in crate::ui::wrap(&notice.text, width.saturating_sub(13))
            .into_iter()
            .enumerate()
        {
            let start = if number == 0 {
                [(when.clone(), palette.dim), (format!("{mark} "), style)]
            } else {
                [(" ".repeat(9), palette.dim), ("  ".to_owned(), style)]
            };
            lines.push(start.into_iter().chain([(text, palette.text)]).collect());
        }
    }
    if state.notices.dropped() > 0 {
        let text = format!(
            "{} older notices dropped",
            grouped(state.notices.dropped() as u64)
        );
        lines.push(vec![(text, palette.dim)]);
    }
    lines
}
