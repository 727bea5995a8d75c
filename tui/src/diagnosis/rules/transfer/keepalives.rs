//! Idle connections whose other end no longer answers.

use std::collections::BTreeMap;

use super::{Sending, clients, roles, sender, server_subjects};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::rules::{list, span};
use crate::diagnosis::view::View;
use crate::text::plural;

/// Intervals with keep-alives that nobody answers.
const KEEPALIVES: u32 = 3;

/// Idle connections whose keep-alives are not answered.
pub(super) fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    let mut servers: BTreeMap<Endpoint, Vec<Sending<'_>>> = BTreeMap::new();
    for (key, health) in view.evidence.health.suspects() {
        for at in [0, 1] {
            let is_dead = health.probing[at].is_some_and(|it| {
                it.intervals >= KEEPALIVES
                    // More than a few a second are acknowledgments of data that goes
                    // another way.
                    && it.packets <= u64::from(it.intervals) * 2
            });
            if is_dead && health.stalls[at].is_none() {
                let (_, server) = roles(view, key);
                servers.entry(server).or_default().push((*key, at, health));
            }
        }
    }
    for (server, flows) in servers {
        let Some(first @ (key, at, health)) = flows.first() else {
            continue;
        };
        let Some(probing) = health.probing[*at] else {
            continue;
        };
        let (from, to) = sender(key, *at);
        let time = span(health.last.saturating_sub(probing.since));
        let clients = clients(view, &flows);
        claims.push(Claim {
            kind: Kind::KEEPALIVE_UNANSWERED,
            key: format!("{server}"),
            about: vec![server.address, from.address, to.address],
            sentence: format!(
                "an idle connection of {} to {server} is dead: {to} answers none of {} of {from} in \
                 {time}",
                list(&clients),
                plural(probing.packets, "keep-alive"),
            ),
            since: probing.since,
            last: health.last,
            count: flows.len() as u64,
            subjects: server_subjects(view, server, first, &clients),
            evidence: vec![format!(
                "{} without data from {from} to {to}, nothing came back",
                plural(probing.packets, "packet")
            )],
            not_looked_at: Vec::new(),
            advice: format!(
                "`ss -to dst {}` on {}: timer:(keepalive…) counts them; check whether {} is up and \
                 whether a firewall on the way has forgotten the connection",
                to.address, from.address, to.address
            ),
        });
    }
}
