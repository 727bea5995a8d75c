//! The list of devices: the selection and the details.

use super::{Badge, Browsed, Outcome, View, select};
use crate::app::action::Action;
use crate::app::bindings::{DETAIL, Row, row};
use crate::app::item::Item;
use crate::app::list::{Find, List, Motion, Scroll};
use crate::app::state::State;
use crate::filter::Filter;
use crate::model::{Command, Device, Watch};

#[rustfmt::skip]
const KEYS: &[Row] = &[
    row("Enter", "open", Action::Open, "detail", "Open or close the details of a device; with none watched, watch it"),
    row("t", "watch", Action::Watch, "watch", "Watch the selected device, or stop watching it"),
    row("f", "device-flows", Action::DeviceFlows, "flows", "Show the flows of the selected device"),
];

/// The state of the view.
#[derive(Debug, Default)]
pub struct DevicesView {
    /// The selection, by interface index.
    pub list: List<u32>,
    /// Whether the details of the selected device are open.
    pub detail: bool,
    /// How far they are scrolled.
    pub detail_scroll: Scroll,
}

impl DevicesView {
    /// The selected device.
    #[must_use]
    pub fn selected<'a>(&self, state: &'a State) -> Option<&'a Device> {
        let index = self.list.selected()?;
        let mut devices = state.known_devices().all().iter();
        devices.find(|device| device.index == index)
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
        let devices = state.known_devices().all().iter();
        self.list
            .settle(devices.map(|device| device.index).collect());
    }

    fn advance(&mut self, _: &State) {}

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

    fn select(&mut self, item: Item, _: &State) -> bool {
        match item {
            Item::Device(index) => select(&mut self.list, &mut self.detail_scroll, index),
            _ => false,
        }
    }

    fn open(&mut self, state: &State) -> Outcome {
        if self.list.rows().is_empty() {
            return Outcome::Say("There is no device.");
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
