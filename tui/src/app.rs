//! The state of the application and how it changes. No input, no output, no
//! clock: what happens comes in as an [`Action`], what is to be done goes out
//! as an [`Effect`].

pub mod action;
pub mod copy;
pub mod devices;
pub mod ends;
pub mod filtering;
pub mod flows;
pub mod hostnames;
pub mod hosts;
pub mod line;
pub mod list;
pub mod named;
pub mod names;
pub mod notices;
pub mod own;
pub mod packets;
pub mod picture;

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::filter::{Filter, Seen};
use crate::flow::{Flow, FlowTable};
use crate::keys::{Context, Keymap};
use crate::source::{Event, Level, Notice, Session};

use action::{Action, Edit, Effect, HostGroup, Item, Motion, Side, View};
use devices::Devices;
use filtering::Filtering;
use flows::{Column, Criteria, FlowsView, Order};
use hostnames::HostNames;
use hosts::HostsView;
use list::{Extent, Scroll};
use named::NamedFilters;
use notices::Notices;
use own::OwnSession;
use packets::PacketsView;
use picture::{Picture, Trust};

#[cfg(test)]
mod tests;

/// The windows that rates are computed over.
pub const WINDOWS: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(60),
];

/// Addresses that are proposed to complete a filter, at most.
const PROPOSED: usize = 2000;

/// How the screen is to look, chosen at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Only ASCII characters.
    pub ascii: bool,
    /// Rates in bits per second.
    pub bits: bool,
    /// The colours that the terminal has.
    pub colours: Colours,
    /// Whether text is dark on a light background.
    pub light: bool,
}

/// What the user prefers, chosen at the start.
#[derive(Clone, Debug)]
pub struct Preferences {
    /// The bindings.
    pub keymap: Keymap,
    /// The columns of the flow table.
    pub columns: Vec<Column>,
    /// The column that it is sorted by.
    pub sort: Column,
    /// Whether closed flows are hidden.
    pub hide_closed: bool,
    /// The window that rates are computed over, one of [`WINDOWS`].
    pub window: Duration,
    /// Filters by name.
    pub filters: NamedFilters,
}

/// The colours that a terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colours {
    /// None: bold, dim and reversed text only.
    #[default]
    None,
    /// The 16 of ANSI.
    Ansi,
    /// The 256 of xterm.
    Indexed,
    /// 24 bits.
    True,
}

/// What lies over the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overlay {
    Help,
    /// The question which part of the filter is to go.
    Part,
}

/// The state, owned by one.
#[derive(Debug)]
pub struct App {
    /// What is watched.
    pub session: Session,
    /// The time zone in which times of day are shown: UTC, until the runtime
    /// sets the machine's.
    pub zone: TimeZone,
    /// How the screen looks.
    pub look: Look,
    /// The SSH session through which the user looks.
    pub own: Option<OwnSession>,
    /// The bindings in force.
    pub keymap: Keymap,
    /// The devices.
    pub devices: Devices,
    /// What was said.
    pub notices: Notices,
    /// What is filtered.
    pub filtering: Filtering,
    /// The names of hosts.
    pub hostnames: HostNames,
    /// The flow table's state.
    pub flows: FlowsView,
    /// The packet list's state.
    pub packets: PacketsView,
    /// The host table's state.
    pub hosts: HostsView,
    /// How far the probe view is scrolled.
    pub probe: Scroll,
    /// How far the help is scrolled.
    pub help: Scroll,
    live: Picture,
    frozen: Option<Box<Picture>>,
    view: View,
    overlay: Option<Overlay>,
    window: usize,
    ended: Option<String>,
}

impl App {
    /// The state before the first event.
    #[must_use]
    pub fn new(session: Session, look: Look, filter: Filter) -> Self {
        Self {
            session,
            zone: TimeZone::UTC,
            look,
            own: None,
            keymap: Keymap::default(),
            devices: Devices::default(),
            notices: Notices::default(),
            filtering: Filtering::new(filter),
            hostnames: HostNames::default(),
            flows: FlowsView::default(),
            packets: PacketsView::default(),
            hosts: HostsView::default(),
            probe: Scroll::default(),
            help: Scroll::default(),
            live: Picture::default(),
            frozen: None,
            view: View::Flows,
            overlay: None,
            window: 1,
            ended: None,
        }
    }

    /// Takes over what the user prefers.
    pub fn prefer(&mut self, preferences: Preferences) {
        self.keymap = preferences.keymap;
        self.flows.columns = preferences.columns;
        self.flows.order = Order::<Column>::by(preferences.sort);
        if preferences.hide_closed != self.filtering.hides_closed() {
            self.filtering.toggle_closed();
        }
        let window = WINDOWS
            .iter()
            .position(|window| *window == preferences.window);
        self.window = window.unwrap_or(self.window);
        self.filtering.named = preferences.filters;
    }

    /// What is shown of the traffic: the frozen picture, or else the live one.
    #[must_use]
    pub fn picture(&self) -> &Picture {
        self.frozen.as_deref().unwrap_or(&self.live)
    }

    /// How old the picture is, when it is frozen.
    #[must_use]
    pub fn frozen_for(&self) -> Option<Duration> {
        let frozen = self.frozen.as_ref()?;
        Some(self.live.flows.now().saturating_sub(frozen.flows.now()))
    }

    /// The view that is shown.
    #[must_use]
    pub const fn view(&self) -> View {
        self.view
    }

    /// Whether the help is open.
    #[must_use]
    pub fn helps(&self) -> bool {
        self.overlay == Some(Overlay::Help)
    }

    /// Whether it is asked which part of the filter is to go.
    #[must_use]
    pub fn asks_part(&self) -> bool {
        self.overlay == Some(Overlay::Part)
    }

    /// The window that rates are computed over.
    #[must_use]
    pub const fn window(&self) -> Duration {
        WINDOWS[self.window]
    }

    /// Why the source has nothing more to say.
    #[must_use]
    pub fn ended(&self) -> Option<&str> {
        self.ended.as_deref()
    }

    /// Where all packets are.
    #[must_use]
    pub fn trust(&self) -> Trust {
        self.picture().trust(self.flows.shown().packets)
    }

    /// The flow that is selected, if it is still there.
    #[must_use]
    pub fn selected_flow(&self) -> Option<&Flow> {
        self.picture().flows.get(&self.flows.list.selected()?)
    }

    /// What is filtered, and the names that it may use.
    #[must_use]
    pub fn criteria(&self) -> Criteria<'_> {
        criteria(&self.filtering, &self.devices, self.own)
    }

    /// Which bindings hold.
    #[must_use]
    pub fn context(&self) -> Context {
        match self.overlay {
            Some(Overlay::Help) => Context::Help,
            Some(Overlay::Part) => Context::Part,
            None if self.filtering.typing().is_some() => Context::Filter,
            None => Context::View(self.view),
        }
    }

    /// Lets something happen.
    pub fn update(&mut self, action: Action) -> Vec<Effect> {
        let mut effects = match action {
            Action::Source(event) => return self.hear(event),
            Action::Drawn(extent) => {
                let moved = self.drawn(extent).then_some(Effect::Draw);
                return moved.into_iter().chain(self.ask_names(extent)).collect();
            }
            Action::Named(address, name) => {
                self.hostnames.learn(address, name);
                return vec![Effect::DrawSoon];
            }
            Action::DetailDrawn(extent) => {
                return if self.packets.inside.set_extent(extent) {
                    vec![Effect::Draw]
                } else {
                    Vec::new()
                };
            }
            Action::Quit => return vec![Effect::Quit],
            Action::Redraw => return vec![Effect::Clear],
            _ => vec![Effect::Draw],
        };
        match action {
            Action::Help => self.overlay = Some(Overlay::Help),
            Action::Back => self.back(),
            Action::Open => effects.extend(self.open()),
            Action::Pause => self.pause(),
            Action::Show(view) => self.show(view),
            Action::NextView => self.show(self.view.moved(1)),
            Action::PreviousView => self.show(self.view.moved(View::ALL.len() - 1)),
            Action::Move(motion) => self.step(motion),
            Action::Scroll(rows) => self.scroll(rows),
            Action::Select(item) => effects.extend(self.select(item)),
            Action::SortNext => self.sort(FlowsView::sort_next, HostsView::sort_next),
            Action::SortReverse => self.sort(
                |flows| flows.sort_by(flows.order.column),
                |hosts| hosts.sort_by(hosts.order.column),
            ),
            Action::SortFlows(column) => self.sort(|flows| flows.sort_by(column), |_| ()),
            Action::SortHosts(column) => self.sort(|_| (), |hosts| hosts.sort_by(column)),
            Action::Window => {
                self.window = (self.window + 1) % WINDOWS.len();
                self.refresh();
            }
            Action::Units => self.look.bits = !self.look.bits,
            Action::OwnSession if self.own.is_none() => self.say(
                Level::Info,
                "No SSH session of yours is known here: SSH_CONNECTION is set in none of the \
                 processes that started nkview.",
            ),
            Action::OwnSession => self.filter(Filtering::toggle_own),
            Action::Names => self.hostnames.toggle(),
            Action::CopySelected => effects.extend(self.copy(copy::selected(self))),
            Action::CopyFilter => {
                let filter = self.filtering.in_force();
                let text = (!filter.is_everything()).then(|| filter.to_string());
                effects.extend(self.copy(text));
            }
            Action::Closed => self.filter(Filtering::toggle_closed),
            Action::Direction => self.filter(Filtering::cycle_direction),
            Action::FilterAddress(side) => {
                if let Some(key) = self.flows.list.selected() {
                    self.filter(|filtering| filtering.by_address(key, side));
                }
            }
            Action::EditFilter => self.filtering.open(),
            Action::RemovePart => match self.filtering.parts().len() {
                0 => (),
                1 => self.filter(|filtering| filtering.remove(0)),
                _ => self.overlay = Some(Overlay::Part),
            },
            Action::RemovePartAt(place) => {
                self.overlay = None;
                self.filter(|filtering| filtering.remove(place));
            }
            Action::ClearFilter => {
                self.overlay = None;
                self.filter(Filtering::clear);
            }
            Action::HostSide => {
                self.hosts.turn();
                self.refresh();
            }
            Action::HostPrefix => {
                self.hosts.widen();
                self.refresh();
            }
            Action::Unfold => {
                self.hosts.unfold(true);
                self.refresh();
            }
            Action::Fold => {
                let selected = self.hosts.list.selected();
                if selected.is_some_and(|group| self.hosts.branch(&group).open == Some(true)) {
                    self.hosts.unfold(false);
                } else {
                    self.hosts.leave();
                }
                self.refresh();
            }
            Action::PacketFlow => self.packet_flow(),
            Action::ScrollDetail(motion) => self.packets.inside.step(motion),
            Action::Edit(edit) => self.edit(edit),
            Action::Paste(text) => self.filter(|filtering| filtering.paste(&text)),
            Action::Accept => self.filter(Filtering::accept),
            Action::Source(_)
            | Action::Named(..)
            | Action::Drawn(_)
            | Action::DetailDrawn(_)
            | Action::Quit
            | Action::Redraw => (),
        }
        effects
    }

    fn hear(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Devices(devices) => {
                if self.devices.replace(devices) {
                    self.show(View::Devices);
                }
                self.refresh();
            }
            Event::Interval(interval) => {
                self.live.ingest(&interval);
                self.notices.tick(interval.at);
                if self.frozen.is_none() {
                    self.recompute(FlowsView::advance);
                }
            }
            Event::Packets(packets) => {
                self.live.packets.extend(packets);
                if self.frozen.is_some() || self.view != View::Packets {
                    return Vec::new();
                }
                let criteria = criteria(&self.filtering, &self.devices, self.own);
                self.packets.refresh(&self.live.packets, criteria);
            }
            Event::Notice(notice) => self.notices.push(notice),
            Event::Ended(reason) => {
                self.notices.push(Notice {
                    at: self.live.flows.now(),
                    level: Level::Warning,
                    text: reason.clone(),
                });
                self.ended = Some(reason);
            }
        }
        vec![Effect::DrawSoon]
    }

    /// Recomputes the rows of the view that is shown. The flow table is always
    /// recomputed, because the trust line tells what it shows.
    fn refresh(&mut self) {
        self.recompute(FlowsView::refresh);
    }

    fn recompute(&mut self, flows: fn(&mut FlowsView, &FlowTable, Criteria<'_>, Duration)) {
        let picture = self.frozen.as_deref().unwrap_or(&self.live);
        let criteria = criteria(&self.filtering, &self.devices, self.own);
        let window = WINDOWS[self.window];
        flows(&mut self.flows, &picture.flows, criteria, window);
        match self.view {
            View::Hosts => self.hosts.refresh(&picture.flows, criteria, window),
            View::Packets => self.packets.refresh(&picture.packets, criteria),
            View::Flows | View::Devices | View::Probe => (),
        }
    }

    fn filter(&mut self, change: impl FnOnce(&mut Filtering)) {
        change(&mut self.filtering);
        self.refresh();
    }

    fn edit(&mut self, edit: Edit) {
        if edit == Edit::Complete {
            let devices: Vec<&str> = self
                .devices
                .watched()
                .map(|device| device.name.as_str())
                .collect();
            let addresses = self.addresses();
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
    fn addresses(&self) -> Vec<IpAddr> {
        let mut known = HashSet::new();
        let rows = self.flows.list.rows().iter();
        rows.flat_map(|key| [Side::Remote, Side::Local].map(|side| ends::address(key, side)))
            .flatten()
            .filter(|address| known.insert(*address))
            .take(PROPOSED)
            .collect()
    }

    fn sort(&mut self, flows: impl FnOnce(&mut FlowsView), hosts: impl FnOnce(&mut HostsView)) {
        match self.view {
            View::Flows => flows(&mut self.flows),
            View::Hosts => hosts(&mut self.hosts),
            View::Packets | View::Devices | View::Probe => return,
        }
        self.refresh();
    }

    fn show(&mut self, view: View) {
        self.view = view;
        self.refresh();
    }

    fn pause(&mut self) {
        self.frozen = match self.frozen {
            Some(_) => None,
            None => Some(Box::new(self.live.clone())),
        };
        self.refresh();
    }

    /// Closes what is open: an overlay, the line, a detail, a notice; then
    /// gives up the selection.
    fn back(&mut self) {
        if self.overlay.take().is_some() {
            return;
        }
        if self.filtering.typing().is_some() {
            return self.filter(Filtering::restore);
        }
        let detail = match self.view {
            View::Flows => std::mem::take(&mut self.flows.detail),
            View::Packets => std::mem::take(&mut self.packets.detail),
            View::Hosts | View::Devices | View::Probe => false,
        };
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

    fn open(&mut self) -> Option<Effect> {
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
            View::Devices => return self.devices.toggle(),
            View::Probe => (),
        }
        None
    }

    /// Shows the flows of the selected group.
    fn open_group(&mut self) {
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
    fn packet_flow(&mut self) {
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

    /// Asks for the names of what is in sight, if they are wanted.
    fn ask_names(&mut self, extent: Extent) -> Option<Effect> {
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
            View::Packets | View::Devices | View::Probe => return None,
        };
        (!visible.is_empty()).then_some(Effect::Resolve(visible))
    }

    fn copy(&mut self, text: Option<String>) -> Option<Effect> {
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

    /// Tells the user something.
    fn say(&mut self, level: Level, text: impl Into<String>) {
        self.notices.push(Notice {
            at: self.live.flows.now(),
            level,
            text: text.into(),
        });
    }

    fn step(&mut self, motion: Motion) {
        if self.helps() {
            return self.help.step(motion);
        }
        match self.view {
            View::Flows => self.flows.list.step(motion),
            View::Packets => self.packets.step(motion),
            View::Hosts => self.hosts.list.step(motion),
            View::Devices => self.devices.list.step(motion),
            View::Probe => self.probe.step(motion),
        }
    }

    fn scroll(&mut self, rows: i32) {
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
    fn select(&mut self, item: Item) -> Option<Effect> {
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
            Item::Host(group) => self.hosts.list.select(group),
            Item::Device(index) => self.devices.list.select(index),
        }
        None
    }

    /// Takes over how much was visible; returns whether that moves the rows.
    fn drawn(&mut self, extent: Extent) -> bool {
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
}

/// What may be filtered, as long as only these two are borrowed.
fn criteria<'a>(
    filtering: &'a Filtering,
    devices: &'a Devices,
    own: Option<OwnSession>,
) -> Criteria<'a> {
    Criteria {
        filter: filtering.in_force(),
        hide_closed: filtering.hides_closed(),
        hide_own: own.filter(|_| filtering.hides_own()),
        names: devices.names(),
    }
}
