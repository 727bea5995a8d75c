//! Reading the counters, as intervals.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use probe_common::Direction;

use super::Collector;
use super::ring::Peak;
use crate::model::{Command, EndReason, Event, Level, Notice};
use crate::probe::block::tally::Tally;
use crate::probe::cost::Meter;
use crate::probe::counters::Counters;
use crate::probe::fate::{self, Blind, Fates};
use crate::probe::link_counters::Readings;

/// What is counted now: shared by the code that attaches and the code that reads.
#[derive(Clone, Default)]
pub struct Targets(Arc<Mutex<Target>>);

#[derive(Default)]
struct Target {
    slots: Vec<u32>,
    programs: Vec<u32>,
    /// What rules have dropped, by slot.
    tallies: Vec<(u32, Tally)>,
    /// The devices, when they have changed.
    devices: Option<Vec<fate::Watched>>,
}

impl Targets {
    /// These are counted from now on: the slots whose counters can have moved
    /// since the last reading, the ids of the programs, and the devices with what
    /// their peers count.
    pub fn set(
        &self,
        slots: Vec<u32>,
        programs: Vec<u32>,
        tallies: Vec<(u32, Tally)>,
        devices: Vec<fate::Watched>,
    ) {
        let mut target = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *target = Target {
            slots,
            programs,
            tallies,
            devices: Some(devices),
        };
    }
}

/// Reads the counters of all hooks, together with those of the devices.
pub struct Intervals {
    pub counters: Counters,
    pub targets: Targets,
    pub period: Duration,
    pub peak: Peak,
    /// Bytes of the ring buffer.
    pub ring_capacity: u32,
    /// Measures what the programs cost, while their view is open.
    pub meter: Option<Meter>,
    pub fates: Fates,
    /// What the devices had counted before the programs were detached.
    pub last: Option<Readings>,
}

impl Collector for Intervals {
    fn period(&self) -> Duration {
        self.period
    }

    fn poll(&mut self) -> Vec<Event> {
        let (slots, programs) = self.follow();
        let tallies = self.tallies();
        // The far ends are read before and after the epoch ends.
        let before = self
            .last
            .take()
            .unwrap_or_else(|| with_blocked(self.fates.read(), &tallies));
        let mut after = Readings::default();
        let settled = || after = with_blocked(self.fates.read_again(&before), &tallies);
        let mut interval = match self.counters.rotate_epoch(&slots, settled) {
            Ok(interval) => interval,
            Err(error) => {
                return vec![Event::Ended(EndReason::Counters(error.to_string()))];
            }
        };
        let blind = self.fates.settle(&mut interval.devices, &before, &after);
        for totals in &mut interval.devices {
            let slot = totals.slot;
            if let Some((_, tally)) = tallies.iter().find(|(of, _)| *of == slot) {
                let blocked = tally.take(after.blocked(slot));
                for (totals, blocked) in totals.directions.iter_mut().zip(blocked) {
                    totals.blocked_packets = blocked.packets;
                    totals.blocked_bytes = blocked.bytes;
                }
            }
        }
        interval.probe.ring_bytes = self.peak.take();
        interval.probe.ring_capacity = self.ring_capacity.into();
        if let Some(meter) = &mut self.meter {
            interval.probe.cost = Some(meter.read(&programs));
        }
        let at = interval.at;
        let blind = blind.iter().map(|blind| {
            Event::Notice(Notice {
                at,
                level: Level::Warning,
                text: past_the_hook(blind),
            })
        });
        [Event::Interval(interval)]
            .into_iter()
            .chain(blind)
            .collect()
    }

    fn command(&mut self, command: &Command) -> Option<Result<(), String>> {
        match command {
            Command::Measure(measure) => Some(self.measure(*measure)),
            Command::PushDown(prefixes) => {
                let pushed = self.counters.push_down(prefixes.as_deref());
                Some(pushed.map_err(|error| error.to_string()))
            }
            _ => None,
        }
    }

    fn before_end(&mut self) {
        self.meter = None;
        self.follow();
        // After this, packets come past the hooks.
        let readings = self.fates.read_all();
        self.last = Some(with_blocked(readings, &self.tallies()));
    }

    fn finish(&mut self) -> Vec<Event> {
        self.poll()
    }
}

impl Intervals {
    /// Takes over what is counted now.
    fn follow(&mut self) -> (Vec<u32>, Vec<u32>) {
        let mut target = self
            .targets
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(devices) = target.devices.take() {
            self.fates.follow(devices);
        }
        (target.slots.clone(), target.programs.clone())
    }

    fn tallies(&self) -> Vec<(u32, Tally)> {
        let target = self.targets.0.lock();
        let target = target.unwrap_or_else(PoisonError::into_inner);
        target.tallies.clone()
    }

    /// Begins to measure what the programs cost, or stops it.
    fn measure(&mut self, measure: bool) -> Result<(), String> {
        self.meter = None;
        if measure {
            let (_, programs) = self.follow();
            let meter = Meter::start(&programs).map_err(|error| {
                let error = error.io_error;
                format!("{error}; it needs CAP_SYS_ADMIN and Linux 5.8")
            })?;
            self.meter = Some(meter);
        }
        Ok(())
    }
}

/// The counters of devices, and what rules have dropped.
fn with_blocked(readings: Readings, tallies: &[(u32, Tally)]) -> Readings {
    let blocked = tallies.iter().map(|(slot, tally)| (*slot, tally.read()));
    readings.with_blocked(blocked.collect())
}

/// A warning that a hook is blind.
fn past_the_hook(blind: &Blind) -> String {
    let Blind {
        device,
        direction,
        packets,
        can_be_covered,
    } = blind;
    let cure = match can_be_covered {
        true => "; no flow shows them, but with --cover-redirect",
        false => "",
    };
    let way = match direction {
        Direction::In => "came in",
        Direction::Out => "went out",
    };
    format!(
        "{device}: {packets} packets {way} without passing the hook, as bpf_redirect_peer() lets \
         them{cure}"
    )
}
