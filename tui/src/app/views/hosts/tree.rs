//! Prefixes as ranges of sorted hosts: only those that are shown cost anything.

use foldhash::{HashMap, HashMapExt};
use ipnet::IpNet;
use probe_common::FlowKey;
use std::net::IpAddr;

use crate::app::criteria::Criteria;
use crate::app::ends::{self, Side};
use crate::app::group::HostGroup;
use crate::app::measure::Measure;
use crate::app::views::groups::Groups;
use crate::app::views::sums::Sums;
use crate::flow::FlowTable;

/// The steps of [`ends::LENGTHS`], from addresses to the widest prefixes.
const WIDEST: usize = ends::LENGTHS.len() - 1;

/// What the flows with an address come to.
type Host = (IpAddr, Sums);

/// All hosts, in the order of their addresses, so that those of a prefix stand
/// together.
pub(super) struct Tree {
    hosts: Vec<Host>,
    /// Flows without addresses.
    others: HashMap<u16, Sums>,
}

/// A group of the tree and the hosts in it.
pub(super) struct Node<'a> {
    pub group: HostGroup,
    pub sums: Sums,
    hosts: &'a [Host],
    /// The step of its length.
    step: usize,
    /// Its flows, where it is open and has flows in place of groups.
    flows: Vec<(FlowKey, Sums)>,
}

impl Tree {
    pub fn new(flows: &FlowTable, criteria: Criteria<'_>, side: Side, measure: Measure) -> Self {
        let mut tree = Self {
            hosts: Vec::with_capacity(flows.len()),
            others: HashMap::new(),
        };
        for flow in flows.iter() {
            let shows = criteria.shows(flow);
            if !Criteria::has_row(flow, shows) {
                continue;
            }
            let sums = Sums::once(flow, shows, criteria, measure);
            match ends::address(&flow.key, side) {
                Some(address) => tree.hosts.push((address, sums)),
                None => tree
                    .others
                    .entry(flow.key.ether_type)
                    .or_default()
                    .add(&sums),
            }
        }
        tree.hosts.sort_unstable_by_key(|(address, _)| *address);
        tree.hosts.dedup_by(|(address, sums), (kept, sum)| {
            let same = address == kept;
            if same {
                sum.add(sums);
            }
            same
        });
        tree
    }

    /// How many addresses there are.
    pub const fn len(&self) -> usize {
        self.hosts.len()
    }

    /// The widest groups.
    pub fn roots(&self) -> Vec<Node<'_>> {
        let others = self.others.iter().map(|(ether_type, sums)| Node {
            group: HostGroup::EtherType(*ether_type),
            sums: *sums,
            hosts: &[],
            step: 0,
            flows: Vec::new(),
        });
        split(&self.hosts, WIDEST).chain(others).collect()
    }
}

impl<'a> Node<'a> {
    /// Whether there are groups or flows in it.
    pub const fn has_children(&self) -> bool {
        match self.group {
            HostGroup::Prefix(_) => self.hosts.len() > 1,
            HostGroup::EtherType(_) | HostGroup::Flow(_) => false,
            _ => true,
        }
    }

    /// The groups that are directly in it, or its flows.
    pub fn children(&self) -> Vec<Node<'a>> {
        if let Some(step) = self.step.checked_sub(1) {
            return split(self.hosts, step).collect();
        }
        let flows = self.flows.iter().map(|(key, sums)| Node {
            group: HostGroup::Flow(*key),
            sums: *sums,
            hosts: &[],
            step: 0,
            flows: Vec::new(),
        });
        flows.collect()
    }
}

/// Splits hosts into prefixes of a step's length. Each is then named by the
/// narrowest prefix with all of its hosts: prefixes with one prefix in them say
/// nothing.
fn split(hosts: &[Host], step: usize) -> impl Iterator<Item = Node<'_>> {
    hosts
        .chunk_by(move |(a, _), (b, _)| ends::prefix(*a, step) == ends::prefix(*b, step))
        .filter_map(move |hosts| {
            let (step, prefix) = narrowest(hosts, step)?;
            let mut sums = Sums::default();
            for (_, host) in hosts {
                sums.add(host);
            }
            Some(Node {
                group: HostGroup::Prefix(prefix),
                sums,
                hosts,
                step,
                flows: Vec::new(),
            })
        })
}

/// The narrowest prefix of all hosts, not wider than that of a step: what the
/// first and the last have in common, all have.
fn narrowest(hosts: &[Host], step: usize) -> Option<(usize, IpNet)> {
    let ((first, _), (last, _)) = (hosts.first()?, hosts.last()?);
    (0..=step).find_map(|step| {
        let prefix = ends::prefix(*first, step)?;
        (ends::prefix(*last, step) == Some(prefix)).then_some((step, prefix))
    })
}

/// Groups that have no groups in them, but flows, if they are open.
pub(super) fn flat(
    criteria: Criteria<'_>,
    measure: Measure,
    of: &mut Groups,
) -> Vec<Node<'static>> {
    let mut groups: HashMap<HostGroup, (Sums, Vec<(FlowKey, Sums)>)> = HashMap::new();
    for flow in criteria.known.host.flows.iter() {
        let shows = criteria.shows(flow);
        if Criteria::has_row(flow, shows) {
            let sums = of.sums(flow, shows, criteria, measure);
            let group = of.of(flow, criteria);
            let (sum, members) = groups.entry(group).or_default();
            sum.add(&sums);
            if of.is_open(group) {
                members.push((flow.key, sums));
            }
        }
    }
    let nodes = groups.into_iter().map(|(group, (sums, flows))| Node {
        group,
        sums,
        hosts: &[],
        step: 0,
        flows,
    });
    nodes.collect()
}
