//! The list of devices: the selection and the detail.

use crate::app::action::{Effect, Motion};
use crate::app::list::{List, Scroll};
use crate::model::{Command, Device, Watch};
use crate::traffic::Devices;

/// The state of the view.
#[derive(Debug, Default)]
pub struct DevicesView {
    /// The selection, by interface index.
    pub list: List<u32>,
    /// Whether the detail of the selected device is open.
    pub detail: bool,
    /// How far it is scrolled.
    pub inside: Scroll,
}

impl DevicesView {
    /// Recomputes the rows. Where there is nothing to see yet, `choose` selects
    /// the first.
    pub fn refresh(&mut self, devices: &Devices, choose: bool) {
        let rows = devices.all().iter().map(|device| device.index);
        self.list.settle(rows.collect());
        if choose {
            self.list.step(Motion::First);
        }
    }

    /// The selected device.
    #[must_use]
    pub fn selected<'a>(&self, devices: &'a Devices) -> Option<&'a Device> {
        let index = self.list.selected()?;
        devices.all().iter().find(|device| device.index == index)
    }

    /// Moves the selection.
    pub fn step(&mut self, motion: Motion) {
        self.inside = Scroll::default();
        self.list.step(motion);
    }

    /// Selects a device.
    pub fn select(&mut self, index: u32) {
        self.inside = Scroll::default();
        self.list.select(index);
    }

    /// Asks for the selected device to be watched, or not any more.
    #[must_use]
    pub fn toggle(&self, devices: &Devices) -> Option<Effect> {
        let device = self.selected(devices)?;
        Some(Effect::Source(match device.watch {
            Watch::Yes { .. } | Watch::Starting => Command::Unwatch(device.name.clone()),
            Watch::No | Watch::Failed(_) => Command::Watch(device.name.clone()),
            Watch::Gone { .. } => return None,
        }))
    }
}
