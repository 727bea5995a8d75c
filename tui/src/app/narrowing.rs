//! Changing what is filtered.

use super::action::{Edit, Side, View};
use super::filtering::{Closed, Filtering, Subject};
use super::{App, ends};
use crate::filter::Seen;
use crate::model::Level;
use std::collections::HashSet;
use std::net::IpAddr;

/// Addresses that are proposed to complete a filter, at most.
const PROPOSED: usize = 2000;

impl App {
    pub(super) fn filter(&mut self, change: impl FnOnce(&mut Filtering)) {
        change(&mut self.filtering);
        self.refresh();
    }

    /// From now on this happens to closed flows.
    pub(super) fn set_closed(&mut self, closed: Closed) {
        self.live.keep_closed(closed == Closed::Keep);
        self.filter(|filtering| filtering.set_closed(closed));
        match closed {
            Closed::Fade => self.say(Level::Info, "Closed flows leave after ten seconds."),
            Closed::Keep => self.say(Level::Info, "Closed flows stay, as long as there is room."),
            // It stands among the parts of the filter.
            Closed::Hide => _ = self.notices.dismiss(),
        }
    }

    /// Filters by something of what is selected.
    pub(super) fn filter_by(&mut self, subject: Subject) {
        let flow = match self.view {
            View::Flows => self.flows.list.selected(),
            View::Packets => {
                let number = self.packets.list.selected();
                let packet = number.and_then(|number| self.picture().packets.get(number));
                packet.map(|packet| packet.key)
            }
            View::Hosts | View::Devices | View::Probe => None,
        };
        let choices = match (flow, self.hosts.list.selected()) {
            (Some(key), _) => subject.of_flow(&key),
            (None, Some(group)) if self.view == View::Hosts => {
                subject.of_group(group, self.hosts.side)
            }
            _ => return self.say(Level::Info, "Select a row first: the arrows do."),
        };
        if choices.is_empty() {
            return self.say(
                Level::Info,
                "What is selected has no such thing to filter by.",
            );
        }
        self.filter(|filtering| filtering.by(subject, choices));
    }

    pub(super) fn edit(&mut self, edit: Edit) {
        if edit == Edit::Complete {
            let addresses = self.addresses();
            let devices = self.live.host(self.host).devices.watched();
            let devices: Vec<&str> = devices.map(|device| device.name.as_str()).collect();
            self.filtering.complete(&Seen {
                devices: &devices,
                addresses: &addresses,
            });
        } else {
            self.filtering.edit(edit);
        }
        self.refresh();
    }

    /// Addresses that a filter can be completed with: those that are shown
    /// uppermost come first.
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        let mut known = HashSet::new();
        let rows = self.flows.list.rows().iter();
        rows.flat_map(|key| [Side::Remote, Side::Local].map(|side| ends::address(key, side)))
            .flatten()
            .filter(|address| known.insert(*address))
            .take(PROPOSED)
            .collect()
    }
}
