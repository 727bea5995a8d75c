//! What the flows of a group come to.

use probe_common::Direction;

use crate::app::criteria::{Criteria, counted};
use crate::app::measure::Measure;
use crate::flow::{Count, Flow};

/// What the flows of a group come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// How many flows.
    pub flows: usize,
    /// In and out, as the [`Measure`] has it.
    pub rates: [f64; 2],
    /// Counted so far, in and out.
    pub counts: Count,
}

impl Sums {
    /// Adds those of other flows.
    pub fn add(&mut self, other: &Self) {
        self.flows += other.flows;
        self.counts += other.counts;
        for (sum, rate) in self.rates.iter_mut().zip(other.rates) {
            *sum += rate;
        }
    }

    /// Of one flow, in the directions that are shown.
    #[must_use]
    pub fn of(flow: &Flow, shows: [bool; 2], criteria: Criteria<'_>, measure: Measure) -> Self {
        let clock = criteria.known.host.flows.clock();
        let rate = |direction: Direction| match shows[direction as usize] {
            true => measure.of_flow(flow, direction, clock),
            false => 0.0,
        };
        Self {
            flows: 1,
            rates: Direction::BOTH.map(rate),
            counts: counted(flow, shows),
        }
    }

    /// Of one flow, whose packets count once where several devices have seen them: a
    /// copy of another flow is a flow more, but nothing else.
    #[must_use]
    pub fn once(flow: &Flow, shows: [bool; 2], criteria: Criteria<'_>, measure: Measure) -> Self {
        if criteria.is_copy(flow) {
            return Self {
                flows: 1,
                ..Self::default()
            };
        }
        Self::of(flow, shows, criteria, measure)
    }
}
