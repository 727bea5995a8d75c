//! The line of a flow that was looked up.

use std::net::IpAddr;

use probe_common::FlowKey;
use probe_common::parse::number::ip;
use serde::Serialize;

use super::line::{Behind, End, Key, Time, is_false};
use crate::export::slots::Watched;
use crate::model::NamespaceInode;
use crate::model::stack::{FlowRoute, FlowSocket, FlowState, NatPair, Route};

/// What the kernel knew of a flow.
#[derive(Serialize)]
pub(super) struct Lookup<'a> {
    time: Time,
    device: &'a str,
    #[serde(flatten)]
    behind: Behind<'a>,
    #[serde(flatten)]
    key: Key,
    sockets: Vec<Socket>,
    connections: Vec<Connection>,
    routes: Vec<Way<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    unknown: &'a [String],
}

impl<'a> Lookup<'a> {
    pub(super) fn new(
        time: Time,
        device: &'a Watched,
        key: &FlowKey,
        found: &'a FlowState,
    ) -> Self {
        let is_tcp = key.protocol == ip::TCP;
        let sockets = found.sockets.iter();
        let connections = found.connections.iter();
        Self {
            time,
            device: &device.name,
            behind: device.into(),
            key: key.into(),
            sockets: sockets.map(|it| Socket::new(it, is_tcp)).collect(),
            connections: connections.map(Connection::from).collect(),
            routes: found.routes.iter().map(Way::from).collect(),
            unknown: &found.unknown,
        }
    }
}

/// A socket of one end.
#[derive(Serialize)]
struct Socket {
    netns_inode: NamespaceInode,
    end: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unacked: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drops: Option<u32>,
}

impl Socket {
    fn new(socket: &FlowSocket, is_tcp: bool) -> Self {
        let FlowSocket {
            namespace,
            is_local,
            state,
        } = socket;
        let bytes = |queue| (!state.is_listening()).then_some(queue);
        Self {
            netns_inode: *namespace,
            end: if *is_local { "local" } else { "remote" },
            state: state_name(state.state).filter(|_| is_tcp),
            unread: bytes(state.receive_queue),
            unacked: bytes(state.send_queue),
            drops: state.drops,
        }
    }
}

/// The name of a TCP state (`net/tcp_states.h`) in ss(8).
fn state_name(state: u8) -> Option<&'static str> {
    const NAMES: [&str; 12] = [
        "established",
        "syn-sent",
        "syn-recv",
        "fin-wait-1",
        "fin-wait-2",
        "time-wait",
        "closed",
        "close-wait",
        "last-ack",
        "listening",
        "closing",
        // A connection that no socket was made for yet.
        "syn-recv",
    ];
    NAMES.get(usize::from(state).checked_sub(1)?).copied()
}

/// A connection that is tracked.
#[derive(Serialize)]
struct Connection {
    netns_inode: NamespaceInode,
    original: Ends,
    reply: Ends,
    nat: Vec<&'static str>,
}

/// Where packets of one direction come from and go to.
#[derive(Serialize)]
struct Ends {
    source: End,
    destination: End,
}

impl From<&(NamespaceInode, NatPair)> for Connection {
    fn from((namespace, pair): &(NamespaceInode, NatPair)) -> Self {
        let [original, reply] = [pair.original, pair.reply].map(|[source, destination]| Ends {
            source: source.into(),
            destination: destination.into(),
        });
        let ends = [
            ("source", pair.original[0] != pair.reply[1]),
            ("destination", pair.original[1] != pair.reply[0]),
        ];
        let translated = ends.into_iter().filter(|(_, is_translated)| *is_translated);
        Self {
            netns_inode: *namespace,
            original,
            reply,
            nat: translated.map(|(end, _)| end).collect(),
        }
    }
}

/// The route of what the local end sends.
#[derive(Serialize)]
struct Way<'a> {
    netns_inode: NamespaceInode,
    #[serde(skip_serializing_if = "is_false")]
    forwarded: bool,
    #[serde(flatten)]
    found: Found<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Found<'a> {
    Route {
        #[serde(skip_serializing_if = "Option::is_none")]
        gateway: Option<IpAddr>,
        device: &'a str,
        mtu: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        path_mtu: Option<u32>,
    },
    None {
        error: &'a str,
    },
}

impl<'a> From<&'a FlowRoute> for Way<'a> {
    fn from(route: &'a FlowRoute) -> Self {
        let FlowRoute {
            namespace,
            is_local,
            route,
        } = route;
        Self {
            netns_inode: *namespace,
            forwarded: !is_local,
            found: match route {
                Ok(Route {
                    gateway,
                    device,
                    mtu,
                    path_mtu,
                }) => Found::Route {
                    gateway: *gateway,
                    device,
                    mtu: *mtu,
                    path_mtu: *path_mtu,
                },
                Err(error) => Found::None { error },
            },
        }
    }
}
