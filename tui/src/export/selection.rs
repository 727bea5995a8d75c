//! What of a source's events is written.

use probe_common::{Direction, FlowKey};

use crate::filter::Filter;
use crate::model::DeviceName;

/// What is written, and how much of it.
#[derive(Clone, Debug)]
pub struct Selection {
    /// What flows and packets must match.
    pub filter: Filter,
    /// Whether flows are written.
    pub flows: bool,
    /// Whether packets are written.
    pub packets: bool,
    /// How many packets are still to be written, or flows where no packets are;
    /// all when there is no number.
    pub remaining: Option<u64>,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            filter: Filter::everything(),
            flows: true,
            packets: false,
            remaining: None,
        }
    }
}

impl Selection {
    /// Whether a flow is written that had packets in these directions. Counts it.
    pub fn takes_flow(
        &mut self,
        key: &FlowKey,
        device: DeviceName<'_>,
        had_packets: [bool; 2],
    ) -> bool {
        if !self.flows || self.is_complete() {
            return false;
        }
        let matches = self.filter.is_everything()
            || Direction::BOTH.into_iter().any(|direction| {
                had_packets[direction as usize] && self.filter.matches(key, device, direction)
            });
        if matches && !self.packets {
            self.count();
        }
        matches
    }

    /// Whether a packet is written. Counts it.
    pub fn takes_packet(
        &mut self,
        key: &FlowKey,
        device: DeviceName<'_>,
        direction: Direction,
    ) -> bool {
        let takes =
            self.packets && !self.is_complete() && self.filter.matches(key, device, direction);
        if takes {
            self.count();
        }
        takes
    }

    /// Whether as much was written as was asked for.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.remaining == Some(0)
    }

    fn count(&mut self) {
        if let Some(remaining) = &mut self.remaining {
            *remaining -= 1;
        }
    }
}
