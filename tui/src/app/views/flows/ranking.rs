//! By what the rows of the flow table are sorted: a number for each.

use std::net::IpAddr;

use probe_common::{Direction, FlowKey};

use super::FlowsView;
use crate::app::columns::Column;
use crate::app::criteria::{Criteria, counted};
use crate::app::ends::{self, Side};
use crate::app::measure::{Measure, ordered};
use crate::app::names;
use crate::flow::{Count, Flow, FlowTable};

impl FlowsView {
    /// The rows of the flows that are wanted with their ranks, and what all
    /// that are shown come to.
    pub(super) fn rank_rows(
        &mut self,
        flows: &FlowTable,
        criteria: Criteria<'_>,
        measure: Measure,
        wanted: impl Fn(&Flow) -> bool,
    ) -> Vec<(u128, FlowKey)> {
        self.shown = Count::default();
        self.narrowed = criteria.is_narrowed().then_some([0.0; 2]);
        self.is_turned = false;
        let mut ranked = Vec::new();
        for flow in flows.iter() {
            let shows = criteria.shows(flow);
            self.shown += counted(flow, shows);
            if let Some(sums) = &mut self.narrowed
                && shows != [false; 2]
                && !criteria.is_copy(flow)
            {
                let original = flows.original(&flow.key);
                self.is_turned |= original.is_some_and(|it| it.key.local != flow.key.local);
                for direction in Direction::BOTH.into_iter().filter(|d| shows[*d as usize]) {
                    sums[direction as usize] += measure.of_flow(flow, direction, flows.clock());
                }
            }
            if Criteria::has_row(flow, shows) && wanted(flow) && !criteria.is_joined(flow) {
                ranked.push((self.rank(flow, shows, flows, criteria, measure), flow.key));
            }
        }
        ranked
    }

    /// A number by which the rows are sorted upwards.
    pub(super) fn rank(
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
        let about = criteria.known.about(flow);
        let rank = match self.order.column {
            Column::Node => criteria.known.node(&flow.key).map_or(u128::MAX, packed),
            Column::Device => criteria.names().place(flow.key.device) as u128,
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
            Column::Packets => counted(flow, shows).packets.into(),
            Column::Segments => counted(flow, shows).segments.into(),
            Column::Bytes => counted(flow, shows).bytes.into(),
            Column::Age => flow.age(flows.now()).as_nanos(),
            Column::Seen => flow.idle(flows.now()).as_nanos(),
            Column::Rtt => about.round_trip().map_or(0, |it| 1 + it.time().as_nanos()),
            Column::Retrans => about.retransmits().map_or(0, u128::from),
            Column::Process => about.process().map_or(u128::MAX, packed),
            Column::Pod => about.pod().map_or(u128::MAX, packed),
            Column::Container => about
                .container()
                .map_or(u128::MAX, |container| packed(container.label())),
        };
        if self.order.descending { !rank } else { rank }
    }
}

/// The second in which a flow was last seen.
fn latest(flow: &Flow) -> u128 {
    flow.last_seen.as_secs().into()
}

/// The start of a text as a number that sorts like it.
pub(super) fn packed(text: &str) -> u128 {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(text.bytes()) {
        *to = from.to_ascii_lowercase();
    }
    u128::from_be_bytes(bytes)
}

/// An address as a number that sorts like it; the port is left to the key.
fn end(key: &FlowKey, side: Side) -> u128 {
    match ends::address(key, side) {
        Some(IpAddr::V4(address)) => u128::from(u32::from(address)),
        Some(IpAddr::V6(address)) => u128::from(address),
        None => u128::MAX,
    }
}
