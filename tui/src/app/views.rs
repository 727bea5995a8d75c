//! The views: the state of each, and what they have in common.
//!
//! A view is a module here with its state, a module in `ui::views` that draws
//! it, and a line in the [list](super::tab).

mod devices;
mod flow_text;
mod flows;
mod groups;
mod hosts;
mod packets;
mod probe;
mod problems;
mod sums;

use std::net::IpAddr;

use probe_common::FlowKey;

use super::action::Action;
use super::bindings::Row;
use super::filtering::Subject;
use super::item::Item;
use super::list::{Extent, Find, List, Motion, Rows, Scroll};
use super::state::State;
use super::tab::{Tab, each_view};
use crate::diagnosis::Kind;
use crate::filter::Filter;
use crate::model::{Command, Moment};

pub use devices::DevicesView;
pub use flows::{FlowsView, Summary};
pub use groups::Groups;
pub use hosts::{Branch, HostsView};
pub use packets::PacketsView;
pub use probe::ProbeView;
pub use problems::{ProblemsView, key as problem_key};
pub use sums::Sums;

/// Rows that are sorted by what changes are sorted again after so many seconds, so
/// that they can be read: when the graphs move on too.
const SORT_PERIOD: u64 = 4;

/// The rows of a view, and the details of the selected one.
pub struct Browsed<'a> {
    list: &'a mut dyn Rows,
    /// Whether the details are open.
    detail: &'a mut bool,
    /// How far they are scrolled.
    detail_scroll: &'a mut Scroll,
}

/// What can be done with the rows of a view at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// There is none: nothing can be selected.
    pub is_empty: bool,
    /// One is selected.
    pub has_selection: bool,
    /// It is shown in full, so that opening it again closes it.
    pub is_open: bool,
}

impl Standing {
    fn of<I: Copy + PartialEq>(list: &List<I>, is_open: bool) -> Self {
        Self {
            is_empty: list.rows().is_empty(),
            has_selection: list.selected().is_some(),
            is_open,
        }
    }
}

/// Selects an item, whose details start at their top. Returns whether it was
/// selected already.
fn select<I: Copy + PartialEq>(list: &mut List<I>, detail_scroll: &mut Scroll, item: I) -> bool {
    let again = list.selected() == Some(item);
    if !again {
        *detail_scroll = Scroll::default();
        list.select(item);
    }
    again
}

/// What a view does in its own way. The defaults do nothing: they are right for
/// a view without rows.
pub trait View {
    /// The keys that it has besides those of every view.
    fn keys(&self) -> &'static [&'static [Row]] {
        &[]
    }

    /// What its tab shows after the name.
    fn badge(&self, _: &State) -> Badge {
        Badge::None
    }

    /// What it asks of the user in place of its usual contents.
    fn prompt<'a>(&self, _: &'a State) -> Option<&'a str> {
        None
    }

    /// Recomputes what it shows.
    fn refresh(&mut self, _: &State) {}

    /// Recomputes what it shows after an interval.
    fn advance(&mut self, state: &State) {
        self.refresh(state);
    }

    /// Whether it shows packets, and is to be refreshed with each.
    fn shows_packets(&self) -> bool {
        false
    }

    /// Whether it shows what the programs cost, which is measured only then.
    fn shows_cost(&self) -> bool {
        false
    }

    /// The flow that it shows in full, which is looked up meanwhile.
    fn shows_flow(&self) -> Option<FlowKey> {
        None
    }

    /// Its rows and the details of the selected one, on which the methods from
    /// [`step`](Self::step) to [`deselect`](Self::deselect) act.
    fn browsed(&mut self) -> Option<Browsed<'_>> {
        None
    }

    /// Moves the selection, or scrolls text.
    fn step(&mut self, motion: Motion, _: &State) {
        if let Some(browsed) = self.browsed() {
            *browsed.detail_scroll = Scroll::default();
            browsed.list.step(motion);
        }
    }

    /// Selects a row whose text has `wanted`, which is in lower case. Returns whether
    /// there is one.
    fn find(&mut self, _wanted: &str, _: Find, _: &State) -> bool {
        false
    }

    /// Scrolls by rows; the selection stays where it is.
    fn scroll(&mut self, rows: i32) {
        if let Some(browsed) = self.browsed() {
            browsed.list.scroll(rows);
        }
    }

    /// Sets how much of it was visible. Returns whether that moves the rows.
    fn set_extent(&mut self, extent: Extent) -> bool {
        self.browsed()
            .is_some_and(|browsed| browsed.list.set_page(extent.page))
    }

    /// How far its details are scrolled.
    fn detail_scroll(&mut self) -> Option<&mut Scroll> {
        self.browsed().map(|browsed| browsed.detail_scroll)
    }

    /// What can be done with its rows at the moment.
    fn standing(&self) -> Standing {
        Standing::default()
    }

    /// The word for what opening what is selected does now, where its key's own is not
    /// right.
    fn opening(&self) -> Option<&'static str> {
        self.standing().is_open.then_some("close")
    }

    /// Selects an item. Returns whether it was selected already.
    fn select(&mut self, _: Item, _: &State) -> bool {
        false
    }

    /// Opens what is selected, or closes it.
    fn open(&mut self, _: &State) -> Outcome {
        Outcome::Say("There is nothing to open in this view.")
    }

    /// Closes what was opened last. Returns whether something was open.
    fn close(&mut self) -> bool {
        self.browsed()
            .is_some_and(|browsed| std::mem::take(browsed.detail))
    }

    /// Clears the selection.
    fn deselect(&mut self, _: &State) {
        if let Some(browsed) = self.browsed() {
            browsed.list.deselect();
        }
    }

    /// What is selected, as text.
    fn copy(&self, _: &State) -> Option<String> {
        None
    }

    /// The filters that what is selected offers, the most probable first;
    /// nothing where nothing is selected.
    fn filters(&self, _: Subject, _: &State) -> Option<Vec<Filter>> {
        None
    }

    /// The rules that would drop what is selected, the narrowest first; nothing where
    /// nothing is selected.
    fn rules(&self, _: &State) -> Option<Vec<String>> {
        None
    }

    /// The addresses in its visible rows, at most this many.
    fn addresses(&self, _page: usize, _: &State) -> Vec<IpAddr> {
        Vec::new()
    }

    /// Carries out an action that not every view has.
    fn act(&mut self, _: &Action, _: &State) -> Outcome {
        Outcome::Done
    }
}

/// What is left to the application after a view has done its part.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Nothing.
    Done,
    /// Tell the user.
    Say(&'static str),
    /// Put this into the user's clipboard.
    Copy(String),
    /// Ask the source for this.
    Ask(Command),
    /// Go to this moment.
    GoTo(Moment),
    /// Add this to the filter and show the flows.
    ShowFlows(Filter),
    /// Show this flow in full.
    ShowFlow(FlowKey),
    /// Add this to the filter and show the packets.
    ShowPackets(Filter),
    /// Silence problems of this kind.
    Silence(Kind),
    /// Show all kinds of problems again.
    ShowSilenced,
}

/// What a tab shows after the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Badge {
    /// Nothing.
    None,
    /// How many there are.
    Count(usize),
    /// How many of how many: the same number is shown once.
    Of(usize, usize),
    /// Errors and warnings.
    Marks {
        /// Errors.
        errors: usize,
        /// Warnings.
        warnings: usize,
    },
}

macro_rules! views {
    ($($name:ident $module:ident $state:ident $help:literal;)*) => {
        /// The state of each view.
        #[derive(Debug, Default)]
        pub struct Views {
            $(#[doc = $help] pub $module: $state,)*
        }

        impl Views {
            /// A view.
            #[must_use]
            pub fn get(&self, tab: Tab) -> &dyn View {
                match tab {
                    $(Tab::$name => &self.$module,)*
                }
            }

            /// A view, to change it.
            pub fn get_mut(&mut self, tab: Tab) -> &mut dyn View {
                match tab {
                    $(Tab::$name => &mut self.$module,)*
                }
            }
        }
    };
}
each_view!(views);
