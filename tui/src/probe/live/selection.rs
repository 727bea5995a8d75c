//! Which devices the user wants to be watched.

use anyhow::{anyhow, bail};
use globset::{Glob, GlobMatcher};

use crate::model::DeviceKind;
use crate::probe::devices::Link;
use crate::text::clean;

#[cfg(test)]
mod tests;

/// A name that no device has.
#[derive(Debug, thiserror::Error)]
#[error(
    "there is no device {} in this network namespace; `ip link` lists those there are",
    .0.escape_debug()
)]
pub struct NoDevice(pub String);

/// What the user wants to be watched.
pub struct Selection {
    names: Vec<String>,
    globs: Vec<GlobMatcher>,
    /// Names that the user has added and taken out since.
    added: Vec<String>,
    removed: Vec<String>,
}

impl Selection {
    /// # Errors
    /// When a named device does not exist or is a netkit peer, or a glob cannot
    /// be read.
    pub fn new(patterns: &[String], links: &[Link]) -> anyhow::Result<Self> {
        let mut names = Vec::new();
        let mut globs = Vec::new();
        for pattern in patterns {
            // A name comes first: it may have what a glob is made of.
            if let Some(link) = named(pattern, links) {
                check_is_no_peer(link, links)?;
                names.push(link.name.clone());
            } else if pattern.contains(['*', '?', '[', '{']) {
                let glob = Glob::new(pattern).map_err(|error| {
                    // Without the pattern, which its own text repeats as it is.
                    let reason = error.kind().to_string();
                    anyhow!(
                        "cannot read {} as a glob of devices: {}",
                        pattern.escape_debug(),
                        clean(&reason)
                    )
                })?;
                globs.push(glob.compile_matcher());
            } else if pattern.is_empty() {
                bail!("the name of a device is empty; `ip link` lists those there are");
            } else {
                return Err(NoDevice(pattern.clone()).into());
            }
        }
        Ok(Self {
            names,
            globs,
            added: Vec::new(),
            removed: Vec::new(),
        })
    }

    /// Whether all netkit pairs are wanted, for nothing else was asked for.
    pub fn is_all_netkit(&self) -> bool {
        self.names.is_empty() && self.globs.is_empty()
    }

    /// Whether the device was asked for by its name.
    pub fn names(&self, link: &Link) -> bool {
        self.names.contains(&link.name)
    }

    /// Whether a device was asked for by this name while watching, and is still
    /// wanted.
    pub fn wants_name(&self, name: &str) -> bool {
        self.added.iter().any(|added| added == name)
    }

    /// Whether the device is to be watched.
    pub fn wants(&self, link: &Link) -> bool {
        if self.removed.contains(&link.name) {
            return false;
        }
        // A glob means the devices that can be watched.
        let is_peer = link.kind == DeviceKind::NetkitPeer;
        self.names(link)
            || self.added.contains(&link.name)
            || (self.is_all_netkit() && is_netkit(link))
            || (!is_peer && self.globs.iter().any(|glob| matches(glob, link)))
    }

    /// The globs that match no device there is.
    pub fn idle_globs(&self, links: &[Link]) -> impl Iterator<Item = &Glob> {
        self.globs
            .iter()
            .filter(|glob| !links.iter().any(|link| matches(glob, link)))
            .map(GlobMatcher::glob)
    }

    /// Wants this one from now on.
    pub fn add(&mut self, name: String) {
        self.removed.retain(|removed| *removed != name);
        if !self.added.contains(&name) {
            self.added.push(name);
        }
    }

    /// Wants this one no more.
    pub fn remove(&mut self, name: String) {
        self.added.retain(|added| *added != name);
        self.removed.push(name);
    }
}

/// The device of this name: its own, an alternative one, or as `ip link` prints
/// it, `veth0@if5` or `veth0@veth1`.
fn named<'a>(name: &str, links: &'a [Link]) -> Option<&'a Link> {
    let find = |name: &str| {
        let mut links = links.iter();
        links.find(|link| link.name == name || link.altnames.iter().any(|it| it == name))
    };
    find(name).or_else(|| {
        let (name, other) = name.rsplit_once('@')?;
        let link = find(name)?;
        let index = link.peer.map(|end| end.index).or(link.below)?;
        let is_index = other.strip_prefix("if") == Some(&index.to_string());
        let is_meant = is_index || find(other).is_some_and(|other| other.index == index);
        is_meant.then_some(link)
    })
}

/// Whether a name of the device matches.
fn matches(glob: &GlobMatcher, link: &Link) -> bool {
    glob.is_match(&link.name) || link.altnames.iter().any(|name| glob.is_match(name))
}

/// Whether the device is a netkit primary.
pub fn is_netkit(link: &Link) -> bool {
    link.netkit().is_some()
}

/// Both hooks of a pair are reached through its primary.
fn check_is_no_peer(link: &Link, links: &[Link]) -> anyhow::Result<()> {
    if link.kind != DeviceKind::NetkitPeer {
        return Ok(());
    }
    let here = link.peer.filter(|end| end.namespace.is_none());
    let primary = here.and_then(|end| links.iter().find(|other| other.index == end.index));
    let cure = primary.map_or_else(
        || "watch it from the network namespace of its primary".to_owned(),
        |primary| format!("name its primary, {}", primary.name),
    );
    bail!("{} is the peer of a netkit pair; {cure}", link.name)
}
