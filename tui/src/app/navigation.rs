//! Moving about in the views: selecting, opening, going back.

use super::action::{Effect, HostGroup, Item, Motion, Side, View};
use super::filtering::Filtering;
use super::list::{Extent, Scroll};
use super::{App, ends};
use crate::filter::Filter;
use crate::model::Level;

impl App {
    pub(super) fn show(&mut self, view: View) {
        self.view = view;
        self.overlay = None;
        self.refresh();
    }

    /// Closes what is open: an overlay, the line, a detail, a notice; then
    /// gives up the selection.
    pub(super) fn back(&mut self) {
        if self.overlay.take().is_some() {
            return;
        }
        if self.filtering.typing().is_some() {
            return self.filter(Filtering::restore);
        }
        let detail = match self.view {
            View::Flows => self.flows.leave_cell() || std::mem::take(&mut self.flows.detail),
            View::Packets => std::mem::take(&mut self.packets.detail),
            View::Devices => std::mem::take(&mut self.devices.detail),
            View::Hosts => std::mem::take(&mut self.hosts.detail),
            View::Probe => false,
        };
        let detail = detail || std::mem::take(&mut self.whole);
        if detail || self.notices.dismiss() {
            return;
        }
        match self.view {
            View::Flows => self.flows.list.deselect(),
            View::Packets => {
                self.packets.follow = true;
                self.refresh();
                self.packets.list.deselect()
            }
            View::Hosts => self.hosts.list.deselect(),
            View::Devices => self.devices.list.deselect(),
            View::Probe => false,
        };
    }

    pub(super) fn open(&mut self) -> Option<Effect> {
        match self.view {
            View::Flows => {
                if self.flows.list.selected().is_none() {
                    self.step(Motion::Down);
                }
                self.flows.detail = !self.flows.detail && self.flows.list.selected().is_some();
            }
            View::Packets => {
                if self.packets.list.selected().is_none() {
                    self.step(Motion::Last);
                    self.packets.follow = false;
                }
                self.packets.detail =
                    !self.packets.detail && self.packets.list.selected().is_some();
            }
            View::Hosts => self.open_group(),
            View::Devices if self.devices.list.selected().is_none() => self.step(Motion::First),
            // With nothing to look into, it is asked what to watch.
            View::Devices if self.known_devices().watched().next().is_none() => {
                return self.devices.toggle(self.known_devices());
            }
            View::Devices => self.devices.detail = !self.devices.detail,
            View::Probe => (),
        }
        None
    }

    /// Shows the flows of the selected group.
    pub(super) fn open_group(&mut self) {
        let Some(group) = self.hosts.list.selected() else {
            return;
        };
        let text = match group {
            HostGroup::Prefix(prefix) => format!("{} {prefix}", self.hosts.side.name()),
            HostGroup::EtherType(number) => format!("ether {number:#06x}"),
        };
        if let Ok(part) = Filter::parse(&text) {
            self.filtering.add(part);
            self.show(View::Flows);
        }
    }

    /// Shows the flow of the selected packet in full.
    pub(super) fn packet_flow(&mut self) {
        let selected = self.packets.list.selected();
        let Some(packet) = selected.and_then(|number| self.picture().packets.get(number)) else {
            return;
        };
        let key = packet.key;
        self.show(View::Flows);
        self.flows.list.select(key);
        if self.flows.list.selected() == Some(key) {
            self.flows.detail = true;
        } else {
            self.say(
                Level::Info,
                "The flow of this packet is over, or a closed one that is hidden.",
            );
        }
    }

    /// How far the detail is scrolled.
    pub(super) fn inside(&mut self) -> &mut Scroll {
        match self.view {
            View::Flows => &mut self.flows.inside,
            View::Devices => &mut self.devices.inside,
            _ => &mut self.packets.inside,
        }
    }

    pub(super) fn step(&mut self, motion: Motion) {
        if self.helps() {
            return self.help.step(motion);
        }
        if self.chooses_columns() {
            return self.flows.columns.step(motion);
        }
        match self.view {
            View::Flows => self.flows.list.step(motion),
            View::Packets => self.packets.step(motion),
            View::Hosts => {
                self.hosts.list.step(motion);
                if self.hosts.detail {
                    self.refresh();
                }
            }
            View::Devices => self.devices.step(motion),
            View::Probe => self.probe.step(motion),
        }
    }

    pub(super) fn scroll(&mut self, rows: i32) {
        if self.helps() {
            return self.help.scroll(rows);
        }
        match self.view {
            View::Flows => self.flows.list.scroll(rows),
            View::Packets => self.packets.scroll(rows),
            View::Hosts => self.hosts.list.scroll(rows),
            View::Devices => self.devices.list.scroll(rows),
            View::Probe => self.probe.scroll(rows),
        }
    }

    /// Selects an item; opens it when it was selected already.
    pub(super) fn select(&mut self, item: Item) -> Option<Effect> {
        let again = match item {
            Item::Flow(key) => self.flows.list.selected() == Some(key),
            Item::Packet(number) => self.packets.list.selected() == Some(number),
            Item::Host(group) => self.hosts.list.selected() == Some(group),
            Item::Device(index) => self.devices.list.selected() == Some(index),
        };
        if again {
            return self.open();
        }
        match item {
            Item::Flow(key) => self.flows.list.select(key),
            Item::Packet(number) => self.packets.select(number),
            Item::Host(group) => {
                self.hosts.list.select(group);
                self.refresh();
            }
            Item::Device(index) => self.devices.select(index),
        }
        None
    }

    /// Takes over how much was visible; returns whether that moves the rows.
    pub(super) fn drawn(&mut self, extent: Extent) -> bool {
        if self.helps() {
            return self.help.set_extent(extent);
        }
        match self.view {
            View::Flows => self.flows.list.set_page(extent.page),
            View::Packets => self.packets.list.set_page(extent.page),
            View::Hosts => self.hosts.list.set_page(extent.page),
            View::Devices => self.devices.list.set_page(extent.page),
            View::Probe => self.probe.set_extent(extent),
        }
    }

    /// Asks for the names of what is in sight, if they are wanted.
    pub(super) fn ask_names(&mut self, extent: Extent) -> Option<Effect> {
        let visible = match self.view {
            View::Flows => {
                let rows = self.flows.list.visible(extent.page).iter();
                let ends = rows.flat_map(|key| {
                    [Side::Local, Side::Remote].map(|side| ends::address(key, side))
                });
                self.hostnames.ask(ends.flatten())
            }
            View::Hosts => {
                let rows = self.hosts.list.visible(extent.page).iter();
                self.hostnames.ask(rows.filter_map(HostGroup::address))
            }
            View::Packets => {
                let rows = self.packets.list.visible(extent.page).iter();
                let kept = &self
                    .frozen
                    .as_ref()
                    .unwrap_or(&self.live)
                    .host(self.host)
                    .packets;
                let packets = rows.filter_map(|number| kept.get(*number));
                let ends = packets.flat_map(|packet| {
                    [Side::Local, Side::Remote].map(|side| ends::address(&packet.key, side))
                });
                self.hostnames.ask(ends.flatten())
            }
            View::Devices | View::Probe => return None,
        };
        (!visible.is_empty()).then_some(Effect::Resolve(visible))
    }
}
