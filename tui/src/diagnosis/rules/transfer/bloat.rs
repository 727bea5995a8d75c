//! Round-trip times that grow as a queue fills.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::{Sending, sender};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::rules::span;
use crate::diagnosis::view::View;
use crate::text::plural;

/// Intervals in which the round-trip time has been far above the least.
const BLOATED: u32 = 3;

pub(super) fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    let mut hosts: BTreeMap<IpAddr, Vec<Sending<'_>>> = BTreeMap::new();
    for (key, health) in view.evidence.health.suspects() {
        if health.bloated >= BLOATED
            && view.now.saturating_sub(health.last) < Duration::from_secs(5)
        {
            for at in [0, 1] {
                if health.sockets[at].is_some() {
                    let (_, to) = sender(key, at);
                    hosts
                        .entry(to.address)
                        .or_default()
                        .push((*key, at, health));
                }
            }
        }
    }
    for (to, flows) in hosts {
        let Some((key, at, health)) = flows.first() else {
            continue;
        };
        let Some(socket) = health.sockets[*at] else {
            continue;
        };
        let (from, _) = sender(key, *at);
        let micros = |time: u32| span(Duration::from_micros(time.into()));
        let least = socket.min_rtt.unwrap_or(socket.srtt);
        claims.push(Claim {
            kind: Kind::HIGH_LATENCY,
            key: to.to_string(),
            about: vec![to],
            sentence: format!(
                "the round trip from {} to {to} takes {}, at best {}: a queue on the path is full",
                from.address,
                micros(socket.srtt),
                micros(least)
            ),
            since: view.now.saturating_sub(Duration::from_secs(health.bloated.into())),
            last: view.now,
            count: flows.len() as u64,
            subjects: vec![Subject::Host { address: to }, Subject::Host { address: from.address }],
            evidence: vec![format!(
                "smoothed round-trip time {} against the least {} on {}",
                micros(socket.srtt),
                micros(least),
                plural(flows.len() as u64, "connection")
            )],
            not_looked_at: Vec::new(),
            advice: "`tc -s qdisc` on the way shows a backlog; fq_codel or a smaller queue keeps it short"
                .to_owned(),
        });
    }
}
