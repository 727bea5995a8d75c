//! Text of few cells: what [`text`](crate::text) offers, and the values of a
//! [`Measure`].

pub use crate::text::{
    age, below, bytes, bytes_width, duration, grouped, mac, plural, rate, rate_width, short_count,
    shorten, truncate,
};

use std::time::Duration;

use crate::app::measure::Measure;
use crate::text::{Units, scaled};

#[cfg(test)]
mod tests;

/// The value of a measure with three digits: a rate, or bytes or bits so far.
/// Empty where it is 0.
#[must_use]
pub fn amount(bytes: f64, measure: Measure, units: Units) -> String {
    scaled(bytes, units, 99.95, suffix(measure))
}

/// The same for a place where nothing would be missed: `0 B/s`.
#[must_use]
pub fn some_amount(bytes: f64, measure: Measure, units: Units) -> String {
    let text = amount(bytes, measure, units);
    if text.is_empty() {
        let unit = if units.are_bits() { "bit" } else { "B" };
        return format!("0 {unit}{}", suffix(measure));
    }
    text
}

/// An amount for tables, with two digits: `12 MB/s`, `210 kB`. A calm table is
/// read more easily, and drawn with fewer bytes.
#[must_use]
pub fn short_amount(bytes: f64, measure: Measure, units: Units) -> String {
    scaled(bytes, units, 9.95, suffix(measure))
}

const fn suffix(measure: Measure) -> &'static str {
    match measure {
        Measure::Rate(_) => "/s",
        Measure::Total => "",
    }
}

/// A short time, to three digits.
#[must_use]
pub fn millis(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        ..1_000 => format!("{:.2} ms", micros as f64 / 1e3),
        1_000..100_000 => format!("{:.1} ms", micros as f64 / 1e3),
        100_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}
