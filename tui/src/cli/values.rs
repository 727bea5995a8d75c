//! What options are parsed into.

use std::time::Duration;

use anyhow::anyhow;

use crate::filter::{Filter, NamedFilters};

/// A number of bytes, in powers of 1000 (k, M, G, T) or 1024 (Ki, Mi, Gi, Ti).
pub fn size(text: &str) -> Result<u64, String> {
    let split = text
        .find(|it: char| !it.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = match unit {
        "" => Some(1),
        "k" | "K" => Some(1_000),
        "M" => Some(1_000_000),
        "G" => Some(1_000_000_000),
        "T" => Some(1_000_000_000_000),
        "Ki" => Some(1 << 10),
        "Mi" => Some(1 << 20),
        "Gi" => Some(1 << 30),
        "Ti" => Some(1 << 40),
        _ => None,
    };
    let bytes = unit.zip(number.parse().ok());
    bytes
        .and_then(|(unit, number): (u64, u64)| number.checked_mul(unit))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "expected a number of bytes, such as 500M or 2Gi".to_owned())
}

/// As [`size`], or 0.
pub fn size_or_none(text: &str) -> Result<u64, String> {
    if text == "0" { Ok(0) } else { size(text) }
}

pub fn speed(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|speed| (0.01..=1000.0).contains(speed))
        .ok_or_else(|| "expected a number from 0.01 to 1000".to_owned())
}

/// From a tenth of a second to a day.
pub fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.1..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "expected a number of seconds from 0.1 to 86400".to_owned())
}

/// A filter as it was typed: names in it are known when the configuration is read.
#[derive(Clone, Debug, Default)]
pub struct FilterText(String);

impl FilterText {
    /// The filter, with what its names stand for.
    ///
    /// # Errors
    /// It has a name that the configuration does not know, or uses one where it
    /// cannot stand.
    pub fn resolve(&self, named: &NamedFilters) -> anyhow::Result<Filter> {
        named
            .parse(&self.0)
            .map_err(|error| anyhow!("filter \"{}\": {error}", self.0.escape_debug()))
    }
}

pub fn filter(text: &str) -> Result<FilterText, String> {
    if !text.contains('@') {
        Filter::parse(text).map_err(|error| error.to_string())?;
    }
    Ok(FilterText(text.to_owned()))
}
