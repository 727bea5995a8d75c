//! Connection tracking that takes no more connections.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::stacks::{addresses, subjects};
use super::{list, stack_name};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::kernel::StackHistory;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::model::stack::Conntrack;
use crate::text::plural;

/// How full the table is, in percent, when it was read soon after it was full: entries
/// end all the time.
const FULL: u64 = 90;

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    for stack in view.evidence.kernel.stacks() {
        let Some(conntrack) = &stack.last.conntrack else {
            continue;
        };
        let is_full = conntrack
            .capacity
            .is_some_and(|capacity| conntrack.entries * 100 >= capacity * FULL);
        if conntrack.drops > 0 && is_full {
            claims.push(claim(view, stack, conntrack));
        }
    }
}

fn claim(view: &View<'_>, stack: &StackHistory, conntrack: &Conntrack) -> Claim {
    let name = stack_name(view, &stack.last);
    let dropped: Vec<_> = view
        .evidence
        .kernel
        .drops()
        .filter(|(place, _)| {
            place.namespace == stack.last.namespace && place.reason == "NETFILTER_DROP"
        })
        .flat_map(|(_, dropped)| dropped.flows.keys())
        .collect();
    let clients: BTreeSet<IpAddr> = dropped.iter().map(|it| it.source()).collect();
    let servers: BTreeSet<Endpoint> = dropped
        .iter()
        .map(|it| Endpoint {
            address: it.destination(),
            port: it.destination_port,
        })
        .collect();
    let whose = match servers.is_empty() {
        true => String::new(),
        false => format!(
            ", such as those of {} to {}",
            list(&clients),
            list(&servers)
        ),
    };
    let capacity = conntrack.capacity.unwrap_or_default();
    Claim {
        kind: Kind::CONNTRACK_FULL,
        key: format!("{}", stack.last.namespace),
        sentence: format!(
            "the connection tracking table of {name} is full ({} of {capacity} entries): it drops \
             packets of new connections{whose}",
            conntrack.entries
        ),
        since: view.now,
        last: view.now,
        count: conntrack.drops,
        subjects: subjects(view, stack, &servers, &clients),
        about: addresses(&servers, &clients),
        evidence: vec![format!(
            "{} of {capacity} entries, {} dropped",
            conntrack.entries,
            plural(conntrack.drops, "packet")
        )],
        not_looked_at: Vec::new(),
        advice: "`sysctl net.netfilter.nf_conntrack_max` raises the limit; `conntrack -L` there \
                 shows what fills the table"
            .to_owned(),
    }
}
