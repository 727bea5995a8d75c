//! The container that a process is in. Its cgroup has the id, and in
//! Kubernetes the pod; its UTS namespace the host name.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

use rustix::thread::LinkNameSpaceType;

use crate::model::{Container, Pod};
use crate::probe::netns;
use crate::process;

#[cfg(test)]
mod tests;

/// The container of a process, if it is in one.
#[must_use]
pub fn of(pid: u32) -> Option<Container> {
    let mut container = parse(&process::cgroups(pid)?)?;
    container.host_name = host_name(pid);
    Some(container)
}

/// The container in a `/proc/PID/cgroup` (cgroups(7)), which has a line for
/// version 2 and one for each hierarchy of version 1. Containers can be nested:
/// the innermost is meant.
fn parse(table: &str) -> Option<Container> {
    let paths = table.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    // The most specific path: a runtime may leave out some hierarchies.
    paths.filter_map(in_path).max_by_key(|it| it.pod.is_some())
}

/// The innermost container in the path of a cgroup.
#[must_use]
pub fn in_path(path: &str) -> Option<Container> {
    let mut container = None;
    let mut pod = None;
    // The parents show the runtime where the cgroup itself does not.
    let mut outer = None;
    let mut names = path.split('/').peekable();
    while let Some(name) = names.next() {
        let found = |runtime: Option<&str>, id: &str| {
            Some(Container {
                runtime: runtime.map(str::to_owned),
                id: id.to_owned(),
                ..Container::default()
            })
        };
        if let Some((slice, _)) = name.split_once(':') {
            pod = pod_in(slice).or(pod);
        }
        if let Some(uid) = pod_in(name) {
            pod = Some(uid);
            outer = None;
        } else if let Some((runtime, id)) = container_in(name) {
            container = found(runtime.or(outer), id).map(|it| Container {
                pod: pod.clone().map(|uid| Pod { uid, name: None }),
                ..it
            });
        } else if let Some(name) = name.strip_prefix("lxc.payload.") {
            container = found(Some("lxc"), name);
        } else if matches!(name, "lxc" | "lxc.payload") {
            // The next one is its name.
            container = names.next().and_then(|name| found(Some("lxc"), name));
        } else if let Some((runtime, id)) = machine_in(name) {
            let is_monitor = names.peek() == Some(&"supervisor");
            container = (!is_monitor).then(|| found(Some(runtime), &id)).flatten();
        } else {
            outer = match name {
                "docker" => Some("docker"),
                "libpod_parent" => Some("podman"),
                "k8s.io" | "nerdctl" => Some("containerd"),
                _ => outer,
            };
        }
    }
    container
}

/// The pod's uid in `kubepods-burstable-pod<uid>.slice`, whose uid has
/// underscores since systemd takes dashes for slashes, or in `pod<uid>`, as the
/// kubelet names cgroups without systemd. A kubelet with a cgroup root of its own,
/// as in kind, has its name before.
fn pod_in(name: &str) -> Option<String> {
    let uid = match name.strip_suffix(".slice") {
        Some(slice) => {
            let (before, uid) = slice.rsplit_once("-pod")?;
            before
                .split('-')
                .any(|it| it == "kubepods")
                .then_some(uid)?
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
/// (`cri-containerd-<id>.scope`), the same without systemd (`crio-<id>`,
/// `kubepods-….slice:cri-containerd:<id>`), or a bare id.
fn container_in(name: &str) -> Option<(Option<&'static str>, &str)> {
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let (prefix, id) = name.rsplit_once(['-', ':']).unwrap_or(("", name));
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
        "libpod" | "libpod-payload" => Some(Some("podman")),
        _ if prefix.ends_with("conmon") => None,
        _ => Some(None),
    }
}

/// The runtime and the name in the scope of a machine of systemd-machined(8)
/// (`machine-<name>.scope`, as systemd-nspawn and libvirt register theirs), or in
/// the service of a container of systemd-nspawn(1).
fn machine_in(name: &str) -> Option<(&'static str, String)> {
    let service = name.strip_prefix("systemd-nspawn@");
    if let Some(name) = service.and_then(|it| it.strip_suffix(".service")) {
        return Some(("systemd-nspawn", unescaped(name)));
    }
    let name = name.strip_prefix("machine-")?.strip_suffix(".scope")?;
    let name = unescaped(name);
    // libvirt writes `qemu-<number>-<name>` and `lxc-<number>-<name>`.
    let driver = ["qemu-", "lxc-"]
        .iter()
        .find_map(|it| name.strip_prefix(it));
    let of_libvirt = driver.and_then(|rest| {
        let (number, name) = rest.split_once('-')?;
        number.parse::<u32>().ok()?;
        Some(name.to_owned())
    });
    Some(match of_libvirt {
        Some(name) => ("libvirt", name),
        None => ("systemd-nspawn", name),
    })
}

/// A name without the `\xNN` of systemd's units (systemd-escape(1)).
fn unescaped(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, escape)) = rest.split_once("\\x") {
        bytes.extend(before.bytes());
        let byte = escape
            .get(..2)
            .and_then(|it| u8::from_str_radix(it, 16).ok());
        match byte {
            Some(byte) => bytes.push(byte),
            None => return name.to_owned(),
        }
        rest = &escape[2..];
    }
    bytes.extend(rest.bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The host name that a process sees, where it is not the one that we see.
fn host_name(pid: u32) -> Option<String> {
    let path = format!("/proc/{pid}/ns/uts");
    let namespace = File::open(path).ok()?;
    let own = fs::metadata("/proc/self/ns/uts").ok()?;
    if namespace.metadata().ok()?.ino() == own.ino() {
        return None;
    }
    let name = || {
        let name = rustix::system::uname();
        name.nodename().to_string_lossy().into_owned()
    };
    let kind = LinkNameSpaceType::HostNameAndNISDomainName;
    let name = netns::enter_kind(&namespace, kind, name).ok()?;
    Some(name).filter(|name| !name.is_empty())
}
