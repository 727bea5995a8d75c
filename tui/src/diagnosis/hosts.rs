//! The diagnosis of each of several hosts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Baseline, Diagnosis, Finding, Policy};
use crate::flow::FlowTable;
use crate::model::{Device, Envelope, HostId};

#[cfg(test)]
mod tests;

/// A diagnosis for each host: slots, interface indices, namespaces and clocks are a
/// host's own. Findings name their host where there are several.
#[derive(Clone, Debug, Default)]
pub struct Diagnoses {
    policy: Policy,
    baseline: Option<Arc<Baseline>>,
    /// By number; empty where there is only one host.
    names: Vec<String>,
    hosts: BTreeMap<HostId, Diagnosis>,
}

impl Diagnoses {
    /// Judges the hosts of these names by this policy; the only host needs none.
    #[must_use]
    pub fn new(policy: Policy, names: &[String]) -> Self {
        Self {
            policy,
            names: names.to_vec(),
            ..Self::default()
        }
    }

    /// From now on peers that are not in this are new, on each host. To be called
    /// before the first event.
    pub fn compare(&mut self, baseline: Arc<Baseline>) {
        self.baseline = Some(baseline);
    }

    /// Takes over an event of a host, whose `flows` have taken it over before.
    pub fn observe(&mut self, envelope: &Envelope, flows: &FlowTable) {
        self.host(envelope.host).observe(&envelope.event, flows);
    }

    /// The diagnosis of a host.
    pub fn host(&mut self, id: HostId) -> &mut Diagnosis {
        self.hosts.entry(id).or_insert_with(|| {
            let mut diagnosis = Diagnosis::new(self.policy.clone());
            if let Some(baseline) = &self.baseline {
                diagnosis.compare(Arc::clone(baseline));
            }
            diagnosis
        })
    }

    /// The devices that are or were watched on any host.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.hosts.values().flat_map(Diagnosis::devices)
    }

    /// What is wrong on any host, worst first, and then what was. What several hosts
    /// see of the same addresses is one finding.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        self.findings_that(|_| true)
    }

    /// As [`Diagnoses::findings`], of those of each host that are wanted.
    pub fn findings_that(&self, mut is_wanted: impl FnMut(&Finding) -> bool) -> Vec<Finding> {
        if self.names.is_empty() {
            let mut all = self.each();
            all.retain(is_wanted);
            return all;
        }
        across(self.hosts.iter().flat_map(|(id, diagnosis)| {
            let node = self.names.get(usize::from(id.0));
            let node = node.map(String::as_str).unwrap_or_default();
            let mut findings = diagnosis.findings();
            findings.retain(|finding| is_wanted(&finding.clone().on_node(node)));
            findings.into_iter().map(move |finding| (node, finding))
        }))
    }

    /// What is wrong or was, host by host.
    #[must_use]
    pub fn each(&self) -> Vec<Finding> {
        let ids = self.hosts.keys().copied();
        ids.flat_map(|id| self.findings_of(id)).collect()
    }

    /// What is wrong on one host.
    #[must_use]
    pub fn findings_of(&self, id: HostId) -> Vec<Finding> {
        let findings = self.hosts.get(&id).map(Diagnosis::findings);
        let findings = findings.unwrap_or_default().into_iter();
        match self.names.get(usize::from(id.0)) {
            Some(name) => findings.map(|finding| finding.on_node(name)).collect(),
            None => findings.collect(),
        }
    }
}

/// The findings of several hosts, by name, worst first and then what is over. What more
/// than one host sees of the same addresses is one finding, with the evidence of each.
#[must_use]
pub fn across<'a>(found: impl IntoIterator<Item = (&'a str, Finding)>) -> Vec<Finding> {
    let mut groups: Vec<Vec<(&str, Finding)>> = Vec::new();
    let mut places = HashMap::<(String, bool), usize>::new();
    for (node, finding) in found {
        // What is about nothing but a host itself is another thing on each.
        if finding.is_about_addresses() {
            let next = groups.len();
            let place = *places
                .entry((finding.id.clone(), finding.past))
                .or_insert(next);
            if place < next && groups[place].iter().all(|(other, _)| *other != node) {
                groups[place].push((node, finding));
                continue;
            }
        }
        groups.push(vec![(node, finding)]);
    }
    let mut all: Vec<Finding> = groups.into_iter().filter_map(joined).collect();
    all.sort_by_key(|finding| (finding.past, finding.severity));
    all
}

/// One finding of those of several hosts: the first one, as long as it is there.
fn joined(group: Vec<(&str, Finding)>) -> Option<Finding> {
    let nodes: Vec<&str> = group.iter().map(|(node, _)| *node).collect();
    let first = group.iter().min_by_key(|(_, finding)| finding.since)?;
    let mut whole = first.1.clone().on_node(first.0);
    if nodes.len() == 1 {
        return Some(whole);
    }
    whole.sentence = format!("{}: {}", nodes.join(", "), first.1.sentence);
    whole.evidence.clear();
    whole.not_looked_at.clear();
    for (node, finding) in &group {
        let of_node = |line: &String| format!("{node}: {line}");
        whole.evidence.extend(finding.evidence.iter().map(of_node));
        let not_looked_at = finding.not_looked_at.iter().map(of_node);
        whole.not_looked_at.extend(not_looked_at);
        for subject in finding.clone().on_node(node).subjects {
            if !whole.subjects.contains(&subject) {
                whole.subjects.push(subject);
            }
        }
        // The packets may be the same on all: no sum.
        whole.count = whole.count.max(finding.count);
        whole.last = whole.last.max(finding.last);
    }
    Some(whole)
}
