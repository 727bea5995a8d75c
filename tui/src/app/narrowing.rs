//! Changing what is filtered.

use std::collections::HashSet;
use std::net::IpAddr;

use super::effect::Effect;
use super::filtering::{Closed, Filtering, Subject};
use super::line::Edit;
use super::{App, Overlay};
use crate::filter::Seen;
use crate::model::Level;

/// Addresses that are suggested to complete a filter, at most.
const SUGGESTED: usize = 2000;

impl App {
    pub(super) fn filter(&mut self, change: impl FnOnce(&mut Filtering)) {
        change(&mut self.state.filtering);
        self.refresh();
    }

    /// From now on this happens to closed flows.
    pub(super) fn set_closed(&mut self, closed: Closed) {
        self.state.live.keep_closed(closed == Closed::Keep);
        self.filter(|filtering| filtering.set_closed(closed));
        let text = match closed {
            Closed::Fade => "Closed flows are removed after ten seconds.",
            Closed::Keep => "Closed flows are kept as long as there is room.",
            // It stands among the parts of the filter.
            Closed::Hide => {
                self.state.notices.dismiss();
                return;
            }
        };
        self.state.notify(Level::Info, text);
    }

    /// Removes a part of the filter; asks which when there are several.
    pub(super) fn remove_part(&mut self) {
        match self.state.filtering.parts().len() {
            0 => self
                .state
                .notify(Level::Info, "There is no filter to remove."),
            1 => self.filter(|filtering| filtering.remove(0)),
            _ => self.overlay = Some(Overlay::Part),
        }
    }

    /// Removes this part of the filter, if there is one at that place.
    pub(super) fn remove_part_at(&mut self, place: usize) {
        let parts = self.state.filtering.parts().len();
        if place < parts {
            self.overlay = None;
            self.filter(|filtering| filtering.remove(place));
        } else {
            let text = format!("There is no part {}: the filter has {parts}.", place + 1);
            self.state.notify(Level::Info, text);
        }
    }

    /// Reports the flows of the filter in force from now on, or does not any more;
    /// without a filter, of none any more.
    pub(super) fn watch_for(&mut self) {
        let filter = self.state.filtering.in_force().clone();
        let what = filter.to_string();
        let text = if filter.is_everything() {
            if self.state.watching.clear() {
                "Nothing is watched for any more.".to_owned()
            } else {
                "Type a filter first (/): W watches for its flows.".to_owned()
            }
        } else {
            match self.state.watching.toggle(filter) {
                Ok(true) => format!("Watching for {what}: a problem is listed when it appears."),
                Ok(false) => {
                    for diagnosis in self.state.diagnoses.values_mut() {
                        diagnosis.forget(&what);
                    }
                    format!("No longer watching for {what}.")
                }
                Err(reason) => reason,
            }
        };
        self.state.notify(Level::Info, text);
    }

    /// Filters by something of what is selected.
    pub(super) fn filter_by(&mut self, subject: Subject) {
        match self.view().filters(subject, &self.state) {
            None => self
                .state
                .notify(Level::Info, "Select a row first (arrow keys)."),
            Some(filters) if filters.is_empty() => self
                .state
                .notify(Level::Info, "The selected row has no such field."),
            Some(filters) => self.filter(|filtering| filtering.by(subject, filters)),
        }
    }

    pub(super) fn edit(&mut self, edit: Edit) {
        if edit == Edit::Complete {
            let addresses = self.addresses();
            let devices = self.state.live.host(self.state.host).devices.watched();
            let devices: Vec<&str> = devices.map(|device| device.name.as_str()).collect();
            let names = self.state.known().names();
            let names: Vec<_> = names
                .iter()
                .map(|(kind, name)| (*kind, name.as_str()))
                .collect();
            self.state.filtering.complete(&Seen {
                devices: &devices,
                addresses: &addresses,
                names: &names,
            });
        } else {
            self.state.filtering.edit(edit);
        }
        self.refresh();
    }

    /// Addresses that a filter can be completed with: those of the uppermost
    /// rows come first.
    fn addresses(&self) -> Vec<IpAddr> {
        let mut known = HashSet::new();
        let rows = self.views.flows.list.rows().iter();
        rows.flat_map(|row| row.addresses())
            .filter(|address| known.insert(*address))
            .take(SUGGESTED)
            .collect()
    }

    /// Puts text into the user's clipboard.
    pub(super) fn copy(&mut self, text: Option<String>) -> Option<Effect> {
        let notice = match &text {
            Some(text) if self.state.drops_copies => {
                format!("Sent to tmux (needs `set -g set-clipboard on`): {text}")
            }
            Some(text) => format!("Copied, if the terminal supports OSC 52: {text}"),
            None => "Nothing to copy: select a row, or set a filter.".to_owned(),
        };
        self.state.notify(Level::Info, notice);
        text.map(Effect::Copy)
    }
}
