//! The devices, and choosing which are watched.

use probe_common::Direction;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::app::action::Action;
use crate::app::device_column::DeviceColumn as Column;
use crate::app::item::Item;
use crate::app::state::State;
use crate::app::views::{DevicesView, View};
use crate::listing;
use crate::model::{Device, Netkit, Watch};
use crate::text::clean;
use crate::ui::canvas::{Canvas, bottom, indent, line};
use crate::ui::table::{Cell, Column as Spec, TableSpec};
use crate::ui::{empty, format, table, wrap};

mod detail;

/// Draws the view.
pub fn draw(canvas: &mut Canvas<'_>, state: &State, view: &DevicesView, mut area: Rect) {
    if state.known_devices().all().is_empty() {
        let (matter, cure) = if state.known_devices().are_listed() {
            (
                "This network namespace has no devices.",
                "New devices appear here by themselves.",
            )
        } else {
            ("Looking for devices.", "This takes a moment.")
        };
        return empty(canvas, area, matter, cure);
    }
    if view.list.rows().is_empty() && !state.filtering.in_force().is_everything() {
        return empty(
            canvas,
            area,
            "No device has flows that pass the filter.",
            "Backspace removes a part of it.",
        );
    }
    if let Some(reason) = view.prompt(state) {
        why(canvas, reason, &mut area);
    }
    let shown = view.selected(state).or_else(|| {
        let listed = view.list.rows();
        let mut watched = state.known_devices().watched();
        watched.find(|device| listed.contains(&device.index))
    });
    if let Some(device) = shown {
        let lines = if view.detail {
            area.height.saturating_sub(TABLE)
        } else {
            // What the table leaves, but not so much that it moves with each row.
            let rows = view.list.rows().len() as u16;
            let free = area.height.saturating_sub(rows + 2);
            free.min(2 * detail::LINES)
                .max(detail::LINES.min(area.height / 2))
        };
        let place = bottom(&mut area, lines);
        detail::draw(canvas, state, view, device, place);
    }
    let spec = TableSpec {
        order: (vec![view.order.column], view.order.descending),
        sort: |column| Some(Action::SortDevices(column)),
        cell: None,
        item: Item::Device,
    };
    let columns = columns(state, area.width);
    let hidden = table::hidden(&columns, area.width, &[view.order.column]);
    canvas.note = hidden.map(|title| format!("sorted by {title} "));
    table::draw(
        canvas,
        area,
        &columns,
        &view.list,
        &spec,
        |canvas, index, column, width| {
            state
                .known_devices()
                .all()
                .iter()
                .find(|device| device.index == index)
                .map_or_else(Cell::default, |device| {
                    cell(canvas, state, view, device, column, usize::from(width))
                })
        },
    );
    table::marks(canvas, area, &view.list, |index| {
        let mut devices = state.known_devices().all().iter();
        let device = devices.find(|device| device.index == index)?;
        state.concerns.device(&device.name)
    });
}

/// From this width on policies are written in full: "forward/blackhole".
const WIDE: u16 = 120;
/// Lines that remain of the table while the detail is open.
const TABLE: u16 = 4;

/// Asks the user to choose.
fn why(canvas: &mut Canvas<'_>, reason: &str, area: &mut Rect) {
    let palette = canvas.palette;
    for (text, style) in [
        (reason, palette.strong),
        (
            "Select a device with the arrow keys and press Enter or t to watch it; any device type works.",
            palette.text,
        ),
        ("", palette.text),
    ] {
        for text in wrap(text, usize::from(area.width).saturating_sub(2)) {
            canvas.text(indent(line(area), 1), &text, style);
        }
    }
}

fn columns(state: &State, width: u16) -> Vec<Spec<Column>> {
    // A closed end must not be the part that has no room.
    let policy = if width < WIDE { 9 } else { 17 };
    let rate = format::rate_width(state.appearance.units);
    let all = [
        Spec::left(Column::Watch, "WATCHED", 11..=13, 13),
        Spec::left(Column::Name, "DEVICE", 10..=15, 12),
        Spec::left(Column::Container, "CONTAINER", 8..=24, 9),
        Spec::left(Column::Kind, "KIND", 8..=12, 8),
        Spec::left(Column::Mode, "MODE", 4..=4, 5),
        Spec::left(Column::Policy, "POLICY", policy..=19, 6),
        Spec::left(Column::Scrub, "SCRUB", 12..=15, 2),
        Spec::left(Column::Up, "LINK", 4..=4, 7),
        Spec::left(Column::Mac, "MAC", 17..=17, 1),
        Spec::right(Column::Mtu, "MTU", 5..=5, 3),
        Spec::right(Column::In, "↓IN", rate..=rate, 11),
        Spec::right(Column::Out, "↑OUT", rate..=rate, 10),
        Spec::right(Column::Packets, "PACKETS", 7..=8, 4),
        Spec::right(Column::Dropped, "DROPPED", 7..=8, 5),
    ];
    let spec = |column: Column| all.iter().find(|spec| spec.id == column).copied();
    DevicesView::columns(state).filter_map(spec).collect()
}

fn cell(
    canvas: &Canvas<'_>,
    state: &State,
    view: &DevicesView,
    device: &Device,
    column: Column,
    width: usize,
) -> Cell {
    let palette = canvas.palette;
    let text = palette.text;
    let pair = device.netkit();
    match column {
        Column::Watch => match &device.watch {
            Watch::Yes { hooks, .. } => Cell::new(
                format!("{} {}", canvas.glyph("●", "*"), hooks.name()),
                palette.good,
            ),
            Watch::Starting => {
                Cell::new(format!("{} starting", canvas.glyph("◌", "~")), palette.warn)
            }
            Watch::Failed(_) => {
                Cell::new(format!("{} failed", canvas.glyph("✗", "!")), palette.bad)
            }
            Watch::Gone { .. } => {
                Cell::new(format!("{} gone", canvas.glyph("†", "-")), palette.dim)
            }
            Watch::No => Cell::new(canvas.glyph("○", "."), palette.dim),
        },
        Column::Name if warns(state, device) => {
            Cell::new(format!("{} !", device.name), palette.warn)
        }
        Column::Name => Cell::new(&device.name, palette.strong),
        Column::Container => Cell::new(device.leads_to().map_or_else(String::new, clean), text),
        Column::Kind => Cell::new(device.kind.name(), text),
        Column::Mode => Cell::new(pair.map_or("", |pair| pair.mode.as_str()), text),
        Column::Policy => {
            pair.map_or_else(Cell::default, |pair| Cell::new(policies(pair, width), text))
        }
        Column::Scrub => pair.map_or_else(Cell::default, |pair| {
            let [primary, peer] =
                [&pair.scrub, &pair.peer_scrub].map(|scrub| scrub.as_deref().unwrap_or_default());
            Cell::new(both(primary, peer), text)
        }),
        Column::Up if device.up => Cell::new("up", text),
        Column::Up => Cell::new("down", palette.warn),
        Column::Mac => Cell::new(format::mac(&device.mac), palette.dim),
        Column::Mtu => Cell::new(device.mtu.to_string(), text),
        Column::In => rate(canvas, state, view, device, Direction::In),
        Column::Out => rate(canvas, state, view, device, Direction::Out),
        Column::Packets => match view.packets(device, state) {
            Some(packets) => Cell::new(format::short_count(packets), text),
            None => Cell::default(),
        },
        Column::Dropped => match device.counters.dropped() {
            0 => Cell::new(canvas.glyph("·", "-"), palette.dim),
            packets => Cell::new(format::short_count(packets), palette.warn),
        },
    }
}

/// Whether there is something that the user had better know.
fn warns(state: &State, device: &Device) -> bool {
    let came_past = state.ledger(device).is_some_and(|ledger| {
        let fates = Direction::BOTH.map(|direction| ledger.totals(direction).fate);
        fates.into_iter().flatten().any(|fate| fate.bypassed > 0)
    });
    came_past || listing::facts(device).iter().any(|fact| fact.warns)
}

/// The policies of both ends within a width in cells: in full, or else so short that
/// both are there. The detail has them in words.
fn policies(pair: &Netkit, width: usize) -> String {
    let full = both(&pair.policy, &pair.peer_policy);
    if full.width() <= width {
        return full;
    }
    let [primary, peer] = [&pair.policy, &pair.peer_policy].map(|policy| match policy.as_str() {
        "forward" => "fwd",
        "blackhole" => "black",
        other => other,
    });
    both(primary, peer)
}

/// What holds for the primary and for the peer.
fn both(primary: &str, peer: &str) -> String {
    if primary == peer {
        primary.to_owned()
    } else {
        format!("{primary}/{peer}")
    }
}

fn rate(
    canvas: &Canvas<'_>,
    state: &State,
    view: &DevicesView,
    device: &Device,
    direction: Direction,
) -> Cell {
    let Some(amount) = view.rate(device, direction, state) else {
        return Cell::default();
    };
    match format::short_amount(amount, state.measure(), state.appearance.units) {
        none if none.is_empty() => Cell::new(canvas.glyph("·", "-"), canvas.palette.dim),
        rate => Cell::new(rate, canvas.palette.text),
    }
}
