//! The rules by which nkview itself drops packets, and the flows that they match:
//! what these suffer is no fault of the network.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use probe_common::Direction;

use super::datagrams::ends;
use crate::diagnosis::decode::Endpoint;
use crate::filter::{Filter, filter_of_addresses};
use crate::model::{Block, BlockId, Device, Interval, Moment};

/// Rules that are remembered.
const MOST: usize = 16;
/// Ends of flows that are remembered of each rule. What comes beyond is not.
const ENDS: usize = 16_384;
/// How long after its end a rule explains what still fails: TCP may wait for two
/// minutes before it tries again (`TCP_RTO_MAX`).
const AFTERWARDS: Duration = Duration::from_secs(130);
/// Rules are reported no later than this after they have dropped a packet, and what is
/// sent shortly before one begins may lack its answer.
const REPORTED: Duration = Duration::from_secs(3);

/// A rule of nkview, in force or over.
#[derive(Clone, Debug)]
pub struct OwnBlock {
    /// As it was last reported.
    pub block: Block,
    /// When it was last reported, which ends with the rule.
    pub reported: Moment,
    /// What it matches on whatever device; nothing where its text is redacted.
    filter: Option<Filter>,
    /// The ends of the flows that it has matched.
    ends: HashSet<Endpoint>,
    addresses: HashSet<IpAddr>,
}

impl OwnBlock {
    fn new(block: &Block, now: Moment) -> Self {
        Self {
            block: block.clone(),
            reported: now,
            filter: filter_of_addresses(&block.rule).ok(),
            ends: HashSet::new(),
            addresses: HashSet::new(),
        }
    }

    /// Whether it is in force.
    pub const fn holds(&self) -> bool {
        self.block.end.is_none()
    }

    /// What it has dropped, in packets.
    pub fn dropped(&self) -> u64 {
        self.block.dropped.iter().map(|it| it.packets).sum()
    }

    /// Whether something that happened then may be due to it.
    pub fn was_in_force(&self, at: Moment) -> bool {
        let begin = self.block.since.saturating_sub(REPORTED);
        let end = self.reported.saturating_add(REPORTED);
        (begin..=end).contains(&at)
    }

    /// Whether it has matched flows of this host.
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// Whether it has matched flows with this end.
    pub fn has_end(&self, end: Endpoint) -> bool {
        self.ends.contains(&end)
    }

    fn interval(&mut self, interval: &Interval, devices: &BTreeMap<u32, Device>) {
        let Some(filter) = self.filter.as_ref().filter(|_| self.block.end.is_none()) else {
            return;
        };
        for flow in &interval.flows {
            let device = devices.get(&flow.key.device);
            let device = device.filter(|it| self.block.devices.contains(&it.name));
            let is_matched = |direction: Direction| {
                flow.value.directions[direction as usize].packets > 0
                    && filter.matches(&flow.key, "", direction)
            };
            if device.is_none() || !Direction::BOTH.into_iter().any(is_matched) {
                continue;
            }
            for end in ends(&flow.key) {
                if self.ends.len() < ENDS {
                    self.addresses.insert(end.address);
                    self.ends.insert(end);
                }
            }
        }
    }
}

/// The rules of this nkview.
#[derive(Clone, Debug, Default)]
pub struct Blocks(BTreeMap<BlockId, OwnBlock>);

impl Blocks {
    /// Takes over the rules as they are reported at `now`.
    pub fn report(&mut self, blocks: &[Block], now: Moment) {
        for block in blocks {
            match self.0.get_mut(&block.id) {
                // Numbers begin anew when a recording goes on.
                Some(own) if own.block.rule == block.rule && own.block.since == block.since => {
                    own.block.clone_from(block);
                    own.reported = now;
                }
                _ => {
                    self.0.insert(block.id, OwnBlock::new(block, now));
                }
            }
        }
        while self.0.len() > MOST {
            self.0.pop_first();
        }
    }

    /// Takes over the flows of an interval at these devices, by slot.
    pub fn interval(&mut self, interval: &Interval, devices: &BTreeMap<u32, Device>) {
        let now = interval.at;
        self.0
            .retain(|_, own| now.saturating_sub(own.reported) < AFTERWARDS);
        for own in self.0.values_mut() {
            own.interval(interval, devices);
        }
    }

    /// The rules that have dropped something, also those that are over.
    pub fn iter(&self) -> impl Iterator<Item = &OwnBlock> {
        self.0.values().filter(|own| own.dropped() > 0)
    }

    /// The rule that has dropped packets of a device, some of them at `at`.
    pub fn on(&self, device: &str, at: Moment) -> Option<&OwnBlock> {
        self.iter()
            .find(|own| own.was_in_force(at) && own.block.devices.iter().any(|name| name == device))
    }
}
