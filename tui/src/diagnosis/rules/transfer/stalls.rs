//! Connections whose data is sent again and again without an answer.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Sending, clients, roles, sender, server_subjects};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::rules::{list, span};
use crate::diagnosis::view::View;
use crate::text::plural;

/// Data that nothing comes back for: two retransmission timeouts or more.
const STALLED: Duration = Duration::from_millis(1800);
const SENT_AGAIN: u64 = 3;
/// Idle for this long before: shorter than any timeout of a middlebox that is worth
/// its name would be without a finding.
const IDLE: Duration = Duration::from_secs(3);
/// A payload that fills a packet, of the smallest MTU that IPv6 allows, rather
/// than a small one.
const FULL_SIZED: u64 = 1100;

pub(super) fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    let mut servers: BTreeMap<(Kind, Endpoint), Vec<Sending<'_>>> = BTreeMap::new();
    for (key, health) in view.evidence.health.suspects() {
        for at in [0, 1] {
            let Some(stall) = health.stalls[at] else {
                continue;
            };
            let time = health.last.saturating_sub(stall.since);
            if stall.retransmitted < SENT_AGAIN || time < STALLED {
                continue;
            }
            let size = stall.retransmitted_bytes / stall.retransmitted.max(1);
            let kind = if stall.idle_before >= IDLE && size < FULL_SIZED {
                Kind::CONNECTION_LOST
            } else if size >= FULL_SIZED {
                Kind::MTU_BLACK_HOLE
            } else {
                Kind::STALLED
            };
            let (_, server) = roles(view, key);
            servers
                .entry((kind, server))
                .or_default()
                .push((*key, at, health));
        }
    }
    for ((kind, server), flows) in servers {
        let Some(first @ (key, at, health)) = flows.first() else {
            continue;
        };
        let Some(stall) = health.stalls[*at] else {
            continue;
        };
        let (from, to) = sender(key, *at);
        let clients = clients(view, &flows);
        let again: u64 = flows
            .iter()
            .filter_map(|(_, at, health)| health.stalls[*at])
            .map(|it| it.retransmitted)
            .sum();
        let size = stall.retransmitted_bytes / stall.retransmitted.max(1);
        let time = span(health.last.saturating_sub(stall.since));
        // Whoever is asked now answers: the way is open, the old state is gone.
        let answers = view.evidence.connections.iter().any(|it| {
            it.server.address == server.address
                && it.established.is_some_and(|when| when >= stall.since)
        });
        let (sentence, advice) = match kind {
            Kind::CONNECTION_LOST => {
                let fresh = if answers {
                    ", while new connections are answered"
                } else {
                    ""
                };
                (
                    format!(
                        "a connection of {} to {server} no longer works after it was idle for \
                         {}{fresh}: a firewall or NAT on the path has probably forgotten it",
                        list(&clients),
                        span(stall.idle_before),
                    ),
                    "let TCP keepalive be sent more often than the idle timeout of the firewall or \
                     NAT on the way"
                        .to_owned(),
                )
            }
            Kind::MTU_BLACK_HOLE => (
                format!(
                    "full-size packets from {} to {} are lost: segments of {size} bytes are \
                     retransmitted again and again without an answer, while small packets pass; \
                     probably an MTU black hole",
                    from.address, to.address
                ),
                format!(
                    "`tracepath -n {}` from {}; check the MTU on the way, and that ICMP \
                     \"fragmentation needed\" is not filtered; `sysctl net.ipv4.tcp_mtu_probing=1` \
                     works around it",
                    to.address, from.address
                ),
            ),
            _ => (
                format!(
                    "a connection between {} and {server} is stalled: {} by {} in {time}, no \
                     answer",
                    list(&clients),
                    plural(again, "retransmission"),
                    from
                ),
                format!("`ss -tio dst {}` on {}", to.address, from.address),
            ),
        };
        claims.push(Claim {
            kind,
            key: format!("{server}"),
            about: vec![server.address, from.address, to.address],
            sentence,
            since: stall.since,
            last: health.last,
            count: again,
            subjects: server_subjects(view, server, first, &clients),
            evidence: vec![format!(
                "{from} to {to}: {} ({size} bytes each) in {time}, nothing came back",
                plural(stall.retransmitted, "retransmission"),
            )],
            not_looked_at: Vec::new(),
            advice,
        });
    }
}
