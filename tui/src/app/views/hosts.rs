//! Flows grouped by the addresses of one end, which are a tree of prefixes, or by what
//! else they have in common; those groups open to their flows.

use std::net::IpAddr;

use foldhash::{HashMap, HashMapExt};

use super::groups::Groups;
use super::sums::Sums;
use super::{Outcome, Standing, View};
use crate::app::action::Action;
use crate::app::bindings::{Row, row};
use crate::app::criteria::Criteria;
use crate::app::ends::{self, Side};
use crate::app::filtering::Subject;
use crate::app::group::{Grouping, HostGroup};
use crate::app::host_column::HostColumn;
use crate::app::item::Item;
use crate::app::list::{Extent, Find, List, Motion};
use crate::app::measure::ordered;
use crate::app::order::Order;
use crate::app::state::State;
use crate::filter::Filter;
use crate::flow::{Series, Span};
use tree::{Node, Tree};

#[cfg(test)]
mod tests;
mod tree;

#[rustfmt::skip]
const KEYS: &[Row] = &[
    row("Enter", "open", Action::Open, "flows", "Show the selected flow in Flows, or all flows of the selected group"),
    row("Right", "unfold", Action::Unfold, "open", "Expand the selected group: to narrower prefixes, or to its flows"),
    row("Left", "fold", Action::Fold, "close", "Collapse the selected group, or go to its parent"),
    row("a", "filter-by-address-remote", Action::FilterBy(Subject::Address(Side::Remote)), "", "Filter by the selected prefix; again: by a wider one"),
    row("i", "host-detail", Action::HostDetail, "detail", "Open or close the details of the selected group"),
    row("p", "host-prefix", Action::HostPrefix, "prefix", "Expand everything down to wider prefixes, then down to addresses"),
    row("l", "host-side", Action::HostSide, "group by", "Group by remote address, local address, service, process, container or device"),
    row("s", "sort-next", Action::SortNext, "sort", "Sort by the next column"),
    row("S", "sort-reverse", Action::SortReverse, "", "Reverse the order"),
];

/// The step at first.
const STEP: usize = 1;
/// So many addresses are all shown at first: to fold them would save nothing.
const FEW: usize = 8;

/// How a group stands in the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Branch {
    /// What its flows come to.
    pub sums: Sums,
    /// How many groups it is in.
    pub depth: usize,
    /// Whether the groups in it are shown; nothing when there is none.
    pub open: Option<bool>,
}

/// The state of the view.
#[derive(Debug)]
pub struct HostsView {
    branches: HashMap<HostGroup, Branch>,
    total: Sums,
    /// Whether there are no more addresses than [`FEW`].
    are_few: bool,
    /// Prefixes up to the length of this step are open.
    step: usize,
    /// The selection.
    pub list: List<HostGroup>,
    /// The order of the rows.
    pub order: Order<HostColumn>,
    /// What makes the groups.
    pub groups: Groups,
    /// Whether the selected group is shown in full.
    pub detail: bool,
    series: Series,
}

impl Default for HostsView {
    fn default() -> Self {
        Self {
            branches: HashMap::new(),
            total: Sums::default(),
            are_few: false,
            step: STEP,
            list: List::default(),
            order: Order::by(HostColumn::Share),
            groups: Groups::by(Grouping::Address(Side::Remote)),
            detail: false,
            series: Series::default(),
        }
    }
}

impl HostsView {
    /// Recomputes the rows.
    fn group(&mut self, state: &State) {
        let criteria = state.criteria();
        self.total = Sums::default();
        self.branches.clear();
        let mut rows = Vec::new();
        if let Grouping::Address(side) = self.groups.by {
            let flows = &state.picture().flows;
            let tree = Tree::new(flows, criteria, side, state.measure());
            self.are_few = tree.len() <= FEW;
            let roots = tree.roots();
            for root in &roots {
                self.total.add(&root.sums);
            }
            self.list_groups(roots, 0, &mut rows);
        } else {
            let groups = tree::flat(criteria, state.measure(), &mut self.groups);
            for node in &groups {
                self.total.add(&node.sums);
            }
            self.list_groups(groups, 0, &mut rows);
        }
        self.list.settle(rows);
        self.series = self.selected_series(criteria, state.zoom);
    }

    /// The graph of the selected group, while its detail is open.
    fn selected_series(&self, criteria: Criteria<'_>, zoom: Span) -> Series {
        let Some(group) = self.list.selected().filter(|_| self.detail) else {
            return Series::default();
        };
        criteria.series(|flow| self.groups.has(group, flow, criteria), zoom)
    }

    /// Lists groups in their order, and below each that is open those in it.
    fn list_groups(&mut self, groups: Vec<Node<'_>>, depth: usize, rows: &mut Vec<HostGroup>) {
        let mut ranked: Vec<(u128, Node<'_>)> = groups
            .into_iter()
            .map(|node| (self.rank(&node.sums), node))
            .collect();
        ranked.sort_unstable_by_key(|(rank, node)| (*rank, node.group));
        if self.order.column == HostColumn::Group && self.order.descending {
            ranked.reverse();
        }
        for (_, node) in ranked {
            let open = node.has_children().then(|| self.is_open(node.group));
            let Node { group, sums, .. } = node;
            rows.push(group);
            self.branches.insert(group, Branch { sums, depth, open });
            if open == Some(true) {
                self.list_groups(node.children(), depth + 1, rows);
            }
        }
    }

    fn is_open(&self, group: HostGroup) -> bool {
        if let Some(open) = self.groups.turned(group) {
            return open;
        }
        let HostGroup::Prefix(prefix) = group else {
            return false;
        };
        let [v4, v6] = self.lengths();
        let until = if prefix.addr().is_ipv4() { v4 } else { v6 };
        self.are_few && self.step == STEP || prefix.prefix_len() < until
    }

    /// A number by which the rows are sorted upwards.
    fn rank(&self, sums: &Sums) -> u128 {
        let rank = match self.order.column {
            // Groups sort by themselves.
            HostColumn::Group => return 0,
            HostColumn::Flows => sums.flows as u128,
            HostColumn::In => ordered(sums.rates[0]),
            HostColumn::Out => ordered(sums.rates[1]),
            HostColumn::Share => ordered(sums.rates[0] + sums.rates[1]),
            HostColumn::Packets => u128::from(sums.counts.packets),
        };
        if self.order.descending { !rank } else { rank }
    }

    /// How a group stands in the tree.
    #[must_use]
    pub fn branch(&self, group: &HostGroup) -> Branch {
        self.branches.get(group).copied().unwrap_or_default()
    }

    /// What the graph of the selected group is drawn of.
    #[must_use]
    pub const fn series(&self) -> &Series {
        &self.series
    }

    /// What all groups come to.
    #[must_use]
    pub const fn total(&self) -> Sums {
        self.total
    }

    /// The lengths of the prefixes, IPv4 and IPv6, down to which the tree is
    /// open.
    #[must_use]
    pub const fn lengths(&self) -> [u8; 2] {
        ends::LENGTHS[self.step]
    }

    /// Opens the selected group, or closes it.
    fn unfold(&mut self, open: bool) {
        let Some(group) = self.list.selected() else {
            return;
        };
        if self.branch(&group).open.is_some() {
            self.groups.turn(group, open);
        }
    }

    /// Selects the group that the selected one is in; nothing happens where it
    /// is in none.
    fn leave(&mut self) {
        let rows = self.list.rows();
        let selected = self.list.selected();
        let Some(place) = rows.iter().position(|row| Some(*row) == selected) else {
            return;
        };
        let depth = self.branch(&rows[place]).depth;
        let outer = rows[..place]
            .iter()
            .rev()
            .find(|row| self.branch(row).depth < depth);
        if let Some(outer) = outer.copied() {
            self.list.select(outer);
        }
    }

    /// Opens the tree down to the next wider prefixes, and after the widest
    /// down to addresses.
    fn widen(&mut self) {
        self.step = (self.step + 1) % ends::LENGTHS.len();
        self.groups.turn_none();
        self.list.rewind();
    }

    /// Groups by something else.
    fn turn(&mut self) {
        self.groups.by = self.groups.by.next();
        self.list.deselect();
        self.list.rewind();
    }

    /// Changes the order of the rows.
    fn reorder(&mut self, change: impl FnOnce(&mut Order<HostColumn>)) {
        change(&mut self.order);
        self.list.rewind();
    }

    /// Hides the groups in the selected one, or selects the one that it is in.
    fn fold(&mut self) {
        let selected = self.list.selected();
        if selected.is_some_and(|group| self.branch(&group).open == Some(true)) {
            self.unfold(false);
        } else {
            self.leave();
        }
    }
}

impl View for HostsView {
    fn keys(&self) -> &'static [&'static [Row]] {
        &[KEYS]
    }

    fn refresh(&mut self, state: &State) {
        self.group(state);
    }

    fn step(&mut self, motion: Motion, state: &State) {
        self.list.step(motion);
        if self.detail {
            self.group(state);
        }
    }

    fn find(&mut self, wanted: &str, from: Find, state: &State) -> bool {
        let groups = &self.groups;
        self.list
            .find(from, |group| groups.mentions(group, wanted, state))
    }

    fn scroll(&mut self, rows: i32) {
        self.list.scroll(rows);
    }

    fn set_extent(&mut self, extent: Extent) -> bool {
        self.list.set_page(extent.page)
    }

    fn standing(&self) -> Standing {
        Standing::of(&self.list, false)
    }

    fn select(&mut self, item: Item, state: &State) -> bool {
        let Item::Host(group) = item else {
            return false;
        };
        let again = self.list.selected() == Some(group);
        if !again {
            self.list.select(group);
            self.group(state);
        }
        again
    }

    /// Shows the selected flow, or the flows of the selected group.
    fn open(&mut self, state: &State) -> Outcome {
        match self.list.selected() {
            None => Outcome::Say(NONE_SELECTED),
            Some(HostGroup::Flow(key)) => Outcome::ShowFlow(key),
            Some(group) => {
                let filter = self.groups.filter(group, state.picture().devices.names());
                filter.map_or(Outcome::Done, Outcome::ShowFlows)
            }
        }
    }

    fn rules(&self, state: &State) -> Option<Vec<String>> {
        let names = state.picture().devices.names();
        self.groups.rules(self.list.selected()?, names)
    }

    fn close(&mut self) -> bool {
        std::mem::take(&mut self.detail)
    }

    fn deselect(&mut self, _: &State) {
        self.list.deselect();
    }

    fn copy(&self, state: &State) -> Option<String> {
        let names = state.picture().devices.names();
        self.groups.text(self.list.selected()?, names)
    }

    fn filters(&self, subject: Subject, state: &State) -> Option<Vec<Filter>> {
        let names = state.picture().devices.names();
        Some(self.groups.offers(subject, self.list.selected()?, names))
    }

    fn addresses(&self, page: usize, _: &State) -> Vec<IpAddr> {
        let rows = self.list.visible(page).iter();
        rows.flat_map(|group| group.addresses()).collect()
    }

    fn act(&mut self, action: &Action, state: &State) -> Outcome {
        match action {
            Action::SortNext => self.reorder(|order| order.sort_by_next(&HostColumn::ALL)),
            Action::SortReverse => self.reorder(|order| order.sort_by(order.column)),
            Action::SortHosts(column) => self.reorder(|order| order.sort_by(*column)),
            Action::HostDetail => {
                if self.list.selected().is_none() {
                    self.list.step(Motion::Down);
                }
                if self.list.selected().is_none() {
                    return Outcome::Say(NONE_SELECTED);
                }
                self.detail = !self.detail;
            }
            Action::HostSide => self.turn(),
            Action::HostPrefix => self.widen(),
            Action::Unfold => self.unfold(true),
            Action::Fold => self.fold(),
            _ => return Outcome::Done,
        }
        self.group(state);
        Outcome::Done
    }
}

const NONE_SELECTED: &str = "Select a row first (arrow keys).";
