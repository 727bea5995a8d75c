//! Connections whose data is sent again and again without an answer.

use std::collections::BTreeMap;
use std::time::Duration;

use probe_common::FlowKey;
use probe_common::parse::number::ip;

use super::{Sending, clients, roles, sender, server_subjects};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::health::Stall;
use crate::diagnosis::evidence::kernel::{Dropped, Place};
use crate::diagnosis::kind::Kind;
use crate::diagnosis::rules::drops::{is_of_tcp_itself, place_name};
use crate::diagnosis::rules::{list, span};
use crate::diagnosis::view::View;
use crate::model::Moment;
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
/// More full-size segments than a connection sends before it hears of the first: the
/// initial window of ten (RFC 6928), and some of them again.
const UNHEARD: u64 = 24;
/// A SYN that has waited for this long is not answered.
const WAITING: Duration = Duration::from_millis(900);

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
            let (_, server) = roles(view, key);
            let kind = if is_in_black_hole(view, key, at, &stall) {
                Kind::MTU_BLACK_HOLE
            } else if stall.idle_before >= IDLE {
                Kind::CONNECTION_LOST
            } else {
                Kind::STALLED
            };
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
        let size = stall.size();
        let dropped = dropped(view, key, stall.since);
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
                     retransmitted again and again without an answer, while small packets pass; {}",
                    from.address,
                    to.address,
                    match dropped.map(|(place, _)| place_name(view, place)) {
                        Some(node) => format!("a firewall of {node} drops them"),
                        None => "probably an MTU black hole".to_owned(),
                    }
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

/// Whether it is for its size that what a direction sends again is lost: nothing of
/// that size ever came through, and small packets do.
fn is_in_black_hole(view: &View<'_>, key: &FlowKey, direction: usize, stall: &Stall) -> bool {
    let size = stall.size();
    let before = stall.before;
    let was_heard = before.bytes >= size.saturating_mul(UNHEARD)
        && before.bytes / before.segments.max(1) >= FULL_SIZED / 2;
    if size < FULL_SIZED || was_heard {
        return false;
    }
    let dropped = dropped(view, key, stall.since);
    if dropped.is_some_and(|(place, _)| place.reason != "NETFILTER_DROP") {
        return false;
    }
    let (from, to) = sender(key, direction);
    let (_, server) = roles(view, key);
    let (mut answered, mut unanswered) = (false, false);
    for it in view.evidence.connections.iter() {
        let hosts = [it.client.address, it.server.address];
        if hosts != [from.address, to.address] && hosts != [to.address, from.address] {
            continue;
        }
        // A firewall may drop what is sent to one port.
        let is_alike = dropped.is_none() || it.server == server;
        answered |= is_alike && it.established.is_some_and(|when| when >= stall.since);
        unanswered |= it.is_unanswered()
            && it.syn.first >= stall.since
            && view.now.saturating_sub(it.syn.first) > WAITING;
    }
    let own = view.evidence.connections.get(key);
    let has_begun = own.is_some_and(|it| it.established.is_some());
    answered || has_begun && !unanswered
}

/// Where and why the kernel has dropped packets of a connection since then, other than
/// by the rules of TCP itself.
fn dropped<'a>(view: &View<'a>, key: &FlowKey, since: Moment) -> Option<(&'a Place, &'a Dropped)> {
    // Translations mostly change the server's address.
    let (client, _) = roles(view, key);
    let mut drops = view.evidence.kernel.drops_of(ip::TCP, client);
    drops.find(|(place, dropped)| dropped.last >= since && !is_of_tcp_itself(&place.reason))
}
