//! The flow table's state: which flows pass the filter, and in which order.

use probe_common::{Direction, FlowKey};

use super::action::Side;
use super::columns::{Column, Columns, Shift};
use super::ends;
use super::list::{List, Scroll};
use super::measure::Measure;
use super::names;
use super::own::OwnSession;
use crate::filter::Filter;
use crate::flow::{Count, Flow, FlowTable};
use crate::model::{Moment, Packet};
use crate::traffic::SlotNames;

/// A column and a direction to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order<C> {
    /// The column.
    pub column: C,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl Order<Column> {
    /// The column's natural order.
    #[must_use]
    pub const fn by(column: Column) -> Self {
        Self {
            column,
            descending: column.descends(),
        }
    }
}

/// What a filter and the choice of flows come down to.
#[derive(Clone, Copy, Debug)]
pub struct Criteria<'a> {
    /// Which packets.
    pub filter: &'a Filter,
    /// Whether closed flows are left out.
    pub hide_closed: bool,
    /// A session whose flows are left out.
    pub hide_own: Option<OwnSession>,
    /// The names of the devices.
    pub names: &'a SlotNames,
}

impl Criteria<'_> {
    /// Which directions of a flow are shown.
    #[must_use]
    pub fn shows(&self, flow: &Flow) -> [bool; 2] {
        if self.hide_closed && flow.is_closed() || self.hides(&flow.key) {
            return [false; 2];
        }
        if self.filter.is_everything() {
            return [true; 2];
        }
        let name = self.names.of(flow.key.device);
        Direction::BOTH.map(|direction| self.filter.matches(&flow.key, name, direction))
    }

    /// Whether a packet is shown.
    #[must_use]
    pub fn passes(&self, packet: &Packet) -> bool {
        let key = &packet.key;
        let name = self.names.of(key.device);
        !self.hides(key) && self.filter.matches(key, name, packet.direction)
    }

    fn hides(&self, key: &FlowKey) -> bool {
        self.hide_own.is_some_and(|own| own.is(key))
    }

    /// Whether a flow has something to show in these directions: it has, if
    /// packets were counted in one of them.
    #[must_use]
    pub fn has_row(flow: &Flow, shows: [bool; 2]) -> bool {
        shows == [true; 2]
            || Direction::BOTH
                .into_iter()
                .any(|d| shows[d as usize] && flow.counts[d as usize].packets > 0)
    }
}

/// The state of the view.
#[derive(Debug)]
pub struct FlowsView {
    shown: Count,
    /// When the rows were sorted, and up to when all flows have one: those of
    /// the interval that begins then have none yet.
    sorted: Moment,
    known: Moment,
    /// The selection.
    pub list: List<FlowKey>,
    /// The columns.
    pub columns: Columns,
    /// The order of the rows.
    pub order: Order<Column>,
    /// Whether the selected flow is shown in full.
    pub detail: bool,
    /// How far that is scrolled.
    pub inside: Scroll,
    cell: Option<Column>,
    /// The columns that had room when the table was drawn last, if it was.
    room: Option<Vec<Column>>,
}

impl Default for FlowsView {
    fn default() -> Self {
        Self {
            shown: Count::default(),
            sorted: Moment::ZERO,
            known: Moment::ZERO,
            list: List::default(),
            columns: Columns::default(),
            order: Order::by(Column::Graph),
            detail: false,
            inside: Scroll::default(),
            cell: None,
            room: None,
        }
    }
}

/// Rows change places once in so many seconds, so that they can be read: when
/// the graphs move on too.
const CALM: u64 = 4;

impl FlowsView {
    /// Recomputes the rows and sorts them.
    pub fn refresh(&mut self, flows: &FlowTable, criteria: Criteria<'_>, measure: Measure) {
        let mut ranked = self.rank_rows(flows, criteria, measure, |_| true);
        ranked.sort_unstable();
        self.sorted = flows.now();
        self.known = flows.now();
        self.list
            .settle(ranked.into_iter().map(|(_, key)| key).collect());
    }

    /// Recomputes the rows some time later: those that are there keep their
    /// order for a while, and new ones take the places that they deserve.
    pub fn advance(&mut self, flows: &FlowTable, criteria: Criteria<'_>, measure: Measure) {
        if flows.now().as_secs() / CALM != self.sorted.as_secs() / CALM {
            return self.refresh(flows, criteria, measure);
        }
        let known = self.known;
        let mut new = self.rank_rows(flows, criteria, measure, |flow| flow.first_seen >= known);
        new.sort_unstable();
        let mut rows: Vec<FlowKey> = Vec::with_capacity(self.list.rows().len() + new.len());
        let kept = self.list.rows().iter().filter_map(|key| {
            let flow = flows.get(key)?;
            let shows = criteria.shows(flow);
            (flow.first_seen < known && Criteria::has_row(flow, shows)).then_some((flow, shows))
        });
        let mut new = new.into_iter().peekable();
        for (flow, shows) in kept {
            if new.peek().is_some() {
                let rank = self.rank(flow, shows, flows, criteria, measure);
                while let Some((_, key)) = new.next_if(|(new, _)| *new < rank) {
                    rows.push(key);
                }
            }
            rows.push(flow.key);
        }
        rows.extend(new.map(|(_, key)| key));
        self.known = flows.now();
        self.list.settle(rows);
    }

    /// The rows of the flows that are wanted with their ranks, and what all
    /// that are shown come to.
    fn rank_rows(
        &mut self,
        flows: &FlowTable,
        criteria: Criteria<'_>,
        measure: Measure,
        wanted: impl Fn(&Flow) -> bool,
    ) -> Vec<(u128, FlowKey)> {
        self.shown = Count::default();
        let mut ranked = Vec::new();
        for flow in flows.iter() {
            let shows = criteria.shows(flow);
            self.shown += count(flow, shows);
            if Criteria::has_row(flow, shows) && wanted(flow) {
                ranked.push((self.rank(flow, shows, flows, criteria, measure), flow.key));
            }
        }
        ranked
    }

    /// A number by which the rows are sorted upwards.
    fn rank(
        &self,
        flow: &Flow,
        shows: [bool; 2],
        flows: &FlowTable,
        criteria: Criteria<'_>,
        measure: Measure,
    ) -> u128 {
        let rate = |direction: Direction| {
            if shows[direction as usize] {
                measure.of_flow(flow, direction, flows.clock())
            } else {
                0.0
            }
        };
        let rank = match self.order.column {
            Column::Device => criteria.names.place(flow.key.device) as u128,
            Column::Protocol => packed(&names::protocol(&flow.key)),
            Column::Local => end(&flow.key, Side::Local),
            Column::Remote => end(&flow.key, Side::Remote),
            Column::State => flow.tcp.map_or(0, |state| 1 + state as u128),
            // Of those that are as fast, and mostly silent, the latest first.
            Column::In => ordered(rate(Direction::In)) << 64 | latest(flow),
            Column::Out => ordered(rate(Direction::Out)) << 64 | latest(flow),
            Column::Graph => {
                ordered(rate(Direction::In) + rate(Direction::Out)) << 64 | latest(flow)
            }
            Column::Packets => count(flow, shows).packets.into(),
            Column::Segments => count(flow, shows).segments.into(),
            Column::Bytes => count(flow, shows).bytes.into(),
            Column::Age => flow.age(flows.now()).as_nanos(),
            Column::Seen => flow.idle(flows.now()).as_nanos(),
        };
        if self.order.descending { !rank } else { rank }
    }

    /// What was counted of that which is shown.
    #[must_use]
    pub const fn shown(&self) -> Count {
        self.shown
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
    pub fn move_cell(&mut self, to: Shift) {
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

    /// Chooses the whole row again; returns whether a cell was chosen.
    pub fn leave_cell(&mut self) -> bool {
        self.cell.take().is_some()
    }

    /// Sorts by a column; by the same again the other way around.
    pub fn sort_by(&mut self, column: Column) {
        if self.order.column == column {
            self.order.descending = !self.order.descending;
        } else {
            self.order = Order::by(column);
        }
        self.list.rewind();
    }

    /// Sorts by the next column.
    pub fn sort_next(&mut self) {
        let shown: Vec<Column> = self.columns.shown().collect();
        let place = shown.iter().position(|shown| *shown == self.order.column);
        let next = place.map_or(0, |place| place + 1);
        if let Some(column) = shown.get(next).or(shown.first()) {
            self.sort_by(*column);
        }
    }
}

/// What was counted in these directions.
#[must_use]
pub fn count(flow: &Flow, shows: [bool; 2]) -> Count {
    let mut sum = Count::default();
    for direction in Direction::BOTH {
        if shows[direction as usize] {
            sum += flow.counts[direction as usize];
        }
    }
    sum
}

/// The second in which a flow was last seen.
fn latest(flow: &Flow) -> u128 {
    flow.last_seen.as_secs().into()
}

/// A rate with two significant digits, as tables show it.
#[must_use]
pub fn rounded(rate: f64) -> f64 {
    if rate < 100.0 {
        return rate.round();
    }
    let unit = 10f64.powi(rate.log10().floor() as i32 - 1);
    (rate / unit).round() * unit
}

/// A rate as a number that sorts like what is shown of it, so that rows do not
/// change places for differences that nobody sees. Rates are never negative.
pub fn ordered(rate: f64) -> u128 {
    u128::from(rounded(rate.max(0.0)).to_bits())
}

/// The start of a text as a number that sorts like it.
fn packed(text: &str) -> u128 {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(text.bytes()) {
        *to = from.to_ascii_lowercase();
    }
    u128::from_be_bytes(bytes)
}

/// An address as a number that sorts like it; the port is left to the key.
fn end(key: &FlowKey, side: Side) -> u128 {
    match ends::address(key, side) {
        Some(std::net::IpAddr::V4(address)) => u128::from(u32::from(address)),
        Some(std::net::IpAddr::V6(address)) => u128::from(address),
        None => u128::MAX,
    }
}
