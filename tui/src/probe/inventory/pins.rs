//! Where programs and links are pinned: a walk through the BPF file system.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::CString;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::statfs;

use crate::process;
use crate::sys;

#[cfg(test)]
mod tests;

/// Where it is mounted.
const ROOT: &str = "/sys/fs/bpf";
/// `BPF_FS_MAGIC` of `include/uapi/linux/magic.h`.
const MAGIC: u64 = 0xcafe_4a11;
/// Entries that are visited: a Cilium node has a dozen for each pod.
const ENTRIES: usize = 16_384;

/// What can be pinned, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    /// A program.
    Program(u32),
    /// A link.
    Link(u32),
}

/// Where objects are pinned.
#[derive(Debug, Default)]
pub struct Pins(HashMap<Object, PathBuf>);

impl Pins {
    /// Looks for the objects, as far as the file system can be read.
    #[must_use]
    pub fn find(wanted: &HashSet<Object>) -> Self {
        let mut found = HashMap::new();
        let is_there = statfs(ROOT).is_ok_and(|it| u64::try_from(it.f_type) == Ok(MAGIC));
        if wanted.is_empty() || !is_there {
            return Self(found);
        }
        let mut directories = VecDeque::from([PathBuf::from(ROOT)]);
        let mut left = ENTRIES;
        while let Some(directory) = directories.pop_front() {
            let Ok(entries) = fs::read_dir(directory) else {
                continue;
            };
            for entry in entries.flatten() {
                if left == 0 || found.len() == wanted.len() {
                    return Self(found);
                }
                left -= 1;
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => directories.push_back(entry.path()),
                    Ok(kind) if kind.is_file() => {
                        let path = entry.path();
                        if let Some(object) = object_at(&path).filter(|it| wanted.contains(it)) {
                            found.entry(object).or_insert(path);
                        }
                    }
                    _ => {}
                }
            }
        }
        Self(found)
    }

    /// Where an object is pinned, if it was found.
    #[must_use]
    pub fn path(&self, object: Object) -> Option<&Path> {
        self.0.get(&object).map(PathBuf::as_path)
    }
}

fn object_at(path: &Path) -> Option<Object> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let pinned = sys::open_pinned(&path).ok()?;
    object_of(&process::descriptor(pinned.as_fd())?)
}

/// The object that a `/proc/self/fdinfo` is of (`bpf_prog_show_fdinfo()` and
/// `bpf_link_show_fdinfo()` in `kernel/bpf/syscall.c`). A link names its program
/// as well; a map names neither.
fn object_of(info: &str) -> Option<Object> {
    let id = |name: &str| u32::try_from(process::number_in(info, name)?).ok();
    id("link_id")
        .map(Object::Link)
        .or_else(|| id("prog_id").map(Object::Program))
}
