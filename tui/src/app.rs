//! The state of the application and how it changes. No input, no output, no
//! clock: what happens comes in as an [`Action`](action::Action), what is to be
//! done goes out as an [`Effect`](effect::Effect).

pub mod action;
pub mod bindings;
mod block;
pub mod blocking;
pub mod columns;
pub mod criteria;
mod cursor;
pub mod device_column;
pub mod effect;
pub mod ends;
pub mod filtering;
pub mod group;
pub mod host_column;
pub mod hostnames;
pub mod item;
pub mod line;
pub mod list;
mod looking_up;
pub mod measure;
pub mod names;
mod narrowing;
mod navigation;
pub mod notices;
pub mod order;
pub mod own;
pub mod past;
mod preferences;
pub mod push_down;
pub mod search;
pub mod state;
pub mod tab;
mod time;
pub mod timeline;
mod update;
pub mod usage;
pub mod views;

use crate::filter::Filter;
use crate::flow::{Series, Span};
use crate::model::Session;
use crate::traffic::Accounting;

use action::Action;
use bindings::{Context, Row};
use blocking::Dialog;
use columns::{ColumnEdit, Columns};
use filtering::Closed;
use list::Scroll;
use measure::Measure;
use order::Order;
use state::State;
use tab::Tab;
use views::{View, Views};

pub use preferences::{Appearance, Colors, Preferences};

#[cfg(test)]
mod tests;

/// What lies over the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overlay {
    Help,
    /// The question which part of the filter to remove.
    Part,
    /// The columns of the flow table, to be chosen.
    Columns,
    /// What is asked before packets are dropped.
    Block,
    /// The rules in force, to be lifted.
    Lift,
}

/// The application.
#[derive(Debug)]
pub struct App {
    /// What all views show, and how.
    pub state: State,
    /// The views.
    pub views: Views,
    /// Whether the graph of all watched devices is open.
    pub whole: bool,
    /// The graph of what is shown, while all traffic has one and not all is shown.
    narrowed: Option<Series>,
    /// The span of the finest graph that was drawn last.
    graph: Option<Span>,
    /// How far the help is scrolled.
    pub help: Scroll,
    tab: Tab,
    overlay: Option<Overlay>,
}

impl App {
    /// The application before the first event.
    #[must_use]
    pub fn new(session: Session, appearance: Appearance, filter: Filter) -> Self {
        let mut views = Views::default();
        views.flows.columns = Columns::default().for_hosts(!session.hosts.is_empty());
        Self {
            state: State::new(session, appearance, filter),
            views,
            whole: false,
            narrowed: None,
            graph: None,
            help: Scroll::default(),
            tab: Tab::Flows,
            overlay: None,
        }
    }

    /// Takes over what the user prefers.
    pub fn prefer(&mut self, preferences: Preferences) {
        let are_several = !self.state.session.hosts.is_empty();
        self.views.flows.columns = Columns::new(preferences.columns).for_hosts(are_several);
        self.views.flows.order = Order::by(preferences.sort);
        let closed = preferences.closed;
        self.state.live.keep_closed(closed == Closed::Keep);
        self.state.filtering.set_closed(closed);
        self.state.measure = Measure::Rate(preferences.window);
        self.state.policy = preferences.policy;
        self.state.filtering.named = preferences.filters;
    }

    /// The tab of the view that is shown.
    #[must_use]
    pub const fn tab(&self) -> Tab {
        self.tab
    }

    /// The view that is shown.
    #[must_use]
    pub fn view(&self) -> &dyn View {
        self.views.get(self.tab)
    }

    /// What the view that is shown asks of the user.
    #[must_use]
    pub fn prompt(&self) -> Option<&str> {
        self.view().prompt(&self.state)
    }

    /// Whether the help is open.
    #[must_use]
    pub fn helps(&self) -> bool {
        self.overlay == Some(Overlay::Help)
    }

    /// Whether the user is asked which part of the filter to remove.
    #[must_use]
    pub fn asks_part(&self) -> bool {
        self.overlay == Some(Overlay::Part)
    }

    /// Whether the columns of the flow table are being chosen.
    #[must_use]
    pub fn chooses_columns(&self) -> bool {
        self.overlay == Some(Overlay::Columns)
    }

    /// What is asked before packets are dropped.
    #[must_use]
    pub fn dialog(&self) -> Option<&Dialog> {
        let is_open = self.overlay == Some(Overlay::Block);
        self.state.blocking.dialog.as_ref().filter(|_| is_open)
    }

    /// Whether it is asked which rule to lift.
    #[must_use]
    pub fn asks_lift(&self) -> bool {
        self.overlay == Some(Overlay::Lift)
    }

    /// Where all packets are.
    #[must_use]
    pub fn accounting(&self) -> Accounting {
        let shown = self.views.flows.shown().packets;
        self.state.picture().accounting(shown)
    }

    /// The graph of what is shown where that is not all traffic.
    #[must_use]
    pub const fn narrowed(&self) -> Option<&Series> {
        self.narrowed.as_ref()
    }

    /// Which bindings apply.
    #[must_use]
    pub fn context(&self) -> Context {
        match self.overlay {
            Some(Overlay::Help) => Context::Help,
            Some(Overlay::Part) => Context::Part,
            Some(Overlay::Columns) => Context::Columns,
            Some(Overlay::Block) => Context::Block,
            Some(Overlay::Lift) => Context::Lift,
            None if self.state.time_entry.is_some() => Context::Time,
            None if self.state.search.typing.is_some() => Context::Find,
            None if self.state.filtering.typing().is_some() => Context::Filter,
            None => Context::View(self.tab),
        }
    }

    /// The word for what a key does now; nothing where it does nothing, or nothing but
    /// to say so.
    #[must_use]
    pub fn hint(&self, action: &Action, word: &'static str) -> Option<&'static str> {
        let standing = self.view().standing();
        match action {
            Action::RemovePart => (!self.state.filtering.parts().is_empty()).then_some(word),
            Action::Pause if self.state.is_still() => Some("resume"),
            Action::Pause if self.state.playback.is_some_and(|it| !it.is_playing) => Some("play"),
            Action::Open | Action::SortNext if standing.is_empty => None,
            Action::Open => Some(self.view().opening().unwrap_or(word)),
            Action::ScrollDetail(_) => standing.is_open.then_some(word),
            Action::Column(ColumnEdit::Toggle) if self.views.flows.columns.shows_chosen() => {
                Some("hide")
            }
            Action::FilterBy(_)
            | Action::PacketFlow
            | Action::DeviceFlows
            | Action::ProblemFlows
            | Action::ProblemBegin
            | Action::SilenceKind
            | Action::Unfold
            | Action::Fold
            | Action::Watch => standing.has_selection.then_some(word),
            _ => Some(word),
        }
    }

    /// Recomputes the rows of the view that is shown. The flow table is always
    /// recomputed, because the accounting line has what it shows.
    fn refresh(&mut self) {
        self.recompute(|view, state| view.refresh(state));
    }

    fn recompute(&mut self, how: fn(&mut dyn View, &State)) {
        let criteria = self.state.criteria();
        self.narrowed = (self.whole && criteria.is_narrowed())
            .then(|| criteria.series(|_| true, self.state.zoom));
        how(&mut self.views.flows, &self.state);
        if self.tab != Tab::Flows {
            how(self.views.get_mut(self.tab), &self.state);
        }
    }
}

/// The default keys of a context.
#[must_use]
pub fn default_keys(context: Context) -> Vec<Row> {
    const NUMBERS: [&str; 9] = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let tabs = NUMBERS.into_iter().zip(Tab::ALL).map(|(keys, &tab)| Row {
        keys,
        name: tab.show_key(),
        action: Action::Show(tab),
        short: "",
        long: tab.help(),
    });
    match context {
        Context::View(tab) => Views::default().get(tab).keys().concat(),
        Context::Main => context.rows().iter().cloned().chain(tabs).collect(),
        _ => context.rows().to_vec(),
    }
}
