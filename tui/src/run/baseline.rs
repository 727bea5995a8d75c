//! The recording that peers are compared with (`--baseline`).

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::diagnosis::Baseline;
use crate::model::Device;
use crate::recording::{Item, Reader};
use crate::text::clean;

/// Names that are listed, at most.
const NAMED: usize = 8;

/// Reads a baseline from a recording.
///
/// # Errors
/// When it cannot be read, or is of no use.
pub fn read(path: Option<&Path>) -> anyhow::Result<Option<Arc<Baseline>>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let cannot = || format!("cannot read the baseline {}", path.display());
    let file = BufReader::new(File::open(path).with_context(cannot)?);
    let mut reader = Reader::open(file).with_context(cannot)?;
    let mut baseline = Baseline::default();
    while let Some(item) = reader.next_item().with_context(cannot)? {
        if let Item::Event(envelope) = item {
            baseline.learn(&envelope.event);
        }
    }
    if baseline.is_empty() {
        bail!("{} is no baseline: no flow is in it", path.display());
    }
    if baseline.is_full() {
        bail!(
            "{} has more peers than a baseline has room for: nearly everybody is known there",
            path.display()
        );
    }
    Ok(Some(Arc::new(baseline)))
}

/// What cannot be compared, as the baseline lacks it.
pub struct Unknown {
    /// A sentence for the user.
    pub text: String,
    /// Whether nothing can be compared.
    pub is_all: bool,
}

impl Unknown {
    /// Of the devices that were watched so far; nothing where all are in the baseline.
    pub fn of<'a>(
        baseline: Option<&Baseline>,
        devices: impl Iterator<Item = &'a Device>,
    ) -> Option<Self> {
        let baseline = baseline?;
        let (known, unknown): (Vec<_>, Vec<_>) =
            devices.partition(|it| baseline.peers(it).is_some());
        if unknown.is_empty() {
            return None;
        }
        let name = |it: &Device| match it.leads_to() {
            Some(to) => format!("{} ({to})", it.name),
            None => it.name.clone(),
        };
        let lacking = list(unknown.into_iter().map(name));
        let is_all = known.is_empty();
        let text = if is_all {
            format!(
                "the baseline has none of the watched devices, so no peer can be new: it is of \
                 {}, and watched here are {lacking}",
                list(baseline.names().map(str::to_owned))
            )
        } else {
            format!("these are not in the baseline, so no peer of theirs can be new: {lacking}")
        };
        Some(Self { text, is_all })
    }
}

fn list(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.map(|it| clean(&it)).collect();
    match names.len().checked_sub(NAMED) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..NAMED].join(", ")),
    }
}

#[cfg(test)]
mod tests;
