//! Which flows and packets are shown.

use probe_common::{Direction, FlowKey};

use super::own::OwnSession;
use crate::about::Known;
use crate::filter::Filter;
use crate::flow::{Count, Flow};
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
pub fn count(flow: &Flow, shows: [bool; 2]) -> Count {
    let mut sum = Count::default();
    for direction in Direction::BOTH {
        if shows[direction as usize] {
            sum += flow.counts[direction as usize];
        }
    }
    sum
}
