//! The captured packets.

use probe_common::Direction;
use ratatui::layout::Rect;

use crate::app::item::Item;
use crate::app::state::State;
use crate::app::views::PacketsView;
use crate::app::{ends, names};
use crate::dissect::{Node, brief, summary, tree};
use crate::model::Packet;
use crate::text;
use crate::traffic::KEPT;
use crate::ui::canvas::{Canvas, bottom, indent, line};
use crate::ui::pane::{self, Line};
use crate::ui::table::{Cell, Column, TableSpec};
use crate::ui::{empty, format, table};

#[derive(Clone, Copy, PartialEq)]
enum Field {
    Time,
    Device,
    Direction,
    Protocol,
    Source,
    Destination,
    Length,
    Segments,
    Why,
    Summary,
}

/// A summary with less room than this is a brief one.
const BRIEF: usize = 48;

/// Lines of the detail of a packet.
const DETAIL: u16 = 16;

/// Draws the view.
pub fn draw(canvas: &mut Canvas<'_>, state: &State, view: &PacketsView, mut area: Rect) {
    let place = line(&mut area);
    about(canvas, state, view, place);
    if view.detail {
        let lines = DETAIL.max(area.height / 2).min(area.height * 2 / 3);
        let place = bottom(&mut area, lines);
        detail(canvas, state, view, place);
    }
    let spec = TableSpec {
        order: (Vec::new(), false),
        sort: |_| None,
        cell: None,
        item: Item::Packet,
    };
    table::draw(
        canvas,
        area,
        &columns(state, area.width),
        &view.list,
        &spec,
        |canvas, number, field, width| {
            state
                .picture()
                .packets
                .get(number)
                .map_or_else(Cell::default, |packet| {
                    cell(canvas, state, packet, field, usize::from(width))
                })
        },
    );
    if view.list.rows().is_empty() {
        if state.picture().packets.is_empty() {
            empty(
                canvas,
                area,
                "No packets captured yet.",
                "The first packets of each flow, SYN, FIN, RST, ICMP, ARP, DNS and a sample of the rest are captured.",
            );
        } else {
            empty(
                canvas,
                area,
                "No packet matches the filter.",
                "/ edits the filter, Backspace removes a part of it.",
            );
        }
    }
}

/// What is kept and what is not.
fn about(canvas: &mut Canvas<'_>, state: &State, view: &PacketsView, place: Rect) {
    let palette = canvas.palette;
    let packets = &state.picture().packets;
    let following = if view.follow {
        " following new packets; the arrow keys stop that"
    } else {
        " Esc: follow the newest"
    };
    let left = match packets.left() {
        0 => String::new(),
        left => format!(
            "last {} kept, {} older packets dropped ",
            format::grouped(KEPT as u64),
            format::grouped(left)
        ),
    };
    let rest = canvas.right(place, &left, palette.dim);
    canvas.text(rest, following, palette.dim);
}

/// The columns, with what is left to the words as wide as can be.
fn columns(state: &State, width: u16) -> Vec<Column<Field>> {
    let (time, end, words) = match width {
        ..70 => (8, 14, 22),
        70..100 => (8, 16, 30),
        100..160 => (12, 17, 44),
        160.. => (12, 17, 80),
    };
    // In ASCII it is a word.
    let arrow = if state.appearance.ascii { 3 } else { 2 };
    let mut columns = vec![
        Column::left(Field::Time, "TIME", time..=time, 6),
        Column::left(Field::Device, "DEVICE", 8..=10, 3),
        Column::left(Field::Direction, "", arrow..=arrow, 8),
        Column::left(Field::Protocol, "PROTO", 5..=5, 5),
        Column::left(Field::Source, "FROM", end..=21, 11),
        Column::left(Field::Destination, "TO", end..=21, 10),
        Column::right(Field::Length, "BYTES", 6..=6, 4),
        Column::right(Field::Segments, "SEGS", 4..=4, 2),
        Column::left(Field::Summary, "INFO", words..=200, 9),
        Column::left(Field::Why, "REASON", 9..=9, 1),
    ];
    if state.known_devices().watched().count() < 2 {
        columns.retain(|column| column.id != Field::Device);
    }
    columns
}

fn cell(canvas: &Canvas<'_>, state: &State, packet: &Packet, field: Field, width: usize) -> Cell {
    let palette = canvas.palette;
    let text = palette.text;
    let [from, to] = ends::sides(packet.direction);
    let end = |side| {
        format::shorten(
            &state.hostnames.end(&packet.key, side),
            width,
            canvas.ellipsis(),
        )
    };
    match field {
        Field::Time if width < 12 => {
            Cell::new(crate::ui::time_of_day(state, packet.at, "%T"), palette.dim)
        }
        Field::Time => Cell::new(
            crate::ui::time_of_day(state, packet.at, "%T%.3f"),
            palette.dim,
        ),
        Field::Device => Cell::new(
            state.picture().devices.names().label(packet.key.device),
            text,
        ),
        Field::Direction => match packet.direction {
            Direction::In => Cell::new(canvas.glyph("↓", "in"), palette.inward),
            Direction::Out => Cell::new(canvas.glyph("↑", "out"), palette.outward),
        },
        Field::Protocol => Cell::new(names::protocol(&packet.key), text),
        Field::Source => Cell::new(end(from), text),
        Field::Destination => Cell::new(end(to), text),
        Field::Length => Cell::new(format::grouped(u64::from(packet.len)), text),
        Field::Segments => match packet.segments {
            0 | 1 => Cell::default(),
            number => Cell::new(number.to_string(), text),
        },
        Field::Why => Cell::new(text::reason(packet.reason), palette.dim),
        Field::Summary if width < BRIEF => Cell::new(brief(packet), text),
        Field::Summary => Cell::new(summary(packet), text),
    }
}

/// The packet dissected and, where there is room, its bytes.
fn detail(canvas: &mut Canvas<'_>, state: &State, view: &PacketsView, mut area: Rect) {
    let palette = canvas.palette;
    let place = line(&mut area);
    canvas.rule(place);
    let Some(packet) = view.selected(state) else {
        let text = " the selected packet is no longer kept ";
        canvas.text(indent(place, 2), text, palette.dim);
        return;
    };
    let title = format!(
        " {} of {} bytes ",
        packet.data.len(),
        format::grouped(u64::from(packet.len))
    );
    canvas.text(indent(place, 2), &title, palette.strong);
    let mut lines = Vec::new();
    let nodes = tree(packet);
    branch(canvas, &nodes, &mut lines, 1);
    if area.width > HEX + TREE {
        let mut place = Rect {
            x: area.right() - HEX,
            width: HEX,
            ..area
        };
        for parts in bytes(canvas, packet) {
            pane::write(canvas, line(&mut place), &parts);
        }
        area.width -= HEX + 1;
    } else {
        lines.push(Vec::new());
        lines.extend(bytes(canvas, packet));
    }
    let pane = pane::draw(canvas, area, &lines, view.detail_scroll, pane::write);
    canvas.geometry.detail = pane.extent;
    pane.note_below(canvas, place);
}

/// Columns that the bytes need, and the least for the tree at their side.
const HEX: u16 = 73;
const TREE: u16 = 40;

/// The fields, those of a header indented below it.
fn branch(canvas: &Canvas<'_>, nodes: &[Node], lines: &mut Vec<Line>, depth: usize) {
    let palette = canvas.palette;
    for node in nodes {
        let label = if node.children.is_empty() {
            (format!("{}: ", node.label), palette.dim)
        } else {
            (format!("{} ", node.label), palette.strong)
        };
        let indent = (" ".repeat(depth), palette.text);
        lines.push(vec![indent, label, (node.value.clone(), palette.text)]);
        branch(canvas, &node.children, lines, depth + 2);
    }
}

/// The packet's bytes as hexadecimal numbers and characters.
fn bytes(canvas: &Canvas<'_>, packet: &Packet) -> Vec<Line> {
    let palette = canvas.palette;
    let rows = packet.data.chunks(16).enumerate();
    rows.map(|(number, bytes)| {
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let characters: String = bytes
            .iter()
            .map(|byte| match byte {
                0x20..0x7f => char::from(*byte),
                _ => '.',
            })
            .collect();
        vec![
            (format!(" {:04x}  ", number * 16), palette.dim),
            (format!("{:<49}", hex.join(" ")), palette.text),
            (characters, palette.dim),
        ]
    })
    .collect()
}
