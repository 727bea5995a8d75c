//! The state of the application and how it changes. No input, no output, no
//! clock: what happens comes in as an [`Action`], what is to be done goes out
//! as an [`Effect`].

pub mod action;
pub mod bindings;
pub mod columns;
pub mod copy;
pub mod devices;
pub mod ends;
pub mod filtering;
pub mod flows;
pub mod hostnames;
pub mod hosts;
pub mod line;
pub mod list;
pub mod measure;
pub mod named;
pub mod names;
mod narrowing;
mod navigation;
pub mod notices;
pub mod own;
pub mod packets;
mod preferences;
pub mod push_down;
pub mod units;
mod update;
pub mod usage;

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::filter::Filter;
use crate::flow::{Flow, FlowTable, Span};
use crate::model::{HostId, Session, WallClock};
use crate::traffic::{Accounting, Devices, Host, Traffic};

use action::View;
use bindings::Context;
use columns::{Column, Columns};
use devices::DevicesView;
use filtering::{Closed, Filtering};
use flows::{Criteria, FlowsView, Order};
use hostnames::HostNames;
use hosts::HostsView;
use list::Scroll;
use measure::Measure;
use notices::Notices;
use own::OwnSession;
use packets::PacketsView;
use push_down::PushDown;
use usage::Usage;

pub use preferences::{Colours, Look, Preferences};

#[cfg(test)]
mod tests;

/// What lies over the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overlay {
    Help,
    /// The question which part of the filter is to go.
    Part,
    /// The columns of the flow table, to be chosen.
    Columns,
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
    /// The device list's state.
    pub devices: DevicesView,
    /// What was said.
    pub notices: Notices,
    /// What is filtered.
    pub filtering: Filtering,
    /// The part of it that the source applies.
    pub push_down: PushDown,
    /// The names of hosts.
    pub hostnames: HostNames,
    /// The flow table's state.
    pub flows: FlowsView,
    /// The packet list's state.
    pub packets: PacketsView,
    /// The host table's state.
    pub hosts: HostsView,
    /// How far back graphs reach.
    pub zoom: Span,
    /// Whether the graph of all that is watched is open.
    pub whole: bool,
    /// The wall clock, by the last interval.
    pub clock: WallClock,
    /// Why the source does not measure what the programs cost, although it was
    /// asked to.
    pub not_measured: Option<String>,
    /// What the process uses.
    pub usage: Option<Usage>,
    /// How far the probe view is scrolled.
    pub probe: Scroll,
    /// How far the help is scrolled.
    pub help: Scroll,
    live: Traffic,
    /// The traffic as it was when the user paused.
    frozen: Option<Traffic>,
    /// The host that is shown.
    host: HostId,
    view: View,
    overlay: Option<Overlay>,
    measure: Measure,
    ended: Option<String>,
}

impl App {
    /// The state before the first event.
    #[must_use]
    pub fn new(session: Session, look: Look, filter: Filter) -> Self {
        Self {
            clock: session.wall_clock(),
            not_measured: None,
            session,
            zone: TimeZone::UTC,
            look,
            own: None,
            devices: DevicesView::default(),
            notices: Notices::default(),
            filtering: Filtering::new(filter),
            push_down: PushDown::default(),
            hostnames: HostNames::default(),
            flows: FlowsView::default(),
            packets: PacketsView::default(),
            hosts: HostsView::default(),
            zoom: Span::default(),
            whole: false,
            usage: None,
            probe: Scroll::default(),
            help: Scroll::default(),
            live: Traffic::default(),
            frozen: None,
            host: HostId::default(),
            view: View::Flows,
            overlay: None,
            measure: Measure::ALL[1],
            ended: None,
        }
    }

    /// Takes over what the user prefers.
    pub fn prefer(&mut self, preferences: Preferences) {
        self.flows.columns = Columns::new(preferences.columns);
        self.flows.order = Order::<Column>::by(preferences.sort);
        self.live.keep_closed(preferences.closed == Closed::Keep);
        self.filtering.set_closed(preferences.closed);
        self.measure = Measure::Rate(preferences.window);
        self.filtering.named = preferences.filters;
    }

    /// The traffic that is shown: as it was when the user paused, or else the
    /// live one.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        self.frozen.as_ref().unwrap_or(&self.live)
    }

    /// The shown traffic of the host that is shown.
    #[must_use]
    pub fn picture(&self) -> &Host {
        self.traffic().host(self.host)
    }

    /// The live traffic of the host that is shown.
    #[must_use]
    pub fn live(&self) -> &Host {
        self.live.host(self.host)
    }

    /// The devices as they are now, also while paused.
    #[must_use]
    pub fn known_devices(&self) -> &Devices {
        &self.live().devices
    }

    /// How old the picture is, when it is frozen.
    #[must_use]
    pub fn frozen_for(&self) -> Option<Duration> {
        let frozen = self.frozen.as_ref()?.host(self.host);
        Some(self.live().flows.now().saturating_sub(frozen.flows.now()))
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

    /// Whether the columns of the flow table are being chosen.
    #[must_use]
    pub fn chooses_columns(&self) -> bool {
        self.overlay == Some(Overlay::Columns)
    }

    /// What the columns *in* and *out* tell.
    #[must_use]
    pub const fn measure(&self) -> Measure {
        self.measure
    }

    /// The window that rates are computed over, also where totals are told.
    #[must_use]
    pub const fn window(&self) -> Duration {
        match self.measure {
            Measure::Rate(window) => window,
            Measure::Total => Duration::from_secs(60),
        }
    }

    /// Why the source has nothing more to say.
    #[must_use]
    pub fn ended(&self) -> Option<&str> {
        self.ended.as_deref()
    }

    /// Where all packets are.
    #[must_use]
    pub fn trust(&self) -> Accounting {
        self.picture().accounting(self.flows.shown().packets)
    }

    /// The flow that is selected, if it is still there.
    #[must_use]
    pub fn selected_flow(&self) -> Option<&Flow> {
        self.picture().flows.get(&self.flows.list.selected()?)
    }

    /// What is filtered, and the names that it may use.
    #[must_use]
    pub fn criteria(&self) -> Criteria<'_> {
        criteria(&self.filtering, &self.picture().devices, self.own)
    }

    /// Which bindings hold.
    #[must_use]
    pub fn context(&self) -> Context {
        match self.overlay {
            Some(Overlay::Help) => Context::Help,
            Some(Overlay::Part) => Context::Part,
            Some(Overlay::Columns) => Context::Columns,
            None if self.filtering.typing().is_some() => Context::Filter,
            None => Context::View(self.view),
        }
    }

    /// Recomputes the rows of the view that is shown. The flow table is always
    /// recomputed, because the trust line tells what it shows.
    fn refresh(&mut self) {
        self.recompute(FlowsView::refresh);
    }

    fn recompute(&mut self, flows: fn(&mut FlowsView, &FlowTable, Criteria<'_>, Measure)) {
        let traffic = self.frozen.as_ref().unwrap_or(&self.live);
        let picture = traffic.host(self.host);
        let criteria = criteria(&self.filtering, &picture.devices, self.own);
        let measure = self.measure;
        flows(&mut self.flows, &picture.flows, criteria, measure);
        match self.view {
            View::Hosts => self
                .hosts
                .refresh(&picture.flows, criteria, measure, self.zoom),
            View::Packets => self.packets.refresh(&picture.packets, criteria),
            View::Flows | View::Devices | View::Probe => (),
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
        hide_closed: filtering.closed() == Closed::Hide,
        hide_own: own.filter(|_| filtering.hides_own()),
        names: devices.names(),
    }
}
