//! What is copied to the user's clipboard.

use super::action::{Effect, HostGroup, Side, View};
use super::{App, ends, names};
use crate::dissect::summary;
use crate::source::Level;

/// What is selected, as text.
#[must_use]
pub fn selected(app: &App) -> Option<String> {
    match app.view() {
        View::Flows => {
            let key = app.flows.list.selected()?;
            let [local, remote] = [Side::Local, Side::Remote].map(|side| ends::text(&key, side));
            Some(format!("{} {local} {remote}", names::protocol(&key)))
        }
        View::Packets => {
            let number = app.packets.list.selected()?;
            let packet = app.picture().packets.get(number)?;
            let [from, to] =
                ends::sides(packet.direction).map(|side| ends::text(&packet.key, side));
            let what = summary(packet, app.devices.link_layer(packet.key.device));
            Some(format!("{from} > {to}: {what}"))
        }
        View::Hosts => match app.hosts.list.selected()? {
            HostGroup::Prefix(prefix) => Some(prefix.to_string()),
            HostGroup::EtherType(_) => None,
        },
        View::Devices => Some(app.devices.selected()?.name.clone()),
        View::Probe => None,
    }
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
