//! How a view groups flows: by what, and which groups are open.

use std::net::SocketAddr;

use foldhash::{HashMap, HashMapExt};

use super::flow_text::{text, words};
use super::sums::Sums;
use crate::app::blocking::rules_of_flow;
use crate::app::criteria::Criteria;
use crate::app::ends::Side;
use crate::app::filtering::Subject;
use crate::app::group::{Grouping, HostGroup, Labels};
use crate::app::measure::Measure;
use crate::app::state::State;
use crate::filter::Filter;
use crate::flow::Flow;
use crate::traffic::SlotNames;

/// The groups of a view.
#[derive(Debug)]
pub struct Groups {
    /// What makes them.
    pub by: Grouping,
    labels: Labels,
    /// Those that the user has opened or closed.
    turned: HashMap<HostGroup, bool>,
}

impl Groups {
    /// Groups by this, none of which is open.
    #[must_use]
    pub fn by(by: Grouping) -> Self {
        Self {
            by,
            labels: Labels::default(),
            turned: HashMap::new(),
        }
    }

    /// What a flow is in; by address the group of a single one.
    pub fn of(&mut self, flow: &Flow, criteria: Criteria<'_>) -> HostGroup {
        let mut named = |name: Option<&str>, group: fn(u32) -> HostGroup| {
            let number = name.and_then(|name| self.labels.number(name));
            number.map_or(HostGroup::Other, group)
        };
        match self.by {
            Grouping::Address(side) => HostGroup::of_address(&flow.key, side),
            Grouping::Service => HostGroup::of_service(&flow.key),
            Grouping::Process => named(criteria.known.about(flow).process(), HostGroup::Process),
            Grouping::Container => named(
                container_of(flow, criteria).as_deref(),
                HostGroup::Container,
            ),
            Grouping::Device => HostGroup::Device(flow.key.device),
        }
    }

    /// Whether a flow is in a group, which may be a prefix.
    #[must_use]
    pub fn has(&self, group: HostGroup, flow: &Flow, criteria: Criteria<'_>) -> bool {
        let is_named = |name: Option<&str>| match group {
            HostGroup::Process(number) | HostGroup::Container(number) => {
                name == Some(self.label(number))
            }
            _ => name.is_none(),
        };
        match (self.by, group) {
            (_, HostGroup::Flow(key)) => flow.key == key,
            (Grouping::Address(side), _) => group.has(&flow.key, side),
            (Grouping::Process, _) => is_named(criteria.known.about(flow).process()),
            (Grouping::Container, _) => is_named(container_of(flow, criteria).as_deref()),
            (Grouping::Service, _) => HostGroup::of_service(&flow.key) == group,
            (Grouping::Device, _) => HostGroup::Device(flow.key.device) == group,
        }
    }

    /// What a flow adds to its group. What several devices saw counts once, or for each
    /// of them where groups are devices.
    #[must_use]
    pub fn sums(
        &self,
        flow: &Flow,
        shows: [bool; 2],
        criteria: Criteria<'_>,
        measure: Measure,
    ) -> Sums {
        match self.by {
            Grouping::Device => Sums::of(flow, shows, criteria, measure),
            _ => Sums::once(flow, shows, criteria, measure),
        }
    }

    /// The name of the process or container of a group.
    #[must_use]
    pub fn label(&self, number: u32) -> &str {
        self.labels.name(number)
    }

    /// Whether the user has opened a group, or closed it.
    #[must_use]
    pub fn turned(&self, group: HostGroup) -> Option<bool> {
        self.turned.get(&group).copied()
    }

    /// Whether the user has opened a group.
    #[must_use]
    pub fn is_open(&self, group: HostGroup) -> bool {
        self.turned(group) == Some(true)
    }

    /// Opens a group, or closes it.
    pub fn turn(&mut self, group: HostGroup, open: bool) {
        self.turned.insert(group, open);
    }

    /// Forgets which groups were opened and closed.
    pub fn turn_none(&mut self) {
        self.turned.clear();
    }

    /// The filter for the flows of a group.
    #[must_use]
    pub fn words(&self, group: HostGroup, names: &SlotNames) -> Option<String> {
        Some(match group {
            HostGroup::Prefix(prefix) => format!("{} {prefix}", self.by.side().name()),
            HostGroup::EtherType(number) => format!("ether {number:#06x}"),
            HostGroup::Service {
                client,
                server,
                port,
                protocol,
            } => format!("proto {protocol} and port {port} and host {client} and host {server}"),
            HostGroup::Process(number) => format!("process {}", pattern(self.label(number))),
            HostGroup::Container(number) => {
                // "pod" or "container", and its name.
                let (kind, name) = self.label(number).split_once(' ')?;
                format!("{kind} {}", pattern(name))
            }
            HostGroup::Flow(key) => words(&key),
            HostGroup::Device(slot) => format!("dev {}", names.get(slot)),
            HostGroup::Other if self.by == Grouping::Process => "not process *".to_owned(),
            HostGroup::Other if self.by == Grouping::Container => {
                "not pod * and not container *".to_owned()
            }
            HostGroup::Other => "not portrange 0-65535".to_owned(),
        })
    }

    /// The filter for the flows of a group; nothing where there is none.
    #[must_use]
    pub fn filter(&self, group: HostGroup, names: &SlotNames) -> Option<Filter> {
        Filter::parse(&self.words(group, names)?).ok()
    }

    /// The filters that a group offers; where it has nothing of the kind that stands
    /// for its address, the filter for its flows.
    #[must_use]
    pub fn offers(&self, subject: Subject, group: HostGroup, names: &SlotNames) -> Vec<Filter> {
        let mut offers = subject.of_group(group, self.by.side());
        if offers.is_empty() && matches!(subject, Subject::Address(_)) {
            offers.extend(self.filter(group, names));
        }
        offers
    }

    /// The rules that would drop what is in a group, the narrowest first.
    #[must_use]
    pub fn rules(&self, group: HostGroup, names: &SlotNames) -> Option<Vec<String>> {
        if let HostGroup::Flow(key) = group {
            return Some(rules_of_flow(&key, names.get(key.device)));
        }
        Some(vec![self.words(group, names)?])
    }

    /// A group as text, to be copied.
    #[must_use]
    pub fn text(&self, group: HostGroup, names: &SlotNames) -> Option<String> {
        match group {
            HostGroup::Prefix(prefix) => Some(prefix.to_string()),
            HostGroup::Service { server, port, .. } => {
                Some(SocketAddr::new(server, port).to_string())
            }
            HostGroup::Process(number) | HostGroup::Container(number) => {
                Some(self.label(number).to_owned())
            }
            HostGroup::Flow(key) => Some(text(&key)),
            HostGroup::Device(slot) => Some(names.get(slot).to_owned()),
            HostGroup::EtherType(_) | HostGroup::Other => None,
        }
    }

    /// Whether what is shown of a group has `wanted`, which is in lower case.
    #[must_use]
    pub fn mentions(&self, group: HostGroup, wanted: &str, state: &State) -> bool {
        let has = |text: &str| text.to_lowercase().contains(wanted);
        match group {
            HostGroup::Prefix(prefix) => {
                let name = group.address().and_then(|it| state.hostnames.name(it));
                has(&prefix.to_string()) || name.is_some_and(has)
            }
            HostGroup::Service {
                client,
                server,
                port,
                ..
            } => has(&format!("{client} {}", SocketAddr::new(server, port))),
            HostGroup::Process(number) | HostGroup::Container(number) => has(self.label(number)),
            HostGroup::Flow(key) => Side::BOTH
                .iter()
                .any(|&side| has(&state.hostnames.end(&key, side))),
            HostGroup::Device(slot) => has(state.picture().devices.names().label(slot)),
            HostGroup::EtherType(_) | HostGroup::Other => false,
        }
    }
}

/// The pod of a flow, or else its container, with the word for it in filters.
fn container_of(flow: &Flow, criteria: Criteria<'_>) -> Option<String> {
    let about = criteria.known.about(flow);
    let pod = about.pod().map(|pod| format!("pod {pod}"));
    pod.or_else(|| Some(format!("container {}", about.container()?.label())))
}

/// A name for a filter: whatever that could not read stands for itself.
fn pattern(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    name.chars()
        .map(|c| if is_plain(c) { c } else { '?' })
        .collect()
}
