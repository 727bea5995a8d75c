//! Flows grouped by the addresses of one end, which are a tree of prefixes, or by what
//! else they have in common; those groups open to their flows.

use std::net::IpAddr;

use foldhash::{HashMap, HashMapExt};
use probe_common::FlowKey;

use super::{Outcome, Standing, View};
use crate::app::action::Action;
use crate::app::bindings::{Row, row};
use crate::app::blocking::rules_of_flow;
use crate::app::criteria::Criteria;
use crate::app::ends::{self, Side};
use crate::app::filtering::Subject;
use crate::app::group::{Grouping, HostGroup, Labels};
use crate::app::host_column::HostColumn;
use crate::app::item::Item;
use crate::app::list::{Extent, Find, List, Motion};
use crate::app::measure::ordered;
use crate::app::order::Order;
use crate::app::state::State;
use crate::filter::Filter;
use crate::flow::{Count, Flow, Series, Span};
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

/// What a group's flows come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostSums {
    /// How many flows.
    pub flows: usize,
    /// In and out, as the [`Measure`] has it.
    pub rates: [f64; 2],
    /// Counted so far, in and out.
    pub counts: Count,
}

impl HostSums {
    fn add(&mut self, other: &Self) {
        self.flows += other.flows;
        self.counts += other.counts;
        for (sum, rate) in self.rates.iter_mut().zip(other.rates) {
            *sum += rate;
        }
    }
}

/// How a group stands in the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Branch {
    /// What its flows come to.
    pub sums: HostSums,
    /// How many groups it is in.
    pub depth: usize,
    /// Whether the groups in it are shown; nothing when there is none.
    pub open: Option<bool>,
}

/// The state of the view.
#[derive(Debug)]
pub struct HostsView {
    branches: HashMap<HostGroup, Branch>,
    total: HostSums,
    /// Groups that the user has opened or closed.
    turned: HashMap<HostGroup, bool>,
    /// Whether there are no more addresses than [`FEW`].
    are_few: bool,
    /// Prefixes up to the length of this step are open.
    step: usize,
    /// The selection.
    pub list: List<HostGroup>,
    /// The order of the rows.
    pub order: Order<HostColumn>,
    /// What makes the groups.
    pub by: Grouping,
    labels: Labels,
    /// Whether the selected group is shown in full.
    pub detail: bool,
    series: Series,
}

impl Default for HostsView {
    fn default() -> Self {
        Self {
            branches: HashMap::new(),
            total: HostSums::default(),
            turned: HashMap::new(),
            are_few: false,
            step: STEP,
            list: List::default(),
            order: Order::by(HostColumn::Share),
            by: Grouping::Address(Side::Remote),
            labels: Labels::default(),
            detail: false,
            series: Series::default(),
        }
    }
}

impl HostsView {
    /// Recomputes the rows.
    fn group(&mut self, state: &State) {
        let criteria = state.criteria();
        self.total = HostSums::default();
        self.branches.clear();
        let mut rows = Vec::new();
        if let Grouping::Address(side) = self.by {
            let flows = &state.picture().flows;
            let tree = Tree::new(flows, criteria, side, state.measure());
            self.are_few = tree.len() <= FEW;
            let roots = tree.roots();
            for root in &roots {
                self.total.add(&root.sums);
            }
            self.list_groups(roots, 0, &mut rows);
        } else {
            let mut labels = std::mem::take(&mut self.labels);
            let each_once = self.by != Grouping::Device;
            let of = |flow: &Flow| group_of(self.by, &mut labels, flow, criteria);
            let is_open = |group| self.is_open(group);
            let groups = tree::flat(criteria, state.measure(), each_once, is_open, of);
            self.labels = labels;
            for node in &groups {
                self.total.add(&node.sums);
            }
            self.list_groups(groups, 0, &mut rows);
        }
        self.list.settle(rows);
        self.series = self.selected_series(criteria, state.zoom);
    }

    /// The name of the process or container of a group.
    #[must_use]
    pub fn label(&self, number: u32) -> &str {
        self.labels.name(number)
    }

    /// The graph of the selected group, while its detail is open.
    fn selected_series(&self, criteria: Criteria<'_>, zoom: Span) -> Series {
        let Some(group) = self.list.selected().filter(|_| self.detail) else {
            return Series::default();
        };
        let is_in = |flow: &Flow| match (self.by, group) {
            (_, HostGroup::Flow(key)) => flow.key == key,
            (Grouping::Address(side), _) => group.has(&flow.key, side),
            (Grouping::Process, HostGroup::Process(number)) => {
                criteria.known.about(flow).process() == Some(self.labels.name(number))
            }
            (Grouping::Process, _) => criteria.known.about(flow).process().is_none(),
            (Grouping::Container, group) => {
                let name = container_of(flow, criteria);
                match group {
                    HostGroup::Container(number) => {
                        name.as_deref() == Some(self.labels.name(number))
                    }
                    _ => name.is_none(),
                }
            }
            (Grouping::Service, _) => HostGroup::of_service(&flow.key) == group,
            (Grouping::Device, _) => HostGroup::Device(flow.key.device) == group,
        };
        criteria.series(is_in, zoom)
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
        if let Some(open) = self.turned.get(&group) {
            return *open;
        }
        let HostGroup::Prefix(prefix) = group else {
            return false;
        };
        let [v4, v6] = self.lengths();
        let until = if prefix.addr().is_ipv4() { v4 } else { v6 };
        self.are_few && self.step == STEP || prefix.prefix_len() < until
    }

    /// A number by which the rows are sorted upwards.
    fn rank(&self, sums: &HostSums) -> u128 {
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
    pub const fn total(&self) -> HostSums {
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
            self.turned.insert(group, open);
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
        self.turned.clear();
        self.list.rewind();
    }

    /// Groups by something else.
    fn turn(&mut self) {
        self.by = self.by.next();
        self.list.deselect();
        self.list.rewind();
    }

    /// Groups by service, and selects what a flow is in.
    pub fn by_service(&mut self, flow: Option<FlowKey>, state: &State) {
        self.by = Grouping::Service;
        self.list.deselect();
        self.list.rewind();
        self.group(state);
        if let Some(key) = flow {
            self.list.select(HostGroup::of_service(&key));
        }
    }

    /// Changes the order of the rows.
    fn reorder(&mut self, change: impl FnOnce(&mut Order<HostColumn>)) {
        change(&mut self.order);
        self.list.rewind();
    }

    /// The filter that shows the flows of the selected group.
    fn words(&self, state: &State) -> Option<String> {
        Some(match self.list.selected()? {
            HostGroup::Prefix(prefix) => format!("{} {prefix}", self.by.side().name()),
            HostGroup::EtherType(number) => format!("ether {number:#06x}"),
            HostGroup::Service {
                client,
                server,
                port,
                protocol,
            } => format!("proto {protocol} and port {port} and host {client} and host {server}"),
            HostGroup::Process(number) => format!("process {}", pattern(self.label(number))),
            HostGroup::Container(number) => {
                // "pod" or "container", and its name.
                let (kind, name) = self.label(number).split_once(' ')?;
                format!("{kind} {}", pattern(name))
            }
            HostGroup::Flow(key) => return Some(super::flows::words(&key)),
            HostGroup::Device(slot) => {
                format!("dev {}", state.picture().devices.names().get(slot))
            }
            HostGroup::Other if self.by == Grouping::Process => "not process *".to_owned(),
            HostGroup::Other if self.by == Grouping::Container => {
                "not pod * and not container *".to_owned()
            }
            HostGroup::Other => "not portrange 0-65535".to_owned(),
        })
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
        let has = |text: &str| text.to_lowercase().contains(wanted);
        let labels = &self.labels;
        self.list.find(from, |group| match group {
            HostGroup::Prefix(prefix) => {
                let name = group.address().and_then(|it| state.hostnames.name(it));
                has(&prefix.to_string()) || name.is_some_and(has)
            }
            HostGroup::Service {
                client,
                server,
                port,
                ..
            } => has(&format!(
                "{client} {}",
                std::net::SocketAddr::new(server, port)
            )),
            HostGroup::Process(number) | HostGroup::Container(number) => has(labels.name(number)),
            HostGroup::Flow(key) => Side::BOTH
                .iter()
                .any(|&side| has(&state.hostnames.end(&key, side))),
            HostGroup::Device(slot) => has(state.picture().devices.names().label(slot)),
            HostGroup::EtherType(_) | HostGroup::Other => false,
        })
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
        if let Some(HostGroup::Flow(key)) = self.list.selected() {
            return Outcome::ShowFlow(key);
        }
        let Some(text) = self.words(state) else {
            return Outcome::Say(NONE_SELECTED);
        };
        Filter::parse(&text).map_or(Outcome::Done, Outcome::ShowFlows)
    }

    fn rules(&self, state: &State) -> Option<Vec<String>> {
        if let Some(HostGroup::Flow(key)) = self.list.selected() {
            let device = state.picture().devices.names().get(key.device);
            return Some(rules_of_flow(&key, device));
        }
        Some(vec![self.words(state)?])
    }

    fn close(&mut self) -> bool {
        std::mem::take(&mut self.detail)
    }

    fn deselect(&mut self, _: &State) {
        self.list.deselect();
    }

    fn copy(&self, state: &State) -> Option<String> {
        match self.list.selected()? {
            HostGroup::Prefix(prefix) => Some(prefix.to_string()),
            HostGroup::Service { server, port, .. } => {
                Some(std::net::SocketAddr::new(server, port).to_string())
            }
            HostGroup::Process(number) | HostGroup::Container(number) => {
                Some(self.labels.name(number).to_owned())
            }
            HostGroup::Flow(key) => Some(super::flows::text(&key)),
            HostGroup::Device(slot) => Some(state.picture().devices.names().get(slot).to_owned()),
            HostGroup::EtherType(_) | HostGroup::Other => None,
        }
    }

    fn filters(&self, subject: Subject, _: &State) -> Option<Vec<Filter>> {
        Some(subject.of_group(self.list.selected()?, self.by.side()))
    }

    fn addresses(&self, page: usize, _: &State) -> Vec<IpAddr> {
        let rows = self.list.visible(page).iter();
        rows.flat_map(|group| match *group {
            HostGroup::Flow(key) => Side::BOTH.map(|side| ends::address(&key, side)),
            HostGroup::Service { client, server, .. } => [Some(client), Some(server)],
            group => [group.address(), None],
        })
        .flatten()
        .collect()
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

/// What a flow is in where groups are no prefixes.
fn group_of(by: Grouping, labels: &mut Labels, flow: &Flow, criteria: Criteria<'_>) -> HostGroup {
    match by {
        Grouping::Address(_) | Grouping::Service => HostGroup::of_service(&flow.key),
        Grouping::Process => {
            let process = criteria.known.about(flow).process();
            let number = process.and_then(|name| labels.number(name));
            number.map_or(HostGroup::Other, HostGroup::Process)
        }
        Grouping::Container => {
            let name = container_of(flow, criteria);
            let number = name.and_then(|name| labels.number(&name));
            number.map_or(HostGroup::Other, HostGroup::Container)
        }
        Grouping::Device => HostGroup::Device(flow.key.device),
    }
}

/// The pod of a flow, or else its container, with the word for it in filters.
fn container_of(flow: &Flow, criteria: Criteria<'_>) -> Option<String> {
    let about = criteria.known.about(flow);
    let pod = about.pod().map(|pod| format!("pod {pod}"));
    pod.or_else(|| Some(format!("container {}", about.container()?.label())))
}

/// A name for a filter: whatever that could not read stands for itself.
fn pattern(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    name.chars()
        .map(|c| if is_plain(c) { c } else { '?' })
        .collect()
}
