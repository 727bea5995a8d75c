//! What the rules claim now, and what is made of it: findings that
//! appear, stay, and are over.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::finding::{Finding, Subject};
use super::kind::Kind;
use crate::model::Moment;

/// How long a finding stays current without being claimed: longer than the
/// pauses between the attempts of a client that tries again.
const HOLD: Duration = Duration::from_secs(10);
/// Findings that are over and still listed.
const PAST: usize = 100;
/// Findings at once. More causes than this are no help.
const CURRENT: usize = 200;

/// Subjects of a finding that has taken in others of its kind.
const SUBJECTS: usize = 16;

/// What a rule holds to be true now.
#[derive(Clone, Debug)]
pub struct Claim {
    /// What kind of thing is wrong.
    pub kind: Kind,
    /// What it is about, as a part of the finding's id.
    pub key: String,
    /// The addresses of those that are at fault, by which consequences of the
    /// same cause are found.
    pub about: Vec<IpAddr>,
    /// See [`Finding`].
    pub sentence: String,
    /// When its evidence began.
    pub since: Moment,
    /// When there was evidence last.
    pub last: Moment,
    /// How often.
    pub count: u64,
    /// See [`Finding`].
    pub subjects: Vec<Subject>,
    /// See [`Finding`].
    pub evidence: Vec<String>,
    /// See [`Finding`].
    pub not_looked_at: Vec<String>,
    /// See [`Finding`].
    pub advice: String,
}

/// The findings so far.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    current: BTreeMap<String, Entry>,
    past: Vec<Finding>,
}

#[derive(Clone, Debug)]
struct Entry {
    finding: Finding,
    about: Vec<IpAddr>,
    claimed: Moment,
}

impl Entry {
    fn cause(&self) -> Side<'_> {
        Side {
            kind: self.finding.kind,
            about: &self.about,
            subjects: &self.finding.subjects,
        }
    }
}

/// What tells a cause and its consequence.
struct Side<'a> {
    kind: Kind,
    about: &'a [IpAddr],
    subjects: &'a [Subject],
}

impl<'a> Side<'a> {
    fn of(claim: &'a Claim) -> Self {
        Self {
            kind: claim.kind,
            about: &claim.about,
            subjects: &claim.subjects,
        }
    }

    /// Whether `other` is a consequence: both are about one address, and about one
    /// port where the cause is at a port.
    fn explains(&self, other: &Side<'_>) -> bool {
        let are_apart = || {
            let [mine, theirs] = [self.subjects, other.subjects].map(ports);
            self.kind.is_of_a_port()
                && !mine.is_empty()
                && !theirs.is_empty()
                && mine.is_disjoint(&theirs)
        };
        self.kind.explains(other.kind)
            && self.about.iter().any(|it| other.about.contains(it))
            && !are_apart()
    }
}

impl Findings {
    /// Takes over what the rules claim at `now`.
    pub fn update(&mut self, mut claims: Vec<Claim>, now: Moment) {
        take_in_consequences(&mut claims);
        // What was claimed lately explains, too: causes and consequences do not
        // end together.
        claims.retain(|claim| {
            !self.current.values().any(|entry| {
                entry.finding.kind != claim.kind && entry.cause().explains(&Side::of(claim))
            })
        });
        let explained = |entry: &Entry| {
            claims.iter().any(|claim| {
                id(claim) != entry.finding.id && Side::of(claim).explains(&entry.cause())
            })
        };
        self.current.retain(|_, entry| !explained(entry));
        // What a better claim has taken the place of is not listed beside it.
        claims.retain(|claim| {
            let own = id(claim);
            let better = self.current.values_mut().find(|entry| {
                entry.finding.id != own
                    && claim.kind == entry.finding.kind
                    && is_less_specific(claim, entry)
            });
            better.map(|entry| entry.claimed = now).is_none()
        });
        let ids: Vec<String> = claims.iter().map(id).collect();
        let replaced = |entry: &Entry| {
            !ids.contains(&entry.finding.id)
                && claims.iter().any(|claim| {
                    claim.kind == entry.finding.kind
                        && !entry.about.is_empty()
                        && is_same_cause(claim, entry)
                })
        };
        self.current.retain(|_, entry| !replaced(entry));
        for claim in claims {
            let id = id(&claim);
            if !self.current.contains_key(&id) && self.current.len() >= CURRENT {
                continue;
            }
            let since = self.current.get(&id).map(|entry| entry.finding.since);
            let finding = Finding {
                id: id.clone(),
                severity: claim.kind.severity(),
                kind: claim.kind,
                sentence: claim.sentence,
                since: since.map_or(claim.since, |since| since.min(claim.since)),
                last: claim.last,
                count: claim.count,
                subjects: claim.subjects,
                evidence: claim.evidence,
                not_looked_at: claim.not_looked_at,
                advice: claim.advice,
                past: false,
            };
            let entry = Entry {
                finding,
                about: claim.about,
                claimed: now,
            };
            self.current.insert(id, entry);
        }
        let over: Vec<String> = self
            .current
            .iter()
            .filter(|(_, entry)| now.saturating_sub(entry.claimed) > HOLD)
            .map(|(id, _)| id.clone())
            .collect();
        for id in over {
            if let Some(entry) = self.current.remove(&id) {
                self.past.retain(|past| past.id != id);
                self.past.push(Finding {
                    past: true,
                    ..entry.finding
                });
            }
        }
        let excess = self.past.len().saturating_sub(PAST);
        self.past.drain(..excess);
    }

    /// All findings: what is wrong now, worst first and causes before symptoms;
    /// then what is over, the latest first.
    #[must_use]
    pub fn list(&self) -> Vec<Finding> {
        let mut current: Vec<_> = self.current.values().map(|it| it.finding.clone()).collect();
        current.sort_by_key(|it| (it.severity, it.kind, std::cmp::Reverse(it.count)));
        let past = self.past.iter().rev();
        let again = |it: &&Finding| !self.current.contains_key(&it.id);
        current.extend(past.filter(again).cloned());
        current
    }
}

/// The id of the finding that a claim makes.
fn id(claim: &Claim) -> String {
    format!("{}/{}", claim.kind.slug(), claim.key)
}

/// Whether a claim and an entry of the same kind speak of one cause: both are first
/// of all about the same address, or one of the claim's where that has joined two,
/// and not about different ports of it.
fn is_same_cause(claim: &Claim, entry: &Entry) -> bool {
    let is_about = entry
        .about
        .first()
        .is_some_and(|it| claim.about.contains(it));
    let [mine, others] = [&claim.subjects, &entry.finding.subjects].map(|it| ports(it));
    is_about && (mine.is_empty() || others.is_empty() || !mine.is_disjoint(&others))
}

/// Whether an entry knows the port of what a claim knows the address of only.
fn is_less_specific(claim: &Claim, entry: &Entry) -> bool {
    port(&claim.subjects).is_none()
        && port(&entry.finding.subjects).is_some()
        && entry
            .about
            .first()
            .is_some_and(|it| claim.about.contains(it))
}

fn port(subjects: &[Subject]) -> Option<u16> {
    subjects.iter().find_map(port_of)
}

fn ports(subjects: &[Subject]) -> BTreeSet<u16> {
    subjects.iter().filter_map(port_of).collect()
}

const fn port_of(subject: &Subject) -> Option<u16> {
    match subject {
        Subject::Service { port, .. } => Some(*port),
        _ => None,
    }
}

/// Joins two claims of one kind that differ in the version of IP only: a client
/// that tries both has one problem.
pub fn join_families(claims: &mut Vec<Claim>) {
    let mut joined: Vec<Claim> = Vec::new();
    let mut waiting: Vec<Claim> = std::mem::take(claims);
    while !waiting.is_empty() {
        let mut claim = waiting.remove(0);
        let alike = |other: &Claim| other.kind == claim.kind && cause(other) == cause(&claim);
        let others: Vec<usize> = (0..waiting.len())
            .filter(|at| alike(&waiting[*at]))
            .collect();
        let family = |claim: &Claim| claim.about.first().map(IpAddr::is_ipv6);
        // More than two are several causes, which must be told apart.
        if let [other] = others.as_slice()
            && cause(&claim).is_some()
            && !joined
                .iter()
                .any(|it| it.kind == claim.kind && cause(it) == cause(&claim))
            && family(&waiting[*other]) != family(&claim)
        {
            let other = waiting.remove(*other);
            let (mut kept, taken) = match family(&claim) {
                Some(true) => (other, claim),
                _ => (claim, other),
            };
            if let Some(address) = taken.about.first() {
                kept.sentence = format!("{}; the same over IPv6 ({address})", kept.sentence);
            }
            kept.evidence.extend(taken.evidence);
            kept.about.extend(taken.about);
            let new = |it: &Subject| !kept.subjects.contains(it);
            let subjects: Vec<_> = taken.subjects.into_iter().filter(new).collect();
            kept.subjects.extend(subjects);
            kept.count += taken.count;
            kept.since = kept.since.min(taken.since);
            kept.last = kept.last.max(taken.last);
            claim = kept;
        }
        joined.push(claim);
    }
    *claims = joined;
}

/// What claims of one cause share whatever the version of IP: the port, and the
/// device. Nothing where there is none of these.
fn cause(claim: &Claim) -> Option<(Option<u16>, String)> {
    let device = claim.subjects.iter().find_map(|it| match it {
        Subject::Device { name } => Some(name.clone()),
        _ => None,
    });
    Some((port(&claim.subjects), device?))
}

/// Removes those claims, from `earlier` on, whose kind an earlier rule has claimed
/// about the same address: two rules saw one cause.
pub fn keep_the_first(claims: &mut Vec<Claim>, earlier: usize) {
    let later = claims.split_off(earlier);
    let is_new = |claim: &Claim| {
        !claims[..earlier]
            .iter()
            .any(|it| it.kind == claim.kind && it.about.iter().any(|who| claim.about.contains(who)))
    };
    let later: Vec<Claim> = later.into_iter().filter(is_new).collect();
    claims.extend(later);
}

/// Removes the claims that another one explains. Of claims of a kind that explains
/// itself the one with the most evidence stays, and names whom the others are about.
fn take_in_consequences(claims: &mut Vec<Claim>) {
    let all = claims.clone();
    let has_more = |one: &Claim, other: &Claim| (one.count, id(one)) > (other.count, id(other));
    claims.retain_mut(|claim| {
        let is_consequence = all.iter().any(|cause| {
            let is_cause = cause.kind != claim.kind || has_more(cause, claim);
            is_cause && Side::of(cause).explains(&Side::of(claim))
        });
        if is_consequence {
            return false;
        }
        let same = all.iter().filter(|it| it.kind == claim.kind);
        let taken_in: Vec<_> = same
            .filter(|it| has_more(claim, it) && Side::of(claim).explains(&Side::of(it)))
            .collect();
        for subject in taken_in.into_iter().flat_map(|it| &it.subjects) {
            if claim.subjects.len() < SUBJECTS && !claim.subjects.contains(subject) {
                claim.subjects.push(subject.clone());
            }
        }
        true
    });
}
