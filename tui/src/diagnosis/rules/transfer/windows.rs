//! Receivers that do not read.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{owner, sender};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::rules::span;
use crate::diagnosis::view::View;

/// A window that stays closed; a reader that is only slow opens it again.
const CLOSED: Duration = Duration::from_millis(1500);
/// What window probes add up to.
const PROBES: u64 = 2000;

pub(super) fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    let mut seen = BTreeSet::new();
    for (key, health) in view.evidence.health.suspects() {
        for at in [0, 1] {
            let Some((closed, since_then)) = health.closed[at] else {
                continue;
            };
            let (reader, writer) = sender(key, at);
            let time = view.now.saturating_sub(closed);
            // The writer still probes, and nothing else gets through.
            if time < CLOSED
                || since_then == 0
                || since_then > PROBES
                || view.now.saturating_sub(health.last) > Duration::from_secs(15)
                || !seen.insert((reader, writer))
            {
                continue;
            }
            let process = owner(view, health, at);
            let who = match &process {
                Some(Subject::Process { pid, command }) => {
                    format!("{command} (pid {pid}) at {reader}")
                }
                _ => format!("{reader}"),
            };
            claims.push(Claim {
                kind: Kind::ZERO_WINDOW,
                key: format!("{reader}<{writer}"),
                about: vec![reader.address],
                sentence: format!(
                    "{who} does not read: its receive window has been closed for {}, and {writer} \
                     waits to send",
                    span(time)
                ),
                since: closed,
                last: view.now,
                count: health.sums(Duration::ZERO)[at].zero_windows.max(1),
                subjects: [
                    Some(Subject::flow(writer, reader, "tcp")),
                    Some(Subject::Host {
                        address: reader.address,
                    }),
                    process,
                    view.device_subject(key.device),
                ]
                .into_iter()
                .flatten()
                .collect(),
                evidence: vec![format!(
                    "{reader} sent window 0 {} ago; since then {writer} sent {since_then} bytes",
                    span(time)
                )],
                not_looked_at: Vec::new(),
                advice: format!(
                    "`ss -tmp dst {}` where {} lives: Recv-Q is full",
                    writer.address, reader.address
                ),
            });
        }
    }
}
