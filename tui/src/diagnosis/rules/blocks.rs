//! What fails because nkview itself drops its packets, or did until a moment ago.

use std::net::IpAddr;

use crate::diagnosis::claims::Claim;
use crate::diagnosis::decode::Endpoint;
use crate::diagnosis::evidence::blocks::OwnBlock;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::text::plural;

/// Things that suffer and are named, at most.
const NAMED: usize = 8;

/// The last of the rules: it explains what the others claim, and claims nothing where
/// nothing fails.
pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    for own in view.evidence.blocks.iter() {
        let suffering: Vec<&Claim> = claims.iter().filter(|it| is_due_to(own, it)).collect();
        let Some(since) = suffering.iter().map(|it| it.since).min() else {
            continue;
        };
        let mut about: Vec<IpAddr> = suffering.iter().flat_map(|it| it.about.clone()).collect();
        about.sort_unstable();
        about.dedup();
        let mut subjects: Vec<Subject> = suffering
            .iter()
            .flat_map(|it| it.subjects.clone())
            .collect();
        subjects.sort_unstable();
        subjects.dedup();
        let seen = suffering.iter().flat_map(|it| it.evidence.clone());
        let evidence = seen.take(NAMED).collect();
        let last = suffering.iter().map(|it| it.last).max();
        let (rule, packets) = (&own.block.rule, plural(own.dropped(), "packet"));
        let (sentence, advice) = if own.holds() {
            (
                format!(
                    "nkview itself drops these packets, as it was asked to: {rule} ({packets})"
                ),
                "`B` on the screen or `nkview block --lift` ends it".to_owned(),
            )
        } else {
            (
                format!(
                    "connections have not recovered yet from what nkview itself dropped until a \
                     moment ago, as it was asked to: {rule} ({packets})"
                ),
                "wait: TCP tries again after two minutes at most; `ss -to` shows its timers"
                    .to_owned(),
            )
        };
        claims.push(Claim {
            kind: Kind::POLICY_DROP,
            key: format!("block/{rule}"),
            about,
            sentence,
            since,
            last: last.unwrap_or(view.now),
            count: own.dropped(),
            subjects,
            evidence,
            not_looked_at: Vec::new(),
            advice,
        });
    }
}

/// Whether a claim is about nothing but flows that the rule matches, began while it was
/// in force, and is of a kind that drops explain.
fn is_due_to(own: &OwnBlock, claim: &Claim) -> bool {
    let is_matched = |subject: &Subject| match subject {
        Subject::Host { address } => own.has_address(*address),
        Subject::Service { address, port, .. } => own.has_end(Endpoint {
            address: *address,
            port: *port,
        }),
        Subject::Flow { .. } | Subject::Device { .. } | Subject::Process { .. } => true,
    };
    Kind::POLICY_DROP.explains(claim.kind)
        && own.was_in_force(claim.since)
        && !claim.about.is_empty()
        && claim.about.iter().all(|it| own.has_address(*it))
        && claim.subjects.iter().all(is_matched)
}
