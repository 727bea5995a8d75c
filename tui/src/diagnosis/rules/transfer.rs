//! Connections that are established and do badly: loss, stalls, closed windows,
//! round-trip times that grow.

mod bloat;
mod copies;
mod keepalives;
mod loss;
mod stalls;
mod windows;

use std::collections::BTreeSet;
use std::net::IpAddr;

use probe_common::FlowKey;

use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::datagrams::ends;
use crate::diagnosis::evidence::health::Health;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::view::View;

/// A direction of a flow.
type Sending<'a> = (FlowKey, usize, &'a Health);

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    loss::rule(view, claims);
    stalls::rule(view, claims);
    windows::rule(view, claims);
    bloat::rule(view, claims);
    copies::rule(view, claims);
    keepalives::rule(view, claims);
}

/// The client and the server of a flow: by its SYN, or else by the ports.
pub(super) fn roles(view: &View<'_>, key: &FlowKey) -> (Endpoint, Endpoint) {
    if let Some(connection) = view.evidence.connections.get(key) {
        return (connection.client, connection.server);
    }
    let [local, remote] = ends(key);
    if local.port < remote.port {
        (remote, local)
    } else {
        (local, remote)
    }
}

/// Who sends a direction, and who receives it: in is towards the local end.
fn sender(key: &FlowKey, direction: usize) -> (Endpoint, Endpoint) {
    let [local, remote] = ends(key);
    if direction == 0 {
        (remote, local)
    } else {
        (local, remote)
    }
}

/// The process that holds the socket of an end, if it is known.
fn owner(view: &View<'_>, health: &Health, direction: usize) -> Option<Subject> {
    let owner = view.evidence.kernel.owner(health.cookies[direction]?)?;
    Some(Subject::Process {
        pid: owner.pid,
        command: owner.command.clone(),
    })
}

/// The clients of connections, each once.
fn clients(view: &View<'_>, flows: &[Sending<'_>]) -> BTreeSet<IpAddr> {
    let clients = flows.iter().map(|(key, ..)| roles(view, key).0.address);
    clients.collect()
}

/// What a finding about connections to a server is about: the server, where one of
/// them was seen and whose socket it is there, and some of its clients.
fn server_subjects(
    view: &View<'_>,
    server: Endpoint,
    (key, direction, health): &Sending<'_>,
    clients: &BTreeSet<IpAddr>,
) -> Vec<Subject> {
    [
        Some(Subject::tcp(server)),
        view.device_subject(key.device),
        owner(view, health, *direction),
    ]
    .into_iter()
    .flatten()
    .chain(Subject::hosts(clients))
    .collect()
}
