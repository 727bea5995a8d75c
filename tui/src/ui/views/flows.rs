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
use crate::app::item::Item;
use crate::app::names;
use crate::app::state::State;
use crate::app::views::FlowsView;
use crate::flow::{Flow, SLOTS};
use crate::model::{Container, Reach};
use crate::text::clean;
use crate::ui::canvas::{Canvas, bottom, indent};
use crate::ui::table::{Cell, Column as Spec, TableSpec};
use crate::ui::{empty, format, graph, table};

mod detail;

/// Draws the view.
pub fn draw(canvas: &mut Canvas<'_>, state: &State, view: &FlowsView, mut area: Rect) {
    if view.detail {
        let lines = detail::lines(state, view, area.height);
        let place = bottom(&mut area, lines);
        detail::draw(canvas, state, view, place);
    }
    // The sign of a marked flow has a place of its own: a problem and the selection
    // have theirs beside it.
    if view.has_marks() {
        table::signs(canvas, area, &view.list, |canvas, key| {
            let sign = (canvas.glyph("◆", "#"), canvas.palette.accent);
            view.is_marked(&key).then_some(sign)
        });
        area = indent(area, 1);
    }
    let spec = TableSpec {
        order: Some((view.order.column, view.order.descending)),
        sort: |column| Some(Action::SortFlows(column)),
        cell: view.cell(),
        item: Item::Flow,
    };
    canvas.geometry.columns = Some(fitting(state, view, area.width));
    canvas.note = hidden_order(state, view, area.width).map(|title| format!("sorted by {title} "));
    let columns = columns(state, view, area.width);
    table::draw(
        canvas,
        area,
        &columns,
        &view.list,
        &spec,
        |canvas, key, column, width| cell(canvas, (state, view), key, column, usize::from(width)),
    );
    table::marks(canvas, area, &view.list, |key| state.concerns.flow(&key));
    if view.list.rows().is_empty() {
        nothing(canvas, state, area);
    }
}

/// The columns that have room.
pub fn fitting(state: &State, view: &FlowsView, width: u16) -> Vec<Column> {
    let columns = table::fit(&columns(state, view, width), width.saturating_sub(1));
    columns.into_iter().map(|(column, _)| column.id).collect()
}

/// The sort key, when the column that would show it does not fit.
fn hidden_order(state: &State, view: &FlowsView, width: u16) -> Option<&'static str> {
    let title = table::hidden(&columns(state, view, width), width, view.order.column)?;
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
    let over = is_stale || has_left || flow.is_closed() || flow.idle(now) > QUIET;
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
        Column::Seen => match flow.idle(now) {
            idle if idle < NOW => Cell::new("now", palette.dim),
            idle => Cell::new(format::age(idle), palette.dim),
        },
        Column::Rtt => match about.round_trip() {
            Some(RoundTrip::Smoothed(time)) => Cell::new(format::millis(time), text),
            Some(RoundTrip::Handshake(time)) => {
                Cell::new(format!("~{}", format::millis(time)), palette.dim)
            }
            None => Cell::default(),
        },
        Column::Retrans => match about.retransmits() {
            None => Cell::default(),
            Some(0) => Cell::new(canvas.glyph("·", "-"), palette.dim),
            Some(segments) => Cell::new(format::short_count(segments), palette.warn),
        },
        Column::Process => Cell::new(about.process().map(name).unwrap_or_default(), text),
        Column::Pod => Cell::new(about.pod().map(name).unwrap_or_default(), text),
        Column::Container => {
            let label = about.container().map(Container::label);
            Cell::new(label.map(name).unwrap_or_default(), text)
        }
    }
}

/// A flow counts as seen now for this long after a packet.
const NOW: Duration = Duration::from_secs(2);
/// A flow is dimmed after this long without a packet.
const QUIET: Duration = Duration::from_secs(10);

fn tcp_state(canvas: &Canvas<'_>, flow: &Flow, text: Style) -> Cell {
    use crate::flow::TcpState;
    let style = match flow.tcp {
        Some(TcpState::Refused | TcpState::Reset) => canvas.palette.bad,
        Some(TcpState::Opening) => canvas.palette.warn,
        _ => text,
    };
    Cell::new(names::state(flow), style)
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
    let amount = state.measure().of_flow(flow, direction, clock);
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
    let cells = graph::whole_cells(&values, cells, SLOTS, state.picture().newest_slot());
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
                "None of {} passes the filter.",
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
