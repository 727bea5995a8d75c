//! The list of devices: the order, the selection and the details.

use std::cmp::Ordering;
use std::collections::HashMap;

use probe_common::Direction;

use super::sums::Sums;
use super::{Badge, Browsed, Outcome, SORT_PERIOD, Standing, View, select};
use crate::about::Behind;
use crate::app::action::Action;
use crate::app::bindings::{DETAIL, Row, row};
use crate::app::criteria::Criteria;
use crate::app::device_column::DeviceColumn;
use crate::app::item::Item;
use crate::app::list::{Find, List, Motion, Scroll};
use crate::app::measure::ordered;
use crate::app::order::Order;
use crate::app::state::State;
use crate::filter::Filter;
use crate::model::{Command, Device, Moment, Watch};

#[cfg(test)]
mod tests;

#[rustfmt::skip]
const KEYS: &[Row] = &[
    row("Enter", "open", Action::Open, "detail", "Open or close the details of a device; with none watched, watch it"),
    row("t", "watch", Action::Watch, "watch", "Watch the selected device, or stop watching it"),
    row("s", "sort-next", Action::SortNext, "sort", "Sort by the next column"),
    row("S", "sort-reverse", Action::SortReverse, "", "Reverse the order"),
    row("f", "device-flows", Action::DeviceFlows, "flows", "Show the flows of the selected device"),
];

/// The state of the view.
#[derive(Debug)]
pub struct DevicesView {
    /// When the rows were sorted.
    sorted: Moment,
    /// What the flows of each device come to that pass the filter, by the device's slot;
    /// nothing while all flows are shown.
    narrowed: Option<HashMap<u32, Sums>>,
    /// The selection, by interface index.
    pub list: List<u32>,
    /// The order of the rows.
    pub order: Order<DeviceColumn>,
    /// Whether the details of the selected device are open.
    pub detail: bool,
    /// How far they are scrolled.
    pub detail_scroll: Scroll,
}

impl Default for DevicesView {
    fn default() -> Self {
        Self {
            sorted: Moment::ZERO,
            narrowed: None,
            list: List::default(),
            order: Order::by(DeviceColumn::Watch),
            detail: false,
            detail_scroll: Scroll::default(),
        }
    }
}

impl DevicesView {
    /// The columns that show something of some device.
    pub fn columns(state: &State) -> impl Iterator<Item = DeviceColumn> {
        let devices = state.known_devices().all();
        let shows = move |column: &DeviceColumn| {
            let mut devices = devices.iter();
            devices.any(|device| shows(*column, device, state))
        };
        DeviceColumn::ALL.into_iter().filter(shows)
    }

    /// What goes through a device that is or was watched in a direction, as the
    /// [measure](State::measure) has it: of what passes the filter.
    #[must_use]
    pub fn rate(&self, device: &Device, direction: Direction, state: &State) -> Option<f64> {
        let ledger = state.ledger(device)?;
        if let Some(sums) = self.passing(device) {
            return Some(sums.rates[direction as usize]);
        }
        let clock = state.picture().flows.clock();
        Some(state.measure().of_ledger(ledger, direction, clock))
    }

    /// Packets so far on a device that is or was watched: of what passes the filter.
    #[must_use]
    pub fn packets(&self, device: &Device, state: &State) -> Option<u64> {
        let ledger = state.ledger(device)?;
        let passing = self.passing(device);
        Some(passing.map_or_else(|| ledger.packets(), |sums| sums.counts.packets))
    }

    /// What the flows of a device come to that pass the filter; nothing while all do.
    fn passing(&self, device: &Device) -> Option<Sums> {
        let sums = self.narrowed.as_ref()?;
        let slot = device.watch.slot();
        Some(
            slot.and_then(|slot| sums.get(&slot).copied())
                .unwrap_or_default(),
        )
    }

    /// Adds up what passes the filter, by device.
    fn narrow(&mut self, state: &State) {
        let criteria = state.criteria();
        self.narrowed = criteria.is_narrowed().then(|| {
            let mut sums: HashMap<u32, Sums> = HashMap::new();
            for flow in criteria.known.host.flows.iter() {
                let shows = criteria.shows(flow);
                if Criteria::has_row(flow, shows) {
                    let sum = sums.entry(flow.key.device).or_default();
                    sum.add(&Sums::of(flow, shows, criteria, state.measure()));
                }
            }
            sums
        });
    }

    /// Whether a device is listed: with a filter, if it has flows that pass, or if the
    /// filter is about nothing but devices and it matches.
    fn lists(&self, device: &Device, state: &State) -> bool {
        let filter = state.filtering.in_force();
        let Some(sums) = self.narrowed.as_ref().filter(|_| !filter.is_everything()) else {
            return true;
        };
        if filter.is_about_devices().is_ok() {
            let names = state.picture().devices.names();
            let slot = device.watch.slot();
            let name = slot.map_or_else(|| device.into(), |slot| names.of(slot));
            return filter.matches_device(name, &Behind(device));
        }
        device
            .watch
            .slot()
            .is_some_and(|slot| sums.contains_key(&slot))
    }

    /// Changes the order of the rows.
    fn reorder(&mut self, change: impl FnOnce(&mut Order<DeviceColumn>), state: &State) {
        change(&mut self.order);
        self.list.rewind();
        self.refresh(state);
    }

    /// The selected device.
    #[must_use]
    pub fn selected<'a>(&self, state: &'a State) -> Option<&'a Device> {
        let index = self.list.selected()?;
        let mut devices = state.known_devices().all().iter();
        devices.find(|device| device.index == index)
    }

    /// How two devices compare by a column, with their places in the list. A device without
    /// a name for it comes last; one without a number has 0.
    fn compare(
        &self,
        (place_a, a): (usize, &Device),
        (place_b, b): (usize, &Device),
        column: DeviceColumn,
        state: &State,
    ) -> Ordering {
        let texts = |text: fn(&Device) -> Option<&str>| match (text(a), text(b)) {
            (Some(a), Some(b)) => alphanumeric_sort::compare_str(a, b),
            (a, b) => a.is_none().cmp(&b.is_none()),
        };
        match column {
            DeviceColumn::Watch => place_a.cmp(&place_b),
            DeviceColumn::Name => a.cmp_by_name(b),
            DeviceColumn::Container => texts(Device::leads_to),
            DeviceColumn::Kind => texts(|device| Some(device.kind.name())),
            DeviceColumn::Mode => texts(|device| Some(&device.netkit()?.mode)),
            DeviceColumn::Policy => texts(|device| Some(&device.netkit()?.policy)),
            DeviceColumn::Scrub => texts(|device| device.netkit()?.scrub.as_deref()),
            DeviceColumn::Up => b.up.cmp(&a.up),
            DeviceColumn::Mac => a.mac.cmp(&b.mac),
            DeviceColumn::Mtu => a.mtu.cmp(&b.mtu),
            DeviceColumn::In | DeviceColumn::Out => {
                let rate = |device: &Device| {
                    let direction = column.direction();
                    let rate = direction.and_then(|direction| self.rate(device, direction, state));
                    rate.map_or(0, ordered)
                };
                rate(a).cmp(&rate(b))
            }
            DeviceColumn::Packets => self.packets(a, state).cmp(&self.packets(b, state)),
            DeviceColumn::Dropped => a.counters.dropped().cmp(&b.counters.dropped()),
        }
    }

    /// Asks for the selected device to be watched, or not any more.
    fn toggle(&self, state: &State) -> Outcome {
        let Some(device) = self.selected(state) else {
            return Outcome::Say("Select a device first (arrow keys).");
        };
        match device.watch {
            Watch::Yes { .. } | Watch::Starting => {
                Outcome::Ask(Command::Unwatch(device.name.clone()))
            }
            Watch::No | Watch::Failed(_) => Outcome::Ask(Command::Watch(device.name.clone())),
            Watch::Gone { .. } => Outcome::Say("This device is gone."),
        }
    }
}

impl View for DevicesView {
    fn keys(&self) -> &'static [&'static [Row]] {
        &[KEYS, DETAIL]
    }

    fn badge(&self, state: &State) -> Badge {
        let devices = state.known_devices();
        match devices.progress() {
            Some((done, all)) => Badge::Of(done, all),
            None => Badge::Count(devices.watched().count()),
        }
    }

    /// With no device watched, it shows why and asks the user to choose one.
    fn prompt<'a>(&self, state: &'a State) -> Option<&'a str> {
        let devices = state.known_devices();
        if devices.watched().next().is_some() || devices.all().is_empty() {
            return None;
        }
        let last = state.notices.all().next_back();
        let reason = last.map(|notice| notice.text.as_str());
        let reason = reason.or(state.session.remark.as_deref());
        Some(reason.unwrap_or("No device is watched."))
    }

    fn refresh(&mut self, state: &State) {
        self.narrow(state);
        let Order { column, descending } = self.order;
        let all = state.known_devices().all().iter().enumerate();
        let mut devices: Vec<_> = all
            .filter(|(_, device)| self.lists(device, state))
            .collect();
        // Those that are equal stay as they are listed: watched ones first, by name.
        devices.sort_by(|a, b| {
            let order = self.compare(*a, *b, column, state);
            if descending { order.reverse() } else { order }
        });
        self.sorted = state.picture().flows.now();
        self.list.settle(
            devices
                .into_iter()
                .map(|(_, device)| device.index)
                .collect(),
        );
    }

    fn advance(&mut self, state: &State) {
        let now = state.picture().flows.now();
        if now.as_secs() / SORT_PERIOD != self.sorted.as_secs() / SORT_PERIOD {
            self.refresh(state);
        } else {
            self.narrow(state);
        }
    }

    fn find(&mut self, wanted: &str, from: Find, state: &State) -> bool {
        let devices = state.known_devices().all();
        self.list.find(from, |index| {
            let device = devices.iter().find(|device| device.index == index);
            let names = device.into_iter().flat_map(|device| {
                let names = [Some(device.name.as_str()), device.leads_to()];
                let altnames = device.altnames.iter().map(String::as_str);
                names.into_iter().flatten().chain(altnames)
            });
            names
                .into_iter()
                .any(|name| name.to_lowercase().contains(wanted))
        })
    }

    fn browsed(&mut self) -> Option<Browsed<'_>> {
        Some(Browsed {
            list: &mut self.list,
            detail: &mut self.detail,
            detail_scroll: &mut self.detail_scroll,
        })
    }

    fn standing(&self) -> Standing {
        Standing::of(&self.list, self.detail)
    }

    fn select(&mut self, item: Item, _: &State) -> bool {
        match item {
            Item::Device(index) => select(&mut self.list, &mut self.detail_scroll, index),
            _ => false,
        }
    }

    fn open(&mut self, state: &State) -> Outcome {
        if self.list.rows().is_empty() {
            return Outcome::Say("There is no device in the list.");
        }
        if self.list.selected().is_none() {
            self.list.step(Motion::First);
        } else if state.known_devices().watched().next().is_none() {
            // With nothing to look into, it is asked what to watch.
            return self.toggle(state);
        } else {
            self.detail = !self.detail;
        }
        Outcome::Done
    }

    fn copy(&self, state: &State) -> Option<String> {
        Some(self.selected(state)?.name.clone())
    }

    fn rules(&self, state: &State) -> Option<Vec<String>> {
        Some(vec![format!("{}:", self.selected(state)?.name)])
    }

    fn act(&mut self, action: &Action, state: &State) -> Outcome {
        match action {
            Action::Watch => self.toggle(state),
            Action::SortNext => {
                let shown: Vec<DeviceColumn> = Self::columns(state).collect();
                self.reorder(|order| order.sort_by_next(&shown), state);
                Outcome::Done
            }
            Action::SortReverse => {
                self.reorder(|order| order.sort_by(order.column), state);
                Outcome::Done
            }
            Action::SortDevices(column) => {
                self.reorder(|order| order.sort_by(*column), state);
                Outcome::Done
            }
            Action::DeviceFlows => self.selected(state).map_or(
                Outcome::Say("Select a device first (arrow keys)."),
                |device| {
                    let filter = Filter::parse(&format!("dev {}", device.name));
                    filter.map_or(Outcome::Done, Outcome::ShowFlows)
                },
            ),
            _ => Outcome::Done,
        }
    }
}

/// Whether a column shows something of a device. One that is empty for all devices is
/// left out.
fn shows(column: DeviceColumn, device: &Device, state: &State) -> bool {
    match column {
        DeviceColumn::Watch
        | DeviceColumn::Name
        | DeviceColumn::Kind
        | DeviceColumn::Up
        | DeviceColumn::Mtu => true,
        DeviceColumn::Container => device.leads_to().is_some(),
        DeviceColumn::Mode | DeviceColumn::Policy | DeviceColumn::Scrub => {
            device.netkit().is_some()
        }
        DeviceColumn::Mac => !device.mac.is_empty(),
        DeviceColumn::In | DeviceColumn::Out | DeviceColumn::Packets => {
            state.ledger(device).is_some()
        }
        DeviceColumn::Dropped => device.counters.dropped() > 0,
    }
}
