//! Connections that do not begin: refused, unanswered, or answered in vain.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::list;
use super::target::Target;
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::connections::Connection;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::view::View;
use crate::model::Moment;

mod half_open;
mod refused;
mod unanswered;

/// An attempt with this many SYNs is proof by itself.
const SYNS: u32 = 3;

/// One attempt to connect, over all devices that saw it.
#[derive(Debug)]
struct Attempt<'a> {
    at: Vec<&'a Connection>,
}

impl<'a> Attempt<'a> {
    fn first(&self) -> &'a Connection {
        self.at
            .iter()
            .min_by_key(|it| it.syn.first)
            .unwrap_or(&self.at[0])
    }

    fn any(&self, is: impl Fn(&Connection) -> bool) -> bool {
        self.at.iter().any(|it| is(it))
    }

    fn syns(&self) -> u32 {
        self.at.iter().map(|it| it.syn.count).max().unwrap_or(0)
    }

    fn last(&self) -> Moment {
        self.at
            .iter()
            .map(|it| it.syn.last)
            .max()
            .unwrap_or_default()
    }

    fn is_established(&self) -> bool {
        self.any(|it| it.established.is_some())
    }
}

/// The outcome of the attempts to connect to a service.
#[derive(Default)]
struct Service<'a> {
    refused: Vec<Attempt<'a>>,
    /// Answered by an ICMP error.
    rejected: usize,
    unanswered: Vec<Attempt<'a>>,
    half_open: Vec<Attempt<'a>>,
    established: Vec<Attempt<'a>>,
}

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    let services = services(view);
    let alive = alive(&services);
    let translated = refused::translated(view, &services);
    for (server, service) in &services {
        refused::rule(view, *server, service, &translated, claims);
        unanswered::rule(view, *server, service, &alive, claims);
        half_open::rule(view, *server, service, claims);
    }
}

fn services<'a>(view: &View<'a>) -> BTreeMap<Endpoint, Service<'a>> {
    let mut attempts: BTreeMap<(Endpoint, Endpoint, u32), Attempt<'a>> = BTreeMap::new();
    for connection in view.evidence.connections.iter() {
        let id = (connection.server, connection.client, connection.isn);
        let attempt = attempts.entry(id).or_insert(Attempt { at: Vec::new() });
        attempt.at.push(connection);
    }
    let mut services: BTreeMap<Endpoint, Service<'a>> = BTreeMap::new();
    for ((server, ..), attempt) in attempts {
        let service = services.entry(server).or_default();
        let list = if attempt.is_established() {
            &mut service.established
        } else if attempt.any(|it| it.icmp.is_some()) {
            service.rejected += 1;
            continue;
        } else if attempt.any(Connection::is_refused) {
            &mut service.refused
        } else if attempt.any(|it| it.syn_ack.is_some()) {
            &mut service.half_open
        } else if attempt.any(Connection::is_unanswered) {
            &mut service.unanswered
        } else {
            // The client has given up, or reset it itself.
            continue;
        };
        list.push(attempt);
    }
    services
}

/// The hosts that answered anything, with their ports.
fn alive(services: &BTreeMap<Endpoint, Service<'_>>) -> BTreeMap<IpAddr, BTreeSet<u16>> {
    let mut alive: BTreeMap<IpAddr, BTreeSet<u16>> = BTreeMap::new();
    for (server, service) in services {
        if !service.established.is_empty()
            || !service.refused.is_empty()
            || !service.half_open.is_empty()
        {
            alive.entry(server.address).or_default().insert(server.port);
        }
    }
    alive
}

fn clients_of(attempts: &[Attempt<'_>]) -> BTreeSet<IpAddr> {
    attempts
        .iter()
        .map(|it| it.first().client.address)
        .collect()
}

/// Who tries, as the subject of a sentence, and the verb's form for that.
fn who(attempts: &[Attempt<'_>]) -> String {
    let clients = clients_of(attempts);
    match clients.len() {
        0..=3 => list(clients),
        number => format!("{number} clients"),
    }
}

fn subjects(view: &View<'_>, server: Endpoint, attempts: &[Attempt<'_>]) -> Vec<Subject> {
    let mut subjects = vec![Subject::tcp(server)];
    subjects.extend(Subject::hosts(&clients_of(attempts)));
    if let Some(attempt) = attempts.first() {
        subjects.extend(view.device_subject(attempt.first().key.device));
    }
    subjects
}
