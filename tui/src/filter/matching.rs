//! Whether a packet matches. Nothing is allocated: a table of flows is matched
//! at each keystroke.

use probe_common::{Direction, FlowKey};

use super::context::Context;
use super::expression::{Expression, Side, Term};
use crate::model::{DeviceName, IcmpKind, KeyFields};

/// What terms look at.
pub(super) struct Packet<'a> {
    device: DeviceName<'a>,
    direction: Direction,
    ether_type: u16,
    /// Local and remote address, as numbers.
    addresses: Option<(u128, u128)>,
    /// Local and remote port.
    ports: Option<(u16, u16)>,
    protocol: Option<u8>,
    /// Of the outer and the inner tag; 0 for none.
    vlans: [u16; 2],
    icmp: Option<IcmpKind>,
    flow: Option<&'a dyn Context>,
}

impl<'a> Packet<'a> {
    pub(super) fn new(key: &FlowKey, device: DeviceName<'a>, direction: Direction) -> Self {
        let local = u128::from_be_bytes(key.local);
        let remote = u128::from_be_bytes(key.remote);
        let addresses = key.has_addresses().then_some((local, remote));
        let ports = key.has_ports().then_some((key.local_port, key.remote_port));
        Self {
            device,
            direction,
            ether_type: key.ether_type,
            addresses,
            ports,
            protocol: key.ip_protocol(),
            vlans: [key.vlan, key.inner_vlan],
            icmp: key.icmp(),
            flow: None,
        }
    }

    /// The same packet with what is known of its flow.
    pub(super) fn of(mut self, flow: &'a dyn Context) -> Self {
        self.flow = Some(flow);
        self
    }

    pub(super) fn is_in(&self, expression: &Expression) -> bool {
        match expression {
            Expression::Term(term) => self.is_in_term(term),
            Expression::Not(part) => !self.is_in(part),
            Expression::All(parts) => parts.iter().all(|part| self.is_in(part)),
            Expression::Any(parts) => parts.iter().any(|part| self.is_in(part)),
        }
    }

    fn is_in_term(&self, term: &Term) -> bool {
        match term {
            Term::Addresses { side, prefixes } => self.has_end(*side, self.addresses, |address| {
                prefixes.iter().any(|prefix| prefix.contains(address))
            }),
            Term::Ports { side, ranges } => self.has_end(*side, self.ports, |port| {
                ranges.iter().any(|range| range.contains(&port))
            }),
            Term::Protocol(number) => self.protocol == Some(*number),
            Term::EtherType(number) => self.ether_type == *number,
            Term::Direction(direction) => self.direction == *direction,
            Term::Device(pattern) => {
                let DeviceName {
                    name,
                    leads_to,
                    node,
                } = self.device;
                let is_qualified = |node| {
                    pattern.as_str().contains('/') && pattern.is_match(&format!("{node}/{name}"))
                };
                pattern.is_match(name)
                    || leads_to.is_some_and(|name| pattern.is_match(name))
                    || node.is_some_and(is_qualified)
            }
            Term::Vlan(None) => self.vlans != [0; 2],
            Term::Vlan(Some(id)) => self.vlans.contains(id),
            Term::State(state) => self.flow.is_some_and(|flow| flow.is_in(*state)),
            Term::TcpFlag(flag) => self
                .flow
                .is_some_and(|flow| flow.tcp_flags(self.direction) & flag != 0),
            Term::Comparison(comparison) => self
                .flow
                .and_then(|flow| flow.number(comparison.quantity))
                .is_some_and(|number| comparison.is_true(number)),
            Term::Name { kind, pattern } => self
                .flow
                .is_some_and(|flow| flow.has_name(*kind, &mut |name| pattern.is_match(name))),
            Term::IcmpType(wanted) => self.icmp.is_some_and(|icmp| {
                let number = if icmp.v6 { wanted.v6 } else { wanted.v4 };
                number == Some(icmp.number)
            }),
            Term::Rcode(rcode) => self.flow.is_some_and(|flow| flow.has_rcode(*rcode)),
            Term::Problem => self.flow.is_some_and(Context::has_problem),
        }
    }

    /// Whether the end that `side` means passes `test`.
    fn has_end<T: Copy>(&self, side: Side, ends: Option<(T, T)>, test: impl Fn(T) -> bool) -> bool {
        let Some((local, remote)) = ends else {
            return false;
        };
        match (side, self.direction) {
            (Side::Any, _) => test(local) || test(remote),
            (Side::Local, _)
            | (Side::Source, Direction::Out)
            | (Side::Destination, Direction::In) => test(local),
            (Side::Remote, _)
            | (Side::Source, Direction::In)
            | (Side::Destination, Direction::Out) => test(remote),
        }
    }
}
