//! Flows grouped by the addresses of one end: a tree of prefixes.

use foldhash::{HashMap, HashMapExt, HashSet};
use ipnet::IpNet;

use super::action::{HostGroup, Side};
use super::ends;
use super::flows::{Criteria, Order, ordered};
use super::list::List;
use super::measure::Measure;
use crate::flow::{Count, FlowTable, Series, Span};
use tree::{Node, Tree};

#[cfg(test)]
mod tests;
mod tree;

/// The columns of the table, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostColumn {
    /// The prefix.
    Group,
    /// How many flows.
    Flows,
    /// Bytes per second towards the local end.
    In,
    /// Bytes per second away from it.
    Out,
    /// Packets so far.
    Packets,
    /// The share of what is shown; sorts by the sum of both rates.
    Share,
}

impl HostColumn {
    /// All columns in the order of the table.
    pub const ALL: [Self; 6] = [
        Self::Group,
        Self::Flows,
        Self::In,
        Self::Out,
        Self::Packets,
        Self::Share,
    ];
}

impl Order<HostColumn> {
    const fn by(column: HostColumn) -> Self {
        Self {
            column,
            descending: !matches!(column, HostColumn::Group),
        }
    }
}

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
    /// Prefixes that are not as their length would have them: open or closed.
    turned: HashSet<IpNet>,
    /// Prefixes up to the length of this step are open.
    step: usize,
    /// The selection.
    pub list: List<HostGroup>,
    /// The order of the rows.
    pub order: Order<HostColumn>,
    /// The end whose addresses make the groups.
    pub side: Side,
    /// Whether the selected group is shown in full.
    pub detail: bool,
    series: Series,
}

impl Default for HostsView {
    fn default() -> Self {
        Self {
            branches: HashMap::new(),
            total: HostSums::default(),
            turned: HashSet::default(),
            step: 1,
            list: List::default(),
            order: Order::<HostColumn>::by(HostColumn::Share),
            side: Side::Remote,
            detail: false,
            series: Series::default(),
        }
    }
}

impl HostsView {
    /// Recomputes the rows.
    pub fn refresh(
        &mut self,
        flows: &FlowTable,
        criteria: Criteria<'_>,
        measure: Measure,
        zoom: Span,
    ) {
        let tree = Tree::new(flows, criteria, self.side, measure);
        let roots = tree.roots();
        self.total = HostSums::default();
        for root in &roots {
            self.total.add(&root.sums);
        }
        self.branches.clear();
        let mut rows = Vec::new();
        self.list_groups(roots, 0, &mut rows);
        self.list.settle(rows);
        self.series = self.selected_series(flows, criteria, zoom);
    }

    /// The graph of the selected group, while its detail is open.
    fn selected_series(&self, flows: &FlowTable, criteria: Criteria<'_>, zoom: Span) -> Series {
        let mut sum = Series::default();
        let Some(group) = self.list.selected().filter(|_| self.detail) else {
            return sum;
        };
        for flow in flows.iter().filter(|flow| group.has(&flow.key, self.side)) {
            let shows = criteria.shows(flow);
            if shows != [false; 2] {
                let mut series = flow.history.series(zoom, flows.clock());
                for (values, _) in series
                    .values
                    .iter_mut()
                    .zip(shows)
                    .filter(|(_, shows)| !shows)
                {
                    values.fill(0.0);
                }
                sum.add(&series);
            }
        }
        sum
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
        let HostGroup::Prefix(prefix) = group else {
            return false;
        };
        let [v4, v6] = self.lengths();
        let until = if prefix.addr().is_ipv4() { v4 } else { v6 };
        (prefix.prefix_len() < until) != self.turned.contains(&prefix)
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

    /// Opens the selected prefix, or closes it.
    pub fn unfold(&mut self, open: bool) {
        let Some(group) = self.list.selected() else {
            return;
        };
        if let (HostGroup::Prefix(prefix), Some(is_open)) = (group, self.branch(&group).open)
            && is_open != open
            && !self.turned.remove(&prefix)
        {
            self.turned.insert(prefix);
        }
    }

    /// Selects the group that the selected one is in; nothing happens where it
    /// is in none.
    pub fn leave(&mut self) {
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
    pub fn widen(&mut self) {
        self.step = (self.step + 1) % ends::LENGTHS.len();
        self.turned.clear();
        self.list.rewind();
    }

    /// Groups by the other end.
    pub const fn turn(&mut self) {
        self.side = self.side.other();
        self.list.rewind();
    }

    /// Sorts by a column; by the same again the other way around.
    pub fn sort_by(&mut self, column: HostColumn) {
        if self.order.column == column {
            self.order.descending = !self.order.descending;
        } else {
            self.order = Order::<HostColumn>::by(column);
        }
        self.list.rewind();
    }

    /// Sorts by the next column.
    pub fn sort_next(&mut self) {
        let next = (self.order.column as usize + 1) % HostColumn::ALL.len();
        self.sort_by(HostColumn::ALL[next]);
    }
}
