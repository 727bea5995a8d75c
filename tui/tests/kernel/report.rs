//! What a stream has said, summed up.

use std::iter::Sum;
use std::ops::Add;

use serde_json::Value;

use crate::device;

/// What is counted of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub packets: u64,
    pub segments: u64,
    pub bytes: u64,
}

impl Count {
    /// What a line has of a direction.
    pub fn of(value: &Value) -> Self {
        let number = |what: &str| {
            let number = value[what].as_u64();
            number.unwrap_or_else(|| panic!("no {what} in {value}"))
        };
        Self {
            packets: number("packets"),
            segments: number("segments"),
            bytes: number("bytes"),
        }
    }

    /// Without segments, which devices do not count.
    pub const fn side(self) -> device::Side {
        device::Side {
            packets: self.packets,
            bytes: self.bytes,
        }
    }
}

impl Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            packets: self.packets + other.packets,
            segments: self.segments + other.segments,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl Sum for Count {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

/// All lines of a stream.
pub struct Report {
    lines: Vec<Value>,
}

impl Report {
    /// Of these lines.
    pub const fn new(lines: Vec<Value>) -> Self {
        Self { lines }
    }

    /// The lines of a type.
    pub fn of_type(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.lines.iter().filter(move |line| line["type"] == kind)
    }

    /// The flow lines that are wanted.
    pub fn flows(&self, is_wanted: impl Fn(&Value) -> bool) -> Vec<&Value> {
        self.of_type("flow")
            .filter(|line| is_wanted(line))
            .collect()
    }

    /// What flows had in a direction (`in`, `out`).
    pub fn sum(&self, direction: &str, is_wanted: impl Fn(&Value) -> bool) -> Count {
        let flows = self.flows(is_wanted);
        flows.iter().map(|flow| Count::of(&flow[direction])).sum()
    }

    /// The line that sums up a device.
    pub fn totals(&self, device: &str) -> &Value {
        let mut totals = self.of_type("totals");
        totals
            .find(|line| line["device"] == device)
            .unwrap_or_else(|| panic!("no totals of {device}"))
    }

    /// What a device's hook saw in a direction.
    pub fn total(&self, device: &str, direction: &str) -> Count {
        Count::of(&self.totals(device)[direction])
    }

    /// The packets and bytes of a device that found no room.
    pub fn untracked(&self, device: &str) -> device::Side {
        let untracked = &self.totals(device)["untracked"];
        device::Side {
            packets: untracked["packets"].as_u64().unwrap(),
            bytes: untracked["bytes"].as_u64().unwrap(),
        }
    }
}
