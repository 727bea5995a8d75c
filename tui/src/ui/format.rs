//! Numbers, times and addresses in few cells.

pub use crate::text::grouped as count;

use std::time::Duration;

use humansize::{BINARY, BaseUnit, DECIMAL, FormatSizeOptions, ISizeFormatter};
use unicode_width::UnicodeWidthStr;

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

/// A count in 6 cells: whole below ten thousand, three digits above.
#[must_use]
pub fn short_count(number: u64) -> String {
    if number < 10_000 {
        return count(number);
    }
    let mut scaled = number as f64 / 1000.0;
    let mut units = ["k", "M", "G", "T", "P", "E"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    while scaled >= 999.5
        && let Some(next) = units.next()
    {
        scaled /= 1000.0;
        unit = next;
    }
    let decimals = match scaled {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{scaled:.decimals$} {unit}")
}

/// A time in steps so coarse that it seldom changes: `<10s`, `40s`, `12m`.
#[must_use]
pub fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        ..10 => "<10s".to_owned(),
        10..60 => format!("{}s", seconds / 10 * 10),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A time to the second: `3m12s`.
#[must_use]
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// An end of a flow in at most `width` cells: the middle of the address leaves
/// first, its start and the port last.
#[must_use]
pub fn shorten(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(ellipsis.width());
    let port = text
        .rfind(['.', ']', ':'])
        .and_then(|end| text[end..].rfind(':').map(|colon| end + colon))
        .map_or(0, |colon| text[colon..].chars().count() + 2);
    let tail = port.max(room / 2).min(room);
    let characters: Vec<char> = text.chars().collect();
    let (head, tail) = (
        characters[..room - tail].iter().collect::<String>(),
        characters[characters.len() - tail..]
            .iter()
            .collect::<String>(),
    );
    let cut = format!("{head}{ellipsis}{tail}");
    if cut.width() <= width {
        cut
    } else {
        String::new()
    }
}

/// Text in at most `width` cells; what is too long ends in an ellipsis.
#[must_use]
pub fn truncate(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(ellipsis.width());
    let mut cut = String::new();
    for character in text.chars() {
        cut.push(character);
        if cut.width() > room {
            cut.pop();
            break;
        }
    }
    if width >= ellipsis.width() {
        cut.push_str(ellipsis);
    }
    cut
}

/// A hardware address: `02:42:ac:11:00:02`.
#[must_use]
pub fn mac(mac: &[u8]) -> String {
    let octets: Vec<String> = mac.iter().map(|octet| format!("{octet:02x}")).collect();
    octets.join(":")
}

/// How many lines there are further down: `5 lines below`.
#[must_use]
pub fn below(lines: usize) -> String {
    format!("{} below", plural(lines, "line"))
}

/// `1 flow`, `1,208 flows`.
#[must_use]
pub fn plural(number: usize, word: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {word}{s}", count(number as u64))
}
