//! The flow table in groups: one row each, and below those that are open their flows.

use foldhash::{HashMap, HashMapExt};
use probe_common::{Direction, FlowKey};

use super::FlowsView;
use super::ranking::packed;
use crate::app::columns::{Column, Shift};
use crate::app::criteria::Criteria;
use crate::app::group::{Grouping, HostGroup};
use crate::app::list::Motion;
use crate::app::measure::ordered;
use crate::app::state::State;
use crate::app::views::Outcome;
use crate::app::views::groups::Groups;
use crate::app::views::sums::Sums;
use crate::diagnosis::Severity;
use crate::flow::{Flow, Series, TcpState};
use crate::model::Moment;

#[cfg(test)]
mod tests;

/// What the row of a group shows.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// What its flows come to.
    pub sums: Sums,
    /// When the first of them was first seen.
    pub first_seen: Option<Moment>,
    /// When one of them was last seen.
    pub last_seen: Moment,
    /// How many have ended.
    pub closed: usize,
    /// Segments that were sent again, where that is known of any.
    pub retransmits: Option<u64>,
    /// How bad the worst problem of one is.
    pub severity: Option<Severity>,
    /// What is shown of them in each of the clock's slots, bytes per second.
    pub values: Vec<f64>,
    /// Whether its flows are listed.
    pub is_open: bool,
    /// How many TCP connections are in each state.
    states: [usize; WORST.len()],
}

/// The states of connections, what deserves a look first.
const WORST: [TcpState; 6] = [
    TcpState::Refused,
    TcpState::Reset,
    TcpState::Opening,
    TcpState::Open,
    TcpState::Closing,
    TcpState::Closed,
];

impl Summary {
    fn add(&mut self, flow: &Flow, shows: [bool; 2], groups: &Groups, state: &State) {
        let criteria = state.criteria();
        let clock = state.picture().flows.clock();
        let first = self
            .first_seen
            .map_or(flow.first_seen, |first| first.min(flow.first_seen));
        self.first_seen = Some(first);
        self.last_seen = self.last_seen.max(flow.last_seen);
        self.closed += usize::from(flow.is_closed());
        let place = flow
            .tcp
            .and_then(|tcp| WORST.iter().position(|it| *it == tcp));
        if let Some(place) = place {
            self.states[place] += 1;
        }
        if let Some(segments) = criteria.known.about(flow).retransmits() {
            *self.retransmits.get_or_insert(0) += segments;
        }
        let severity = state.concerns.flow(&flow.key);
        self.severity = self.severity.into_iter().chain(severity).min();
        let sums = groups.sums(flow, shows, criteria, state.measure());
        self.sums.add(&sums);
        if sums.counts.packets == 0 {
            return;
        }
        for direction in Direction::BOTH.into_iter().filter(|d| shows[*d as usize]) {
            let values = flow.history.values(direction, clock);
            self.values.resize(self.values.len().max(values.len()), 0.0);
            for (sum, value) in self.values.iter_mut().zip(values) {
                *sum += value;
            }
        }
    }

    /// The state that deserves a look most, and how many connections are in it.
    #[must_use]
    pub fn state(&self) -> Option<(TcpState, usize)> {
        let mut states = WORST.into_iter().zip(self.states);
        states.find(|(_, connections)| *connections > 0)
    }

    /// A number by which groups are sorted upwards; nothing where the column has only
    /// flows.
    fn rank(&self, column: Column, now: Moment) -> Option<u128> {
        let [inward, outward] = self.sums.rates;
        let latest = u128::from(self.last_seen.as_secs());
        Some(match column {
            Column::In => ordered(inward) << 64 | latest,
            Column::Out => ordered(outward) << 64 | latest,
            Column::Graph => ordered(inward + outward) << 64 | latest,
            Column::Packets => self.sums.counts.packets.into(),
            Column::Segments => self.sums.counts.segments.into(),
            Column::Bytes => self.sums.counts.bytes.into(),
            Column::Age => now.saturating_sub(self.first_seen?).as_nanos(),
            Column::Seen => now.saturating_sub(self.last_seen).as_nanos(),
            Column::Retrans => self.retransmits.map_or(0, |it| 1 + u128::from(it)),
            Column::State => self.state().map_or(0, |(state, connections)| {
                (1 + state as u128) << 64 | connections as u128
            }),
            _ => return None,
        })
    }
}

/// A group before it has its row: the flows are those that are listed below it.
#[derive(Default)]
struct Gathered {
    summary: Summary,
    flows: Vec<(usize, u128, FlowKey)>,
}

impl FlowsView {
    /// What the row of a group shows; nothing for that of a flow.
    #[must_use]
    pub fn summary(&self, row: &HostGroup) -> Option<&Summary> {
        self.summaries.get(row)
    }

    /// The rows of groups and of the flows in those that are open, which are no marked
    /// ones. Rows that are there already keep their order where that is wanted.
    pub(super) fn grouped(&mut self, state: &State, keeps_order: bool) -> Vec<HostGroup> {
        let (flows, criteria) = (&state.picture().flows, state.criteria());
        let ranked = self.rank_rows(flows, criteria, state.measure(), |_| true);
        self.count = ranked.len();
        self.keep_selected(flows);
        let Some(groups) = &mut self.groups else {
            return Vec::new();
        };
        let rows = self.list.rows().iter().filter(|_| keeps_order);
        let places: HashMap<HostGroup, usize> =
            rows.enumerate().map(|(place, row)| (*row, place)).collect();
        let place = |row| places.get(&row).copied().unwrap_or(usize::MAX);
        let mut all: HashMap<HostGroup, Gathered> = HashMap::new();
        for (rank, key) in ranked {
            let Some(flow) = flows.get(&key) else {
                continue;
            };
            let group = groups.of(flow, criteria);
            let gathered = all.entry(group).or_default();
            gathered
                .summary
                .add(flow, criteria.shows(flow), groups, state);
            let is_marked = self.marked.iter().any(|marked| marked.key == key);
            if groups.is_open(group) && !is_marked {
                let place = place(HostGroup::Flow(key));
                gathered.flows.push((place, rank, key));
            }
        }
        // A flow that has left the table while it is selected.
        if let Some(ended) = self.kept.as_ref().filter(|it| flows.get(&it.key).is_none())
            && Criteria::has_row(ended, criteria.shows(ended))
        {
            let group = groups.of(ended, criteria);
            if groups.is_open(group) {
                let place = place(HostGroup::Flow(ended.key));
                let gathered = all.entry(group).or_default();
                gathered.flows.push((place, u128::MAX, ended.key));
            }
        }
        let (column, descending) = (self.order.column, self.order.descending);
        let names = criteria.names();
        let mut sorted: Vec<_> = all
            .into_iter()
            .map(|(group, gathered)| {
                let rank = gathered.summary.rank(column, flows.now());
                let rank = rank.unwrap_or_else(|| match group {
                    HostGroup::Process(number) | HostGroup::Container(number) => {
                        packed(groups.label(number))
                    }
                    HostGroup::Device(slot) => names.place(slot) as u128,
                    _ => 0,
                });
                let rank = if descending { !rank } else { rank };
                ((place(group), rank, group), gathered)
            })
            .collect();
        sorted.sort_unstable_by(|((place, rank, group), _), ((place2, rank2, group2), _)| {
            let groups = if descending {
                group2.cmp(group)
            } else {
                group.cmp(group2)
            };
            (place, rank).cmp(&(place2, rank2)).then(groups)
        });
        self.summaries.clear();
        let mut rows = Vec::new();
        for (
            (_, _, group),
            Gathered {
                mut summary,
                mut flows,
            },
        ) in sorted
        {
            rows.push(group);
            flows.sort_unstable();
            rows.extend(flows.into_iter().map(|(_, _, key)| HostGroup::Flow(key)));
            summary.is_open = groups.is_open(group);
            self.summaries.insert(group, summary);
        }
        rows
    }

    /// Groups by the next there is; after the last there are none.
    pub(super) fn group_by_next(&mut self, state: &State) -> Outcome {
        let by = Grouping::next_of_flows(self.groups.as_ref().map(|groups| groups.by));
        let selected = self.list.selected();
        self.groups = by.map(Groups::by);
        self.list.rewind();
        self.refresh_rows(state);
        // What was selected is no row now, or is in another group.
        if selected.is_some_and(|row| !self.list.rows().contains(&row)) {
            self.list.deselect();
            if let Some(flow) = selected.and_then(|row| state.picture().flows.get(&row.flow()?))
                && let Some(groups) = &mut self.groups
            {
                self.list.select(groups.of(flow, state.criteria()));
            }
        }
        Outcome::Say(match by {
            None => "Every flow has a row of its own.",
            Some(Grouping::Service) => "Grouped by service; Enter opens and closes a group.",
            Some(Grouping::Container) => "Grouped by pod or container.",
            Some(Grouping::Process) => "Grouped by process.",
            Some(Grouping::Address(_)) => "Grouped by remote address.",
            Some(Grouping::Device) => "Grouped by device.",
        })
    }

    /// The selected row, where it is a group's.
    pub(super) fn selected_group(&self) -> Option<HostGroup> {
        self.list.selected().filter(|row| row.flow().is_none())
    }

    /// Lists the flows of a group, or lists them no more.
    pub(super) fn turn(&mut self, group: HostGroup, open: bool, state: &State) {
        if let Some(groups) = &mut self.groups {
            groups.turn(group, open);
        }
        self.refresh_rows(state);
    }

    /// Opens the group that a flow is in.
    pub(super) fn reveal(&mut self, flow: &FlowKey, state: &State) {
        let flow = state.picture().flows.get(flow);
        let group = self.groups.as_mut().zip(flow);
        if let Some(group) = group.map(|(groups, flow)| groups.of(flow, state.criteria())) {
            self.turn(group, true, state);
        }
    }

    /// Opens or closes the selected group, goes from a flow to its group, or else
    /// chooses another cell of the selected flow.
    pub(super) fn sideways(&mut self, to: Shift, state: &State) {
        if self.list.selected().is_none() {
            self.list.step(Motion::Down);
        }
        if let Some(group) = self.selected_group() {
            return self.turn(group, to == Shift::Right, state);
        }
        let around = match to {
            Shift::Left if self.cell().is_none() => self.group_above(),
            _ => None,
        };
        match around {
            Some(group) => self.list.select(group),
            None => self.move_cell(to),
        }
        self.keep_selected(&state.picture().flows);
    }

    /// The group that the selected flow is listed in; nothing for marked flows.
    fn group_above(&self) -> Option<HostGroup> {
        let rows = self.list.rows();
        let selected = self.list.selected();
        let place = rows.iter().position(|row| Some(*row) == selected)?;
        let mut above = rows[..place].iter().rev();
        above.find(|row| row.flow().is_none()).copied()
    }

    /// The graph of a group.
    #[must_use]
    pub fn group_series(&self, group: HostGroup, state: &State) -> Series {
        let (groups, criteria) = (self.groups.as_ref(), state.criteria());
        let is_in = |flow: &Flow| groups.is_some_and(|it| it.has(group, flow, criteria));
        criteria.series(is_in, state.zoom)
    }
}
