//! The flow table.

use std::time::Duration;

use probe_common::{Direction, FlowKey};
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::about::RoundTrip;
use crate::app::action::Action;
use crate::app::columns::Column;
use crate::app::criteria::counted;
use crate::app::ends::Side;
use crate::app::group::HostGroup;
use crate::app::item::Item;
use crate::app::names;
use crate::app::state::State;
use crate::app::views::{FlowsView, Groups, Summary, Sums};
use crate::flow::{Flow, SLOTS, Series, TcpState};
use crate::model::{Container, Reach};
use crate::text::clean;
use crate::ui::canvas::{Canvas, bottom, indent};
use crate::ui::table::{Cell, Column as Spec, TableSpec};
use crate::ui::{empty, format, graph, group, table};

mod detail;

/// Draws the view.
pub fn draw(canvas: &mut Canvas<'_>, state: &State, view: &FlowsView, mut area: Rect) {
    if view.detail {
        let lines = detail::lines(state, view, area.height);
        let place = bottom(&mut area, lines);
        match selected_group(state, view) {
            Some((groups, group, sums, series)) => {
                group::detail(canvas, state, groups, Some((group, sums, &series)), place);
            }
            None => detail::draw(canvas, state, view, place),
        }
    }
    // The sign of a marked flow has a place of its own: a problem and the selection
    // have theirs beside it.
    if view.has_marks() {
        table::signs(canvas, area, &view.list, |canvas, row| {
            let sign = (canvas.glyph("◆", "#"), canvas.palette.accent);
            row.flow()
                .is_some_and(|key| view.is_marked(&key))
                .then_some(sign)
        });
        area = indent(area, 1);
    }
    if view.groups.is_some() {
        table::signs(canvas, area, &view.list, |canvas, row| {
            let sign = match view.summary(&row)?.is_open {
                true => canvas.glyph("▾", "-"),
                false => canvas.glyph("▸", "+"),
            };
            Some((sign, canvas.palette.accent))
        });
        area = indent(area, 1);
    }
    let spec = TableSpec {
        order: (sorted(view), view.order.descending),
        sort: |column| Some(Action::SortFlows(column)),
        cell: view.cell(),
        item: |row: HostGroup| row.flow().map_or(Item::Host(row), Item::Flow),
    };
    let fitting = fitting(state, view, area.width);
    let label = fitting
        .iter()
        .copied()
        .find(|column| has_flows_only(*column));
    canvas.geometry.columns = Some(fitting);
    canvas.note = note(state, view, area.width);
    let columns = columns(state, view, area.width);
    table::draw(
        canvas,
        area,
        &columns,
        &view.list,
        &spec,
        |canvas, row, column, width| {
            let width = usize::from(width);
            match row.flow() {
                Some(key) => cell(canvas, (state, view), key, column, width),
                None if label == Some(column) => group_label(canvas, state, view, row),
                None => group_cell(canvas, (state, view), row, column, width),
            }
        },
    );
    table::marks(canvas, area, &view.list, |row| match row.flow() {
        Some(key) => state.concerns.flow(&key),
        None => view.summary(&row)?.severity,
    });
    if view.list.rows().is_empty() {
        nothing(canvas, state, area);
    }
}

/// The columns that have room.
pub fn fitting(state: &State, view: &FlowsView, width: u16) -> Vec<Column> {
    let columns = table::fit(&columns(state, view, width), width.saturating_sub(1));
    columns.into_iter().map(|(column, _)| column.id).collect()
}

/// What the flows are grouped by, and the sort key when its column does not fit.
fn note(state: &State, view: &FlowsView, width: u16) -> Option<String> {
    let groups = view.groups.as_ref();
    let by = groups.map(|groups| format!("grouped by {} ", groups.by.name()));
    let sorted = hidden_order(state, view, width).map(|title| format!("sorted by {title} "));
    let notes: Vec<String> = by.into_iter().chain(sorted).collect();
    (!notes.is_empty()).then(|| notes.concat())
}

/// The columns that are sorted by: the graph is of what goes in and out together, and
/// those columns have the numbers.
fn sorted(view: &FlowsView) -> Vec<Column> {
    match view.order.column {
        Column::Graph => vec![Column::In, Column::Out],
        column => vec![column],
    }
}

/// The sort key, when the column that would show it does not fit.
fn hidden_order(state: &State, view: &FlowsView, width: u16) -> Option<&'static str> {
    let title = table::hidden(&columns(state, view, width), width, &sorted(view))?;
    Some(match view.order.column {
        Column::Graph => "in + out",
        _ => title,
    })
}

/// The width of the longest address with a port.
const END: u16 = 47;

fn columns(state: &State, view: &FlowsView, width: u16) -> Vec<Spec<Column>> {
    // Addresses are what a row is about: from 75 columns on IPv4 is whole, with its port.
    let (end, state_width, graph) = match width {
        ..50 => (14, 8, 9..=14),
        50..75 => (15, 8, 9..=14),
        75..100 => (21, 8, 9..=14),
        100..130 => (21, 10, 9..=14),
        130..160 => (28, 10, 9..=14),
        160.. => (28, 10, 20..=30),
    };
    let rate = format::rate_width(state.appearance.units);
    let bytes = format::bytes_width(state.appearance.units);
    // With only one device, its column carries no information; where it is narrow, how
    // a connection stands carries more.
    let device = match state.known_devices().watched().count() {
        0..=1 => 1,
        _ if width < 100 => 9,
        _ => 10,
    };
    let name = state
        .known_devices()
        .watched()
        .map(|device| {
            device
                .container()
                .map_or(device.name.as_str(), Container::label)
        })
        .map(|label| label.width() as u16)
        .fold(6, u16::max)
        .min(15);
    let nodes = state.session.hosts.iter().map(|name| name.width() as u16);
    let node = nodes.fold(4, u16::max).min(16);
    // The hosts at both ends of a flow, with an arrow.
    let path = (2 * node + 4).min(24);
    let least = if state.session.hosts.is_empty() {
        node.min(8)
    } else {
        path.min(14)
    };
    let all = [
        Spec::left(Column::Node, "NODE", least..=path, 13),
        Spec::left(Column::Device, "DEVICE", name.min(9)..=name, device),
        Spec::left(Column::Protocol, "PROTO", 5..=6, 11),
        Spec::left(Column::Local, "LOCAL", end..=END, 14),
        Spec::left(Column::Remote, "REMOTE", end..=END, 15),
        Spec::left(Column::State, "STATE", state_width..=12, 9),
        Spec::right(Column::In, "↓IN", rate..=rate, 13),
        Spec::right(Column::Out, "↑OUT", rate..=rate, 12),
        Spec::right(Column::Packets, "PACKETS", 7..=8, 6),
        Spec::right(Column::Segments, "SEGMENTS", 8..=8, 2),
        Spec::right(Column::Bytes, "BYTES", bytes..=bytes, 5),
        Spec::left(Column::Graph, "LAST MIN", graph, 8),
        Spec::right(Column::Age, "AGE", 4..=4, 4),
        Spec::right(Column::Seen, "SEEN", 4..=5, 3),
        Spec::right(Column::Rtt, "RTT", 8..=8, 10),
        Spec::right(Column::Retrans, "RETRANS", 7..=7, 9),
        Spec::left(Column::Process, "PROCESS", 8..=15, 11),
        Spec::left(Column::Pod, "POD", 12..=30, 11),
        Spec::left(Column::Container, "CONTAINER", 10..=20, 8),
    ];
    let spec = |column: &Column| all.iter().find(|spec| spec.id == *column).copied();
    view.columns.shown().filter_map(|c| spec(&c)).collect()
}

fn cell(
    canvas: &Canvas<'_>,
    (state, view): (&State, &FlowsView),
    key: FlowKey,
    column: Column,
    width: usize,
) -> Cell {
    let picture = state.picture();
    let Some(flow) = view.flow(state, &key) else {
        return Cell::default();
    };
    let palette = canvas.palette;
    let now = picture.flows.now();
    let has_left = picture.flows.get(&key).is_none();
    let is_stale = state.is_stale(&key);
    let is_watched = !picture.devices.names().is_gone(key.device);
    let goes_on = is_watched && !has_left && !flow.is_closed() && flow.idle(now) <= QUIET;
    let over = is_stale || !goes_on;
    let text = if over { palette.dim } else { palette.text };
    let shows = state.criteria().shows(flow);
    let end = |side| format::shorten(&state.hostnames.end(&key, side), width, canvas.ellipsis());
    let about = state.known().about(flow);
    let name = |name: &str| format::shorten(&clean(name), width, canvas.ellipsis());
    match column {
        Column::Node => Cell::new(
            match state.known().path(&key) {
                Some(ends) => {
                    let arrow = canvas.glyph(" → ", " -> ");
                    let each = width.saturating_sub(arrow.width()) / 2;
                    let [local, remote] =
                        ends.map(|it| format::shorten(&clean(it), each, canvas.ellipsis()));
                    format!("{local}{arrow}{remote}")
                }
                None => state.known().node(&key).map(name).unwrap_or_default(),
            },
            if is_stale { palette.bad } else { text },
        ),
        Column::Device => Cell::new(state.picture().devices.names().label(key.device), text),
        Column::Protocol => Cell::new(names::protocol(&key), text),
        Column::Local => Cell::new(end(Side::Local), text),
        Column::Remote => Cell::new(end(Side::Remote), text),
        Column::State if state.own.is_some_and(|own| own.is(&key)) => {
            Cell::new("this ssh", palette.accent)
        }
        Column::State => tcp_state(canvas, flow, text),
        Column::In => rate(canvas, state, flow, Direction::In, shows, text),
        Column::Out => rate(canvas, state, flow, Direction::Out, shows, text),
        Column::Packets => Cell::new(format::short_count(counted(flow, shows).packets), text),
        Column::Segments => Cell::new(format::short_count(counted(flow, shows).segments), text),
        Column::Bytes => Cell::new(
            format::bytes(counted(flow, shows).bytes, state.appearance.units),
            text,
        ),
        Column::Graph => {
            let style = if over { palette.dim } else { palette.graph };
            Cell::graph(spark(canvas, state, flow, shows, width), style)
        }
        Column::Age => Cell::new(format::age(flow.age(now)), palette.dim),
        Column::Seen => seen(canvas, flow.idle(now)),
        Column::Rtt => match about.round_trip() {
            Some(RoundTrip::Smoothed(time)) => Cell::new(format::millis(time), text),
            Some(RoundTrip::Handshake(time)) => {
                Cell::new(format!("~{}", format::millis(time)), palette.dim)
            }
            None => Cell::default(),
        },
        Column::Retrans => retransmits(canvas, about.retransmits()),
        Column::Process => Cell::new(about.process().map(name).unwrap_or_default(), text),
        Column::Pod => Cell::new(about.pod().map(name).unwrap_or_default(), text),
        Column::Container => {
            let label = about.container().map(Container::label);
            Cell::new(label.map(name).unwrap_or_default(), text)
        }
    }
}

/// The selected group with what it comes to, and its graph.
fn selected_group<'a>(
    state: &State,
    view: &'a FlowsView,
) -> Option<(&'a Groups, HostGroup, Sums, Series)> {
    let group = view.list.selected()?;
    let sums = view.summary(&group)?.sums;
    Some((
        view.groups.as_ref()?,
        group,
        sums,
        view.group_series(group, state),
    ))
}

/// Whether a column has nothing for a group, so that it can be named there.
const fn has_flows_only(column: Column) -> bool {
    matches!(
        column,
        Column::Node
            | Column::Device
            | Column::Protocol
            | Column::Local
            | Column::Remote
            | Column::Rtt
            | Column::Process
            | Column::Pod
            | Column::Container
    )
}

/// What a group is, and how many flows are in it.
fn group_label(canvas: &Canvas<'_>, state: &State, view: &FlowsView, row: HostGroup) -> Cell {
    let (Some(groups), Some(summary)) = (&view.groups, view.summary(&row)) else {
        return Cell::default();
    };
    let name = group::name(canvas, state, groups, row);
    let flows = format::plural(summary.sums.flows as u64, "flow");
    let style = match is_over(state, summary) {
        true => canvas.palette.dim,
        false => canvas.palette.strong,
    };
    Cell::running(format!("{name}  {flows}"), style)
}

/// Whether nothing of a group goes on.
fn is_over(state: &State, summary: &Summary) -> bool {
    let now = state.picture().flows.now();
    summary.closed == summary.sums.flows || now.saturating_sub(summary.last_seen) > QUIET
}

fn group_cell(
    canvas: &Canvas<'_>,
    (state, view): (&State, &FlowsView),
    row: HostGroup,
    column: Column,
    width: usize,
) -> Cell {
    let Some(summary) = view.summary(&row) else {
        return Cell::default();
    };
    let palette = canvas.palette;
    let now = state.picture().flows.now();
    let over = is_over(state, summary);
    let text = if over { palette.dim } else { palette.text };
    let (counts, rates) = (summary.sums.counts, summary.sums.rates);
    match column {
        Column::State => match summary.state() {
            Some((tcp, connections)) => {
                let count = format::short_count(connections as u64);
                let label = format!("{count} {}", tcp.label());
                // How many flows there are in all, the name says.
                let label = match label.width() <= width {
                    true => label,
                    false => tcp.label().to_owned(),
                };
                Cell::new(label, state_style(canvas, Some(tcp), text))
            }
            None => Cell::default(),
        },
        Column::In => amount(canvas, state, rates[0], text),
        Column::Out => amount(canvas, state, rates[1], text),
        Column::Packets => Cell::new(format::short_count(counts.packets), text),
        Column::Segments => Cell::new(format::short_count(counts.segments), text),
        Column::Bytes => Cell::new(format::bytes(counts.bytes, state.appearance.units), text),
        Column::Graph => {
            let style = if over { palette.dim } else { palette.graph };
            Cell::graph(bars(canvas, state, &summary.values, width), style)
        }
        Column::Age => match summary.first_seen {
            Some(first) => Cell::new(format::age(now.saturating_sub(first)), palette.dim),
            None => Cell::default(),
        },
        Column::Seen => seen(canvas, now.saturating_sub(summary.last_seen)),
        Column::Retrans => retransmits(canvas, summary.retransmits),
        _ => Cell::default(),
    }
}

/// A flow counts as seen now for this long after a packet.
const NOW: Duration = Duration::from_secs(2);
/// A flow is dimmed after this long without a packet.
const QUIET: Duration = Duration::from_secs(10);

fn tcp_state(canvas: &Canvas<'_>, flow: &Flow, text: Style) -> Cell {
    Cell::new(names::state(flow), state_style(canvas, flow.tcp, text))
}

const fn state_style(canvas: &Canvas<'_>, state: Option<TcpState>, text: Style) -> Style {
    match state {
        Some(TcpState::Refused | TcpState::Reset) => canvas.palette.bad,
        Some(TcpState::Opening) => canvas.palette.warn,
        _ => text,
    }
}

fn seen(canvas: &Canvas<'_>, idle: Duration) -> Cell {
    let text = match idle {
        idle if idle < NOW => "now".to_owned(),
        idle => format::age(idle),
    };
    Cell::new(text, canvas.palette.dim)
}

fn retransmits(canvas: &Canvas<'_>, segments: Option<u64>) -> Cell {
    match segments {
        None => Cell::default(),
        Some(0) => Cell::new(canvas.glyph("·", "-"), canvas.palette.dim),
        Some(segments) => Cell::new(format::short_count(segments), canvas.palette.warn),
    }
}

fn rate(
    canvas: &Canvas<'_>,
    state: &State,
    flow: &Flow,
    direction: Direction,
    shows: [bool; 2],
    text: Style,
) -> Cell {
    if !shows[direction as usize] {
        return Cell::default();
    }
    let clock = state.picture().flows.clock();
    amount(
        canvas,
        state,
        state.measure().of_flow(flow, direction, clock),
        text,
    )
}

fn amount(canvas: &Canvas<'_>, state: &State, amount: f64, text: Style) -> Cell {
    match format::short_amount(amount, state.measure(), state.appearance.units) {
        none if none.is_empty() => Cell::new(canvas.glyph("·", "-"), canvas.palette.dim),
        rate => Cell::new(rate, text),
    }
}

fn spark(
    canvas: &Canvas<'_>,
    state: &State,
    flow: &Flow,
    shows: [bool; 2],
    cells: usize,
) -> String {
    let clock = state.picture().flows.clock();
    let mut values: Vec<f64> = Vec::with_capacity(SLOTS);
    for direction in Direction::BOTH {
        if shows[direction as usize] {
            let side = flow.history.values(direction, clock);
            if values.is_empty() {
                values.extend(side);
            } else {
                values
                    .iter_mut()
                    .zip(side)
                    .for_each(|(sum, value)| *sum += value);
            }
        }
    }
    bars(canvas, state, &values, cells)
}

fn bars(canvas: &Canvas<'_>, state: &State, values: &[f64], cells: usize) -> String {
    let cells = graph::whole_cells(values, cells, SLOTS, state.picture().newest_slot());
    graph::sparkline(&cells, canvas.ascii)
}

/// That hosts are not connected yet, or no more.
fn connecting(state: &State) -> Option<(String, &'static str)> {
    let names = match state.session.hosts.as_slice() {
        [] => vec![&state.session.host],
        hosts => hosts.iter().collect(),
    };
    let mut reach = state.reach().peekable();
    reach.peek()?;
    let reasons: Vec<String> = reach
        .zip(names)
        .map(|(reach, name)| match reach {
            Reach::Connecting => Some(format!("Connecting to {name}.")),
            Reach::Lost { reason, .. } => Some(format!("{name}: {}", clean(reason))),
            Reach::Connected => None,
        })
        .collect::<Option<_>>()?;
    Some((
        reasons.join(" "),
        "nkview must be installed there; ssh asks no questions here.",
    ))
}

fn nothing(canvas: &mut Canvas<'_>, state: &State, area: Rect) {
    let all = state.picture().flows.len();
    let (matter, cure) = if all > 0 {
        (
            format!(
                "None of {} matches the filter.",
                format::plural(all as u64, "flow")
            ),
            "/ edits the filter, Backspace removes a part of it.",
        )
    } else if let Some((done, all)) = state.known_devices().progress() {
        (
            format!(
                "Attaching: {done} of {} so far.",
                format::plural(all as u64, "device")
            ),
            "Each takes the kernel some 20 ms; those that are attached are counted already.",
        )
    } else if let Some(waits) = connecting(state) {
        waits
    } else if !state.known_devices().are_listed() {
        ("Looking for devices.".to_owned(), "This takes a moment.")
    } else if state.known_devices().watched().next().is_none() {
        (
            "No device is watched.".to_owned(),
            "4 shows the devices; Enter there watches one.",
        )
    } else {
        (
            "No packets yet.".to_owned(),
            "Flows appear here with their first packet.",
        )
    };
    empty(canvas, area, &matter, cure);
}
