//! The diagnosis of each of several hosts.

use std::collections::BTreeMap;
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

    /// What is wrong on any host, worst first, and then what was.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let ids = self.hosts.keys().copied();
        let mut all: Vec<Finding> = ids.flat_map(|id| self.findings_of(id)).collect();
        if self.hosts.len() > 1 {
            all.sort_by_key(|finding| (finding.past, finding.severity));
        }
        all
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
