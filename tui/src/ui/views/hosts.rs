//! Flows grouped by prefix.

use ratatui::layout::Rect;

use crate::app::action::Action;
use crate::app::ends::Side;
use crate::app::group::{Grouping, HostGroup};
use crate::app::host_column::HostColumn;
use crate::app::item::Item;
use crate::app::state::State;
use crate::app::views::HostsView;
use crate::ui::canvas::{Canvas, bottom, line};
use crate::ui::table::{Cell, Column, TableSpec};
use crate::ui::{empty, format, graph, group, table};

/// Draws the view.
pub fn draw(canvas: &mut Canvas<'_>, state: &State, view: &HostsView, mut area: Rect) {
    let palette = canvas.palette;
    if view.detail {
        let lines = (area.height / 2).min(12);
        let place = bottom(&mut area, lines);
        let groups = &view.groups;
        let selected = view.list.selected();
        let selected = selected.map(|it| (it, view.branch(&it).sums, view.series()));
        group::detail(canvas, state, groups, selected, place);
    }
    let [v4, v6] = view.lengths();
    let place = line(&mut area);
    let mut text = match (view.groups.by, v4) {
        (Grouping::Address(side), 32) => format!(" {} addresses, grouped by prefix", side.name()),
        (Grouping::Address(side), _) => {
            format!(" {} prefixes, opened down to /{v4} and /{v6}", side.name())
        }
        (Grouping::Service, _) => " clients and services, whatever the client's port".to_owned(),
        (Grouping::Process, _) => " processes that hold the sockets".to_owned(),
        (Grouping::Container, _) => " pods and containers".to_owned(),
        (Grouping::Device, _) => " devices, or what they lead to".to_owned(),
    };
    // A bridge and its port, two pods, a pod and the uplink.
    if !state.picture().flows.repeated().is_zero() && view.groups.by != Grouping::Device {
        text += "; a packet on two devices counts once";
    }
    canvas.text(place, &text, palette.dim);
    let whole: f64 = view.total().rates.into_iter().sum();
    let spec = TableSpec {
        order: (vec![view.order.column], view.order.descending),
        sort: |column| Some(Action::SortHosts(column)),
        cell: None,
        item: Item::Host,
    };
    let columns = columns(state, view);
    table::draw(
        canvas,
        area,
        &columns,
        &view.list,
        &spec,
        |canvas, group, column, width| {
            cell(
                canvas,
                (state, view),
                group,
                column,
                usize::from(width),
                whole,
            )
        },
    );
    table::marks(canvas, area, &view.list, |group| match group {
        HostGroup::Flow(key) => state.concerns.flow(&key),
        group => state.concerns.hosts(group.prefix()?),
    });
    if view.list.rows().is_empty() {
        empty(
            canvas,
            area,
            "No flows to group.",
            "1 shows the flow table, which says why.",
        );
    }
}

fn columns(state: &State, view: &HostsView) -> Vec<Column<HostColumn>> {
    let rate = format::rate_width(state.appearance.units);
    let title = match view.groups.by {
        Grouping::Address(Side::Local) => "LOCAL",
        Grouping::Address(Side::Remote) => "REMOTE",
        Grouping::Service => "SERVICE",
        Grouping::Process => "PROCESS",
        Grouping::Container => "POD OR CONTAINER",
        Grouping::Device => "DEVICE",
    };
    // A flow has two addresses.
    let widest = match view.groups.by {
        Grouping::Address(_) => 52,
        _ => 70,
    };
    vec![
        Column::left(HostColumn::Group, title, 22..=widest, 9),
        Column::right(HostColumn::Flows, "FLOWS", 7..=8, 6),
        Column::right(HostColumn::In, "↓IN", rate..=rate, 8),
        Column::right(HostColumn::Out, "↑OUT", rate..=rate, 7),
        Column::right(HostColumn::Packets, "PACKETS", 8..=8, 4),
        Column::left(HostColumn::Share, "SHARE", 8..=40, 5),
    ]
}

fn cell(
    canvas: &Canvas<'_>,
    (state, view): (&State, &HostsView),
    group: HostGroup,
    column: HostColumn,
    width: usize,
    whole: f64,
) -> Cell {
    let palette = canvas.palette;
    let branch = view.branch(&group);
    let sums = branch.sums;
    let rate = |rate: f64| match format::short_amount(rate, state.measure(), state.appearance.units)
    {
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
            let name = format::shorten(
                &group::name(canvas, state, &view.groups, group),
                room,
                canvas.ellipsis(),
            );
            let style = if branch.open.is_some() {
                palette.strong
            } else {
                palette.text
            };
            Cell::new(format!("{indent}{mark}{name}"), style)
        }
        HostColumn::Flows => Cell::new(format::grouped(sums.flows as u64), palette.text),
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
            Cell::graph(format!("{percent:>3.0}% {bar}"), palette.graph)
        }
    }
}
