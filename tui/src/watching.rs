//! What somebody watches for: filters, and the flows of each interval that they match.

use probe_common::{Direction, FlowKey};

use crate::about::Known;
use crate::diagnosis::Diagnosis;
use crate::filter::Filter;
use crate::model::Interval;
use crate::traffic::Host;

#[cfg(test)]
mod tests;

/// Filters at a time: each is held against all flows.
const MOST: usize = 8;

/// The filters whose flows are to be reported.
#[derive(Clone, Debug, Default)]
pub struct Watching {
    filters: Vec<Filter>,
}

impl Watching {
    /// Watches for the flows of one filter.
    ///
    /// # Errors
    /// When nothing would ever match it.
    pub fn for_one(filter: Filter) -> Result<Self, String> {
        filter.is_of_one_host()?;
        Ok(Self {
            filters: vec![filter],
        })
    }

    /// Watches for the flows of this filter, too, or not any more. Whether it does now.
    ///
    /// # Errors
    /// When there are too many, or nothing would ever match this one.
    pub fn toggle(&mut self, filter: Filter) -> Result<bool, String> {
        if let Some(place) = self.filters.iter().position(|it| *it == filter) {
            self.filters.remove(place);
            return Ok(false);
        }
        filter.is_of_one_host()?;
        if self.filters.len() >= MOST {
            return Err(format!("It is watched for {MOST} filters already."));
        }
        self.filters.push(filter);
        Ok(true)
    }

    /// Watches for nothing any more. Returns whether it did before.
    pub fn clear(&mut self) -> bool {
        !std::mem::take(&mut self.filters).is_empty()
    }

    /// Hands the flows of an interval that a filter matches to the diagnosis. The host
    /// has taken the interval over before, and the diagnosis does so afterwards.
    pub fn look(&self, interval: &Interval, host: &Host, diagnosis: &mut Diagnosis) {
        for filter in &self.filters {
            let what = filter.to_string();
            for (key, packets) in matches(filter, interval, host, diagnosis) {
                diagnosis.sight(&what, &key, packets, interval.at);
            }
        }
    }
}

/// The flows that have packets which a filter matches, and how many.
fn matches(
    filter: &Filter,
    interval: &Interval,
    host: &Host,
    diagnosis: &Diagnosis,
) -> Vec<(FlowKey, u64)> {
    let known = Known {
        host,
        diagnosis: Some(diagnosis),
        concerns: None,
        nodes: None,
    };
    let packets = |counts: &crate::model::FlowCounts| {
        let key = &counts.key;
        let name = host.devices.names().of(key.device);
        let flow = host.flows.get(key);
        let matches = |direction| match flow {
            Some(flow) => filter.matches_flow(key, &known.about(flow), name, direction),
            None => filter.matches(key, name, direction),
        };
        let counted = Direction::BOTH.into_iter().filter_map(|direction| {
            let packets = counts.value.directions[direction as usize].packets;
            (packets > 0 && matches(direction)).then_some(packets)
        });
        counted.sum::<u64>()
    };
    let flows = interval.flows.iter().map(|it| (it.key, packets(it)));
    flows.filter(|(_, packets)| *packets > 0).collect()
}
