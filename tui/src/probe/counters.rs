//! Reading the counters, exactly: in epochs.
//!
//! The programs write to one of two flow maps and to one half of TOTALS, as
//! SETTINGS tells. [`Counters::turn`] makes them change over, waits until no
//! program that saw the old setting still runs, and reads what is then complete
//! and still. No increment can fall between a read and a delete, and the flows
//! and the totals of an epoch are of the same packets.

use std::io;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use jiff::Timestamp;
use probe_common::{Direction, FlowKey, MapValue, Settings, TotalsValue, limits};
use rustix::thread::{MembarrierCommand, membarrier};

use super::losses::Losses;
use super::object::{self, Maps};
use super::sys::{self, Batch};
use crate::model::{ByReason, DeviceTotals, FlowCounts, Interval, Moment, ProbeCounts, Totals};

/// How many packets get an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Events of packets that deserve one, a CPU and epoch.
    pub events: u32,
    /// Events of a sample of the rest, a CPU and epoch.
    pub samples: u32,
    /// An event for every packet, whatever the budgets.
    pub every_packet: bool,
}

/// The counters of all attached programs.
pub struct Counters {
    maps: Maps,
    /// Flows that an epoch can hold.
    capacity: u32,
    budget: Budget,
    /// Whether the programs look at PREFIXES.
    push_down: bool,
    epoch: u32,
    /// When the source and when the epoch started.
    started: Instant,
    turned: Instant,
    /// What TOTALS held when it was last read, by index.
    last: Vec<TotalsValue>,
    losses: Losses,
}

impl Counters {
    /// Starts the first epoch. No program may be attached yet. `capacity` is how
    /// many flows the maps can hold.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new(maps: Maps, capacity: u32, budget: Budget, now: Instant) -> io::Result<Self> {
        let mut counters = Self {
            maps,
            capacity,
            budget,
            push_down: false,
            // Not 0, which is what the programs' budgets start with: theirs would
            // be used up.
            epoch: 1,
            started: now,
            turned: now,
            last: vec![TotalsValue::default(); limits::TOTALS as usize],
            losses: Losses::default(),
        };
        counters.publish()?;
        Ok(counters)
    }

    /// Ends the epoch and returns what was counted in it. `slots` are the
    /// devices whose programs were attached at any time in it. `settled` is
    /// called when no program runs any more that counted in it.
    ///
    /// It blocks for a grace period of the kernel, usually 10 to 40 ms.
    ///
    /// # Errors
    /// The kernel's.
    pub fn turn(&mut self, slots: &[u32], settled: impl FnOnce()) -> io::Result<Interval> {
        // The map of the epoch before the present one: read long ago, and
        // written to by nobody since.
        let next = self.epoch.wrapping_add(1);
        let empty = |_: FlowKey, _: MapValue| {};
        sys::for_each(self.flows(next), Batch::Drain, empty)?;
        let ended = self.epoch;
        self.epoch = next;
        self.publish()?;
        let now = Instant::now();
        let wall = Timestamp::now();
        grace_period()?;
        settled();

        let mut flows = Vec::new();
        sys::for_each(self.flows(ended), Batch::Read, |key, value: MapValue| {
            flows.push(FlowCounts {
                key,
                value: value.into(),
                facts: None,
            });
        })?;
        let mut devices = Vec::with_capacity(slots.len());
        for &slot in slots {
            let mut device = DeviceTotals {
                slot,
                ..DeviceTotals::default()
            };
            for direction in Direction::BOTH {
                device.directions[direction as usize] = self.totals(ended, slot, direction)?;
            }
            devices.push(device);
        }
        let interval = Interval {
            at: self.moment(now),
            wall,
            length: now.duration_since(self.turned),
            devices,
            probe: ProbeCounts {
                map_entries: flows.len() as u64,
                map_capacity: self.capacity.into(),
                lost: self.losses.by_cpu(),
                read: now.elapsed(),
                ..ProbeCounts::default()
            },
            flows,
        };
        self.turned = now;
        Ok(interval)
    }

    /// Makes the programs keep flows only of packets with an end in one of
    /// `prefixes`, or of all packets again.
    ///
    /// No packet is judged by a set that is half of the old and half of the new
    /// one: while the set changes, all packets have flows. It blocks for a grace
    /// period.
    ///
    /// # Errors
    /// The kernel's. All packets have flows then.
    pub fn push_down(&mut self, prefixes: Option<&[IpNet]>) -> io::Result<()> {
        if self.push_down {
            self.push_down = false;
            self.publish()?;
            grace_period()?;
        }
        let Some(prefixes) = prefixes else {
            return Ok(());
        };
        self.maps.set_prefixes(prefixes).map_err(io::Error::other)?;
        self.push_down = true;
        self.publish()
    }

    fn moment(&self, at: Instant) -> Moment {
        at.duration_since(self.started)
    }

    fn flows(&self, epoch: u32) -> &aya::maps::MapFd {
        self.maps.flows[(epoch & 1) as usize].fd()
    }

    fn publish(&mut self) -> io::Result<()> {
        let Budget {
            events,
            samples,
            every_packet,
        } = self.budget;
        self.maps
            .set_settings(Settings {
                epoch: self.epoch,
                events,
                samples,
                every_packet: u32::from(every_packet),
                push_down: u32::from(self.push_down),
            })
            .map_err(io::Error::other)
    }

    /// What one hook saw in an epoch that has ended.
    fn totals(&mut self, epoch: u32, slot: u32, direction: Direction) -> io::Result<Totals> {
        let index = limits::totals_index(epoch, slot, direction as u32);
        let cpus = self.maps.totals_by_cpu(index).map_err(io::Error::other)?;
        self.losses.note(index, &cpus);
        let now = object::sum(&cpus);
        let last = std::mem::replace(&mut self.last[index as usize], now);
        let packets = now.packets - last.packets;
        Ok(Totals {
            packets,
            segments: packets + now.extra_segments - last.extra_segments,
            bytes: now.bytes - last.bytes,
            untracked_packets: now.untracked_packets - last.untracked_packets,
            untracked_bytes: now.untracked_bytes - last.untracked_bytes,
            filtered_packets: now.filtered_packets - last.filtered_packets,
            filtered_bytes: now.filtered_bytes - last.filtered_bytes,
            events: now.events - last.events,
            lost: now.lost - last.lost,
            over_budget: ByReason(std::array::from_fn(|reason| {
                now.over_budget[reason] - last.over_budget[reason]
            })),
            fate: None,
        })
    }
}

/// Waits until every program that was running has ended. A `GLOBAL` barrier is
/// a `synchronize_rcu()` in the kernel (`kernel/sched/membarrier.c`), and
/// programs run as RCU readers. Kernels with `nohz_full` refuse it; there a wait
/// far longer than any program runs has to do.
fn grace_period() -> io::Result<()> {
    const LONGER_THAN_ANY_PROGRAM: Duration = Duration::from_millis(200);
    match membarrier(MembarrierCommand::Global) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            std::thread::sleep(LONGER_THAN_ANY_PROGRAM);
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
