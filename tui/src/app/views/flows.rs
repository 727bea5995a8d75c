//! The flow table: which flows pass the filter, and in which order.

use std::net::IpAddr;

use foldhash::{HashMap, HashMapExt};
use probe_common::FlowKey;

use super::groups::Groups;
use super::{Badge, Browsed, Outcome, SORT_PERIOD, Standing, View, flow_text, select};
use crate::app::action::Action;
use crate::app::bindings::{BY_FLOW, DETAIL, Row, row};
use crate::app::blocking::rules_of_flow;
use crate::app::columns::{Column, ColumnEdit, Columns, Shift};
use crate::app::criteria::Criteria;
use crate::app::filtering::Subject;
use crate::app::group::HostGroup;
use crate::app::item::Item;
use crate::app::list::{Find, List, Motion, Scroll};
use crate::app::order::Order;
use crate::app::state::State;
use crate::filter::Filter;
use crate::flow::{Count, Flow, FlowTable};
use crate::model::Moment;

mod grouped;
mod ranking;
#[cfg(test)]
mod tests;

pub use grouped::Summary;

#[rustfmt::skip]
const KEYS: &[Row] = &[
    row("Enter", "open", Action::Open, "detail", "Open or close the details of the selected flow, or the selected group"),
    row("s", "sort-next", Action::SortNext, "sort", "Sort by the next column"),
    row("S", "sort-reverse", Action::SortReverse, "", "Reverse the order"),
    row("Left", "cell-left", Action::Cell(Shift::Left), "", "Choose what y copies: a cell or, past the last one, the whole row. With groups: close one, or go to that of the flow"),
    row("Right", "cell-right", Action::Cell(Shift::Right), "", "Choose what y copies: a cell or, past the last one, the whole row. On a group: open it"),
    row("m", "mark-flow", Action::MarkFlow, "", "Mark the selected flow: it stays on top, also when it has ended; again: unmark"),
    row("f", "flow-packets", Action::FlowPackets, "", "Show the captured packets of the selected flow or group"),
    row("l", "group-by", Action::HostSide, "group", "Group the flows by service; again: by container, process, remote address, device, and not"),
    row("i", "flow-detail", Action::HostDetail, "", "Open or close the details of the selected flow or group"),
    row("C", "columns", Action::Columns, "columns", "Choose the columns and their order"),
];

/// The state of the view.
#[derive(Debug)]
pub struct FlowsView {
    shown: Count,
    /// What the flows that are shown come to, each packet once, while others are not.
    narrowed: Option<[f64; 2]>,
    /// Whether that is no part of all traffic, direction by direction.
    is_turned: bool,
    /// When the rows were sorted, and up to when all flows have one: those of
    /// the interval that begins then have none yet.
    sorted: Moment,
    known: Moment,
    /// The selected flow as it was last, so that it can be read when it has left the
    /// table.
    kept: Option<Flow>,
    /// The marked flows in the order of their marks, each as it was last.
    marked: Vec<Flow>,
    /// The flows, and their groups where there are any, and the selection.
    pub list: List<HostGroup>,
    /// What makes the groups, where flows are grouped.
    pub groups: Option<Groups>,
    summaries: HashMap<HostGroup, Summary>,
    /// How many flows have a row, or would have one in an open group.
    count: usize,
    /// The columns.
    pub columns: Columns,
    /// The order of the rows.
    pub order: Order<Column>,
    /// Whether the selected flow is shown in full.
    pub detail: bool,
    /// How far that is scrolled.
    pub detail_scroll: Scroll,
    cell: Option<Column>,
    /// The columns that had room when the table was drawn last, if it was.
    room: Option<Vec<Column>>,
}

impl Default for FlowsView {
    fn default() -> Self {
        Self {
            shown: Count::default(),
            narrowed: None,
            is_turned: false,
            sorted: Moment::ZERO,
            known: Moment::ZERO,
            kept: None,
            marked: Vec::new(),
            list: List::default(),
            groups: None,
            summaries: HashMap::new(),
            count: 0,
            columns: Columns::default(),
            order: Order::by(Column::Graph),
            detail: false,
            detail_scroll: Scroll::default(),
            cell: None,
            room: None,
        }
    }
}

/// Flows that can be marked.
const MARKS: usize = 32;

impl FlowsView {
    /// Recomputes the rows and sorts them.
    fn refresh_rows(&mut self, state: &State) {
        let (flows, criteria) = (&state.picture().flows, state.criteria());
        self.sorted = flows.now();
        self.known = flows.now();
        let rows = if self.groups.is_some() {
            self.grouped(state, false)
        } else {
            let mut ranked = self.rank_rows(flows, criteria, state.measure(), |_| true);
            ranked.sort_unstable();
            let keys = ranked.into_iter().map(|(_, key)| key);
            keys.map(HostGroup::Flow).collect()
        };
        self.settle(rows, flows, criteria);
    }

    /// Takes over the rows, the marked flows first. A selected or marked flow that has
    /// left the table keeps its own.
    fn settle(&mut self, mut rows: Vec<HostGroup>, flows: &FlowTable, criteria: Criteria<'_>) {
        for marked in &mut self.marked {
            if let Some(flow) = flows.get(&marked.key) {
                marked.clone_from(flow);
            }
        }
        self.keep_selected(flows);
        if let Some(ended) = self.kept.as_ref().filter(|it| flows.get(&it.key).is_none())
            && self.groups.is_none()
            && Criteria::has_row(ended, criteria.shows(ended))
        {
            let place = self.list.place().min(rows.len());
            rows.insert(place, HostGroup::Flow(ended.key));
        }
        if self.has_marks() {
            rows.retain(|row| row.flow().is_none_or(|key| !self.is_marked(&key)));
            let marked = self.marked.iter();
            let marked = marked.filter(|flow| Criteria::has_row(flow, criteria.shows(flow)));
            rows.splice(..0, marked.map(|flow| HostGroup::Flow(flow.key)));
        }
        if self.groups.is_none() {
            self.summaries.clear();
            self.count = rows.len();
        }
        self.list.settle(rows);
    }

    /// Whether some flow is marked.
    #[must_use]
    pub const fn has_marks(&self) -> bool {
        !self.marked.is_empty()
    }

    /// Whether this flow is marked.
    #[must_use]
    pub fn is_marked(&self, key: &FlowKey) -> bool {
        self.marked.iter().any(|marked| marked.key == *key)
    }

    /// Marks the selected flow, or takes its mark away.
    fn mark(&mut self, state: &State) -> Outcome {
        let Some(flow) = self.selected(state).cloned() else {
            return Outcome::Say("Select a flow first (arrow keys).");
        };
        let place = self.marked.iter().position(|it| it.key == flow.key);
        match place {
            Some(place) => {
                self.marked.remove(place);
                self.kept = Some(flow);
            }
            None if self.marked.len() < MARKS => self.marked.push(flow),
            None => return Outcome::Say("32 flows are marked, which is the most; unmark one."),
        }
        self.refresh(state);
        Outcome::Done
    }

    fn keep_selected(&mut self, flows: &FlowTable) {
        let selected = self.selected_key();
        self.kept = selected.and_then(|key| match flows.get(&key) {
            Some(flow) => Some(flow.clone()),
            None => {
                let marked = self.marked.iter().find(|marked| marked.key == key).cloned();
                marked.or_else(|| self.kept.take().filter(|kept| kept.key == key))
            }
        });
    }

    /// A flow of the table, or one that has left it and is selected still or marked.
    #[must_use]
    pub fn flow<'a>(&'a self, state: &'a State, key: &FlowKey) -> Option<&'a Flow> {
        let mut kept = self.kept.iter().chain(&self.marked);
        let flow = state.picture().flows.get(key);
        flow.or_else(|| kept.find(|kept| kept.key == *key))
    }

    /// Recomputes the rows some time later: those that are there keep their
    /// order for a while, and new ones are sorted in.
    fn merge(&mut self, state: &State) {
        let (flows, criteria) = (&state.picture().flows, state.criteria());
        if flows.now().as_secs() / SORT_PERIOD != self.sorted.as_secs() / SORT_PERIOD {
            return self.refresh_rows(state);
        }
        if self.groups.is_some() {
            let rows = self.grouped(state, true);
            self.known = flows.now();
            return self.settle(rows, flows, criteria);
        }
        let measure = state.measure();
        let known = self.known;
        let mut new = self.rank_rows(flows, criteria, measure, |flow| flow.first_seen >= known);
        new.sort_unstable();
        let mut rows: Vec<HostGroup> = Vec::with_capacity(self.list.rows().len() + new.len());
        let kept = self.list.rows().iter().filter_map(|row| {
            let flow = flows.get(&row.flow()?)?;
            let shows = criteria.shows(flow);
            // Marked ones are not where the order would have them.
            let stays = flow.first_seen < known && !self.is_marked(&flow.key);
            let is_row = stays && Criteria::has_row(flow, shows) && !criteria.is_joined(flow);
            is_row.then_some((flow, shows))
        });
        let mut new = new.into_iter().peekable();
        for (flow, shows) in kept {
            if new.peek().is_some() {
                let rank = self.rank(flow, shows, flows, criteria, measure);
                while let Some((_, key)) = new.next_if(|(new, _)| *new < rank) {
                    rows.push(HostGroup::Flow(key));
                }
            }
            rows.push(HostGroup::Flow(flow.key));
        }
        rows.extend(new.map(|(_, key)| HostGroup::Flow(key)));
        self.known = flows.now();
        self.settle(rows, flows, criteria);
    }

    /// The flows that are listed.
    #[cfg(test)]
    pub fn keys(&self) -> Vec<FlowKey> {
        let rows = self.list.rows().iter();
        rows.filter_map(HostGroup::flow).collect()
    }

    /// How many flows are shown, or would be in open groups.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// What was counted of that which is shown.
    #[must_use]
    pub const fn shown(&self) -> Count {
        self.shown
    }

    /// In and out of the flows that are shown, as the columns have them, a packet on
    /// several devices once; nothing while all flows are shown.
    #[must_use]
    pub const fn narrowed(&self) -> Option<[f64; 2]> {
        self.narrowed
    }

    /// Whether what is shown is no part of all traffic, direction by direction. Between
    /// two watched devices, what one counts as out is in for the other. The sums of all
    /// traffic have it once, as the first device counts it; a filter may show only the
    /// second.
    #[must_use]
    pub const fn is_turned(&self) -> bool {
        self.is_turned
    }

    /// The column of the chosen cell of the selected flow.
    #[must_use]
    pub fn cell(&self) -> Option<Column> {
        self.cell.filter(|cell| self.visible().any(|c| c == *cell))
    }

    /// From now on these columns have room.
    pub fn give_room(&mut self, columns: Vec<Column>) {
        self.room = Some(columns);
    }

    /// The columns that can be seen.
    fn visible(&self) -> impl Iterator<Item = Column> {
        let has_room = |column: &Column| {
            let room = self.room.as_ref();
            room.is_none_or(|columns| columns.contains(column))
        };
        self.columns.shown().filter(has_room)
    }

    /// Chooses the next cell to a side; past the last one none, which is the
    /// whole row.
    fn move_cell(&mut self, to: Shift) {
        let visible: Vec<Column> = self.visible().collect();
        let place = self
            .cell()
            .and_then(|cell| visible.iter().position(|c| *c == cell));
        let next = match (to, place) {
            (Shift::Left, None) => visible.len().checked_sub(1),
            (Shift::Left, Some(place)) => place.checked_sub(1),
            (Shift::Right, place) => Some(place.map_or(0, |place| place + 1)),
        };
        self.cell = next.and_then(|next| visible.get(next).copied());
    }

    /// The selected flow, also when it has left the table.
    #[must_use]
    pub fn selected<'a>(&'a self, state: &'a State) -> Option<&'a Flow> {
        self.flow(state, &self.selected_key()?)
    }

    /// The key of the selected flow; nothing where a group is selected.
    #[must_use]
    pub fn selected_key(&self) -> Option<FlowKey> {
        self.list.selected()?.flow()
    }

    /// Changes the order of the rows.
    fn reorder(&mut self, change: impl FnOnce(&mut Order<Column>), state: &State) {
        change(&mut self.order);
        self.list.rewind();
        self.refresh(state);
    }

    /// Changes which columns are shown, and in which order.
    fn edit_columns(&mut self, edit: ColumnEdit, state: &State) -> Outcome {
        let columns = &mut self.columns;
        match edit {
            ColumnEdit::Toggle => columns.toggle(),
            ColumnEdit::ToggleThis(column) => {
                columns.choose(column);
                columns.toggle();
            }
            ColumnEdit::Move(shift) => columns.shift(shift),
            ColumnEdit::Sort => {
                let column = columns.chosen();
                self.reorder(|order| order.sort_by(column), state);
            }
            ColumnEdit::Copy => return Outcome::Copy(columns.setting()),
        }
        Outcome::Done
    }

    /// Opens the details of what is selected, or closes them.
    fn open_detail(&mut self) -> Outcome {
        if self.list.selected().is_none() {
            return Outcome::Say("There is no flow to open.");
        }
        self.detail = !self.detail;
        Outcome::Done
    }

    /// The packets of what is selected.
    fn packets(&self, state: &State) -> Outcome {
        let names = state.picture().devices.names();
        let filter = match (self.list.selected(), &self.groups) {
            (Some(HostGroup::Flow(key)), _) => Some(flow_text::filter(&key)),
            (Some(group), Some(groups)) => groups.filter(group, names),
            _ => None,
        };
        let none = Outcome::Say("Select a row first (arrow keys).");
        filter.map_or(none, Outcome::ShowPackets)
    }

    /// Shows a flow in full; returns whether it is in the table.
    pub fn show(&mut self, key: FlowKey, state: &State) -> bool {
        self.reveal(&key, state);
        let row = HostGroup::Flow(key);
        self.list.select(row);
        let found = self.list.selected() == Some(row);
        self.detail |= found;
        found
    }
}

impl View for FlowsView {
    fn keys(&self) -> &'static [&'static [Row]] {
        &[KEYS, BY_FLOW, DETAIL]
    }

    fn badge(&self, state: &State) -> Badge {
        Badge::Of(self.count, state.picture().flows.len())
    }

    fn refresh(&mut self, state: &State) {
        self.refresh_rows(state);
    }

    fn advance(&mut self, state: &State) {
        self.merge(state);
    }

    fn browsed(&mut self) -> Option<Browsed<'_>> {
        Some(Browsed {
            list: &mut self.list,
            detail: &mut self.detail,
            detail_scroll: &mut self.detail_scroll,
        })
    }

    fn step(&mut self, motion: Motion, state: &State) {
        self.detail_scroll = Scroll::default();
        self.list.step(motion);
        self.keep_selected(&state.picture().flows);
    }

    fn shows_flow(&self) -> Option<FlowKey> {
        self.selected_key().filter(|_| self.detail)
    }

    fn find(&mut self, wanted: &str, from: Find, state: &State) -> bool {
        const TEXTS: [Column; 8] = [
            Column::Device,
            Column::Protocol,
            Column::Local,
            Column::Remote,
            Column::State,
            Column::Process,
            Column::Pod,
            Column::Container,
        ];
        let flows = &state.picture().flows;
        let has = |flow: &Flow| {
            let texts = TEXTS
                .iter()
                .filter_map(|column| flow_text::cell(state, flow, *column));
            texts
                .into_iter()
                .any(|text| text.to_lowercase().contains(wanted))
        };
        let groups = self.groups.as_ref();
        let found = self.list.find(from, |row| match row.flow() {
            Some(key) => flows.get(&key).is_some_and(has),
            None => groups.is_some_and(|it| it.mentions(row, wanted, state)),
        });
        self.keep_selected(flows);
        found
    }

    fn standing(&self) -> Standing {
        Standing::of(&self.list, self.detail)
    }

    fn opening(&self) -> Option<&'static str> {
        match self.selected_group() {
            Some(group) if self.summary(&group).is_some_and(|it| it.is_open) => Some("close"),
            Some(_) => Some("open"),
            None => self.detail.then_some("close"),
        }
    }

    fn select(&mut self, item: Item, state: &State) -> bool {
        let row = match item {
            Item::Flow(key) => HostGroup::Flow(key),
            Item::Host(group) => group,
            _ => return false,
        };
        let again = select(&mut self.list, &mut self.detail_scroll, row);
        self.keep_selected(&state.picture().flows);
        again
    }

    fn open(&mut self, state: &State) -> Outcome {
        if self.list.selected().is_none() {
            self.list.step(Motion::Down);
        }
        match self.selected_group() {
            Some(group) => {
                let is_open = self.summary(&group).is_some_and(|it| it.is_open);
                self.turn(group, !is_open, state);
                Outcome::Done
            }
            None => self.open_detail(),
        }
    }

    fn close(&mut self) -> bool {
        self.cell.take().is_some() || std::mem::take(&mut self.detail)
    }

    fn copy(&self, state: &State) -> Option<String> {
        if let Some(group) = self.selected_group() {
            let names = state.picture().devices.names();
            return self.groups.as_ref()?.text(group, names);
        }
        let key = self.selected_key()?;
        if let Some(column) = self.cell() {
            return flow_text::cell(state, self.selected(state)?, column);
        }
        Some(flow_text::text(&key))
    }

    fn filters(&self, subject: Subject, state: &State) -> Option<Vec<Filter>> {
        if let Some(group) = self.selected_group() {
            let names = state.picture().devices.names();
            return Some(self.groups.as_ref()?.offers(subject, group, names));
        }
        Some(subject.of_flow(&self.selected_key()?))
    }

    fn rules(&self, state: &State) -> Option<Vec<String>> {
        let names = state.picture().devices.names();
        if let Some(group) = self.selected_group() {
            return self.groups.as_ref()?.rules(group, names);
        }
        let key = self.selected_key()?;
        Some(rules_of_flow(&key, names.get(key.device)))
    }

    fn addresses(&self, page: usize, _: &State) -> Vec<IpAddr> {
        let rows = self.list.visible(page).iter();
        rows.flat_map(|row| row.addresses()).collect()
    }

    fn act(&mut self, action: &Action, state: &State) -> Outcome {
        match action {
            Action::SortNext => {
                let shown: Vec<Column> = self.columns.shown().collect();
                self.reorder(|order| order.sort_by_next(&shown), state);
            }
            Action::FlowPackets => return self.packets(state),
            Action::HostSide => return self.group_by_next(state),
            Action::HostDetail => {
                if self.list.selected().is_none() {
                    self.list.step(Motion::Down);
                }
                return self.open_detail();
            }
            Action::MarkFlow => return self.mark(state),
            Action::SortReverse => self.reorder(|order| order.sort_by(order.column), state),
            Action::SortFlows(column) => self.reorder(|order| order.sort_by(*column), state),
            Action::Cell(to) => self.sideways(*to, state),
            Action::Column(edit) => return self.edit_columns(*edit, state),
            _ => (),
        }
        Outcome::Done
    }
}
