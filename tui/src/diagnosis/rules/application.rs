//! Servers that answer with errors, or late.

use std::time::Duration;

use super::span;
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::application::Service;
use crate::diagnosis::evidence::connections::Connection;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::text::plural;

/// Handshakes that fail before that is more than an accident.
const ALERTS: u32 = 2;
/// Answers that make a median.
const ANSWERS: usize = 4;
/// How many round trips a slow first byte takes, at least.
const ROUND_TRIPS: u32 = 10;
/// How many times later than nkview itself other processes may run.
pub const LATENESS: u32 = 2;
/// What is this many times as fast answers well.
const TIMES_FASTER: u32 = 2;

/// Whether the other servers are slow as well, so that the cause is none of theirs.
/// Without others it is unknown.
pub fn all_are_slow(view: &View<'_>, server: Endpoint, median: Duration) -> bool {
    let answers = view.evidence.application.iter();
    let tcp = answers.map(|(at, service)| (at, service.times.clone()));
    let mut names: std::collections::BTreeMap<Endpoint, Vec<Duration>> = Default::default();
    for exchange in view.evidence.dns.iter() {
        if let Some(answer) = exchange.answer {
            let time = answer.at.saturating_sub(exchange.asked);
            names.entry(exchange.server).or_default().push(time);
        }
    }
    let fastest = tcp
        .chain(names)
        .filter(|(at, times)| *at != server && times.len() >= ANSWERS)
        .map(|(_, mut times)| {
            times.sort_unstable();
            times[times.len() / 2]
        })
        .min();
    fastest.is_some_and(|fastest| fastest * TIMES_FASTER > median)
}

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    for (server, service) in view.evidence.application.iter() {
        http(view, server, service, claims);
        tls(server, service, claims);
        slow(view, server, service, claims);
    }
}

fn base(kind: Kind, server: Endpoint, service: &Service) -> Claim {
    Claim {
        kind,
        key: server.to_string(),
        about: vec![server.address],
        sentence: String::new(),
        since: service.last,
        last: service.last,
        count: 0,
        subjects: vec![
            Subject::tcp(server),
            Subject::Host {
                address: service.client.address,
            },
        ],
        evidence: Vec::new(),
        not_looked_at: Vec::new(),
        advice: String::new(),
    }
}

fn http(view: &View<'_>, server: Endpoint, service: &Service, claims: &mut Vec<Claim>) {
    let Some((first, last)) = service
        .errors_seen
        .filter(|_| service.http_errors >= view.thresholds.error_answers)
    else {
        return;
    };
    claims.push(Claim {
        since: first,
        last,
        count: service.http_errors.into(),
        sentence: format!(
            "{server} answers HTTP requests of clients such as {} with errors: {} of {} first \
             answers, last \"{}\"",
            service.client.address, service.http_errors, service.http, service.status
        ),
        evidence: vec![format!(
            "{} of {} connections whose first answer was read began with a 5xx status",
            service.http_errors, service.http
        )],
        not_looked_at: vec![
            "later answers on the same connections, and what is encrypted".to_owned(),
        ],
        advice: "look at the log of the server, and of what is behind it".to_owned(),
        ..base(Kind::HTTP_ERRORS, server, service)
    });
}

fn tls(server: Endpoint, service: &Service, claims: &mut Vec<Claim>) {
    for (alert, times, first, last, client) in &service.alerts {
        // A warning of close_notify is how connections end.
        if *times < ALERTS || alert.description == 0 {
            continue;
        }
        let (from, to) = if alert.by_server {
            (server.to_string(), client.address.to_string())
        } else {
            (client.address.to_string(), server.to_string())
        };
        claims.push(Claim {
            key: format!("{server}/{}", alert.name()),
            since: *first,
            last: *last,
            count: (*times).into(),
            sentence: format!(
                "TLS handshakes of {} with {server} fail: {from} sends the alert {} to {to}",
                client.address,
                alert.name()
            ),
            evidence: vec![format!(
                "{} (level {}, description {})",
                plural((*times).into(), "alert"),
                alert.level,
                alert.description
            )],
            not_looked_at: vec![
                "alerts that are encrypted, as all after the handshake are".to_owned(),
            ],
            advice: format!(
                "`openssl s_client -connect {server}` shows the certificate, versions and what \
                 fails"
            ),
            ..base(Kind::TLS_ALERT, server, service)
        });
    }
}

fn slow(view: &View<'_>, server: Endpoint, service: &Service, claims: &mut Vec<Claim>) {
    if service.times.len() < ANSWERS {
        return;
    }
    let mut times = service.times.clone();
    times.sort();
    let median = times[times.len() / 2];
    // The handshakes show how fast the network is.
    let round_trip = view
        .evidence
        .connections
        .iter()
        .filter(|it| it.server == server)
        .filter_map(Connection::round_trip)
        .min();
    let Some(round_trip) = round_trip else { return };
    let slow = view.thresholds.slow_server() + view.evidence.lateness.most() * LATENESS;
    // A server that is starved answers some requests at once; one that is slow by
    // itself none, or is so slow that no machine is an excuse.
    let is_slow = times[times.len() / 4] >= slow || median >= slow * 3;
    if !is_slow || median < round_trip * ROUND_TRIPS || all_are_slow(view, server, median) {
        return;
    }
    claims.push(Claim {
        count: times.len() as u64,
        sentence: format!(
            "{server} answers slowly although the network is fast: half of its answers to clients \
             such as {} take {} or more, a handshake {}",
            service.client.address,
            span(median),
            span(round_trip)
        ),
        evidence: vec![format!(
            "{} from the last byte of the request seen to the first of the answer: {} to {}",
            plural(times.len() as u64, "answer"),
            span(times[0]),
            span(times[times.len() - 1])
        )],
        not_looked_at: vec!["later requests on the same connections".to_owned()],
        advice: "look at the server: its CPU, its database, its own upstreams".to_owned(),
        ..base(Kind::SLOW_SERVER, server, service)
    });
}
