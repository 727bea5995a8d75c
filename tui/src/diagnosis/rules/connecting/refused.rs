//! Connections that are refused by RST.

use super::{Attempt, Service, subjects, who};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::rules::span;
use crate::diagnosis::view::View;
use crate::text::plural;

pub(super) fn rule(
    view: &View<'_>,
    server: Endpoint,
    service: &Service<'_>,
    claims: &mut Vec<Claim>,
) {
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
