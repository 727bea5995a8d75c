//! Connections that are refused by RST.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hashbrown::HashMap;
use probe_common::parse::number::ip;

use super::{Attempt, Service, Target, subjects, who};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::rules::span;
use crate::diagnosis::view::View;
use crate::model::Moment;
use crate::text::plural;

/// Between two devices that see the same SYN.
const ON_THE_WAY: Duration = Duration::from_secs(1);

/// SYNs by their sequence numbers, which translation leaves as they are: when each was
/// sent to which server.
pub(super) type Translated = HashMap<u32, Vec<(Moment, Endpoint)>>;

/// Where the SYNs of refused attempts were seen. Connection tracking forgets a
/// connection with the RST, so it cannot be asked.
pub(super) fn translated(
    view: &View<'_>,
    services: &BTreeMap<Endpoint, Service<'_>>,
) -> Translated {
    let refused = services.values().map(|service| &service.refused);
    let refused = refused.filter(|attempts| is_enough(view, attempts));
    let numbers = refused.flatten().map(|it| (it.first().isn, Vec::new()));
    let mut translated: Translated = numbers.collect();
    if !translated.is_empty() {
        for connection in view.evidence.connections.iter() {
            if let Some(seen) = translated.get_mut(&connection.isn) {
                seen.push((connection.syn.first, connection.server));
            }
        }
    }
    translated
}

fn is_enough(view: &View<'_>, attempts: &[Attempt<'_>]) -> bool {
    attempts.len() >= view.thresholds.refused_attempts as usize
}

/// Where attempts to connect to a server went, by what else was seen of them.
fn target(
    view: &View<'_>,
    server: Endpoint,
    attempts: &[Attempt<'_>],
    translated: &Translated,
) -> Target {
    let asked = Target::of(view, ip::TCP, server);
    if asked.is_translated() {
        return asked;
    }
    let seen = attempts.iter().flat_map(|it| later(it, server, translated));
    let seen = Target::new(server, seen.collect(), |backends| {
        format!("SYNs to {server} were seen again on their way to {backends}")
    });
    if seen.is_translated() {
        return seen;
    }
    let refused = attempts.iter().filter_map(|it| {
        let client = it.first().client;
        let (at, by) = view.evidence.translations.refused(client)?;
        let is_it = it.first().syn.first.abs_diff(at) < ON_THE_WAY && by != server;
        is_it.then_some(by)
    });
    Target::new(server, refused.collect(), |backends| {
        format!("this machine sent the RST in the name of {backends}")
    })
}

/// The servers that the SYN of an attempt was seen on its way to afterwards.
fn later(
    attempt: &Attempt<'_>,
    server: Endpoint,
    translated: &Translated,
) -> impl Iterator<Item = Endpoint> {
    let first = attempt.first();
    let start = first.syn.first;
    let seen = translated.get(&first.isn).into_iter().flatten();
    let later = seen.filter(move |(at, to)| {
        *to != server && *at >= start && at.saturating_sub(start) < ON_THE_WAY
    });
    later.map(|(_, to)| *to)
}

/// Whether the SYN of an attempt was seen before on its way to another server: it is
/// the same attempt.
fn is_translated(attempt: &Attempt<'_>, server: Endpoint, translated: &Translated) -> bool {
    let first = attempt.first();
    let end = first.syn.first;
    let mut seen = translated.get(&first.isn).into_iter().flatten();
    seen.any(|(at, to)| *to != server && *at < end && end.saturating_sub(*at) < ON_THE_WAY)
}

pub(super) fn rule(
    view: &View<'_>,
    server: Endpoint,
    service: &Service<'_>,
    translated: &Translated,
    claims: &mut Vec<Claim>,
) {
    let attempts = &service.refused;
    if !is_enough(view, attempts) {
        return;
    }
    let mut own = attempts.iter();
    if own.all(|it| is_translated(it, server, translated)) {
        // It is claimed of the address that the clients know.
        return;
    }
    let target = target(view, server, attempts, translated);
    let end = target.end();
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
    let of_attempts = attempts.iter().flat_map(|it| &it.at);
    let devices: BTreeSet<u32> = of_attempts.map(|it| it.key.device).collect();
    // What else came from that host came another way if its TTL differs.
    let usual = view
        .evidence
        .connections
        .iter()
        .filter(|it| it.server.address == server.address)
        .filter(|it| devices.contains(&it.key.device))
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
    evidence.extend(target.evidence());
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
                format!("check the firewalls between here and {}", end.address),
            )
        }
        None => (
            "the host itself refuses it",
            format!(
                "on {}: `ss -ltn 'sport = :{}'` shows whether anything listens; if so, a \
                 firewall there rejects it",
                end.address, end.port
            ),
        ),
    };
    claims.push(Claim {
        kind: Kind::TCP_REFUSED,
        key: server.to_string(),
        about: target.addresses(),
        sentence: format!(
            "{} cannot connect to {target}: connection refused ({} in {}); {by}",
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
