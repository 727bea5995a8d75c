//! Connections that do not begin: refused, unanswered, or answered in vain.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::{list, span};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::connections::Connection;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::model::Moment;
use crate::text::plural;

/// A SYN counts as unanswered after this long. The first retransmission is after one
/// second (RFC 6298), the second after three.
const PATIENCE: Duration = Duration::from_millis(2500);
/// An attempt with this many SYNs is proof by itself.
const SYNS: u32 = 3;
/// Attempts without an answer, however few SYNs each has.
const ATTEMPTS: usize = 3;
/// Attempts of one client without an answer, where others get one.
const ATTEMPTS_OF_ONE: usize = 2;
/// SYN-ACKs that were sent again before that is more than a late packet.
const SYN_ACKS: u32 = 3;

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
    for (server, service) in &services {
        refused(view, *server, service, claims);
        unanswered(view, *server, service, &alive, claims);
        half_open(view, *server, service, claims);
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

fn refused(view: &View<'_>, server: Endpoint, service: &Service<'_>, claims: &mut Vec<Claim>) {
    let attempts = &service.refused;
    if attempts.len() < view.thresholds.refused_attempts as usize {
        return;
    }
    // A server that was started again in between works.
    let last = attempts.iter().map(Attempt::last).max().unwrap_or_default();
    let works = service.established.iter().any(|it| it.last() > last);
    if works || view.evidence.rates.completed(server) > Some(last) {
        return;
    }
    let resets: Vec<_> = attempts
        .iter()
        .flat_map(|it| it.at.iter().filter_map(|at| at.reset))
        .collect();
    // What else came from that host came another way if its TTL differs.
    let usual = view
        .evidence
        .connections
        .iter()
        .filter(|it| it.server.address == server.address)
        .find_map(|it| it.syn_ack.map(|seen| (it.key.device, seen.ttl)));
    let forged = usual.filter(|(device, ttl)| {
        attempts
            .iter()
            .flat_map(|it| &it.at)
            .filter(|it| it.key.device == *device)
            .any(|it| it.reset.is_some_and(|reset| reset.ttl != *ttl))
    });
    let first = attempts.iter().map(|it| it.first().syn.first).min();
    let mut evidence = vec![format!(
        "{} to {server}, each answered by RST, none by SYN-ACK",
        plural(attempts.len() as u64, "SYN")
    )];
    let (by, advice) = match forged {
        Some((_, ttl)) => {
            evidence.push(format!(
                "the resets have hop limit {}, other packets of {} {ttl}: something on the way \
                 sends them",
                resets.first().map_or(0, |it| it.ttl),
                server.address
            ));
            (
                "something between them and the host refuses it",
                format!("check the firewalls between here and {}", server.address),
            )
        }
        None => (
            "the host itself refuses it",
            format!(
                "on {}: `ss -ltn 'sport = :{}'` shows whether anything listens; if so, a \
                 firewall there rejects it",
                server.address, server.port
            ),
        ),
    };
    claims.push(Claim {
        kind: Kind::TCP_REFUSED,
        key: server.to_string(),
        about: vec![server.address],
        sentence: format!(
            "{} cannot connect to {server}: connection refused ({} in {}); {by}",
            who(attempts),
            plural(attempts.len() as u64, "attempt"),
            span(view.now.saturating_sub(first.unwrap_or_default())),
        ),
        since: first.unwrap_or_default(),
        last,
        count: attempts.len() as u64,
        subjects: subjects(view, server, attempts),
        evidence,
        not_looked_at: Vec::new(),
        advice,
    });
}

fn unanswered(
    view: &View<'_>,
    server: Endpoint,
    service: &Service<'_>,
    alive: &BTreeMap<IpAddr, BTreeSet<u16>>,
    claims: &mut Vec<Claim>,
) {
    let is_over = |it: &&Attempt<'_>| view.now.saturating_sub(it.first().syn.first) > PATIENCE;
    let attempts: Vec<&Attempt<'_>> = service.unanswered.iter().filter(is_over).collect();
    let syns: u64 = attempts.iter().map(|it| u64::from(it.syns())).sum();
    let proven = attempts.iter().any(|it| it.syns() >= SYNS)
        || attempts.iter().filter(|it| it.syns() > 1).count() >= 2
        || attempts.len() >= ATTEMPTS;
    if !proven {
        return;
    }
    let first = attempts.iter().map(|it| it.first().syn.first).min();
    let first = first.unwrap_or_default();
    let last = attempts
        .iter()
        .map(|it| it.last())
        .max()
        .unwrap_or_default();
    // Those that came later and were answered: it works again.
    let established = service
        .established
        .iter()
        .filter(|it| it.first().syn.first >= first)
        .count();
    if established > 0
        && service
            .established
            .iter()
            .all(|it| it.first().syn.first > last)
    {
        return;
    }
    let time = span(view.now.saturating_sub(first));
    let mut evidence = vec![format!(
        "{} of {} to {server}, no SYN-ACK, RST or ICMP error",
        plural(syns, "SYN"),
        plural(attempts.len() as u64, "attempt"),
    )];
    evidence.extend(path(view, attempts[0]));
    let clients: BTreeSet<_> = attempts
        .iter()
        .map(|it| it.first().client.address)
        .collect();
    let who = match clients.len() {
        0..=3 => list(&clients),
        number => format!("{number} clients"),
    };
    let mut subjects = vec![Subject::tcp(server)];
    subjects.extend(Subject::hosts(&clients));
    subjects.extend(view.device_subject(attempts[0].first().key.device));
    let claim = Claim {
        kind: Kind::SYN_UNANSWERED,
        key: server.to_string(),
        about: vec![server.address],
        sentence: String::new(),
        since: first,
        last,
        count: syns,
        subjects,
        evidence,
        not_looked_at: beyond(view),
        advice: String::new(),
    };
    let answered: BTreeSet<IpAddr> = clients_of(&service.established);
    // Those who never get an answer, where each has tried more than once: with one
    // attempt each it may be one of several backends.
    let is_of_clients = established > 0
        && answered.is_disjoint(&clients)
        && attempts.len() >= clients.len() * ATTEMPTS_OF_ONE;
    if is_of_clients {
        let others = list(&answered);
        claims.push(Claim {
            about: std::iter::once(server.address).chain(clients).collect(),
            sentence: format!(
                "{who} cannot connect to {server}: {} in {time}, no answer, while {others} can",
                plural(syns, "SYN")
            ),
            advice: format!(
                "look for what is different for {who}: `ip route get` both ways, neighbor entries, \
                 firewall rules and network policies by source"
            ),
            ..claim
        });
        return;
    }
    if established > 0 {
        let all = established + attempts.len() + service.half_open.len();
        claims.push(Claim {
            kind: Kind::SYN_PARTLY_UNANSWERED,
            sentence: format!(
                "{} of {all} connections of {who} to {server} get no answer, the others do: one of \
                 several backends is dead, or the accept queue is full",
                attempts.len(),
            ),
            advice: format!(
                "on {}: `ss -ltn 'sport = :{}'` shows a full queue (Recv-Q above Send-Q); behind a \
                 service address check each backend",
                server.address, server.port
            ),
            ..claim
        });
        return;
    }
    let others: BTreeSet<u16> = alive
        .get(&server.address)
        .into_iter()
        .flatten()
        .filter(|port| **port != server.port)
        .copied()
        .collect();
    let (why, advice) = match (&others, service.half_open.len()) {
        (_, 1..) => (
            "; other SYNs to it are answered".to_owned(),
            format!(
                "on {}: `ss -ltn 'sport = :{}'` shows a full accept queue (Recv-Q above Send-Q)",
                server.address, server.port
            ),
        ),
        (ports, _) if !ports.is_empty() => (
            format!(
                "; {} answers on port {}, so something drops packets to this port",
                server.address,
                list(ports)
            ),
            format!(
                "check the firewall rules and network policies for port {} on the way to {}",
                server.port, server.address
            ),
        ),
        _ => (
            String::new(),
            format!(
                "`ip route get {0}` and `ping {0}` here; check whether the host is up and what \
                 filters on the way",
                server.address
            ),
        ),
    };
    claims.push(Claim {
        sentence: format!(
            "{who} cannot connect to {server}: {} in {time}, no answer{why}",
            plural(syns, "SYN")
        ),
        advice,
        ..claim
    });
}

fn half_open(view: &View<'_>, server: Endpoint, service: &Service<'_>, claims: &mut Vec<Claim>) {
    // The server sent its SYN-ACK again: it got no ACK for the first.
    let lost: Vec<_> = service
        .half_open
        .iter()
        .filter(|it| {
            it.any(|at| at.syn_ack.is_some_and(|seen| seen.count >= SYN_ACKS))
                || (it.syns() >= SYNS && it.any(|at| at.syn_ack.is_some()))
        })
        .collect();
    // A client that sends its SYN again has not seen the answer; one that only
    // leaves the connection half-open may be a scanner.
    let again = lost.iter().filter(|it| it.syns() > 1).count();
    let of_theirs = lost.iter().map(|it| it.first().client.address);
    let of_theirs: BTreeSet<IpAddr> = of_theirs.collect();
    let established = service.established.iter();
    let established = established.filter(|it| of_theirs.contains(&it.first().client.address));
    if again == 0 || lost.len() < established.count() {
        return;
    }
    let first = lost
        .iter()
        .map(|it| it.first().syn.first)
        .min()
        .unwrap_or_default();
    let last = lost.iter().map(|it| it.last()).max().unwrap_or_default();
    let syn_acks: u64 = lost
        .iter()
        .map(|it| {
            it.at
                .iter()
                .filter_map(|at| at.syn_ack)
                .map(|it| u64::from(it.count))
                .max()
        })
        .map(Option::unwrap_or_default)
        .sum();
    let clients: BTreeSet<_> = lost.iter().map(|it| it.first().client.address).collect();
    let with: BTreeSet<u32> = lost
        .iter()
        .flat_map(|it| &it.at)
        .filter(|at| at.syn_ack.is_some())
        .map(|at| at.key.device)
        .collect();
    let without: BTreeSet<u32> = lost
        .iter()
        .flat_map(|it| &it.at)
        .filter(|at| at.syn_ack.is_none())
        .map(|at| at.key.device)
        .collect();
    let name = |slots: &BTreeSet<u32>| list(slots.iter().map(|slot| view.device(*slot)));
    let place = if without.is_empty() {
        format!("they are lost behind {}", name(&with))
    } else {
        format!("{} saw them, {} did not", name(&with), name(&without))
    };
    let mut subjects = vec![Subject::tcp(server)];
    subjects.extend(Subject::hosts(&clients));
    claims.push(Claim {
        kind: Kind::SYN_ACK_LOST,
        key: server.to_string(),
        about: std::iter::once(server.address)
            .chain(clients.iter().copied())
            .collect(),
        sentence: format!(
            "{} cannot connect to {server}: the server answers, but its SYN-ACKs do not reach the \
             client; {place}",
            list(&clients)
        ),
        since: first,
        last,
        count: syn_acks,
        subjects,
        evidence: vec![format!(
            "{} of {server} for {}, no ACK of the client",
            plural(syn_acks, "SYN-ACK"),
            plural(lost.len() as u64, "connection")
        )],
        not_looked_at: Vec::new(),
        advice: format!(
            "check routes, reverse-path filters and firewall rules on the way from {} to {}",
            server.address,
            list(&clients)
        ),
    });
}

/// Which devices saw the SYN of an attempt, in the order of time.
fn path(view: &View<'_>, attempt: &Attempt<'_>) -> Option<String> {
    use probe_common::Direction;
    let mut hops: Vec<_> = attempt.at.clone();
    hops.sort_by_key(|it| it.syn.first);
    let words = hops.iter().map(|it| {
        let device = view.device(it.key.device);
        match it.direction {
            Direction::In => format!("in on {device}"),
            Direction::Out => format!("out on {device}"),
        }
    });
    Some(format!(
        "the SYN went {}",
        words.collect::<Vec<_>>().join(", then ")
    ))
}

/// What cannot be known here.
fn beyond(view: &View<'_>) -> Vec<String> {
    let devices = list(view.devices.values().map(|it| it.name.clone()));
    vec![format!(
        "what happens beyond the watched devices ({devices})"
    )]
}

fn subjects(view: &View<'_>, server: Endpoint, attempts: &[Attempt<'_>]) -> Vec<Subject> {
    let mut subjects = vec![Subject::tcp(server)];
    subjects.extend(Subject::hosts(&clients_of(attempts)));
    if let Some(attempt) = attempts.first() {
        subjects.extend(view.device_subject(attempt.first().key.device));
    }
    subjects
}
