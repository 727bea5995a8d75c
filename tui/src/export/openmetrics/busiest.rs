//! The flows with the most bytes in the last interval: the only series that have
//! addresses, and only where they are asked for.

use std::collections::BTreeMap;

use probe_common::Direction;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::direction_name;
use crate::dissect::protocol_name;
use crate::export::top::{busyness, end};
use crate::model::{HostId, Interval, Side};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FlowLabels {
    device: String,
    direction: &'static str,
    protocol: String,
    local: String,
    remote: String,
}

/// Rates of the busiest flows of each host.
pub(super) struct Busiest {
    /// Flows of each host.
    most: usize,
    rates: Family<FlowLabels, Gauge>,
    by_host: BTreeMap<HostId, Vec<(FlowLabels, i64)>>,
}

impl Busiest {
    /// Registers them.
    pub(super) fn new(most: usize, registry: &mut Registry) -> Self {
        let rates = Family::default();
        registry.register(
            "top_flow_bytes_per_second",
            "Rates of the flows with the most bytes in the last interval",
            rates.clone(),
        );
        Self {
            most,
            rates,
            by_host: BTreeMap::new(),
        }
    }

    /// Those of an interval take the place of the host's last ones. `device` names a slot.
    pub(super) fn interval(
        &mut self,
        host: HostId,
        interval: &Interval,
        device: impl Fn(u32) -> String,
    ) {
        let mut flows: Vec<_> = interval.flows.iter().collect();
        flows.sort_by_cached_key(|flow| busyness(flow.key.device as usize, flow));
        flows.truncate(self.most);
        let seconds = interval.length.as_secs_f64().max(f64::EPSILON);
        let rates = flows.into_iter().flat_map(|flow| {
            let key = &flow.key;
            Direction::BOTH.map(|direction| {
                let labels = FlowLabels {
                    device: device(key.device),
                    direction: direction_name(direction),
                    protocol: protocol_name(key.ether_type, key.protocol).into_owned(),
                    local: end(key, Side::Local),
                    remote: end(key, Side::Remote),
                };
                let bytes = flow.value.directions[direction as usize].bytes;
                (labels, (bytes as f64 / seconds).round() as i64)
            })
        });
        self.by_host.insert(host, rates.collect());
        self.rates.clear();
        for (labels, rate) in self.by_host.values().flatten() {
            // Flows of several VLANs have the same labels.
            self.rates.get_or_create(labels).inc_by(*rate);
        }
    }
}
