//! Containers by the ids of their cgroups, which is what the kernel tells of the
//! socket behind a packet.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};

use super::container;
use super::kubelet::Kubelet;
use crate::model::Container;

#[cfg(test)]
mod tests;

/// Where the hierarchy of version 2 is, alone or beside those of version 1.
const ROOTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// Directories that are looked at, at most.
const DIRECTORIES: usize = 1 << 16;

/// The containers of these cgroups (v2), as far as they are cgroups of containers and
/// still there. A cgroup's id is the inode of its directory.
#[must_use]
pub fn containers(wanted: &HashSet<u64>) -> HashMap<u64, Container> {
    let is_root = |root: &&Path| root.join("cgroup.controllers").exists();
    let root = ROOTS.iter().map(Path::new).find(is_root);
    root.map_or_else(HashMap::new, |root| below(root, wanted))
}

/// The container of a process, whatever the version of its cgroups.
#[must_use]
pub fn container_of(pid: u32) -> Option<Container> {
    container::of(pid)
}

/// Adds the names that the kubelet's directories tell.
pub fn name<'a>(containers: impl IntoIterator<Item = &'a mut Container>) {
    let mut containers = containers.into_iter().peekable();
    if containers.peek().is_some() {
        let kubelet = Kubelet::read();
        containers.for_each(|container| kubelet.name(container));
    }
}

fn below(root: &Path, wanted: &HashSet<u64>) -> HashMap<u64, Container> {
    let mut found = HashMap::new();
    let mut left = DIRECTORIES;
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(root.join(&directory)).into_iter().flatten();
        for entry in entries.flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if left == 0 || found.len() == wanted.len() {
                break;
            }
            left -= 1;
            let path = directory.join(entry.file_name());
            if wanted.contains(&entry.ino())
                && let Some(container) = container::in_path(&path.to_string_lossy())
            {
                found.insert(entry.ino(), container);
            }
            directories.push(path);
        }
    }
    found
}
