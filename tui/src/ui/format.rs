//! Rates and sizes in few cells, in the units that the user chose.

pub use crate::text::{
    age, below, duration, grouped as count, mac, plural, short_count, shorten, truncate,
};

use humansize::{BINARY, BaseUnit, DECIMAL, FormatSizeOptions, ISizeFormatter};

use crate::app::measure::{Measure, rounded};
use crate::app::units::Units;

#[cfg(test)]
mod tests;

/// A rate of so many bytes per second with three digits: `12.4 MB/s`,
/// `64.8 Mbit/s`, `11.8 MiB/s`. Nothing where it is 0.
#[must_use]
pub fn rate(bytes: f64, units: Units) -> String {
    size_of(bytes, units, 99.95, "/s")
}

/// The cells that the widest rate needs.
#[must_use]
pub const fn rate_width(units: Units) -> u16 {
    match units {
        Units::Bytes => 9,
        Units::Bits => 11,
        Units::BinaryBytes => 10,
        Units::BinaryBits => 12,
    }
}

/// What a measure tells, with three digits: a rate, or bytes or bits so far.
/// Nothing where it is 0.
#[must_use]
pub fn amount(bytes: f64, measure: Measure, units: Units) -> String {
    size_of(bytes, units, 99.95, suffix(measure))
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
    size_of(bytes, units, 9.95, suffix(measure))
}

const fn suffix(measure: Measure) -> &'static str {
    match measure {
        Measure::Rate(_) => "/s",
        Measure::Total => "",
    }
}

/// Bytes in these units; one decimal where the number is below `decimal`.
fn size_of(bytes: f64, units: Units, decimal: f64, suffix: &'static str) -> String {
    let (value, unit) = if units.are_bits() {
        (bytes * 8.0, BaseUnit::Bit)
    } else {
        (bytes, BaseUnit::Byte)
    };
    if value < 0.5 {
        return String::new();
    }
    let value = if decimal < 10.0 {
        // Hundredths, for it keeps the ones of what is below a hundred.
        let hundredth = scale(value, units) / 100.0;
        rounded(value / hundredth) * hundredth
    } else {
        value
    };
    let options = options(value, units, decimal);
    size(value, options.base_unit(unit).suffix(suffix))
}

/// A count of bytes, which is never told in bits: `3.1 GB`, `2.9 GiB`.
#[must_use]
pub fn bytes(bytes: u64, units: Units) -> String {
    let value = bytes as f64;
    size(value, options(value, units, 99.95))
}

/// The cells that the widest count of bytes needs.
#[must_use]
pub const fn bytes_width(units: Units) -> u16 {
    if units.are_binary() { 8 } else { 7 }
}

/// One decimal where there is a prefix and the number is below `decimal`.
fn options(value: f64, units: Units, decimal: f64) -> FormatSizeOptions {
    let scale = scale(value, units);
    let decimals = usize::from(scale > 1.0 && value / scale < decimal);
    let options = if units.are_binary() { BINARY } else { DECIMAL };
    options.decimal_places(decimals).decimal_zeroes(decimals)
}

/// What the prefix stands for that a value gets.
fn scale(value: f64, units: Units) -> f64 {
    let step = if units.are_binary() { 1024.0 } else { 1000.0 };
    let mut scale = 1.0;
    while value / scale >= step {
        scale *= step;
    }
    scale
}

fn size(value: f64, options: FormatSizeOptions) -> String {
    ISizeFormatter::new(value, options).to_string()
}
