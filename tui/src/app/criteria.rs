//! Which flows and packets are shown.

use probe_common::{Direction, FlowKey};

use super::own::OwnSession;
use crate::about::Known;
use crate::filter::Filter;
use crate::flow::{Count, Flow, Series, Span};
use crate::model::Packet;
use crate::traffic::SlotNames;

/// What a filter and the choice of flows come down to.
#[derive(Clone, Copy, Debug)]
pub struct Criteria<'a> {
    /// Which packets.
    pub filter: &'a Filter,
    /// Whether closed flows are left out.
    pub hide_closed: bool,
    /// A session whose flows are left out.
    pub hide_own: Option<OwnSession>,
    /// The traffic, and what is known about it: packets are filtered by their flows.
    pub known: Known<'a>,
}

impl<'a> Criteria<'a> {
    /// The names of the devices.
    #[must_use]
    pub fn names(&self) -> &'a SlotNames {
        self.known.host.devices.names()
    }

    /// Whether anything is left out.
    #[must_use]
    pub fn is_narrowed(&self) -> bool {
        !self.filter.is_everything() || self.hide_closed || self.hide_own.is_some()
    }

    /// Whether a flow that is shown, too, has the same packets, seen on another
    /// device: sums count them once.
    #[must_use]
    pub fn is_copy(&self, flow: &Flow) -> bool {
        let original = self.known.host.flows.original(&flow.key);
        original.is_some_and(|original| self.shows(original) != [false; 2])
    }

    /// Whether a flow is a part of the row of the same flow on another host: one that
    /// goes from one host to the other has one row.
    #[must_use]
    pub fn is_joined(&self, flow: &Flow) -> bool {
        let Some(nodes) = self.known.nodes else {
            return false;
        };
        let Some(original) = self.known.host.flows.original(&flow.key) else {
            return false;
        };
        let keys = [&original.key, &flow.key];
        let hosts = keys.map(|key| nodes.traffic.origin(key.device).map(|(host, _)| host));
        let [Some(crossing), _] = nodes.traffic.crossings(&flow.key) else {
            return false;
        };
        let ends = [Some(crossing.from), Some(crossing.to)];
        (hosts == ends || hosts == [ends[1], ends[0]]) && self.shows(original) != [false; 2]
    }

    /// The graph of what is shown of some flows, each packet once.
    #[must_use]
    pub fn series(&self, wanted: impl Fn(&Flow) -> bool, span: Span) -> Series {
        let flows = &self.known.host.flows;
        let mut sum = Series::default();
        for flow in flows.iter().filter(|flow| wanted(flow)) {
            let shows = self.shows(flow);
            if shows == [false; 2] || self.is_copy(flow) {
                continue;
            }
            let mut series = flow.history.series(span, flows.clock());
            for (values, shows) in series.values.iter_mut().zip(shows) {
                if !shows {
                    values.fill(0.0);
                }
            }
            sum.add(&series);
        }
        sum
    }

    /// Which directions of a flow are shown.
    #[must_use]
    pub fn shows(&self, flow: &Flow) -> [bool; 2] {
        if self.hide_closed && flow.is_closed() || self.hides(&flow.key) {
            return [false; 2];
        }
        if self.filter.is_everything() {
            return [true; 2];
        }
        let key = &flow.key;
        let (name, about) = (self.names().of(key.device), self.known.about(flow));
        Direction::BOTH.map(|direction| self.filter.matches_flow(key, &about, name, direction))
    }

    /// Whether a packet is shown.
    #[must_use]
    pub fn passes(&self, packet: &Packet) -> bool {
        let key = &packet.key;
        let name = self.names().of(key.device);
        if self.hides(key) {
            return false;
        }
        let (filter, direction) = (self.filter, packet.direction);
        match self.known.host.flows.get(key) {
            Some(flow) => filter.matches_flow(key, &self.known.about(flow), name, direction),
            None => filter.matches(key, name, direction),
        }
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

/// What was counted in these directions.
#[must_use]
pub fn counted(flow: &Flow, shows: [bool; 2]) -> Count {
    let mut sum = Count::default();
    for direction in Direction::BOTH {
        if shows[direction as usize] {
            sum += flow.counts[direction as usize];
        }
    }
    sum
}
