//! How well a flow does, whose it is, and what of that cannot be known.

use std::time::Duration;

use probe_common::Direction;

use super::{Fact, Values, wrapped};
use crate::app::state::State;
use crate::flow::Flow;
use crate::model::signal::Trace;
use crate::model::{FlowFacts, Socket};
use crate::ui::format::{grouped, millis};

/// All of it, in lines.
pub fn facts(state: &State, flow: &Flow) -> Vec<Fact> {
    let known = flow.facts.as_deref().copied().unwrap_or_default();
    let mut facts = Vec::new();
    if flow.tcp.is_some() {
        facts.extend(tcp(state, flow, &known));
    }
    for (direction, label) in [
        (Direction::Out, "local owner"),
        (Direction::In, "remote owner"),
    ] {
        let text = owner(state, flow, direction, known.sockets[direction as usize]);
        facts.extend(wrapped(label, &text, Values::Both));
    }
    facts
}

fn tcp(state: &State, flow: &Flow, known: &FlowFacts) -> Vec<Fact> {
    let each = |label: &str, value: &dyn Fn(Direction) -> Option<String>| {
        (label.to_owned(), Values::Each(Direction::BOTH.map(value)))
    };
    let counts = |d: Direction| known.tcp[d as usize];
    let number = |number: u32| (number > 0).then(|| grouped(number.into()));
    let retransmits = |d: Direction| {
        let again = counts(d).retransmitted;
        let all = flow.counts[d as usize].segments.max(1);
        let share = f64::from(again) * 100.0 / all as f64;
        Some(format!("{} ({share:.1} %)", number(again)?))
    };
    let socket = |d: Direction| known.sockets[d as usize].and_then(|socket| socket.tcp);
    let mut facts = vec![
        each("retransmits", &retransmits),
        each("gaps", &|d| number(counts(d).gaps)),
        each("zero windows", &|d| number(counts(d).zero_windows)),
    ];
    if Direction::BOTH.into_iter().any(|d| socket(d).is_some()) {
        let micros = |micros: u32| Duration::from_micros(micros.into());
        facts.extend([
            each("RTT", &|d| Some(millis(micros(socket(d)?.srtt)))),
            each("least RTT", &|d| Some(millis(micros(socket(d)?.min_rtt?)))),
            each("cong. window", &|d| {
                Some(format!("{} segments", grouped(socket(d)?.cwnd.into())))
            }),
            each("MSS", &|d| {
                Some(format!("{} B", grouped(socket(d)?.mss.into())))
            }),
        ]);
    } else {
        let text = "unknown: no packet came from a socket of this host";
        facts.extend(wrapped("RTT, window", text, Values::Both));
    }
    let text = match state.handshake(&flow.key) {
        Some((server, Some(client))) => {
            format!("server {}, client {}", millis(server), millis(client))
        }
        Some((server, None)) => format!("server {}, client not seen", millis(server)),
        None => "not seen in the last minute".to_owned(),
    };
    facts.extend(wrapped("handshake", &text, Values::Both));
    facts
}

/// Who sends the packets of a direction, how that is known, or why it is not.
fn owner(state: &State, flow: &Flow, direction: Direction, socket: Option<Socket>) -> String {
    let host = state.picture();
    let tracing = host.kernel.trace();
    let Some(socket) = socket else {
        let container = match direction {
            Direction::Out => container(state, flow),
            Direction::In => None,
        };
        return match container {
            Some(name) => format!("container {name}, by the device; process unknown"),
            None if flow.counts[direction as usize].packets == 0 => {
                "unknown: it has sent no packet".to_owned()
            }
            None => "unknown: its packets carry no socket of this host".to_owned(),
        };
    };
    match (host.kernel.owner(socket.cookie), tracing) {
        (Some(owner), _) => {
            let mut text = format!("{}, pid {}", owner.command, owner.pid);
            if let Some(executable) = &owner.executable {
                text = format!("{text}, {executable}");
            }
            if owner.others > 0 {
                text = format!("{text}, shared with {} more", owner.others);
            }
            format!("{text}; exact, by its socket")
        }
        (None, Some(Trace::Off(reason))) => format!("unknown: tracing is off: {reason}"),
        (None, None) => "unknown: tracing has not reported yet".to_owned(),
        (None, Some(Trace::On(_))) => "unknown: no process is known to hold the socket".to_owned(),
    }
}

/// The container or pod that the flow's device leads to.
fn container(state: &State, flow: &Flow) -> Option<String> {
    let container = state.known().about(flow).container()?;
    Some(container.label().to_owned())
}
