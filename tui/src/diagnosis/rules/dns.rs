//! DNS that is not answered, answered late, or answered with an error.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use hashbrown::HashSet;

use super::application::{LATENESS, all_are_slow};
use super::{list, span};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::evidence::dns::Exchange;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::text::plural;

/// How long an answer is waited for: resolvers ask again after five seconds
/// (resolv.conf(5)), many applications after one or two.
const PATIENCE: Duration = Duration::from_secs(2);
/// Names that are tried in vain for each one that is found, and how many at
/// least: `ndots:5` with the three search domains of Kubernetes gives three or
/// more.
const IN_VAIN: usize = 3;
const STORM: usize = 12;
/// Suffixes that one name is tried with in vain, and answers of such searches:
/// one or two search domains and a few look-ups are how resolvers work.
const SUFFIXES: usize = 3;
const SEARCHED: usize = 18;
/// Answers that make a median.
const ANSWERS: usize = 4;
/// How many times slower than slow some answers are where others are fast, how many,
/// and one of how many: a recursion that takes long is no fault as long as it is rare.
const LATE: u32 = 3;
const LATE_ANSWERS: usize = 4;
const LATE_SHARE: usize = 7;

const NOERROR: u8 = 0;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    let mut servers: BTreeMap<IpAddr, Vec<&Exchange>> = BTreeMap::new();
    let exchanges = view.evidence.dns.iter();
    let (answered, open): (Vec<&Exchange>, Vec<&Exchange>) =
        exchanges.partition(|it| it.answer.is_some());
    // The same query on a second device, where it may not have been answered.
    let query = |it: &Exchange| (it.client, it.server.address, it.kind);
    let doubtful: HashSet<_> = open.iter().map(|it| query(it)).collect();
    let mut seen = HashSet::new();
    for exchange in answered.iter().filter(|it| doubtful.contains(&query(it))) {
        seen.insert((query(exchange), &*exchange.name));
    }
    let open = open.iter().filter(|it| seen.insert((query(it), &*it.name)));
    for exchange in answered.iter().chain(open) {
        servers
            .entry(exchange.server.address)
            .or_default()
            .push(exchange);
    }
    for (server, exchanges) in &servers {
        unanswered(view, *server, exchanges, claims);
        errors(view, *server, exchanges, claims);
        storm(view, *server, exchanges, claims);
        slow(view, *server, exchanges, claims);
        truncated(view, *server, exchanges, claims);
    }
}

fn about(view: &View<'_>, kind: Kind, server: IpAddr, of: &[&Exchange]) -> Claim {
    let clients: BTreeSet<IpAddr> = of.iter().map(|it| it.client.address).collect();
    let mut subjects = vec![Subject::Service {
        address: server,
        port: 53,
        protocol: "udp",
    }];
    subjects.extend(Subject::hosts(&clients));
    let slot = of.iter().map(|it| it.device).min();
    subjects.extend(slot.and_then(|slot| view.device_subject(slot)));
    let since = of.iter().map(|it| it.asked).min().unwrap_or(view.now);
    let last = of
        .iter()
        .map(|it| it.answer.map_or(it.asked, |answer| answer.at))
        .max();
    Claim {
        kind,
        key: server.to_string(),
        about: vec![server],
        sentence: String::new(),
        since,
        last: last.unwrap_or(view.now),
        count: of.len() as u64,
        subjects,
        evidence: Vec::new(),
        not_looked_at: Vec::new(),
        advice: String::new(),
    }
}

fn names(of: &[&Exchange]) -> String {
    let names: BTreeSet<&str> = of.iter().map(|it| &*it.name).collect();
    list(names)
}

fn clients(of: &[&Exchange]) -> String {
    let clients: BTreeSet<IpAddr> = of.iter().map(|it| it.client.address).collect();
    list(clients)
}

fn unanswered(view: &View<'_>, server: IpAddr, all: &[&Exchange], claims: &mut Vec<Claim>) {
    let open: Vec<&Exchange> = all
        .iter()
        .filter(|it| it.answer.is_none() && view.now.saturating_sub(it.asked) > PATIENCE)
        .copied()
        .collect();
    let answered: Vec<_> = all.iter().filter(|it| it.answer.is_some()).collect();
    let last_open = open.iter().map(|it| it.asked).max();
    let works_again = answered.iter().any(|it| Some(it.asked) > last_open);
    let queries: u32 = open.iter().map(|it| it.times).sum();
    if queries < view.thresholds.unanswered_queries
        || (works_again && open.len() * 4 < answered.len())
    {
        return;
    }
    let kinds: BTreeSet<u16> = open.iter().map(|it| it.kind).collect();
    let others_work = answered.iter().any(|it| !kinds.contains(&it.kind));
    let mut claim = about(view, Kind::DNS_UNANSWERED, server, &open);
    claim.count = queries.into();
    claim.evidence.push(format!(
        "{} of {} for {} without an answer",
        plural(queries.into(), "message"),
        plural(open.len() as u64, "query"),
        names(&open)
    ));
    let only = match kinds.iter().collect::<Vec<_>>().as_slice() {
        [28] if others_work => ", AAAA only: A queries are answered",
        [1] if others_work => ", A only: AAAA queries are answered",
        _ => "",
    };
    claim.sentence = if answered.is_empty() {
        format!(
            "the DNS server {server} does not answer {}: {} without an answer in {}",
            clients(&open),
            plural(queries.into(), "query"),
            span(view.now.saturating_sub(claim.since)),
        )
    } else {
        claim
            .evidence
            .push(format!("{} were answered", answered.len()));
        format!(
            "the DNS server {server} leaves {} of {} queries of {} unanswered{only}",
            open.len(),
            open.len() + answered.len(),
            clients(&open),
        )
    };
    claim.advice = format!("`dig @{server} {}` from the same place", first_name(&open));
    claims.push(claim);
}

fn first_name(of: &[&Exchange]) -> String {
    of.first()
        .map_or_else(String::new, |it| it.name.to_string())
}

fn errors(view: &View<'_>, server: IpAddr, all: &[&Exchange], claims: &mut Vec<Claim>) {
    for (rcode, kind, word) in [
        (SERVFAIL, Kind::DNS_SERVFAIL, "SERVFAIL"),
        (REFUSED, Kind::DNS_REFUSED, "REFUSED"),
    ] {
        let failed: Vec<&Exchange> = all
            .iter()
            .filter(|it| it.answer.is_some_and(|answer| answer.rcode == rcode))
            .copied()
            .collect();
        if failed.len() < view.thresholds.error_answers as usize {
            continue;
        }
        let answered = all.iter().filter(|it| it.answer.is_some()).count();
        let mut claim = about(view, kind, server, &failed);
        claim.evidence.push(format!(
            "{} of {answered} answers of {server} are {word}, for {}",
            failed.len(),
            names(&failed)
        ));
        claim.sentence = format!(
            "the DNS server {server} answers {word} to {} for {} ({} of {answered} answers)",
            clients(&failed),
            zone(&failed),
            failed.len(),
        );
        claim.advice = if rcode == SERVFAIL {
            format!(
                "`dig @{server} {}`: the server cannot reach, or does not trust, the servers of \
                 that zone; look at its log and its upstream",
                first_name(&failed)
            )
        } else {
            format!("check which clients the access rules of {server} allow")
        };
        claims.push(claim);
    }
}

/// The domain that all names are in, or else some of them.
fn zone(of: &[&Exchange]) -> String {
    let mut labels: Option<Vec<&str>> = None;
    for exchange in of {
        let mine: Vec<&str> = exchange.name.rsplit('.').collect();
        labels = Some(match labels {
            None => mine,
            Some(common) => common
                .iter()
                .zip(&mine)
                .take_while(|(a, b)| a == b)
                .map(|(a, _)| *a)
                .collect(),
        });
    }
    let mut labels = labels.unwrap_or_default();
    if labels.len() < 2 {
        return names(of);
    }
    labels.reverse();
    labels.join(".")
}

fn storm(view: &View<'_>, server: IpAddr, all: &[&Exchange], claims: &mut Vec<Claim>) {
    let with = |rcode: u8, records: bool| -> Vec<&Exchange> {
        all.iter()
            .filter(|it| {
                it.answer
                    .is_some_and(|answer| answer.rcode == rcode && answer.has_records == records)
            })
            .copied()
            .collect()
    };
    let vain = with(NXDOMAIN, false);
    if vain.len() < STORM {
        return;
    }
    let found = with(NOERROR, true);
    // The names that were found, or asked for last, with suffixes behind.
    let asked: BTreeSet<&str> = all.iter().map(|it| &*it.name).collect();
    let mut heads: BTreeMap<&str, (BTreeSet<&str>, usize)> = BTreeMap::new();
    for exchange in &vain {
        let name = &*exchange.name;
        let head = name.match_indices('.').find_map(|(dot, _)| {
            let (head, suffix) = name.split_at(dot);
            asked.contains(head).then_some((head, suffix))
        });
        if let Some((head, suffix)) = head {
            let (suffixes, times) = heads.entry(head).or_default();
            suffixes.insert(suffix);
            *times += 1;
        }
    }
    heads.retain(|_, (suffixes, _)| suffixes.len() >= SUFFIXES);
    let searched: usize = heads.values().map(|(_, times)| times).sum();
    let mostly = vain.len() >= STORM && vain.len() >= found.len() * IN_VAIN;
    if !mostly && searched < SEARCHED {
        return;
    }
    let mut claim = about(view, Kind::NXDOMAIN_STORM, server, &vain);
    let total = all.iter().filter(|it| it.answer.is_some()).count();
    claim.evidence.push(format!(
        "{} of {total} answers of {server} are NXDOMAIN",
        vain.len()
    ));
    let suffixes: BTreeSet<&str> = heads
        .values()
        .flat_map(|(suffixes, _)| suffixes)
        .copied()
        .collect();
    claim.sentence = if suffixes.len() >= 2 {
        claim.evidence.push(format!(
            "tried first for {}: {}",
            list(heads.keys()),
            list(&suffixes)
        ));
        format!(
            "DNS lookups of {} fail before they succeed: {} of {total} answers of the DNS server {server} are \
             NXDOMAIN, because search domains ({}) are tried first",
            clients(&vain),
            vain.len(),
            list(&suffixes)
        )
    } else {
        format!(
            "{} asks for names that do not exist: {} of {total} answers of the DNS server \
             {server} are NXDOMAIN, such as those for {}",
            clients(&vain),
            vain.len(),
            names(&vain)
        )
    };
    claim.advice = "look at `search` and `options ndots` in the client's /etc/resolv.conf; a name \
                    with a dot at its end is not searched"
        .to_owned();
    claims.push(claim);
}

fn slow(view: &View<'_>, server: IpAddr, all: &[&Exchange], claims: &mut Vec<Claim>) {
    let answered: Vec<&Exchange> = all
        .iter()
        .filter(|it| it.answer.is_some())
        .copied()
        .collect();
    let mut times: Vec<Duration> = answered
        .iter()
        .filter_map(|it| Some(it.answer?.at.saturating_sub(it.asked)))
        .collect();
    if times.len() < ANSWERS {
        return;
    }
    let slow = view.thresholds.slow_dns() + view.evidence.lateness.most() * LATENESS;
    // Whatever is slow has at least as many slow answers.
    if times.iter().filter(|it| **it >= slow).count() * LATE_SHARE < times.len() {
        return;
    }
    times.sort();
    let median = times[times.len() / 2];
    let is_slow = times[times.len() / 4] >= slow || median >= slow * 3;
    // Some are fast, as from a cache, and some so late that clients ask again.
    let late = times.iter().filter(|it| **it >= slow * LATE).count();
    let are_some_late = late >= LATE_ANSWERS && late * LATE_SHARE >= times.len();
    let endpoint = answered[0].server;
    let typical = if is_slow { median } else { slow * LATE };
    if !(is_slow || are_some_late) || all_are_slow(view, endpoint, typical) {
        return;
    }
    let mut claim = about(view, Kind::DNS_SLOW, server, &answered);
    if !is_slow {
        let late = &times[times.len() - late..];
        claim.evidence.push(format!(
            "{} of {} answers took {} to {}, the others {} to {}",
            late.len(),
            times.len(),
            span(late[0]),
            span(late[late.len() - 1]),
            span(times[0]),
            span(times[times.len() - late.len() - 1])
        ));
        claim.sentence = format!(
            "the DNS server {server} is slow at times: {} of its {} answers to {} take {} or more, \
             half of all {} or less",
            late.len(),
            times.len(),
            clients(&answered),
            span(late[0]),
            span(median)
        );
        claim.advice = format!(
            "`dig @{server} {}` several times: one of several servers behind {server}, or of its \
             upstreams, is slow or loses queries",
            first_name(&answered)
        );
        claims.push(claim);
        return;
    }
    claim.evidence.push(format!(
        "{} answers took {} to {}, half of them over {}",
        times.len(),
        span(times[0]),
        span(times[times.len() - 1]),
        span(median)
    ));
    claim.sentence = format!(
        "the DNS server {server} is slow: half of its answers to {} take {} or more",
        clients(&answered),
        span(median)
    );
    claim.advice = format!(
        "`dig @{server} {}` twice: if the second is fast, its upstream is slow",
        first_name(&answered)
    );
    claims.push(claim);
}

/// Answers that did not fit, whose clients do not ask again over TCP.
fn truncated(view: &View<'_>, server: IpAddr, all: &[&Exchange], claims: &mut Vec<Claim>) {
    let cut: Vec<&Exchange> = all
        .iter()
        .filter(|it| it.answer.is_some_and(|answer| answer.truncated))
        .filter(|it| {
            !view.evidence.connections.iter().any(|tcp| {
                tcp.server == it.server
                    && tcp.client.address == it.client.address
                    && tcp.syn_ack.is_some()
            })
        })
        .copied()
        .collect();
    if cut.len() < view.thresholds.error_answers as usize {
        return;
    }
    let mut claim = about(view, Kind::DNS_TRUNCATED, server, &cut);
    let tries = view.evidence.connections.iter().filter(|tcp| {
        cut.iter()
            .any(|it| tcp.server == it.server && tcp.client.address == it.client.address)
    });
    let outcome = match tries.map(|it| it.is_refused()).max() {
        None => "they are not asked for again over TCP",
        Some(true) => "TCP connections to port 53 are refused",
        Some(false) => "TCP connections to port 53 get no answer",
    };
    claim.sentence = format!(
        "answers of the DNS server {server} to {} are truncated, and {outcome} ({}, such as those \
         for {})",
        clients(&cut),
        plural(cut.len() as u64, "answer"),
        names(&cut)
    );
    claim.evidence.push(format!(
        "{} with the TC bit, no TCP connection of the client to port 53 that was answered",
        plural(cut.len() as u64, "answer")
    ));
    claim.advice = format!(
        "`dig +tcp @{server} {}`: port 53 over TCP must be open",
        first_name(&cut)
    );
    claims.push(claim);
}
