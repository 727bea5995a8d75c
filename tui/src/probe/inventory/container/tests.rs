use super::*;

const ID: &str = "3f4d1c8a9b0e2f6d7c5a4b3e2d1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f";
const POD: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

/// Runtime, id and pod of a version 2 path.
fn parts(path: &str) -> Option<(Option<String>, String, Option<String>)> {
    let path = path
        .replace("U_I_D", &POD.replace('-', "_"))
        .replace("UID", POD)
        .replace("ID", ID);
    let container = parse(&format!("0::{path}\n"))?;
    let pod = container.pod.map(|pod| pod.uid);
    Some((container.runtime, container.id, pod))
}

#[test]
fn every_runtime_names_its_cgroups_in_its_own_way() {
    let slice = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_I_D.slice";
    let guaranteed = "/kubepods.slice/kubepods-podU_I_D.slice";
    for (path, runtime, in_pod) in [
        (
            format!("{slice}/cri-containerd-ID.scope"),
            Some("containerd"),
            true,
        ),
        (
            format!("{guaranteed}/cri-containerd-ID.scope"),
            Some("containerd"),
            true,
        ),
        (format!("{slice}/crio-ID.scope"), Some("cri-o"), true),
        (
            format!("{slice}/crio-ID.scope/container"),
            Some("cri-o"),
            true,
        ),
        (format!("{slice}/docker-ID.scope"), Some("docker"), true),
        ("/kubepods/besteffort/podUID/ID".to_owned(), None, true),
        ("/kubepods/podUID/ID".to_owned(), None, true),
        (
            "/system.slice/containerd.service/kubepods-besteffort-podU_I_D.slice:cri-containerd:ID"
                .to_owned(),
            Some("containerd"),
            true,
        ),
        (
            "/system.slice/docker-ID.scope".to_owned(),
            Some("docker"),
            false,
        ),
        ("/docker/ID".to_owned(), Some("docker"), false),
        (
            "/machine.slice/libpod-ID.scope/container".to_owned(),
            Some("podman"),
            false,
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope".to_owned(),
            Some("podman"),
            false,
        ),
        (
            "/system.slice/nerdctl-ID.scope".to_owned(),
            Some("containerd"),
            false,
        ),
        // As a unit of systemd's own, whose conmon is apart.
        (
            "/system.slice/web.service/libpod-payload-ID".to_owned(),
            Some("podman"),
            false,
        ),
        ("/libpod_parent/libpod-ID".to_owned(), Some("podman"), false),
        (
            "/kubepods/burstable/podUID/crio-ID".to_owned(),
            Some("cri-o"),
            true,
        ),
        // In a node of kind, seen from it and from its host.
        (
            "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podU_I_D.slice/cri-containerd-ID.scope".to_owned(),
            Some("containerd"),
            true,
        ),
        (
            format!(
                "/system.slice/docker-{}.scope/kubelet.slice/kubelet-kubepods.slice/\
                 kubelet-kubepods-burstable-podU_I_D.slice/cri-containerd-ID.scope",
                "b".repeat(64)
            ),
            Some("containerd"),
            true,
        ),
        ("/k8s.io/ID".to_owned(), Some("containerd"), false),
        // Seen from another cgroup namespace.
        (
            "/../cri-containerd-ID.scope".to_owned(),
            Some("containerd"),
            false,
        ),
    ] {
        let pod = in_pod.then(|| POD.to_owned());
        let expected = Some((runtime.map(str::to_owned), ID.to_owned(), pod));
        assert_eq!(parts(&path), expected, "{path}");
    }
}

#[test]
fn the_innermost_container_is_meant() {
    let outer = "a".repeat(64);
    let path = format!("/docker/{outer}/kubelet/kubepods/burstable/podUID/ID");
    let expected = (None, ID.to_owned(), Some(POD.to_owned()));
    assert_eq!(parts(&path), Some(expected));
}

#[test]
fn some_containers_have_names_instead_of_ids() {
    for (path, runtime, name) in [
        ("/lxc.payload.web/init.scope", "lxc", "web"),
        ("/lxc/101/ns/init.scope", "lxc", "101"),
        ("/lxc/web/system.slice/cron.service", "lxc", "web"),
        ("/machine.slice/machine-deb.scope", "systemd-nspawn", "deb"),
        (
            "/machine.slice/machine-deb.scope/payload/system.slice/cron.service",
            "systemd-nspawn",
            "deb",
        ),
        (
            r"/machine.slice/machine-my\x2dweb.scope/payload",
            "systemd-nspawn",
            "my-web",
        ),
        (
            "/machine.slice/systemd-nspawn@deb.service/payload/init.scope",
            "systemd-nspawn",
            "deb",
        ),
        (
            r"/machine.slice/machine-qemu\x2d3\x2dvm\x2done.scope/libvirt/emulator",
            "libvirt",
            "vm-one",
        ),
        (
            r"/machine.slice/machine-qemu\x2dworker.scope",
            "systemd-nspawn",
            "qemu-worker",
        ),
        (
            r"/machine.slice/machine-a\x2.scope",
            "systemd-nspawn",
            r"a\x2",
        ),
        (
            r"/machine.slice/machine-a\xé.scope",
            "systemd-nspawn",
            r"a\xé",
        ),
    ] {
        let expected = (Some(runtime.to_owned()), name.to_owned(), None);
        assert_eq!(parts(path), Some(expected), "{path}");
    }
}

#[test]
fn what_is_no_container_is_none() {
    for path in [
        "/",
        "/init.scope",
        "/system.slice/ssh.service",
        "/user.slice/user-0.slice/session-3.scope",
        "/kubepods.slice/kubepods-podU_I_D.slice",
        "/kubepods.slice/kubepods-podU_I_D.slice/crio-conmon-ID.scope",
        "/machine.slice/libpod-conmon-ID.scope",
        "/podman",
        "/lxc",
        "/lxc.monitor.c1",
        "/lxc.monitor/101",
        "/system.slice/web.service/runtime",
        "/machine.slice/machine-deb.scope/supervisor",
        "/machine.slice/systemd-nspawn@deb.service/supervisor",
        "/machine.slice/machine-libpod_pod_ID.slice",
        "/a-very-long-name-that-has-exactly-sixty-four-characters-in-it-okay",
    ] {
        assert_eq!(parts(path), None, "{path}");
    }
}

#[test]
fn version_1_tells_it_in_any_of_its_hierarchies() {
    let table = format!(
        "12:rdma:/\n11:memory:/docker/{ID}\n2:cpu,cpuacct:/kubepods/burstable/pod{POD}/{ID}\n\
         1:name=systemd:/init.scope\n0::/\n"
    );
    let container = parse(&table).unwrap();
    assert_eq!(container.id, ID);
    assert_eq!(container.pod.unwrap().uid, POD);
}
