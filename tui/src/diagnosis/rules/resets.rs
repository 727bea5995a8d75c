//! Connections that are reset in the middle.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use probe_common::parse::number::ip;

use super::drops::place_name;
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
/// Drops are reported no later than this.
const REPORTED: Duration = Duration::from_secs(3);
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
        let firewall = resets.iter().find_map(|it| firewall(view, server, it));
        let (by, advice) = match firewall {
            Some(node) => (
                format!("a firewall of {node}, which rejects their packets"),
                "`nft list ruleset` or `iptables-save -c` there: rules that reject with a TCP reset"
                    .to_owned(),
            ),
            None => (
                "something on the path between them".to_owned(),
                format!(
                    "check the firewalls, proxies and intrusion prevention on the way to {}",
                    server.address
                ),
            ),
        };
        (
            Kind::RESET_MIDSTREAM,
            format!(
                "{} from {} to {server} {} reset by {by}",
                plural(flows.len() as u64, "connection"),
                list(&clients),
                if flows.len() == 1 { "was" } else { "were" },
            ),
            advice,
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

/// Whose firewall dropped a packet of a connection at about the time of its reset, where
/// the kernel shows it: to reject is to drop and to answer.
fn firewall(view: &View<'_>, server: Endpoint, reset: &MidReset) -> Option<String> {
    let client = if reset.from == server {
        reset.to
    } else {
        reset.from
    };
    let mut drops = view.evidence.kernel.drops_of(ip::TCP, client);
    let (place, _) = drops.find(|(place, dropped)| {
        place.reason == "NETFILTER_DROP"
            && (dropped.first.saturating_sub(REPORTED)..=dropped.last).contains(&reset.at)
            && view.evidence.kernel.namespace(place.namespace).is_some()
    })?;
    Some(place_name(view, place))
}
