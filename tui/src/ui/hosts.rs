//! Flows grouped by prefix.

use ratatui::layout::Rect;

use super::canvas::{Canvas, bottom, indent, line};
use super::table::{Behaviour, Cell, Column};
use super::{empty, format, graph, plot, table};
use crate::app::App;
use crate::app::action::{Action, HostGroup, Item, Side};
use crate::app::hosts::HostColumn;
use crate::dissect::ether_type_name;

/// Draws the view.
pub fn draw(canvas: &mut Canvas<'_>, app: &App, mut area: Rect) {
    let palette = canvas.palette;
    if app.hosts.detail {
        let lines = (area.height / 2).min(12);
        let place = bottom(&mut area, lines);
        detail(canvas, app, place);
    }
    let [v4, v6] = app.hosts.lengths();
    let place = line(&mut area);
    let side = app.hosts.side.name();
    let text = match v4 {
        32 => format!(" {side} addresses in their prefixes"),
        _ => format!(" {side} prefixes down to /{v4} and /{v6}"),
    };
    canvas.text(place, &text, palette.dim);
    let whole: f64 = app.hosts.total().rates.into_iter().sum();
    let behaviour = Behaviour {
        order: Some((app.hosts.order.column, app.hosts.order.descending)),
        sort: |column| Some(Action::SortHosts(column)),
        cell: None,
        item: Item::Host,
    };
    let columns = columns(app);
    table::draw(
        canvas,
        area,
        &columns,
        &app.hosts.list,
        &behaviour,
        |canvas, group, column, width| cell(canvas, app, group, column, usize::from(width), whole),
    );
    if app.hosts.list.rows().is_empty() {
        empty(
            canvas,
            area,
            "There is no flow to group.",
            "1 shows the flows and says why there is none.",
        );
    }
}

/// The selected group in full.
fn detail(canvas: &mut Canvas<'_>, app: &App, mut area: Rect) {
    let palette = canvas.palette;
    let place = line(&mut area);
    canvas.rule(place);
    let Some(group) = app.hosts.list.selected() else {
        return;
    };
    let sums = app.hosts.branch(&group).sums;
    let title = format!(" {} {} ", app.hosts.side.name(), name(app, group));
    let facts = format!(
        "{}, {} packets, {} ",
        format::plural(sums.flows, "flow"),
        format::count(sums.counts.packets),
        format::bytes(sums.counts.bytes, app.look.units)
    );
    canvas.texts(
        indent(place, 1),
        [(title.as_str(), palette.strong), (&facts, palette.text)],
    );
    plot::draw(canvas, app, app.hosts.series(), area);
}

fn columns(app: &App) -> Vec<Column<HostColumn>> {
    let rate = format::rate_width(app.look.units);
    let title = match app.hosts.side {
        Side::Local => "LOCAL",
        Side::Remote => "REMOTE",
    };
    vec![
        Column::left(HostColumn::Group, title, 22..=52, 9),
        Column::right(HostColumn::Flows, "FLOWS", 7..=8, 6),
        Column::right(HostColumn::In, "↓IN", rate..=rate, 8),
        Column::right(HostColumn::Out, "↑OUT", rate..=rate, 7),
        Column::right(HostColumn::Packets, "PACKETS", 8..=8, 4),
        Column::left(HostColumn::Share, "SHARE", 8..=40, 5),
    ]
}

fn cell(
    canvas: &Canvas<'_>,
    app: &App,
    group: HostGroup,
    column: HostColumn,
    width: usize,
    whole: f64,
) -> Cell {
    let palette = canvas.palette;
    let branch = app.hosts.branch(&group);
    let sums = branch.sums;
    let rate = |rate: f64| match format::short_amount(rate, app.measure(), app.look.units) {
        none if none.is_empty() => Cell::new(canvas.glyph("·", "-"), palette.dim),
        rate => Cell::new(rate, palette.text),
    };
    match column {
        HostColumn::Group => {
            let mark = match branch.open {
                Some(true) => canvas.glyph("▾ ", "- "),
                Some(false) => canvas.glyph("▸ ", "+ "),
                None => "  ",
            };
            let indent = "  ".repeat(branch.depth);
            let room = width.saturating_sub(indent.len() + 2);
            let name = format::shorten(&name(app, group), room, canvas.ellipsis());
            let style = if branch.open.is_some() {
                palette.strong
            } else {
                palette.text
            };
            Cell::new(format!("{indent}{mark}{name}"), style)
        }
        HostColumn::Flows => Cell::new(format::count(sums.flows as u64), palette.text),
        HostColumn::In => rate(sums.rates[0]),
        HostColumn::Out => rate(sums.rates[1]),
        HostColumn::Packets => Cell::new(format::short_count(sums.counts.packets), palette.text),
        HostColumn::Share => {
            let part = sums.rates[0] + sums.rates[1];
            let percent = if whole > 0.0 {
                part / whole * 100.0
            } else {
                0.0
            };
            let bar = graph::share(part, whole, width.saturating_sub(5), canvas.ascii);
            Cell::new(format!("{percent:>3.0}% {bar}"), palette.graph)
        }
    }
}

/// A single address without its length, a wider prefix with it.
fn name(app: &App, group: HostGroup) -> String {
    match (group.address(), group) {
        (Some(address), _) => app
            .hostnames
            .name(address)
            .map_or_else(|| address.to_string(), str::to_owned),
        (None, HostGroup::Prefix(prefix)) => prefix.to_string(),
        (None, HostGroup::EtherType(number)) => format!("no address ({})", ether_type_name(number)),
    }
}
