//! SYNs that are answered in vain: the answers do not reach the client.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{SYNS, Service};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::rules::list;
use crate::diagnosis::view::View;
use crate::text::plural;

/// SYN-ACKs that were sent again before that is more than a late packet.
const SYN_ACKS: u32 = 3;

pub(super) fn rule(
    view: &View<'_>,
    server: Endpoint,
    service: &Service<'_>,
    claims: &mut Vec<Claim>,
) {
    // The server sent its SYN-ACK again: it got no ACK for the first.
    let lost: Vec<_> = service
        .half_open
        .iter()
        .filter(|it| {
            it.any(|at| at.syn_ack.is_some_and(|seen| seen.count >= SYN_ACKS))
                || (it.syns() >= SYNS && it.any(|at| at.syn_ack.is_some()))
        })
        .collect();
    // A client that sends its SYN again has not seen the answer; one that only
    // leaves the connection half-open may be a scanner.
    let again = lost.iter().filter(|it| it.syns() > 1).count();
    let of_theirs = lost.iter().map(|it| it.first().client.address);
    let of_theirs: BTreeSet<IpAddr> = of_theirs.collect();
    let established = service.established.iter();
    let established = established.filter(|it| of_theirs.contains(&it.first().client.address));
    if again == 0 || lost.len() < established.count() {
        return;
    }
    let first = lost
        .iter()
        .map(|it| it.first().syn.first)
        .min()
        .unwrap_or_default();
    let last = lost.iter().map(|it| it.last()).max().unwrap_or_default();
    let syn_acks: u64 = lost
        .iter()
        .map(|it| {
            it.at
                .iter()
                .filter_map(|at| at.syn_ack)
                .map(|it| u64::from(it.count))
                .max()
        })
        .map(Option::unwrap_or_default)
        .sum();
    let clients: BTreeSet<_> = lost.iter().map(|it| it.first().client.address).collect();
    let with: BTreeSet<u32> = lost
        .iter()
        .flat_map(|it| &it.at)
        .filter(|at| at.syn_ack.is_some())
        .map(|at| at.key.device)
        .collect();
    let without: BTreeSet<u32> = lost
        .iter()
        .flat_map(|it| &it.at)
        .filter(|at| at.syn_ack.is_none())
        .map(|at| at.key.device)
        .collect();
    let name = |slots: &BTreeSet<u32>| list(slots.iter().map(|slot| view.device(*slot)));
    let place = if without.is_empty() {
        format!("they are lost behind {}", name(&with))
    } else {
        format!("{} saw them, {} did not", name(&with), name(&without))
    };
    let mut subjects = vec![Subject::tcp(server)];
    subjects.extend(Subject::hosts(&clients));
    claims.push(Claim {
        kind: Kind::SYN_ACK_LOST,
        key: server.to_string(),
        about: std::iter::once(server.address)
            .chain(clients.iter().copied())
            .collect(),
        sentence: format!(
            "{} cannot connect to {server}: the server answers, but its SYN-ACKs do not reach the \
             client; {place}",
            list(&clients)
        ),
        since: first,
        last,
        count: syn_acks,
        subjects,
        evidence: vec![format!(
            "{} of {server} for {}, no ACK of the client",
            plural(syn_acks, "SYN-ACK"),
            plural(lost.len() as u64, "connection")
        )],
        not_looked_at: Vec::new(),
        advice: format!(
            "check routes, reverse-path filters and firewall rules on the way from {} to {}",
            server.address,
            list(&clients)
        ),
    });
}
