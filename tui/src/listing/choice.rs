//! Which devices are listed.

use anyhow::{anyhow, bail};
use globset::Glob;

use crate::model::Device;
use crate::text::{clean, is_glob};

#[cfg(test)]
mod tests;

/// The devices that one of the patterns names: all of them where there is none. A
/// pattern is a name, an alternative name, or a glob for these.
///
/// # Errors
/// A pattern matches no device, or cannot be read as a glob.
pub fn choose(devices: Vec<Device>, patterns: &[String]) -> anyhow::Result<Vec<Device>> {
    if patterns.is_empty() {
        return Ok(devices);
    }
    let mut chosen = vec![false; devices.len()];
    for pattern in patterns {
        // A name comes first: it may have what a glob is made of.
        let mut found = mark(&devices, &mut chosen, |name| name == pattern);
        if !found && is_glob(pattern) {
            let glob = Glob::new(pattern).map_err(|error| {
                // Without the pattern, which its own text repeats as it is.
                let reason = clean(&error.kind().to_string());
                anyhow!(
                    "cannot read {} as a glob of devices: {reason}",
                    pattern.escape_debug()
                )
            })?;
            let glob = glob.compile_matcher();
            found = mark(&devices, &mut chosen, |name| glob.is_match(name));
        }
        if !found {
            bail!(
                "there is no device {} in this network namespace; `nkview devices` lists those \
                 there are",
                pattern.escape_debug()
            );
        }
    }
    let devices = devices.into_iter().zip(chosen);
    Ok(devices
        .filter_map(|(device, is_chosen)| is_chosen.then_some(device))
        .collect())
}

/// Marks the devices with such a name. Returns whether there is one.
fn mark(devices: &[Device], chosen: &mut [bool], is_meant: impl Fn(&str) -> bool) -> bool {
    let mut found = false;
    for (device, chosen) in devices.iter().zip(chosen) {
        let mut names = device.altnames.iter().chain([&device.name]);
        if names.any(|name| is_meant(name)) {
            (*chosen, found) = (true, true);
        }
    }
    found
}
