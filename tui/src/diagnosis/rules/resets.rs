//! Connections that are reset in the middle.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::{list, span};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::resets::MidReset;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::text::plural;

/// A flow that was idle for this long was not reset by its own traffic.
const IDLE: Duration = Duration::from_secs(3);
/// How long ago a reset may have been.
const RECENT: Duration = Duration::from_secs(30);

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    let mut by_server: BTreeMap<Endpoint, Vec<&MidReset>> = BTreeMap::new();
    for reset in view.evidence.resets.iter() {
        if !reset.is_forged() || view.now.saturating_sub(reset.at) > RECENT {
            continue;
        }
        let known = view.evidence.connections.get(&reset.key);
        let server = known.map_or_else(
            || {
                if reset.from.port < reset.to.port {
                    reset.from
                } else {
                    reset.to
                }
            },
            |it| it.server,
        );
        by_server.entry(server).or_default().push(reset);
    }
    for (server, resets) in by_server {
        claims.push(claim(view, server, &resets));
    }
}

fn claim(view: &View<'_>, server: Endpoint, resets: &[&MidReset]) -> Claim {
    let first = resets[0];
    let flows: BTreeSet<_> = resets.iter().map(|it| it.key).collect();
    let clients: BTreeSet<IpAddr> = resets
        .iter()
        .map(|it| {
            if it.from == server {
                it.to.address
            } else {
                it.from.address
            }
        })
        .collect();
    let idle = resets.iter().map(|it| it.idle).max().unwrap_or_default();
    let is_old = idle >= IDLE;
    let mut subjects = vec![Subject::tcp(server)];
    subjects.extend(Subject::hosts(&clients));
    subjects.extend(view.device_subject(first.key.device));
    let (kind, sentence, advice) = if is_old {
        (
            Kind::CONNECTION_LOST,
            format!(
                "connections of {} to {server} that were idle for {} are reset by a firewall or \
                 NAT on the path, which has forgotten them",
                list(&clients),
                span(idle)
            ),
            "let TCP keepalive be sent more often than the idle timeout of the firewall or NAT on \
             the way"
                .to_owned(),
        )
    } else {
        (
            Kind::RESET_MIDSTREAM,
            format!(
                "{} from {} to {server} {} reset by something on the path between them",
                plural(flows.len() as u64, "connection"),
                list(&clients),
                if flows.len() == 1 { "was" } else { "were" },
            ),
            format!(
                "check the firewalls, proxies and intrusion prevention on the way to {}",
                server.address
            ),
        )
    };
    Claim {
        kind,
        key: server.to_string(),
        about: vec![server.address],
        sentence,
        since: first.at,
        last: resets.iter().map(|it| it.at).max().unwrap_or(first.at),
        count: flows.len() as u64,
        subjects,
        evidence: vec![format!(
            "RST in the name of {} with hop limit {}, while its other packets came with {}",
            first.from,
            first.ttl,
            first.usual_ttl.unwrap_or(0)
        )],
        not_looked_at: Vec::new(),
        advice,
    }
}
