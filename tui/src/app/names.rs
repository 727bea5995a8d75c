//! Short labels for flows.

use std::borrow::Cow;

use probe_common::FlowKey;

use crate::dissect::{icmp_type_name, protocol_name};
use crate::flow::{Flow, TcpState};
use crate::model::KeyFields;

/// Words that are too long for a column.
const SHORT: [(&str, &str); 5] = [
    ("multicast listener", "mld"),
    ("neighbor", "neigh"),
    ("solicitation", "sol."),
    ("advertisement", "adv."),
    ("destination unreachable", "unreachable"),
];

/// The protocol of a flow.
#[must_use]
pub fn protocol(key: &FlowKey) -> Cow<'static, str> {
    protocol_name(key.ether_type, key.protocol)
}

/// Where a flow stands: the state of a TCP connection, the type of ICMP
/// messages, or that its packets are fragments or broken.
#[must_use]
pub fn state(flow: &Flow) -> Cow<'static, str> {
    let key = &flow.key;
    if key.is_malformed() {
        return "broken".into();
    }
    if key.is_fragment() {
        return "fragment".into();
    }
    match key.icmp() {
        // Requests and replies of echo are one flow.
        Some(kind) if kind.id.is_some() => "echo".into(),
        Some(kind) => SHORT.iter().fold(
            icmp_type_name(kind.v6, kind.number),
            |name, (long, short)| name.replace(long, short).into(),
        ),
        None => flow.tcp.map_or("", TcpState::label).into(),
    }
}
