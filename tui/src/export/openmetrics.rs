//! Counters and gauges for Prometheus, in the OpenMetrics text format.
//!
//! Labels are bounded: devices, directions, kinds of findings, and the kernel's own
//! reasons and places of drops. Nothing is labelled by flow or address, but for the
//! busiest flows where these are asked for, a bounded number at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;

use hashbrown::HashSet;
use probe_common::Direction;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::diagnosis::{Diagnoses, Kind};
use crate::model::signal::{Signals, Trace};
use crate::model::{Envelope, Event, HostId, Interval, Session, Totals};
use crate::traffic::{SlotNames, Traffic};

mod busiest;
mod classic;
#[cfg(test)]
mod tests;

use busiest::Busiest;
pub use classic::classic;

/// Pairs of reason and place that have a series of their own; drops elsewhere are
/// summed up under the place `other`.
const PLACES: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InfoLabels {
    version: &'static str,
    host: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeviceLabels {
    device: String,
    direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DropLabels {
    reason: String,
    place: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    kind: &'static str,
    severity: &'static str,
}

type PerDevice = Family<DeviceLabels, Counter<u64, AtomicU64>>;

/// What is served.
pub struct Metrics {
    registry: Registry,
    /// The hosts' names by their numbers, where there are several: devices are then
    /// `host/device`.
    hosts: Vec<String>,
    packets: PerDevice,
    segments: PerDevice,
    bytes: PerDevice,
    untracked: PerDevice,
    filtered: PerDevice,
    blocked: PerDevice,
    lost: PerDevice,
    over_budget: PerDevice,
    undelivered: PerDevice,
    bypassed: PerDevice,
    retransmitted: PerDevice,
    gaps: PerDevice,
    zero_windows: PerDevice,
    round_trip: Family<DeviceLabels, Histogram>,
    flows: Gauge,
    late: Counter,
    drops: Family<DropLabels, Counter<u64, AtomicU64>>,
    places: HashSet<DropLabels>,
    skipped: Gauge,
    /// By host.
    skipped_on: BTreeMap<HostId, u64>,
    findings: Family<FindingLabels, Gauge>,
    busiest: Option<Busiest>,
}

impl Metrics {
    /// Nothing counted yet. `top` is how many of each host's busiest flows are served.
    #[must_use]
    pub fn new(session: &Session, top: Option<u32>) -> Self {
        let mut registry = Registry::with_prefix("nkview");
        // A gauge and not an info: what reads the older text format knows no infos.
        let info = Family::<InfoLabels, Gauge>::default();
        let labels = InfoLabels {
            version: env!("CARGO_PKG_VERSION"),
            host: session.host.clone(),
        };
        info.get_or_create(&labels).set(1);
        registry.register("build_info", "The nkview that serves this", info);
        let mut per_device = |name: &str, help: &str, unit: Option<Unit>| {
            let family = PerDevice::default();
            match unit {
                Some(unit) => registry.register_with_unit(name, help, unit, family.clone()),
                None => registry.register(name, help, family.clone()),
            }
            family
        };
        let packets = per_device("device_packets", "Packets that the hooks saw (skbs)", None);
        let segments = per_device("device_segments", "Segments as a wire carries them", None);
        let bytes = per_device(
            "device_traffic",
            "Bytes that the hooks saw",
            Some(Unit::Bytes),
        );
        let untracked = per_device(
            "device_untracked_packets",
            "Packets of flows that the flow table had no room for",
            None,
        );
        let filtered = per_device(
            "device_filtered_packets",
            "Packets that a pushed-down filter kept out of the flows",
            None,
        );
        let blocked = per_device(
            "device_blocked_packets",
            "Packets that rules of nkview block dropped",
            None,
        );
        let lost = per_device(
            "device_lost_events",
            "Captured packets that the ring buffer had no room for",
            None,
        );
        let over_budget = per_device(
            "device_over_budget_events",
            "Packets worth capturing that were over the budget",
            None,
        );
        let undelivered = per_device(
            "device_dropped_or_redirected_packets",
            "Packets that the hook saw and the other end did not receive, at least",
            None,
        );
        let bypassed = per_device(
            "device_bypassed_packets",
            "Packets that came past the hook, at least",
            None,
        );
        let retransmitted = per_device(
            "tcp_retransmitted_segments",
            "TCP segments at or below the highest sequence number seen",
            None,
        );
        let gaps = per_device(
            "tcp_sequence_gaps",
            "TCP segments beyond the next sequence number",
            None,
        );
        let zero_windows = per_device("tcp_zero_windows", "TCP receive windows closed", None);
        let round_trip = Family::<DeviceLabels, Histogram>::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.000_1, 4.0, 9))
        });
        registry.register_with_unit(
            "tcp_round_trip",
            "Smoothed round-trip times of sockets of this host, one a connection and interval",
            Unit::Seconds,
            round_trip.clone(),
        );
        let flows = Gauge::default();
        registry.register("flows", "Flows in the table", flows.clone());
        let late = Counter::default();
        registry.register(
            "late_packets",
            "Captured packets that were dropped since nkview was late",
            late.clone(),
        );
        let drops = Family::default();
        registry.register(
            "kernel_drops",
            "Packets that the kernel dropped, in all namespaces, without those of healthy traffic",
            drops.clone(),
        );
        let skipped = Gauge::default();
        registry.register(
            "trace_skipped",
            "Runs of the tracing programs that the kernel skipped, so that drops are missing",
            skipped.clone(),
        );
        let findings = Family::default();
        registry.register("findings", "What is wrong now", findings.clone());
        let busiest = top.map(|most| Busiest::new(most as usize, &mut registry));
        Self {
            registry,
            hosts: session.hosts.clone(),
            packets,
            segments,
            bytes,
            untracked,
            filtered,
            blocked,
            lost,
            over_budget,
            undelivered,
            bypassed,
            retransmitted,
            gaps,
            zero_windows,
            round_trip,
            flows,
            late,
            drops,
            places: HashSet::new(),
            skipped,
            skipped_on: BTreeMap::new(),
            findings,
            busiest,
        }
    }

    /// Takes in an event that `traffic` and `diagnoses` have taken in before.
    pub fn event(&mut self, envelope: &Envelope, traffic: &Traffic, diagnoses: &Diagnoses) {
        match &envelope.event {
            Event::Interval(interval) => {
                let names = traffic.host(envelope.host).devices.names();
                self.interval(envelope.host, interval, names);
                let flows: usize = traffic.hosts().map(|(_, host)| host.flows.len()).sum();
                self.flows.set(i64::try_from(flows).unwrap_or(i64::MAX));
                self.findings(diagnoses);
            }
            Event::Signals(signals) => self.signals(envelope.host, signals),
            _ => {}
        }
    }

    fn interval(&mut self, host: HostId, interval: &Interval, names: &SlotNames) {
        for device in &interval.devices {
            for direction in Direction::BOTH {
                let labels = self.labels(host, names.get(device.slot), direction);
                self.totals(&labels, &device.directions[direction as usize]);
            }
        }
        for flow in &interval.flows {
            let Some(facts) = flow.facts.as_deref() else {
                continue;
            };
            for direction in Direction::BOTH {
                let tcp = facts.tcp[direction as usize];
                let labels = self.labels(host, names.get(flow.key.device), direction);
                for (family, count) in [
                    (&self.retransmitted, tcp.retransmitted),
                    (&self.gaps, tcp.gaps),
                    (&self.zero_windows, tcp.zero_windows),
                ] {
                    if count > 0 {
                        family.get_or_create(&labels).inc_by(count.into());
                    }
                }
                let socket = facts.sockets[direction as usize].and_then(|socket| socket.tcp);
                if let Some(socket) = socket.filter(|socket| socket.srtt > 0) {
                    let seconds = f64::from(socket.srtt) / 1e6;
                    self.round_trip.get_or_create(&labels).observe(seconds);
                }
            }
        }
        self.late.inc_by(interval.probe.late);
        if let Some(busiest) = &mut self.busiest {
            let hosts = &self.hosts;
            busiest.interval(host, interval, |slot| {
                device_name(hosts, host, names.get(slot))
            });
        }
    }

    fn totals(&self, labels: &DeviceLabels, totals: &Totals) {
        let fate = totals.fate.unwrap_or_default();
        for (family, count) in [
            (&self.packets, totals.packets),
            (&self.segments, totals.segments),
            (&self.bytes, totals.bytes),
            (&self.untracked, totals.untracked_packets),
            (&self.filtered, totals.filtered_packets),
            (&self.blocked, totals.blocked_packets),
            (&self.lost, totals.lost),
            (&self.over_budget, totals.over_budget.total()),
            (&self.undelivered, fate.diverted.unwrap_or(0)),
            (&self.bypassed, fate.bypassed),
        ] {
            // Also zeros: a series that is missing cannot be distinguished from one that
            // was lost.
            family.get_or_create(labels).inc_by(count);
        }
    }

    fn signals(&mut self, host: HostId, signals: &Signals) {
        for drop in signals.drops.iter().filter(|drop| !drop.noise) {
            let mut labels = DropLabels {
                reason: drop.reason.clone(),
                place: drop.place.clone(),
            };
            if self.places.len() >= PLACES && !self.places.contains(&labels) {
                labels.place = "other".to_owned();
            } else {
                self.places.insert(labels.clone());
            }
            self.drops.get_or_create(&labels).inc_by(drop.packets);
        }
        if let Some(Trace::On(status)) = &signals.trace {
            let skipped = status.skipped + status.lost + status.unplaced;
            self.skipped_on.insert(host, skipped);
            let skipped: u64 = self.skipped_on.values().sum();
            self.skipped.set(i64::try_from(skipped).unwrap_or(i64::MAX));
        }
    }

    fn findings(&self, diagnoses: &Diagnoses) {
        let findings = diagnoses.findings();
        for kind in Kind::all() {
            let now = findings.iter().filter(|it| it.kind == kind && !it.past);
            let labels = FindingLabels {
                kind: kind.slug(),
                severity: kind.severity().name(),
            };
            let number = i64::try_from(now.count()).unwrap_or(i64::MAX);
            self.findings.get_or_create(&labels).set(number);
        }
    }

    fn labels(&self, host: HostId, device: &str, direction: Direction) -> DeviceLabels {
        DeviceLabels {
            device: device_name(&self.hosts, host, device),
            direction: direction_name(direction),
        }
    }

    /// All of it as text.
    ///
    /// # Errors
    /// Does not happen: text is written to memory.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn device_name(hosts: &[String], host: HostId, device: &str) -> String {
    match hosts.get(usize::from(host.0)) {
        Some(host) => format!("{host}/{device}"),
        None => device.to_owned(),
    }
}

const fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
    }
}
