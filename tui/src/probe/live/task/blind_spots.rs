//! Programs that run before the hooks of what is watched.

use std::collections::HashSet;

use crate::model::{Device, Watch};

/// What was reported, by the device's index.
#[derive(Debug, Default)]
pub struct BlindSpots(HashSet<(u32, String)>);

impl BlindSpots {
    /// Warnings of what has come since the last time. What goes and comes again is
    /// reported again. Changes of the hooks themselves are reported by the guard.
    #[must_use]
    pub fn appeared(&mut self, devices: &[Device]) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut now = HashSet::new();
        let watched = devices
            .iter()
            .filter(|device| matches!(device.watch, Watch::Yes { .. }));
        for device in watched {
            for text in device.earlier_programs() {
                let spot = (device.index, text);
                if !self.0.contains(&spot) {
                    warnings.push(format!("{}: {}", device.name, spot.1));
                }
                now.insert(spot);
            }
        }
        self.0 = now;
        warnings
    }
}
