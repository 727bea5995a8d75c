//! SYNs that nothing answers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use probe_common::parse::number::ip;

use super::{Attempt, SYNS, Service, Target, clients_of};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::rules::{list, span};
use crate::diagnosis::view::View;
use crate::text::plural;

/// A SYN counts as unanswered after this long. The first retransmission is after one
/// second (RFC 6298), the second after three.
const PATIENCE: Duration = Duration::from_millis(2500);
/// Attempts without an answer, however few SYNs each has.
const ATTEMPTS: usize = 3;
/// Attempts of one client without an answer, where others get one.
const ATTEMPTS_OF_ONE: usize = 2;

pub(super) fn rule(
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
    let target = Target::of(view, ip::TCP, server);
    let end = target.end();
    evidence.extend(target.evidence());
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
        about: target.addresses(),
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
            about: target.addresses().into_iter().chain(clients).collect(),
            sentence: format!(
                "{who} cannot connect to {target}: {} in {time}, no answer, while {others} can",
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
                "{} of {all} connections of {who} to {target} get no answer, the others do: one of \
                 several backends is dead, or the accept queue is full",
                attempts.len(),
            ),
            advice: format!(
                "on {}: `ss -ltn 'sport = :{}'` shows a full queue (Recv-Q above Send-Q); behind a \
                 service address check each backend",
                end.address, end.port
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
                end.address, end.port
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
                end.port, end.address
            ),
        ),
        _ => (
            String::new(),
            format!(
                "`ip route get {0}` and `ping {0}` here; check whether the host is up and what \
                 filters on the way",
                end.address
            ),
        ),
    };
    claims.push(Claim {
        sentence: format!(
            "{who} cannot connect to {target}: {} in {time}, no answer{why}",
            plural(syns, "SYN")
        ),
        advice,
        ..claim
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
