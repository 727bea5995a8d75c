//! The container that a process is in. Its cgroup tells the id, and in
//! Kubernetes the pod; its UTS namespace the host name.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::model::Container;

#[cfg(test)]
mod tests;

/// The container of a process, if it is in one.
#[must_use]
pub fn of(pid: u32) -> Option<Container> {
    let table = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let mut container = parse(&table)?;
    container.host_name = host_name(pid);
    Some(container)
}

/// The container in a `/proc/PID/cgroup` (cgroups(7)), which has a line for
/// version 2 and one for each hierarchy of version 1. Containers can be nested:
/// the innermost is meant.
fn parse(table: &str) -> Option<Container> {
    let paths = table.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    // The most telling path: some hierarchies may be left out by a runtime.
    paths.filter_map(in_path).max_by_key(|it| it.pod.is_some())
}

fn in_path(path: &str) -> Option<Container> {
    let mut container = None;
    let mut pod = None;
    // What is around it tells the runtime where the cgroup itself does not.
    let mut outer = None;
    for name in path.split('/') {
        if let Some((slice, _)) = name.split_once(':') {
            pod = pod_in(slice).or(pod);
        }
        if let Some(uid) = pod_in(name) {
            pod = Some(uid);
            outer = None;
        } else if name == "docker" {
            outer = Some("docker");
        } else if let Some((runtime, id)) = container_in(name) {
            container = Some(Container {
                runtime: runtime.or(outer).map(str::to_owned),
                id: id.to_owned(),
                pod: pod.clone(),
                host_name: None,
            });
        } else if let Some(name) = name.strip_prefix("lxc.payload.") {
            container = Some(Container {
                runtime: Some("lxc".to_owned()),
                id: name.to_owned(),
                pod: None,
                host_name: None,
            });
        }
    }
    container
}

/// The pod's uid in `kubepods-burstable-pod<uid>.slice`, whose uid has
/// underscores since systemd takes dashes for slashes, or in `pod<uid>`, as the
/// kubelet names cgroups without systemd.
fn pod_in(name: &str) -> Option<String> {
    let uid = match name.strip_suffix(".slice") {
        Some(slice) => {
            slice
                .starts_with("kubepods")
                .then_some(slice)?
                .rsplit_once("-pod")?
                .1
        }
        None => name.strip_prefix("pod")?,
    };
    let is_uid = |uid: &str| {
        uid.len() >= 32
            && uid
                .chars()
                .all(|c| c.is_ascii_hexdigit() || c == '-' || c == '_')
    };
    is_uid(uid).then(|| uid.replace('_', "-"))
}

/// The runtime and the id in the name of a cgroup: a scope of systemd
/// (`cri-containerd-<id>.scope`), the same as the kubelet writes it for
/// containerd without systemd (`kubepods-….slice:cri-containerd:<id>`), or a bare
/// id.
fn container_in(name: &str) -> Option<(Option<&'static str>, &str)> {
    let (prefix, id) = match name.strip_suffix(".scope") {
        Some(scope) => scope.rsplit_once('-')?,
        None => name.rsplit_once(':').unwrap_or(("", name)),
    };
    if id.len() != 64 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let prefix = prefix.rsplit_once(':').map_or(prefix, |(_, prefix)| prefix);
    Some((runtime(prefix)?, id))
}

/// The runtime of a prefix; nothing at all where the cgroup is not the
/// container's own but that of its monitor.
fn runtime(prefix: &str) -> Option<Option<&'static str>> {
    match prefix {
        "cri-containerd" | "containerd" | "nerdctl" => Some(Some("containerd")),
        "crio" => Some(Some("cri-o")),
        "docker" => Some(Some("docker")),
        "libpod" => Some(Some("podman")),
        "crio-conmon" | "libpod-conmon" => None,
        _ => Some(None),
    }
}

/// The host name that a process sees, where it is not the one that we see.
fn host_name(pid: u32) -> Option<String> {
    let path = format!("/proc/{pid}/ns/uts");
    let namespace = File::open(path).ok()?;
    let own = fs::metadata("/proc/self/ns/uts").ok()?;
    if namespace.metadata().ok()?.ino() == own.ino() {
        return None;
    }
    // A thread of its own, so that no other sees another name.
    let inside = || {
        let kind = LinkNameSpaceType::HostNameAndNISDomainName;
        move_into_link_name_space(namespace.as_fd(), Some(kind)).ok()?;
        let name = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        Some(name).filter(|name| !name.is_empty())
    };
    std::thread::scope(|scope| scope.spawn(inside).join().ok().flatten())
}
