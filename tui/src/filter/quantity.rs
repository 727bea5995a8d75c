//! Numbers that flows are compared with: sizes, rates and ages.

use std::fmt::{Display, Formatter, Result};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Bytes per second of both directions over the last ten seconds.
    Rate,
    /// Bytes of both directions.
    Bytes,
    /// Packets of both directions.
    Packets,
    /// Seconds since the flow was first seen.
    Age,
    /// The round-trip time of a TCP connection in microseconds.
    Rtt,
    /// Retransmitted segments of both directions of a TCP connection.
    Retrans,
}

/// How it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    AtMost,
    More,
    AtLeast,
}

/// The signs of comparisons; those that start alike are in the order in which
/// they must be tried.
pub(super) const ORDERS: [(&str, Order); 4] = [
    ("<=", Order::AtMost),
    (">=", Order::AtLeast),
    ("<", Order::Less),
    (">", Order::More),
];

const SIZES: [(&str, u64); 8] = [
    ("Ti", 1 << 40),
    ("Gi", 1 << 30),
    ("Mi", 1 << 20),
    ("Ki", 1 << 10),
    ("T", 1_000_000_000_000),
    ("G", 1_000_000_000),
    ("M", 1_000_000),
    ("k", 1_000),
];

const TIMES: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

const SHORT_TIMES: [(&str, u64); 3] = [("s", 1_000_000), ("ms", 1_000), ("us", 1)];

impl Quantity {
    pub(super) const fn keyword(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Bytes => "bytes",
            Self::Packets => "packets",
            Self::Age => "age",
            Self::Rtt => "rtt",
            Self::Retrans => "retrans",
        }
    }

    pub(super) const ALL: [Self; 6] = [
        Self::Rate,
        Self::Bytes,
        Self::Packets,
        Self::Age,
        Self::Rtt,
        Self::Retrans,
    ];

    const fn units(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::Age => &TIMES,
            Self::Rtt => &SHORT_TIMES,
            Self::Rate | Self::Bytes | Self::Packets | Self::Retrans => &SIZES,
        }
    }

    /// The number that a text stands for, in bytes, bytes per second, packets,
    /// seconds or, of an RTT, microseconds: `10k`, `1.5M`, `2Gi`, `8Mbit`, `5m`. An
    /// RTT without a unit is in milliseconds.
    pub(super) fn parse(self, text: &str) -> Option<u64> {
        let digits = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let (unit, divisor) = match self {
            Self::Rate => {
                let unit = unit.strip_suffix("/s").unwrap_or(unit);
                match unit.strip_suffix("bit") {
                    Some(prefix) => (prefix, 8),
                    None => (unit.strip_suffix('B').unwrap_or(unit), 1),
                }
            }
            Self::Bytes => (unit.strip_suffix('B').unwrap_or(unit), 1),
            Self::Packets | Self::Retrans | Self::Age | Self::Rtt => (unit, 1),
        };
        let scale = match (self, unit) {
            (Self::Rtt, "") => 1_000,
            (_, "") => 1,
            (Self::Rate | Self::Bytes | Self::Packets | Self::Retrans, "K") => 1_000,
            (_, unit) => self.units().iter().find(|(name, _)| *name == unit)?.1,
        };
        if let Ok(number) = number.parse::<u64>() {
            return Some(number.checked_mul(scale)? / divisor);
        }
        let value = number.parse::<f64>().ok()? * scale as f64 / divisor as f64;
        // Beyond 2^53 a fraction makes no sense.
        (value < 9e15).then_some(value.round() as u64)
    }

    /// Whether more characters could make a number of the text, where any of
    /// the quantities may stand.
    pub(super) fn is_unfinished(text: &str) -> bool {
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number = &text[..text.len() - unit.len()];
        if number.is_empty() || number.matches('.').count() > 1 {
            return false;
        }
        let names = SIZES.iter().map(|(name, _)| *name).chain(["K", ""]);
        names
            .filter_map(|name| unit.strip_prefix(name))
            .any(|rest| ["bit/s", "B/s", "i"].iter().any(|it| it.starts_with(rest)))
    }
}

/// A quantity compared with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) quantity: Quantity,
    pub(super) order: Order,
    pub(super) value: u64,
}

impl Comparison {
    pub(super) fn is_true(&self, has: f64) -> bool {
        let value = self.value as f64;
        match self.order {
            Order::Less => has < value,
            Order::AtMost => has <= value,
            Order::More => has > value,
            Order::AtLeast => has >= value,
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let sign = ORDERS.iter().find(|(_, order)| *order == self.order);
        let sign = sign.map_or("", |(sign, _)| sign);
        let units = self.quantity.units();
        let value = self.value;
        let fitting = |(_, scale): &&(&str, u64)| value != 0 && value.is_multiple_of(*scale);
        let (unit, scale) = units.iter().find(fitting).copied().unwrap_or_default();
        let number = value / scale.max(1);
        write!(f, "{} {sign} {number}{unit}", self.quantity.keyword())
    }
}
