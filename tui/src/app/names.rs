//! What is said of a flow in a word.

use std::borrow::Cow;

use probe_common::parse::number::{ether, ip};
use probe_common::{FlowKey, KeyFlags};

use crate::dissect::{icmp_type_name, protocol_name};
use crate::flow::{Flow, TcpState};

/// Words that are too long for a column.
const SHORT: [(&str, &str); 5] = [
    ("multicast listener", "mld"),
    ("neighbour", "neigh"),
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
    if key.flags & KeyFlags::MALFORMED != 0 {
        return "broken".into();
    }
    if key.flags & KeyFlags::FRAGMENT != 0 {
        return "fragment".into();
    }
    let v6 = match (key.ether_type, key.protocol) {
        (ether::IPV4, ip::ICMP) => false,
        (ether::IPV6, ip::ICMPV6) => true,
        _ => return flow.tcp.map_or("", TcpState::label).into(),
    };
    // Requests and replies of echo are one flow.
    match u8::try_from(key.remote_port).map(|kind| icmp_type_name(v6, kind)) {
        Ok(name) if name == "echo request" => "echo".into(),
        Ok(name) => SHORT
            .iter()
            .fold(name, |name, (long, short)| name.replace(long, short).into()),
        Err(_) => Cow::default(),
    }
}
