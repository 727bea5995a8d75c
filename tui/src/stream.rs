//! A source's intervals as NDJSON: one `flow` line for each flow that changed
//! in an interval, and at the end one `totals` line for each device.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv6Addr};

use probe_common::{Counters, Direction, FlowKey};
use serde::Serialize;

use crate::source::{Interval, Totals};

/// Packets, segments and bytes as a line has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Count {
    packets: u64,
    segments: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Start<'a> {
    r#type: &'static str,
    version: &'static str,
    devices: &'a [String],
}

#[derive(Serialize)]
struct End {
    address: IpAddr,
    port: u16,
}

#[derive(Serialize)]
struct Flow<'a> {
    r#type: &'static str,
    seconds: f64,
    device: &'a str,
    ether_type: u16,
    protocol: u8,
    local: End,
    remote: End,
    r#in: Count,
    out: Count,
}

#[derive(Serialize)]
struct DeviceTotals<'a> {
    r#type: &'static str,
    device: &'a str,
    r#in: Count,
    out: Count,
    flows: usize,
    untracked: Untracked,
    ring: Ring,
}

#[derive(Serialize)]
struct Untracked {
    packets: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Ring {
    events: u64,
    lost: u64,
}

/// What is kept of a device until the end.
#[derive(Default)]
struct Kept {
    directions: [Totals; 2],
    flows: HashSet<FlowKey>,
}

/// Writes the lines. The devices' slots are their places in the list.
pub struct Stream<W> {
    writer: W,
    devices: Vec<String>,
    kept: BTreeMap<u32, Kept>,
}

impl<W: Write> Stream<W> {
    /// Writes the first line, `{"type":"start",…}`: from here on all is counted.
    ///
    /// # Errors
    /// The writer's.
    pub fn start(writer: W, devices: Vec<String>) -> io::Result<Self> {
        let mut stream = Self {
            writer,
            devices,
            kept: BTreeMap::new(),
        };
        let start = Start {
            r#type: "start",
            version: env!("CARGO_PKG_VERSION"),
            devices: &stream.devices,
        };
        write_line(&mut stream.writer, &start)?;
        Ok(stream)
    }

    /// Writes the flows of an interval.
    ///
    /// # Errors
    /// The writer's.
    pub fn interval(&mut self, interval: &Interval) -> io::Result<()> {
        for device in &interval.devices {
            let kept = self.kept.entry(device.slot).or_default();
            for direction in Direction::BOTH {
                kept.directions[direction as usize] += device.directions[direction as usize];
            }
        }
        for flow in &interval.flows {
            let key = flow.key;
            self.kept.entry(key.device).or_default().flows.insert(key);
            let [inward, outward] = flow.value.directions;
            let line = Flow {
                r#type: "flow",
                seconds: interval.at.as_secs_f64(),
                device: name(&self.devices, key.device),
                ether_type: key.ether_type,
                protocol: key.protocol,
                local: End {
                    address: address(key.local),
                    port: key.local_port,
                },
                remote: End {
                    address: address(key.remote),
                    port: key.remote_port,
                },
                r#in: flow_count(&inward),
                out: flow_count(&outward),
            };
            write_line(&mut self.writer, &line)?;
        }
        self.writer.flush()
    }

    /// Writes the totals of each device.
    ///
    /// # Errors
    /// The writer's.
    pub fn finish(mut self) -> io::Result<()> {
        for (slot, kept) in &self.kept {
            let mut sum = kept.directions[0];
            sum += kept.directions[1];
            let line = DeviceTotals {
                r#type: "totals",
                device: name(&self.devices, *slot),
                r#in: hook_count(&kept.directions[0]),
                out: hook_count(&kept.directions[1]),
                flows: kept.flows.len(),
                untracked: Untracked {
                    packets: sum.untracked_packets,
                    bytes: sum.untracked_bytes,
                },
                ring: Ring {
                    events: sum.events,
                    lost: sum.lost,
                },
            };
            write_line(&mut self.writer, &line)?;
        }
        self.writer.flush()
    }
}

fn write_line(mut writer: impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut writer, line)?;
    writer.write_all(b"\n")
}

fn name(devices: &[String], slot: u32) -> &str {
    devices.get(slot as usize).map_or("", String::as_str)
}

fn address(bytes: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(bytes).to_canonical()
}

fn flow_count(counters: &Counters) -> Count {
    Count {
        packets: counters.packets,
        segments: counters.packets + counters.extra_segments,
        bytes: counters.bytes,
    }
}

fn hook_count(totals: &Totals) -> Count {
    Count {
        packets: totals.packets,
        segments: totals.segments,
        bytes: totals.bytes,
    }
}

#[cfg(test)]
mod tests;
