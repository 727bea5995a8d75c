//! Amounts of bytes and their units.

use humansize::{BINARY, BaseUnit, DECIMAL, FormatSizeOptions, ISizeFormatter};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// The units of amounts: bytes or bits, with SI or with binary prefixes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Units {
    /// Bytes with SI prefixes: `kB`, 1,000 bytes.
    #[default]
    Bytes,
    /// Bits with SI prefixes: `kbit`, 1,000 bits.
    Bits,
    /// Bytes with binary prefixes (IEC 80000-13): `KiB`, 1,024 bytes.
    BinaryBytes,
    /// Bits with binary prefixes: `Kibit`, 1,024 bits.
    BinaryBits,
}

impl Units {
    /// The next in the order in which a key goes through them.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Bytes => Self::Bits,
            Self::Bits => Self::BinaryBytes,
            Self::BinaryBytes => Self::BinaryBits,
            Self::BinaryBits => Self::Bytes,
        }
    }

    /// Whether rates are in bits. Counts of bytes stay in bytes.
    #[must_use]
    pub const fn are_bits(self) -> bool {
        matches!(self, Self::Bits | Self::BinaryBits)
    }

    /// Whether a prefix stands for a power of 1,024.
    #[must_use]
    pub const fn are_binary(self) -> bool {
        matches!(self, Self::BinaryBytes | Self::BinaryBits)
    }
}

/// A rate in bytes per second with three digits: `12.4 MB/s`, `64.8 Mbit/s`,
/// `11.8 MiB/s`. Empty where it is 0.
#[must_use]
pub fn rate(bytes: f64, units: Units) -> String {
    scaled(bytes, units, 99.95, "/s")
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

/// A rate with two significant digits, as tables show it.
#[must_use]
pub fn rounded(rate: f64) -> f64 {
    if rate < 100.0 {
        return rate.round();
    }
    let unit = 10f64.powi(rate.log10().floor() as i32 - 1);
    (rate / unit).round() * unit
}

/// Bytes in these units, and what follows the unit; one decimal where the number
/// is below `decimal`. Empty where it is 0.
#[must_use]
pub fn scaled(bytes: f64, units: Units, decimal: f64, suffix: &'static str) -> String {
    let (value, unit) = if units.are_bits() {
        (bytes * 8.0, BaseUnit::Bit)
    } else {
        (bytes, BaseUnit::Byte)
    };
    if value < 0.5 {
        return String::new();
    }
    let value = if decimal < 10.0 {
        // Hundredths, since rounding keeps the units of what is below a hundred.
        let hundredth = scale(value, units) / 100.0;
        rounded(value / hundredth) * hundredth
    } else {
        value
    };
    let options = options(value, units, decimal);
    size(value, options.base_unit(unit).suffix(suffix))
}

/// A count of bytes, which is never given in bits: `3.1 GB`, `2.9 GiB`.
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
    // Without a prefix the crate has the plural, which no other unit is in.
    let text = ISizeFormatter::new(value, options).to_string();
    text.replace("bits", "bit")
}
