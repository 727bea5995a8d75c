//! Connections that are begun in masses.

use std::collections::BTreeMap;
use std::time::Duration;

use hashbrown::HashSet;

use super::{list, span};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::rates::Begun;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;

/// How many more than completed ones.
const RATIO: f64 = 3.0;
/// For so long.
const LASTING: Duration = Duration::from_millis(2500);

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    let mut sums: BTreeMap<(Endpoint, u32), (Begun, Duration)> = BTreeMap::new();
    for (_, length, services) in view.evidence.rates.intervals() {
        for ((device, server), begun) in services {
            let (sum, time) = sums.entry((*server, *device)).or_default();
            sum.syn_only += begun.syn_only;
            sum.answered += begun.answered;
            sum.completed += begun.completed;
            sum.short += begun.short;
            sum.clients.extend(&begun.clients);
            *time += length;
        }
    }
    let churn = f64::from(view.thresholds.connection_churn);
    let mut reported = HashSet::new();
    for ((server, device), (begun, time)) in sums {
        // Another device saw the same.
        if time < LASTING || reported.contains(&server) {
            continue;
        }
        let seconds = time.as_secs_f64();
        let half = f64::from(begun.syn_only) / seconds;
        let completed = f64::from(begun.completed) / seconds;
        let base = |kind, sentence, evidence, advice: &str, count: u32| Claim {
            kind,
            key: server.to_string(),
            about: std::iter::once(server.address)
                .chain(begun.clients.iter().copied())
                .collect(),
            sentence,
            since: view.now.saturating_sub(time),
            last: view.now,
            count: count.into(),
            subjects: [Some(Subject::tcp(server)), view.device_subject(device)]
                .into_iter()
                .flatten()
                .chain(
                    begun
                        .clients
                        .iter()
                        .take(4)
                        .map(|address| Subject::Host { address: *address }),
                )
                .collect(),
            evidence: vec![evidence],
            not_looked_at: Vec::new(),
            advice: advice.to_owned(),
        };
        if half > view.thresholds.syn_flood.into() && half > completed * RATIO {
            let from = match begun.clients.len() {
                0..=3 => list(&begun.clients),
                number => format!("{number} addresses"),
            };
            reported.insert(server);
            claims.push(base(
                Kind::SYN_FLOOD,
                format!(
                    "SYN flood against {server}: {half:.0} connections a second from {from} are \
                     never completed"
                ),
                format!(
                    "{} half-open and {} completed in {}; {} had a SYN-ACK",
                    begun.syn_only,
                    begun.completed,
                    span(time),
                    begun.answered
                ),
                "on the server: `ss -tn state syn-recv | wc -l`, `nstat -az TcpExtSyncookiesSent`",
                begun.syn_only,
            ));
        } else if completed > churn && begun.clients.len() <= 16 {
            let short = f64::from(begun.short) / f64::from(begun.completed.max(1));
            let a_client = completed / begun.clients.len().max(1) as f64;
            if short < 0.5 || a_client < churn {
                continue;
            }
            reported.insert(server);
            claims.push(base(
                Kind::CONNECTION_CHURN,
                format!(
                    "{} opens {completed:.0} short connections a second to {server}: its source \
                     ports run out, held by TIME-WAIT",
                    list(&begun.clients)
                ),
                format!(
                    "{} connections in {}, {:.0} % of them over within a second",
                    begun.completed,
                    span(time),
                    short * 100.0
                ),
                "reuse connections (keep-alive, a pool); `ss -tan state time-wait | wc -l` on the \
                 client",
                begun.completed,
            ));
        }
    }
}
