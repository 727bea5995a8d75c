//! Hosts behind a device that receive requests and have no route for the answers.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::stacks::{addresses, subjects};
use super::{list, stack_name};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::kernel::StackHistory;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::text::plural;

/// Answers without a route before that is more than chance.
const PACKETS: u64 = 3;
/// A request that has waited for so long fails.
const WAITING: Duration = Duration::from_millis(900);

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    for stack in view.evidence.kernel.stacks() {
        let (v4, since) = stack.sum(|it| it.ip_out_no_routes);
        let (v6, since_v6) = stack.sum(|it| it.ip6_out_no_routes);
        for (is_v6, packets, since) in [(false, v4, since), (true, v6, since_v6)] {
            if packets >= PACKETS {
                claims.extend(claim(view, stack, is_v6, packets, since));
            }
        }
    }
}

fn claim(
    view: &View<'_>,
    stack: &StackHistory,
    is_v6: bool,
    packets: u64,
    since: Duration,
) -> Option<Claim> {
    let is_there = |slot: u32| {
        let device = view.devices.get(&slot);
        device.is_some_and(|it| stack.last.devices.contains(&it.index))
    };
    // Requests that went to it, and those of which nothing came back.
    let mut silent: BTreeSet<(IpAddr, Endpoint)> = BTreeSet::new();
    let mut answered: BTreeSet<IpAddr> = BTreeSet::new();
    for it in view.evidence.connections.iter() {
        let is_sent_there = view.is_sent(it.key.device, it.direction as usize);
        if !is_sent_there || !is_there(it.key.device) {
            continue;
        }
        if it.is_unanswered() && view.now.saturating_sub(it.syn.first) > WAITING {
            silent.insert((it.client.address, it.server));
        } else if it.syn_ack.is_some() {
            answered.insert(it.client.address);
        }
    }
    silent.retain(|(client, _)| client.is_ipv6() == is_v6 && !answered.contains(client));
    let clients: BTreeSet<IpAddr> = silent.iter().map(|(client, _)| *client).collect();
    let servers: BTreeSet<Endpoint> = silent.iter().map(|(_, server)| *server).collect();
    let client = clients.first()?;
    let name = stack_name(view, &stack.last);
    let flag = if is_v6 { " -6" } else { "" };
    Some(Claim {
        kind: Kind::NO_ROUTE,
        key: format!("back/{}/{client}", stack.last.namespace),
        about: addresses(&servers, &clients),
        sentence: format!(
            "{name} has no route back to {}: requests to {} arrive there and cannot be answered",
            list(&clients),
            list(&servers)
        ),
        since,
        last: view.now,
        count: packets,
        subjects: subjects(view, stack, &servers, &clients),
        evidence: vec![format!(
            "OutNoRoutes of {name} grew by {packets}; {} unanswered",
            plural(silent.len() as u64, "service")
        )],
        not_looked_at: Vec::new(),
        advice: format!("`ip{flag} route get {client}` there, and `ip{flag} rule`"),
    })
}
