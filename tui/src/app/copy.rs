//! What is copied to the user's clipboard.

use probe_common::Direction;

use super::action::{Effect, HostGroup, Side, View};
use super::columns::Column;
use super::flows::count;
use super::{App, ends, names};
use crate::dissect::summary;
use crate::flow::Flow;
use crate::model::Level;

/// What is selected, as text.
#[must_use]
pub fn selected(app: &App) -> Option<String> {
    match app.view() {
        View::Flows => {
            let key = app.flows.list.selected()?;
            if let Some(column) = app.flows.cell() {
                return cell(app, app.picture().flows.get(&key)?, column);
            }
            let [local, remote] = [Side::Local, Side::Remote].map(|side| ends::text(&key, side));
            Some(format!("{} {local} {remote}", names::protocol(&key)))
        }
        View::Packets => {
            let number = app.packets.list.selected()?;
            let packet = app.picture().packets.get(number)?;
            let [from, to] =
                ends::sides(packet.direction).map(|side| ends::text(&packet.key, side));
            let what = summary(packet);
            Some(format!("{from} > {to}: {what}"))
        }
        View::Hosts => match app.hosts.list.selected()? {
            HostGroup::Prefix(prefix) => Some(prefix.to_string()),
            HostGroup::EtherType(_) => None,
        },
        View::Devices => Some(app.devices.selected(app.known_devices())?.name.clone()),
        View::Probe => None,
    }
}

/// A cell, its number in full; nothing where it is empty.
fn cell(app: &App, flow: &Flow, column: Column) -> Option<String> {
    let flows = &app.picture().flows;
    let key = &flow.key;
    let count = count(flow, app.criteria().shows(flow));
    let amount = |direction| {
        let amount = app.measure().of_flow(flow, direction, flows.clock());
        format!("{amount:.0}")
    };
    let text = match column {
        Column::Device => app.picture().devices.names().label(key.device).to_owned(),
        Column::Protocol => names::protocol(key).into_owned(),
        Column::Local => app.hostnames.end(key, Side::Local),
        Column::Remote => app.hostnames.end(key, Side::Remote),
        Column::State => names::state(flow).into_owned(),
        Column::In => amount(Direction::In),
        Column::Out => amount(Direction::Out),
        Column::Packets => count.packets.to_string(),
        Column::Segments => count.segments.to_string(),
        Column::Bytes => count.bytes.to_string(),
        Column::Graph => return None,
        Column::Age => format!("{} s", flow.age(flows.now()).as_secs()),
        Column::Seen => format!("{} s", flow.idle(flows.now()).as_secs()),
    };
    (!text.is_empty()).then_some(text)
}

impl App {
    pub(super) fn copy(&mut self, text: Option<String>) -> Option<Effect> {
        match &text {
            Some(text) => self.say(
                Level::Info,
                format!("Copied, if the terminal allows it: {text}"),
            ),
            None => self.say(
                Level::Info,
                "There is nothing to copy: select a row, or set a filter.",
            ),
        }
        text.map(Effect::Copy)
    }
}
