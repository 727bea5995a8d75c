//! The list of captured packets: what passes the filter, selection, details.

use std::net::{IpAddr, SocketAddr};

use probe_common::FlowKey;

use super::{Browsed, Outcome, Standing, View, select};
use crate::app::action::Action;
use crate::app::bindings::{BY_FLOW, DETAIL, Row, row};
use crate::app::blocking::rules_of_flow;
use crate::app::ends::{self, Side};
use crate::app::filtering::Subject;
use crate::app::item::Item;
use crate::app::list::{Find, List, Motion, Scroll};
use crate::app::state::State;
use crate::diagnosis::spoken_of;
use crate::dissect::summary;
use crate::filter::Filter;
use crate::model::Packet;

#[cfg(test)]
mod tests;

#[rustfmt::skip]
const KEYS: &[Row] = &[
    row("Enter", "open", Action::Open, "detail", "Open or close the dissected packet"),
    row("f", "packet-flow", Action::PacketFlow, "flow", "Show the flow of the selected packet; of an ICMP error the flow that it speaks of"),
];

/// The state of the view.
#[derive(Debug)]
pub struct PacketsView {
    /// The selection, by number.
    pub list: List<u64>,
    /// Whether the newest packet stays in sight.
    pub follow: bool,
    /// Whether the selected packet is shown in full.
    pub detail: bool,
    /// How far that is scrolled.
    pub detail_scroll: Scroll,
}

impl Default for PacketsView {
    fn default() -> Self {
        Self {
            list: List::default(),
            follow: true,
            detail: false,
            detail_scroll: Scroll::default(),
        }
    }
}

impl PacketsView {
    /// The selected packet, while it is kept.
    #[must_use]
    pub fn selected<'a>(&self, state: &'a State) -> Option<&'a Packet> {
        state.picture().packets.get(self.list.selected()?)
    }

    /// The flow that the selected packet speaks of, where it is an ICMP error and the
    /// flow is in the table; else its own.
    fn flow_to_show(&self, state: &State) -> Option<FlowKey> {
        let packet = self.selected(state)?;
        let meant = spoken_of(packet).and_then(|(protocol, ends)| {
            let is_meant = |key: &FlowKey| {
                let of_key = Side::BOTH.map(|side| {
                    let address = ends::address(key, side)?;
                    Some(SocketAddr::new(address, ends::port(key, side).unwrap_or(0)))
                });
                let [from, to] = ends.map(Some);
                key.protocol == protocol && (of_key == [from, to] || of_key == [to, from])
            };
            let flows = state.picture().flows.iter().map(|flow| flow.key);
            let mut meant: Vec<FlowKey> = flows.filter(is_meant).collect();
            // The device that has seen the error, where several have seen the flow.
            meant.sort_by_key(|key| key.device != packet.key.device);
            meant.first().copied()
        });
        Some(meant.unwrap_or(packet.key))
    }

    fn selected_flow(&self, state: &State) -> Option<FlowKey> {
        Some(self.selected(state)?.key)
    }
}

impl View for PacketsView {
    fn keys(&self) -> &'static [&'static [Row]] {
        &[KEYS, BY_FLOW, DETAIL]
    }

    fn refresh(&mut self, state: &State) {
        let criteria = state.criteria();
        let packets = state.picture().packets.iter();
        let passes = packets
            .filter(|(_, packet)| criteria.passes(packet))
            .map(|(number, _)| number);
        self.list.settle(passes.collect());
        if self.follow {
            self.list.scroll(i32::MAX);
        }
    }

    fn shows_packets(&self) -> bool {
        true
    }

    /// The last packet is followed.
    fn step(&mut self, motion: Motion, _: &State) {
        self.list.step(motion);
        self.detail_scroll = Scroll::default();
        self.follow = self.list.selected() == self.list.rows().last().copied();
    }

    fn find(&mut self, wanted: &str, from: Find, state: &State) -> bool {
        let packets = &state.picture().packets;
        let has = |packet: &Packet| summary(packet).to_lowercase().contains(wanted);
        let found = self
            .list
            .find(from, |number| packets.get(number).is_some_and(has));
        self.follow &= !found;
        found
    }

    /// Away from the last packet, it is not followed any more.
    fn scroll(&mut self, rows: i32) {
        self.follow = false;
        self.list.scroll(rows);
    }

    fn browsed(&mut self) -> Option<Browsed<'_>> {
        Some(Browsed {
            list: &mut self.list,
            detail: &mut self.detail,
            detail_scroll: &mut self.detail_scroll,
        })
    }

    fn standing(&self) -> Standing {
        Standing::of(&self.list, self.detail)
    }

    fn select(&mut self, item: Item, _: &State) -> bool {
        let Item::Packet(number) = item else {
            return false;
        };
        let again = select(&mut self.list, &mut self.detail_scroll, number);
        self.follow &= again;
        again
    }

    fn open(&mut self, _: &State) -> Outcome {
        if self.list.selected().is_none() {
            self.list.step(Motion::Last);
            self.follow = false;
        }
        if self.list.selected().is_none() {
            return Outcome::Say("There is no packet to open.");
        }
        self.detail = !self.detail;
        Outcome::Done
    }

    fn deselect(&mut self, state: &State) {
        self.follow = true;
        self.refresh(state);
        self.list.deselect();
    }

    fn copy(&self, state: &State) -> Option<String> {
        let packet = self.selected(state)?;
        let [from, to] = ends::sides(packet.direction).map(|side| ends::text(&packet.key, side));
        let what = summary(packet);
        Some(format!("{from} > {to}: {what}"))
    }

    fn filters(&self, subject: Subject, state: &State) -> Option<Vec<Filter>> {
        Some(subject.of_flow(&self.selected_flow(state)?))
    }

    fn rules(&self, state: &State) -> Option<Vec<String>> {
        let key = self.selected_flow(state)?;
        let device = state.picture().devices.names().get(key.device);
        Some(rules_of_flow(&key, device))
    }

    fn addresses(&self, page: usize, state: &State) -> Vec<IpAddr> {
        let packets = &state.picture().packets;
        let rows = self.list.visible(page).iter();
        let packets = rows.filter_map(|number| packets.get(*number));
        packets
            .flat_map(|packet| Side::BOTH.map(|side| ends::address(&packet.key, side)))
            .flatten()
            .collect()
    }

    fn act(&mut self, action: &Action, state: &State) -> Outcome {
        match action {
            Action::PacketFlow => self.flow_to_show(state).map_or(
                Outcome::Say("Select a packet first (arrow keys)."),
                Outcome::ShowFlow,
            ),
            _ => Outcome::Done,
        }
    }
}
