//! Moving about: showing views, selecting, opening, going back.

use super::App;
use super::effect::Effect;
use super::filtering::Filtering;
use super::item::Item;
use super::line::Edit;
use super::list::{Extent, Find, Motion};
use super::tab::Tab;
use super::views::{Outcome, View};
use crate::model::Level;

impl App {
    pub(super) fn show(&mut self, tab: Tab) {
        self.tab = tab;
        self.close_dialog();
        self.overlay = None;
        self.refresh();
    }

    /// Closes what is open: an overlay, the line, the cursor of the graphs, a detail, a
    /// notice; then clears the selection.
    pub(super) fn back(&mut self) {
        if self.overlay.take().is_some() {
            self.close_dialog();
            return;
        }
        if self.state.time_entry.take().is_some() || self.state.search.typing.take().is_some() {
            return;
        }
        if self.state.filtering.typing().is_some() {
            return self.filter(Filtering::restore);
        }
        if self.remove_cursor() {
            return;
        }
        if self.views.get_mut(self.tab).close() || std::mem::take(&mut self.whole) {
            return;
        }
        if !self.return_to_now() && !self.state.notices.dismiss() {
            self.views.get_mut(self.tab).deselect(&self.state);
        }
    }

    /// Searches for what is typed, from the selected row on.
    pub(super) fn type_search(&mut self, edit: Edit) {
        if let Some(line) = &mut self.state.search.typing
            && line.edit(edit)
        {
            self.state.search.text = line.text().to_owned();
            self.find(Find::Here);
        }
    }

    /// Selects a row with what was searched for.
    pub(super) fn find(&mut self, from: Find) {
        let wanted = self.state.search.text.to_lowercase();
        if wanted.is_empty() {
            self.state.search.is_missing = false;
            return;
        }
        let view = self.views.get_mut(self.tab);
        let is_found = view.find(&wanted, from, &self.state);
        self.state.search.is_missing = !is_found;
        if !is_found && self.state.search.typing.is_none() {
            let text = format!("No row has \"{}\".", self.state.search.text);
            self.state.notify(Level::Info, text);
        }
    }

    /// Lets the view that is shown do something, and then what it leaves to the
    /// application.
    pub(super) fn let_view(
        &mut self,
        act: impl FnOnce(&mut dyn View, &super::State) -> Outcome,
    ) -> Option<Effect> {
        match act(self.views.get_mut(self.tab), &self.state) {
            Outcome::Done => (),
            Outcome::Say(text) => self.state.notify(Level::Info, text),
            Outcome::Copy(text) => return self.copy(Some(text)),
            Outcome::GoTo(moment) => return self.go_to(moment),
            Outcome::Ask(command) => return Some(Effect::Source(command)),
            Outcome::ShowFlows(part) => {
                self.state.filtering.add(part);
                self.show(Tab::Flows);
            }
            Outcome::ShowPackets(part) => {
                self.state.filtering.add(part);
                self.show(Tab::Packets);
            }
            Outcome::Silence(kind) => {
                self.state.silence(kind);
                self.refresh();
                let text = format!(
                    "{} is silenced until nkview ends; Z shows it again.",
                    kind.slug()
                );
                self.state.notify(Level::Info, text);
            }
            Outcome::ShowSilenced => {
                self.state.policy.silenced.clear();
                self.state.diagnose();
                self.refresh();
            }
            Outcome::ShowFlow(key) => {
                self.show(Tab::Flows);
                if !self.views.flows.show(key, &self.state) {
                    let text = "This flow is over, or the filter hides it.";
                    self.state.notify(Level::Info, text);
                }
            }
        }
        None
    }

    pub(super) fn step(&mut self, motion: Motion) {
        if self.dialog().is_some() {
            return;
        }
        if self.asks_lift() {
            self.choose_block(motion);
        } else if self.helps() {
            self.help.step(motion);
        } else if self.chooses_columns() {
            self.views.flows.columns.step(motion);
        } else {
            self.views.get_mut(self.tab).step(motion, &self.state);
        }
    }

    pub(super) fn scroll(&mut self, rows: i32) {
        if self.dialog().is_some() || self.asks_lift() {
            return;
        }
        if self.helps() {
            self.help.scroll(rows);
        } else if self.chooses_columns() {
            let motion = if rows < 0 { Motion::Up } else { Motion::Down };
            self.views.flows.columns.step(motion);
        } else {
            self.views.get_mut(self.tab).scroll(rows);
        }
    }

    /// Selects an item; opens it when it was selected already.
    pub(super) fn select(&mut self, item: Item) -> Option<Effect> {
        self.let_view(|view, state| {
            if view.select(item, state) {
                view.open(state)
            } else {
                Outcome::Done
            }
        })
    }

    /// Takes over how much was visible; returns whether that moves the rows.
    pub(super) fn drawn(&mut self, extent: Extent) -> bool {
        if self.helps() {
            return self.help.set_extent(extent);
        }
        self.views.get_mut(self.tab).set_extent(extent)
    }

    /// Takes over how much of the details was visible; returns whether that
    /// moves them.
    pub(super) fn detail_drawn(&mut self, extent: Extent) -> bool {
        let scroll = self.views.get_mut(self.tab).detail_scroll();
        scroll.is_some_and(|scroll| scroll.set_extent(extent))
    }

    /// Asks for the names of what is in sight, if they are shown.
    pub(super) fn ask_names(&mut self, extent: Extent) -> Option<Effect> {
        let names = &self.state.hostnames;
        if !names.shown() {
            return None;
        }
        let addresses = self.view().addresses(extent.page, &self.state);
        let unknown = self.state.hostnames.ask(addresses.into_iter());
        (!unknown.is_empty()).then_some(Effect::Resolve(unknown))
    }
}
