//! Flows grouped by the addresses of one end.

use std::collections::HashMap;
use std::time::Duration;

use probe_common::Direction;

use super::action::{HostGroup, Side};
use super::ends;
use super::flows::{Criteria, Order, ordered};
use super::list::List;
use crate::flow::{Count, FlowTable};

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
    /// In and out, in bytes per second.
    pub rates: [f64; 2],
    /// Counted so far, in and out.
    pub counts: Count,
}

/// The state of the view.
#[derive(Debug)]
pub struct HostsView {
    sums: HashMap<HostGroup, HostSums>,
    /// The selection.
    pub list: List<HostGroup>,
    /// The order of the rows.
    pub order: Order<HostColumn>,
    /// The end whose addresses make the groups.
    pub side: Side,
    step: usize,
}

impl Default for HostsView {
    fn default() -> Self {
        Self {
            sums: HashMap::new(),
            list: List::default(),
            order: Order::<HostColumn>::by(HostColumn::Share),
            side: Side::Remote,
            step: 0,
        }
    }
}

impl HostsView {
    /// Recomputes the rows.
    pub fn refresh(&mut self, flows: &FlowTable, criteria: Criteria<'_>, window: Duration) {
        self.sums.clear();
        for flow in flows.iter() {
            let shows = criteria.shows(flow);
            if !Criteria::has_row(flow, shows) {
                continue;
            }
            let group = ends::address(&flow.key, self.side)
                .and_then(|address| ends::prefix(address, self.step))
                .map_or(HostGroup::EtherType(flow.key.ether_type), HostGroup::Prefix);
            let sums = self.sums.entry(group).or_default();
            sums.flows += 1;
            for direction in Direction::BOTH {
                let side = direction as usize;
                if shows[side] {
                    sums.counts += flow.counts[side];
                    sums.rates[side] += flow.rate(direction, window, flows.clock());
                }
            }
        }
        let mut ranked: Vec<(u128, HostGroup)> = self
            .sums
            .iter()
            .map(|(group, sums)| (self.rank(sums), *group))
            .collect();
        ranked.sort_unstable();
        if self.order.column == HostColumn::Group && self.order.descending {
            ranked.reverse();
        }
        self.list
            .settle(ranked.into_iter().map(|(_, group)| group).collect());
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

    /// What a group's flows come to.
    #[must_use]
    pub fn sums(&self, group: &HostGroup) -> HostSums {
        self.sums.get(group).copied().unwrap_or_default()
    }

    /// The lengths of the prefixes, IPv4 and IPv6.
    #[must_use]
    pub const fn lengths(&self) -> [u8; 2] {
        ends::LENGTHS[self.step]
    }

    /// Groups by the next wider prefixes, and after the widest by addresses.
    pub const fn widen(&mut self) {
        self.step = (self.step + 1) % ends::LENGTHS.len();
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
