//! Names of Kubernetes pods and containers, from the directories that the kubelet
//! keeps for their logs: also those of static pods, and without asking any API.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::model::Container;

#[cfg(test)]
mod tests;

/// Where the logs are, from here and from within a container that shares the
/// host's PID namespace.
const ROOTS: [&str; 2] = ["/", "/proc/1/root"];
/// Entries that are read of each directory, at most.
const ENTRIES: usize = 16_384;

/// What the directories contain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kubelet {
    /// Namespace and name of a pod, by its uid.
    pods: HashMap<String, String>,
    /// The name of a container within its pod, by its id.
    containers: HashMap<String, String>,
}

impl Kubelet {
    /// Reads the directories of this host, where it has some.
    #[must_use]
    pub fn read() -> Self {
        let mut roots = ROOTS.iter().map(Path::new);
        let logs = roots.find_map(|root| {
            let logs = root.join("var/log");
            logs.join("pods").is_dir().then_some(logs)
        });
        logs.map_or_else(Self::default, Self::read_from)
    }

    fn read_from(logs: PathBuf) -> Self {
        Self {
            pods: names(&logs.join("pods"))
                .filter_map(|it| pod(&it))
                .collect(),
            containers: names(&logs.join("containers"))
                .filter_map(|it| container(&it))
                .collect(),
        }
    }

    /// Adds the names to a container.
    pub fn name(&self, container: &mut Container) {
        container.name = self.containers.get(&container.id).cloned();
        if let Some(pod) = &mut container.pod {
            pod.name = self.pods.get(&pod.uid).cloned();
        }
    }
}

/// The names of the entries of a directory.
fn names(directory: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .take(ENTRIES)
        .filter_map(|entry| entry.file_name().into_string().ok())
}

/// Uid, and namespace and name, in `NAMESPACE_NAME_UID`; none of these has an
/// underscore.
fn pod(directory: &str) -> Option<(String, String)> {
    let (name, uid) = directory.rsplit_once('_')?;
    let (namespace, name) = name.split_once('_')?;
    Some((uid.to_owned(), format!("{namespace}/{name}")))
}

/// Id and name in `POD_NAMESPACE_CONTAINER-ID.log`.
fn container(link: &str) -> Option<(String, String)> {
    let (rest, id) = link.strip_suffix(".log")?.rsplit_once('-')?;
    let (_, name) = rest.rsplit_once('_')?;
    Some((id.to_owned(), name.to_owned()))
}
