//! The lines of flows that were looked up.

use std::net::SocketAddr;

use super::*;
use crate::export::{Narrowed, Redacted};
use crate::model::stack::{FlowRoute, FlowSocket, FlowState, NatPair, Route, SocketState};
use crate::model::{Signals, Tuple};
use crate::redact::Redaction;

const CLIENT: &str = "10.0.0.1:40000";
const SERVICE: &str = "10.96.0.1:443";
const BACKEND: &str = "10.244.1.7:8443";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn pair(original: [&str; 2], reply: [&str; 2]) -> NatPair {
    NatPair {
        original: original.map(address),
        reply: reply.map(address),
    }
}

fn socket(is_local: bool, state: u8) -> FlowSocket {
    FlowSocket {
        namespace: 2,
        is_local,
        state: SocketState {
            state,
            receive_queue: 5,
            send_queue: 7,
            ..SocketState::default()
        },
    }
}

fn route(is_local: bool, route: Result<Route, String>) -> FlowRoute {
    FlowRoute {
        namespace: 1,
        is_local,
        route,
    }
}

/// A flow of `lab0`, of which nothing was found.
fn nothing(protocol: u8) -> FlowState {
    FlowState {
        device: 10,
        tuple: Tuple::between(address(CLIENT), address(SERVICE), protocol),
        ..FlowState::default()
    }
}

/// One of which everything was.
fn found() -> FlowState {
    let mut dropping = socket(false, 10);
    dropping.state.drops = Some(3);
    FlowState {
        sockets: vec![socket(true, 2), dropping],
        connections: vec![
            (2, pair([CLIENT, SERVICE], [SERVICE, CLIENT])),
            (1, pair([CLIENT, SERVICE], [BACKEND, "192.0.2.1:1024"])),
        ],
        routes: vec![
            route(
                true,
                Ok(Route {
                    gateway: Some("10.0.0.254".parse().unwrap()),
                    device: "eth0".to_owned(),
                    mtu: 1500,
                    path_mtu: Some(1400),
                }),
            ),
            route(false, Err("forwarding is off".to_owned())),
        ],
        unknown: vec!["connection tracking: permission denied".to_owned()],
        ..nothing(ip::TCP)
    }
}

/// Some of each kind, as the schema is to know them.
pub(super) fn signals(flows: Vec<FlowState>) -> Event {
    Event::Signals(Box::new(Signals {
        at: Duration::from_millis(1500),
        flows,
        ..Signals::default()
    }))
}

pub(super) fn of_all_kinds(device: u32) -> Event {
    let flows = [found(), nothing(ip::UDP), nothing(ip::ICMP)];
    signals(flows.map(|it| FlowState { device, ..it }).into())
}

fn lookups(events: &[Event], selection: Selection) -> Vec<String> {
    let mut lines = selected_lines(events, selection);
    lines.retain(|line| line.starts_with(r#"{"type":"lookup""#));
    lines
}

#[test]
fn all_that_was_found_is_in_the_line() {
    let events = [
        Event::Devices(vec![watched("lab0", 0)]),
        signals(vec![found(), nothing(ip::UDP)]),
    ];
    let head = |protocol: &str, number: u8| {
        format!(
            r#"{{"type":"lookup","time":"2026-01-02T03:04:07.178Z","device":"lab0","protocol":"{protocol}","ether_type":2048,"ip_protocol":{number},"local":{{"address":"10.0.0.1","port":40000}},"remote":{{"address":"10.96.0.1","port":443}},"#
        )
    };
    let tcp = head("tcp", ip::TCP)
        + r#""sockets":[{"netns_inode":2,"end":"local","state":"syn-sent","unread":5,"unacked":7},{"netns_inode":2,"end":"remote","state":"listening","drops":3}],"#
        + r#""connections":[{"netns_inode":2,"original":{"source":{"address":"10.0.0.1","port":40000},"destination":{"address":"10.96.0.1","port":443}},"reply":{"source":{"address":"10.96.0.1","port":443},"destination":{"address":"10.0.0.1","port":40000}},"nat":[]},"#
        + r#"{"netns_inode":1,"original":{"source":{"address":"10.0.0.1","port":40000},"destination":{"address":"10.96.0.1","port":443}},"reply":{"source":{"address":"10.244.1.7","port":8443},"destination":{"address":"192.0.2.1","port":1024}},"nat":["source","destination"]}],"#
        + r#""routes":[{"netns_inode":1,"gateway":"10.0.0.254","device":"eth0","mtu":1500,"path_mtu":1400},{"netns_inode":1,"forwarded":true,"error":"forwarding is off"}],"#
        + r#""unknown":["connection tracking: permission denied"]}"#;
    let udp = head("udp", ip::UDP) + r#""sockets":[],"connections":[],"routes":[]}"#;
    assert_eq!(lookups(&events, Selection::default()), [tcp, udp]);
}

#[test]
fn the_states_of_sockets_have_the_names_of_ss() {
    let state = |protocol: u8, number: u8| -> Value {
        let found = FlowState {
            sockets: vec![socket(true, number)],
            ..nothing(protocol)
        };
        let events = [
            Event::Devices(vec![watched("lab0", 0)]),
            signals(vec![found]),
        ];
        let lines = lookups(&events, Selection::default());
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        line["sockets"][0]["state"].clone()
    };
    assert_eq!(state(ip::TCP, 1), "established");
    assert_eq!(state(ip::TCP, 8), "close-wait");
    assert_eq!(state(ip::TCP, 12), "syn-recv");
    assert_eq!(state(ip::TCP, 0), Value::Null);
    assert_eq!(state(ip::TCP, 200), Value::Null);
    assert_eq!(state(ip::UDP, 7), Value::Null);
}

#[test]
fn a_filter_chooses_look_ups_as_it_chooses_flows() {
    // The second flow is tagged, which the look-up does not know.
    let tagged = FlowKey {
        vlan: 5,
        ..nothing(ip::UDP).tuple.key(0)
    };
    let events = [
        Event::Devices(vec![watched("lab0", 0), watched("lab1", 1)]),
        interval(1, vec![counts(tagged, [1, 1], 0)]),
        signals(vec![found(), nothing(ip::UDP)]),
    ];
    let chosen = |text: &str| -> Vec<String> {
        let selection = Selection {
            filter: text.parse().unwrap(),
            ..Selection::default()
        };
        let lines = lookups(&events, selection).into_iter();
        lines
            .map(|line| {
                let line: Value = serde_json::from_str(&line).unwrap();
                format!("{}{}", line["protocol"].as_str().unwrap(), line["vlan"])
            })
            .collect()
    };
    assert_eq!(chosen(""), ["tcpnull", "udp5"]);
    assert_eq!(chosen("tcp"), ["tcpnull"]);
    assert_eq!(chosen("vlan 5"), ["udp5"]);
    assert_eq!(chosen("in and host 10.96.0.1"), ["tcpnull", "udp5"]);
    assert_eq!(chosen("dev lab1"), [""; 0]);
    // Nothing follows once there is enough.
    let enough = Selection {
        remaining: Some(1),
        ..Selection::default()
    };
    assert_eq!(lookups(&events, enough), [""; 0]);
}

#[test]
fn what_no_device_is_known_for_has_no_line() {
    let known = Event::Devices(vec![watched("lab0", 0)]);
    // Another device has the slot now.
    let other = Event::Devices(vec![device("lab5", 15, watched("lab0", 0).watch)]);
    let look_up = || signals(vec![nothing(ip::TCP)]);
    let lines = |events: &[Event]| lookups(events, Selection::default()).len();
    assert_eq!(lines(&[known.clone(), look_up()]), 1);
    assert_eq!(lines(&[look_up()]), 0);
    assert_eq!(lines(&[known, other, look_up()]), 0);
}

#[test]
fn redacted_and_filtered_look_ups_give_nothing_away() {
    let mut output = Vec::new();
    let sink = Ndjson::new(session(), &mut output, Selection::default());
    let sink = Redacted::new(sink, Redaction::new(*b"0123456789abcdef"));
    let filter = "host 10.96.0.1 and tcp".parse().unwrap();
    let mut sink = Narrowed::new(sink, &[], filter, crate::diagnosis::Policy::default());
    let mut named = found();
    if let Ok(route) = &mut named.routes[0].route {
        route.device = "payroll0".to_owned();
    }
    for event in [
        Event::Devices(vec![watched("payroll1", 0)]),
        signals(vec![named, nothing(ip::UDP)]),
    ] {
        sink.event(&envelope(&event)).unwrap();
    }
    sink.finish().unwrap();
    drop(sink);
    let text = String::from_utf8(output).unwrap();
    let lines = text.lines().filter(|line| line.contains("lookup"));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 1, "{text}");
    for secret in [
        "10.0.0.",
        "10.96.",
        "10.244.",
        "192.0.2.",
        "payroll",
        "forwarding",
        "denied",
    ] {
        assert!(!lines[0].contains(secret), "{secret}: {}", lines[0]);
    }
    let line: Value = serde_json::from_str(lines[0]).unwrap();
    let connection = &line["connections"][1];
    assert_eq!(connection["original"]["destination"], line["remote"]);
    assert_eq!(connection["nat"].as_array().unwrap().len(), 2);
    assert_eq!(line["routes"][0]["mtu"], 1500);
}
