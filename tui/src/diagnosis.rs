//! What is wrong, with evidence. Pure; the clock is the events'.
//!
//! Captured packets, counters and signals of the kernel fill bounded stores
//! ([`evidence`]). At the end of each interval the [`rules`] read these and claim
//! what holds now; [`claims`] makes findings of that, which appear, stay and are
//! over. A rule is a function and remembers nothing, so that it can be tested on
//! stores that are filled by hand, and so that what is bounded is in one place.

mod claims;
mod concerns;
mod decode;
mod evidence;
mod finding;
mod hosts;
mod kind;
mod policy;
mod rules;
mod severity;
mod thresholds;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use probe_common::FlowKey;

use crate::flow::FlowTable;
use crate::model::{Device, Event, Moment, Packet, Watch};

pub use concerns::Concerns;
pub use evidence::baseline::Baseline;
pub use finding::{Finding, Subject};
pub use hosts::{Diagnoses, across};
pub use kind::Kind;
pub use policy::Policy;
pub use severity::Severity;
pub use thresholds::Thresholds;

use claims::Findings;
use evidence::Evidence;
use view::View;

/// The protocol and the ends, the sender's first, of the packet that an ICMP error
/// speaks of; nothing for other packets. Ports are 0 where there are none.
#[must_use]
pub fn spoken_of(packet: &Packet) -> Option<(u8, [SocketAddr; 2])> {
    let decode::Net::Ip(ip) = decode::decode(packet).net else {
        return None;
    };
    let decode::Transport::IcmpError(error) = ip.transport else {
        return None;
    };
    let quoted = error.quoted?;
    let ends = [quoted.source, quoted.destination];
    let ends = ends.map(|end| SocketAddr::new(end.address, end.port));
    Some((quoted.protocol, ends))
}

#[cfg(test)]
mod tests;

/// The diagnosis of a host.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    evidence: Evidence,
    devices: BTreeMap<u32, Device>,
    /// The slots of devices that have been watched in both directions for a whole
    /// interval: until then the hook of one direction may be missing, and with it
    /// every answer.
    ready: BTreeSet<u32>,
    findings: Findings,
    policy: Policy,
    now: Moment,
}

impl Diagnosis {
    /// Judges by this policy.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            ..Self::default()
        }
    }

    /// From now on peers that are not in this are new.
    pub fn compare(&mut self, baseline: Arc<Baseline>) {
        self.evidence.sightings.compare(baseline);
    }

    /// The devices that were watched.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// A flow was seen that somebody watches for, in the interval that ends at `at`,
    /// with so many packets. To be called before the interval is taken over.
    pub fn sight(&mut self, what: &str, key: &FlowKey, packets: u64, at: Moment) {
        self.evidence.sightings.watched(what, key, packets, at);
    }

    /// Nobody watches for this any more.
    pub fn forget(&mut self, what: &str) {
        self.evidence.sightings.forget(what);
    }

    /// Takes over an event of the host; `flows` have taken it over before.
    pub fn observe(&mut self, event: &Event, flows: &FlowTable) {
        match event {
            Event::Devices(devices) => {
                for device in devices {
                    if let Watch::Gone { slot } = device.watch {
                        self.evidence.links.gone(slot);
                    }
                    if let Watch::Yes { slot, .. } = device.watch {
                        self.devices.insert(slot, device.clone());
                        self.evidence.links.device(slot, device, self.now);
                    }
                }
            }
            Event::Packets(packets) => {
                for packet in packets {
                    let is_ready = self.ready.contains(&packet.key.device);
                    self.evidence.packet(packet, flows, is_ready);
                }
            }
            Event::Interval(interval) => {
                self.now = interval.at;
                self.evidence.interval(interval, flows);
                self.evidence.sightings.interval(interval, &self.devices);
                self.evidence.blocks.interval(interval, &self.devices);
                self.ready.extend(self.devices.keys());
                self.conclude();
            }
            Event::Signals(signals) => self.evidence.signals(signals),
            Event::Blocks(blocks) => self.evidence.blocks.report(blocks, self.now),
            _ => {}
        }
    }

    fn conclude(&mut self) {
        let view = View {
            now: self.now,
            evidence: &self.evidence,
            devices: &self.devices,
            thresholds: &self.policy.thresholds,
        };
        let mut claims = Vec::new();
        for rule in rules::ALL {
            let earlier = claims.len();
            rule(&view, &mut claims);
            claims::keep_the_first(&mut claims, earlier);
        }
        claims::join_families(&mut claims);
        claims.retain(|claim| !self.policy.silenced.contains(&claim.kind));
        self.findings.update(claims, self.now);
    }

    /// What is wrong, worst first, and then what was.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        self.findings.list()
    }

    /// How long the handshake of a connection took towards its server and towards
    /// its client, as seen at the device, where it was seen.
    #[must_use]
    pub fn handshake(&self, key: &FlowKey) -> Option<(Duration, Option<Duration>)> {
        let handshake = self.evidence.connections.handshake(key)?;
        Some((handshake.to_server, handshake.to_client))
    }

    /// Whether one of a flow's DNS exchanges of the last minute passes `test`, which
    /// is given the name that is asked for and the result code of the answer.
    pub fn has_exchange(
        &self,
        key: &FlowKey,
        test: &mut dyn FnMut(&str, Option<u8>) -> bool,
    ) -> bool {
        self.evidence
            .dns
            .of_flow(key)
            .any(|it| test(&it.name, it.answer.map(|answer| answer.rcode)))
    }
}
