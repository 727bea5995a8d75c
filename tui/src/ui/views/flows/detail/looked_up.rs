//! What was found out about a flow when it was looked up: its queues, how its addresses
//! are translated, and which way its packets go.

use probe_common::Direction;

use super::{Fact, Values, wrapped};
use crate::app::state::State;
use crate::flow::Flow;
use crate::model::stack::{FlowRoute, FlowState, NatPair, Route, SocketState};
use crate::text::clean;
use crate::ui::format::grouped;

/// All of it, in lines; none before it was looked up.
pub fn facts(state: &State, flow: &Flow) -> Vec<Fact> {
    let Some(found) = state.looked_up(&flow.key) else {
        let refused = state.not_looked_up().into_iter();
        return refused
            .flat_map(|reason| {
                let text = format!("unknown: not looked up: {}", clean(reason));
                wrapped("NAT, route", &text, Values::Both)
            })
            .collect();
    };
    let mut facts = queues(found);
    let arrow = if state.appearance.ascii { "->" } else { "→" };
    let both = |label: &str, text: &str| wrapped(label, text, Values::Both);
    for pair in found.translations() {
        for (label, text) in translation(pair, arrow) {
            facts.extend(both(label, &text));
        }
    }
    if found.translations().next().is_none() {
        let text = if found.connections.is_empty() {
            "unknown: no connection is tracked for it"
        } else {
            "none"
        };
        facts.extend(both("NAT", text));
    }
    for FlowRoute {
        is_local, route, ..
    } in &found.routes
    {
        let label = if *is_local { "route" } else { "forwarded" };
        let text = match route {
            Ok(route) => way(route),
            Err(reason) => format!("none: {reason}"),
        };
        facts.extend(both(label, &clean(&text)));
    }
    facts
}

/// Bytes that wait in the sockets at both ends: unread ones in the receiver's, and those
/// that are not acknowledged in the sender's.
fn queues(found: &FlowState) -> Vec<Fact> {
    let socket = |is_local| {
        let sockets = found.sockets.iter();
        let mut ends = sockets.filter(|socket| !socket.state.is_listening());
        let socket = ends.find(|socket| socket.is_local == is_local)?;
        Some(&socket.state)
    };
    let bytes = |socket: Option<&SocketState>, of: fn(&SocketState) -> u32| {
        socket.map(|socket| format!("{} B", grouped(of(socket).into())))
    };
    let row = |label: &str, value: &dyn Fn(Direction) -> Option<String>| {
        (label.to_owned(), Values::Each(Direction::BOTH.map(value)))
    };
    if found
        .sockets
        .iter()
        .all(|socket| socket.state.is_listening())
    {
        return Vec::new();
    }
    vec![
        row("unread", &|direction| {
            bytes(socket(direction == Direction::In), |it| it.receive_queue)
        }),
        row("unacked", &|direction| {
            bytes(socket(direction == Direction::Out), |it| it.send_queue)
        }),
    ]
}

/// What is translated, of the packets of the end that began the connection.
fn translation(pair: &NatPair, arrow: &str) -> Vec<(&'static str, String)> {
    let [source, destination] = pair.original;
    let [answerer, addressee] = pair.reply;
    let ends = [
        ("NAT src", source, addressee),
        ("NAT dst", destination, answerer),
    ];
    let translated = ends
        .into_iter()
        .filter(|(_, before, after)| before != after);
    translated
        .map(|(label, before, after)| (label, format!("{before} {arrow} {after}")))
        .collect()
}

/// A route, in the words of ip-route(8).
fn way(route: &Route) -> String {
    let Route {
        gateway,
        device,
        mtu,
        path_mtu,
    } = route;
    let via = gateway.map(|gateway| format!("via {gateway} "));
    let mtu = match path_mtu {
        Some(path) => format!("MTU {path} by the route, {mtu} of the device"),
        None => format!("MTU {mtu}"),
    };
    format!("{}dev {device}, {mtu}", via.unwrap_or_default())
}
