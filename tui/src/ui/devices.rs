//! The devices, and choosing which are watched.

use probe_common::Direction;
use ratatui::layout::Rect;

use super::canvas::{Canvas, bottom, indent, line};
use super::table::{Behaviour, Cell, Column};
use super::{detail, empty, format, table};
use crate::app::App;
use crate::app::action::Item;
use crate::source::{Device, DeviceKind, Watch};

#[derive(Clone, Copy, PartialEq)]
enum Field {
    Watch,
    Name,
    Kind,
    Mode,
    Policy,
    Scrub,
    Up,
    Mac,
    Mtu,
    In,
    Out,
    Packets,
}

/// Draws the view.
pub fn draw(canvas: &mut Canvas<'_>, app: &App, mut area: Rect) {
    if app.devices.all().is_empty() {
        let (matter, cure) = if app.devices.told() {
            (
                "There is no device in this network namespace.",
                "One that appears shows here by itself.",
            )
        } else {
            ("Looking for devices.", "This takes a moment.")
        };
        return empty(canvas, area, matter, cure);
    }
    if app.devices.watched().next().is_none() {
        why(canvas, app, &mut area);
    }
    let shown = app
        .devices
        .selected()
        .or_else(|| app.devices.watched().next());
    if let Some(device) = shown {
        let lines = DETAIL.min(area.height / 2);
        let place = bottom(&mut area, lines);
        detail(canvas, app, device, place);
    }
    let behaviour = Behaviour {
        order: None,
        sort: |_| None,
        item: Item::Device,
    };
    let columns = columns(app);
    table::draw(
        canvas,
        area,
        &columns,
        &app.devices.list,
        &behaviour,
        |canvas, index, field, _| {
            app.devices
                .all()
                .iter()
                .find(|device| device.index == index)
                .map_or_else(Cell::default, |device| cell(canvas, app, device, field))
        },
    );
}

/// Lines of the detail, and the columns of its text.
const DETAIL: u16 = 12;
const FACTS: u16 = 56;

/// One device in full.
fn detail(canvas: &mut Canvas<'_>, app: &App, device: &Device, mut area: Rect) {
    let palette = canvas.palette;
    let place = line(&mut area);
    canvas.rule(place);
    let title = format!(" {} ", device.name);
    canvas.text(indent(place, 1), &title, palette.strong);
    let mut facts = area;
    if let Some(ledger) = ledger(app, device) {
        let graph = indent(area, FACTS);
        if graph.width >= 24 && graph.height >= 6 {
            detail::plot(canvas, app, ledger.history(), graph);
            facts.width = FACTS;
        }
    }
    let style = match device.watch {
        Watch::Failed(_) => palette.bad,
        _ => palette.text,
    };
    let width = usize::from(facts.width).saturating_sub(2);
    for text in super::wrap(&remark(device), width) {
        let place = line(&mut facts);
        canvas.text(indent(place, 1), &text, style);
    }
    let Some(ledger) = ledger(app, device) else {
        return;
    };
    let place = line(&mut facts);
    canvas.text(
        indent(place, 1),
        &format!(
            "{:<12}{:>18}{:>18}",
            "",
            canvas.glyph("↓ in", "in"),
            canvas.glyph("↑ out", "out")
        ),
        palette.dim,
    );
    let sums = Direction::BOTH.map(|direction| ledger.sums(direction));
    for (label, values) in [
        ("packets", sums.map(|sums| sums.seen.packets)),
        ("segments", sums.map(|sums| sums.seen.segments)),
        ("bytes", sums.map(|sums| sums.seen.bytes)),
        ("untracked", sums.map(|sums| sums.untracked.packets)),
    ] {
        let place = indent(line(&mut facts), 1);
        let rest = canvas.text(place, &format!("{label:<12}"), palette.dim);
        let [inward, outward] = values.map(format::count);
        canvas.text(rest, &format!("{inward:>18}{outward:>18}"), palette.text);
    }
}

/// Why the user is asked to choose.
fn why(canvas: &mut Canvas<'_>, app: &App, area: &mut Rect) {
    let palette = canvas.palette;
    let said = app
        .notices
        .all()
        .next_back()
        .map(|notice| notice.text.as_str());
    let reason = said
        .or(app.session.remark.as_deref())
        .unwrap_or("No device is watched.");
    for (text, style) in [
        (reason, palette.strong),
        (
            "Choose a device with the arrows and watch it with Enter; any kind will do.",
            palette.text,
        ),
        ("", palette.text),
    ] {
        let place = line(area);
        canvas.text(place, &format!(" {text}"), style);
    }
}

/// What is to say of a device beyond its columns.
fn remark(device: &Device) -> String {
    match (&device.watch, &device.kind) {
        (Watch::Failed(reason), _) => reason.clone(),
        (_, DeviceKind::NetkitPeer) => {
            "a netkit peer: it is watched through its primary".to_owned()
        }
        (_, DeviceKind::Netkit(pair)) => {
            let peer = device.peer.as_ref().map_or_else(
                || "its peer is gone".to_owned(),
                |peer| format!("its peer has index {}", peer.index),
            );
            let place = device.namespace().map_or_else(
                || "in this namespace".to_owned(),
                |namespace| format!("in namespace {}", namespace.id),
            );
            format!(
                "netkit {}: policy {}; {peer} {place}, policy {}",
                pair.mode, pair.policy, pair.peer_policy
            )
        }
        (Watch::Yes { hooks, .. }, _) => format!(
            "Programs are first in the chains of its {} hooks; they count and let every packet pass.",
            hooks.name()
        ),
        (Watch::Gone { .. }, _) => "It is gone; its flows stay until they are over.".to_owned(),
        _ => "Not watched. Enter watches it.".to_owned(),
    }
}

fn columns(app: &App) -> Vec<Column<Field>> {
    let rate = super::header::width(app) as u16;
    let column = |id, title, right, min, max, keep| Column {
        id,
        title,
        right,
        min,
        max,
        keep,
    };
    vec![
        column(Field::Watch, "WATCHED", false, 11, 13, 11),
        column(Field::Name, "DEVICE", false, 10, 15, 12),
        column(Field::Kind, "KIND", false, 8, 12, 8),
        column(Field::Mode, "MODE", false, 4, 4, 5),
        column(Field::Policy, "POLICY", false, 9, 19, 6),
        column(Field::Scrub, "SCRUB", false, 7, 15, 2),
        column(Field::Up, "LINK", false, 4, 4, 7),
        column(Field::Mac, "MAC", false, 17, 17, 1),
        column(Field::Mtu, "MTU", true, 5, 5, 3),
        column(Field::In, "↓IN", true, rate, rate, 10),
        column(Field::Out, "↑OUT", true, rate, rate, 9),
        column(Field::Packets, "PACKETS", true, 7, 8, 4),
    ]
}

fn cell(canvas: &Canvas<'_>, app: &App, device: &Device, field: Field) -> Cell {
    let palette = canvas.palette;
    let text = palette.text;
    let pair = match &device.kind {
        DeviceKind::Netkit(pair) => Some(pair),
        _ => None,
    };
    match field {
        Field::Watch => match &device.watch {
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
        Field::Name => Cell::new(&device.name, palette.strong),
        Field::Kind => match &device.kind {
            DeviceKind::Netkit(_) => Cell::new("netkit", text),
            DeviceKind::NetkitPeer => Cell::new("netkit peer", text),
            DeviceKind::Other(kind) if kind.is_empty() => Cell::new("physical", text),
            DeviceKind::Other(kind) => Cell::new(kind.as_str(), text),
        },
        Field::Mode => Cell::new(pair.map_or("", |pair| pair.mode.as_str()), text),
        Field::Policy => pair.map_or_else(Cell::default, |pair| {
            Cell::new(both(&pair.policy, &pair.peer_policy), text)
        }),
        Field::Scrub => pair.map_or_else(Cell::default, |pair| {
            let [primary, peer] =
                [&pair.scrub, &pair.peer_scrub].map(|scrub| scrub.as_deref().unwrap_or_default());
            Cell::new(both(primary, peer), text)
        }),
        Field::Up if device.up => Cell::new("up", text),
        Field::Up => Cell::new("down", palette.warn),
        Field::Mac => Cell::new(format::mac(&device.mac), palette.dim),
        Field::Mtu => Cell::new(device.mtu.to_string(), text),
        Field::In => rate(canvas, app, device, Direction::In),
        Field::Out => rate(canvas, app, device, Direction::Out),
        Field::Packets => ledger(app, device).map_or_else(Cell::default, |ledger| {
            let packets = Direction::BOTH.map(|d| ledger.sums(d).seen.packets);
            Cell::new(format::short_count(packets.iter().sum()), text)
        }),
    }
}

/// What holds for the primary and for the peer.
fn both(primary: &str, peer: &str) -> String {
    if primary == peer {
        primary.to_owned()
    } else {
        format!("{primary}/{peer}")
    }
}

fn ledger<'a>(app: &'a App, device: &Device) -> Option<&'a crate::flow::Ledger> {
    match device.watch {
        Watch::Yes { slot, .. } | Watch::Gone { slot } => app.picture().flows.device(slot),
        _ => None,
    }
}

fn rate(canvas: &Canvas<'_>, app: &App, device: &Device, direction: Direction) -> Cell {
    let Some(ledger) = ledger(app, device) else {
        return Cell::default();
    };
    let rate = ledger.rate(direction, app.window(), app.picture().flows.clock());
    match format::short_rate(rate, app.look.bits) {
        none if none.is_empty() => Cell::new(canvas.glyph("·", "-"), canvas.palette.dim),
        rate => Cell::new(rate, canvas.palette.text),
    }
}
