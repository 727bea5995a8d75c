//! Reading the counters, exactly: in epochs.
//!
//! The programs write to one half of the flow table's counts and of TOTALS, as
//! SETTINGS says. [`Counters::rotate_epoch`] makes them change over, waits until no
//! program that saw the old setting still runs, and reads what is then complete
//! and still. No increment can fall between reading and clearing, and the flows
//! and the totals of an epoch are of the same packets.

use std::io;
use std::time::{Duration, Instant};

use bytemuck::Zeroable;
use ipnet::IpNet;
use jiff::Timestamp;
use probe_common::{Direction, Settings, SocketRecord, TotalsValue, limits};
use rustix::thread::{MembarrierCommand, membarrier};

use super::losses::Losses;
use super::object::{self, Maps};
use crate::model::{ByReason, DeviceTotals, Interval, Moment, ProbeCounts, Totals};

/// How many packets get an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Events for packets with a reason, per CPU and epoch.
    pub events: u32,
    /// Events of a sample of the rest, a CPU and epoch.
    pub samples: u32,
    /// An event for every packet, whatever the budgets.
    pub every_packet: bool,
}

/// The counters of all attached programs.
pub struct Counters {
    maps: Maps,
    budget: Budget,
    /// Whether flows have been given other places in the table in this epoch.
    moved: bool,
    /// Socket records that are not in an interval yet.
    sockets: Vec<SocketRecord>,
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
    /// Starts the first epoch. No program may be attached yet.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new(maps: Maps, budget: Budget, now: Instant) -> io::Result<Self> {
        let mut counters = Self {
            maps,
            budget,
            moved: false,
            sockets: Vec::new(),
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
    pub fn rotate_epoch(&mut self, slots: &[u32], settled: impl FnOnce()) -> io::Result<Interval> {
        let ended = self.epoch;
        self.epoch = ended.wrapping_add(1);
        self.moved = false;
        self.publish()?;
        let now = Instant::now();
        let wall = Timestamp::now();
        grace_period();
        settled();

        self.read_sockets();
        let sockets = self.sockets.iter().filter(|record| record.epoch == ended);
        let sockets: Vec<_> = sockets.copied().collect();
        // What else there is belongs to the epoch that runs.
        self.sockets.retain(|record| record.epoch == self.epoch);
        let flows = self.maps.table.collect(ended, &sockets)?;
        if self.maps.table.tidy(ended)? {
            // Before the flows get other places: none of them is new.
            self.moved = true;
            self.publish()?;
            self.maps.set_geometry().map_err(io::Error::other)?;
        }
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
                map_entries: self.maps.table.in_use() as u64,
                map_capacity: self.maps.table.capacity() as u64,
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
            grace_period();
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

    /// Takes the socket records of the programs.
    fn read_sockets(&mut self) {
        while let Some(item) = self.maps.sockets.next() {
            // The kernel's alignment is 8, but a copy needs none.
            let mut record = SocketRecord::zeroed();
            if let Some(bytes) = item.get(..size_of::<SocketRecord>()) {
                bytemuck::bytes_of_mut(&mut record).copy_from_slice(bytes);
                self.sockets.push(record);
            }
        }
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
                moved: u32::from(self.moved),
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
            // They are counted elsewhere.
            blocked_packets: 0,
            blocked_bytes: 0,
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
/// programs run as RCU readers. Where it is refused, by kernels with `nohz_full`
/// or by a sandbox, a wait far longer than any program runs has to do.
fn grace_period() {
    const LONGER_THAN_ANY_PROGRAM: Duration = Duration::from_millis(200);
    if membarrier(MembarrierCommand::Global).is_err() {
        std::thread::sleep(LONGER_THAN_ANY_PROGRAM);
    }
}
