//! Where network namespaces can be entered, and who lives in them.
//!
//! Of a device's other end the kernel reports only the id of its namespace. A
//! namespace is found through its names and its processes, and asked for the id
//! (`RTM_GETNSID`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use rustix::thread::{CapabilitySet, capabilities};

use crate::model::NamespaceInode;
use crate::probe::netlink::{Netlink, attribute, int};
use crate::process;

#[cfg(test)]
mod tests;

/// Directories in which namespaces have names: of `ip netns`, containerd and
/// CRI-O, and of Docker.
const NAMED: [&str; 2] = ["/run/netns", "/run/docker/netns"];
/// Processes that are visited, at most; each takes some microseconds.
const PROCESSES: usize = 65_536;

/// Where a namespace can be entered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// A file that refers to it.
    path: PathBuf,
    /// Its inode, by which a file that was replaced is noticed.
    inode: u64,
    /// Its name.
    pub name: Option<String>,
    /// The process with the lowest PID that runs in it.
    pub pid: Option<u32>,
}

impl Place {
    /// A place that does not exist.
    #[cfg(test)]
    pub fn sample(inode: u64) -> Self {
        Self {
            path: PathBuf::from(format!("/run/netns/sample{inode}")),
            inode,
            name: None,
            pid: None,
        }
    }

    /// The inode of the namespace.
    #[must_use]
    pub fn inode(&self) -> Option<NamespaceInode> {
        self.inode.try_into().ok()
    }

    /// Opens it.
    ///
    /// # Errors
    /// When it is gone, or the path stands for another namespace by now.
    pub fn open(&self) -> anyhow::Result<File> {
        let path = self.path.display();
        let file = File::open(&self.path).with_context(|| format!("cannot open {path}"))?;
        ensure!(
            file.metadata()?.ino() == self.inode,
            "{path} is another one"
        );
        Ok(file)
    }
}

/// The other end of a pair, where it can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PeerLocation {
    /// The namespace that it is in; nothing for this one.
    pub place: Option<Place>,
    /// Its interface index there.
    pub index: u32,
}

/// The namespaces that were looked for.
#[derive(Debug, Default)]
pub struct Places {
    /// Those that were found, by their ids.
    pub found: HashMap<i32, Place>,
    /// Processes whose namespace this user may not know.
    denied: usize,
    /// Whether it is not for want of the capability.
    may_trace: bool,
    /// Whether there were more processes than the limit.
    too_many: bool,
}

impl Places {
    /// Looks for the namespaces with these ids.
    #[must_use]
    pub fn find(wanted: &BTreeSet<i32>) -> Self {
        if wanted.is_empty() {
            return Self::default();
        }
        let mut candidates = Candidates::default();
        for directory in NAMED {
            candidates.add_named(Path::new(directory));
        }
        candidates.add_processes(Path::new("/proc"));
        candidates.add_threads(Path::new("/proc/self/task"));
        let Candidates {
            by_inode,
            denied,
            too_many,
        } = candidates;
        let found = Netlink::open(libc::NETLINK_ROUTE as isize).map(|mut netlink| {
            let with_id = by_inode.into_values().filter_map(|place| {
                // Those that cannot be opened, or are no namespaces, are not meant.
                let id = id_of(&mut netlink, &place.open().ok()?)?;
                wanted.contains(&id).then_some((id, place))
            });
            with_id.collect()
        });
        Self {
            found: found.unwrap_or_default(),
            denied,
            may_trace: capabilities(None)
                .is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_PTRACE)),
            too_many,
        }
    }

    /// Why a namespace is not among them.
    #[must_use]
    pub fn why_not_found(&self) -> String {
        let others = if self.too_many {
            format!("only {PROCESSES} were searched")
        } else if self.denied > 0 && !self.may_trace {
            format!("{} of others need CAP_SYS_PTRACE", self.denied)
        } else if self.denied > 0 {
            format!("{} could not be searched", self.denied)
        } else {
            return "the peer's namespace has no name in /run/netns, and none of the processes \
                    visible here is in it: others can be hidden by PID namespaces or hidepid"
                .to_owned();
        };
        format!("the peer's namespace has no name and none of the known processes; {others}")
    }
}

/// Namespaces that may be meant.
#[derive(Debug, Default)]
struct Candidates {
    by_inode: BTreeMap<u64, Place>,
    denied: usize,
    too_many: bool,
}

impl Candidates {
    /// Those with names in a directory.
    fn add_named(&mut self, directory: &Path) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            // Of the namespace that is mounted there.
            let Ok(inode) = fs::metadata(&path).map(|it| it.ino()) else {
                continue;
            };
            let name = entry.file_name().to_string_lossy().into_owned();
            self.by_inode.entry(inode).or_insert(Place {
                path,
                inode,
                name: Some(name),
                pid: None,
            });
        }
    }

    /// Those that only threads of a process live in, as of the demo.
    fn add_threads(&mut self, tasks: &Path) {
        for entry in fs::read_dir(tasks).into_iter().flatten().flatten() {
            let path = entry.path().join("ns/net");
            let target = fs::read_link(&path).ok();
            if let Some(inode) = target.and_then(|target| inode_in(&target)) {
                self.by_inode.entry(inode).or_insert(Place {
                    path,
                    inode,
                    name: None,
                    pid: None,
                });
            }
        }
    }

    /// Those with processes, in the order of PIDs.
    fn add_processes(&mut self, proc: &Path) {
        for (number, pid) in process::pids(proc).enumerate() {
            if number >= PROCESSES {
                self.too_many = true;
                return;
            }
            let path = proc.join(pid.to_string()).join("ns/net");
            let inode = match fs::read_link(&path) {
                Ok(target) => inode_in(&target),
                Err(error) => {
                    let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
                    self.denied += usize::from(is_denied);
                    continue;
                }
            };
            let Some(inode) = inode else {
                continue;
            };
            let place = self.by_inode.entry(inode).or_insert(Place {
                path,
                inode,
                name: None,
                pid: None,
            });
            place.pid = Some(place.pid.map_or(pid, |other| other.min(pid)));
        }
    }
}

/// The inode in `net:[4026531840]`.
fn inode_in(link: &Path) -> Option<u64> {
    let inside = link.to_str()?.strip_prefix("net:[")?;
    inside.strip_suffix(']')?.parse().ok()
}

/// The id that this namespace knows another one by (`RTM_GETNSID`).
fn id_of(netlink: &mut Netlink, namespace: &File) -> Option<i32> {
    /// `NETNSA_NSID` and `NETNSA_FD` of `include/uapi/linux/net_namespace.h`.
    const ID: u16 = 1;
    const FD: u16 = 3;
    /// The length of `struct rtgenmsg`, padded.
    const HEADER: usize = 4;
    let mut request = vec![0; HEADER];
    request.extend(attribute(FD, &namespace.as_raw_fd().to_ne_bytes()));
    let answer = netlink.get(libc::RTM_GETNSID, &request).ok()?;
    let (_, id) = answer.attributes(HEADER).find(|(kind, _)| *kind == ID)?;
    // -1 stands for none.
    int(id).filter(|&id| id >= 0)
}
