//! The file systems of the machine.

use std::{
    ffi::CString,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::Context;
use rustix::mount::{MountFlags, mount, mount_bind, mount_move};
use vm_init::ROOT_TAG;

/// Mounts proc, sysfs and devtmpfs below a directory.
pub fn mount_kernel_interfaces(below: &str) -> anyhow::Result<()> {
    let below = Path::new(below);
    attach("proc", &below.join("proc"), "")?;
    attach("sysfs", &below.join("sys"), "")?;
    attach("devtmpfs", &below.join("dev"), "")
}

/// Makes the host's root directory this process's and so the machine's: what is
/// read comes from the host, what is written goes to memory and ends with the
/// machine. Kernel interfaces and `/run`, where the host's services have their
/// sockets, are the machine's own. `modules` becomes `/lib/modules`.
///
/// The kernel's threads share this process's root, so that what they start on
/// their own (modprobe) is found there, too.
pub fn enter_view_of_host(modules: &Path) -> anyhow::Result<()> {
    for directory in ["/host", "/memory", "/view"] {
        fs::create_dir_all(directory).with_context(|| format!("cannot create {directory}"))?;
    }
    mount(ROOT_TAG, "/host", "virtiofs", MountFlags::RDONLY, None)
        .context("cannot mount the host's root directory")?;
    attach("tmpfs", Path::new("/memory"), "size=90%")?;
    for directory in ["/memory/upper", "/memory/work"] {
        fs::create_dir(directory).with_context(|| format!("cannot create {directory}"))?;
    }
    attach(
        "overlay",
        Path::new("/view"),
        "lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work",
    )?;
    for directory in ["dev", "lib/modules", "proc", "run", "sys", "tmp"] {
        let path = Path::new("/view").join(directory);
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
    }

    std::env::set_current_dir("/view").context("cannot enter /view")?;
    mount_move(".", "/").context("cannot move /view to /")?;
    rustix::process::chroot(".").context("cannot make /view the root")?;
    std::env::set_current_dir("/").context("cannot enter the root")?;

    mount_kernel_interfaces("/")?;
    for (kind, path, options) in [
        ("devpts", "/dev/pts", "ptmxmode=0666,mode=0620,gid=5"),
        ("tmpfs", "/dev/shm", ""),
        ("tmpfs", "/run", "mode=0755"),
        ("bpf", "/sys/fs/bpf", "mode=0700"),
        ("cgroup2", "/sys/fs/cgroup", ""),
        ("debugfs", "/sys/kernel/debug", ""),
        ("tracefs", "/sys/kernel/tracing", ""),
    ] {
        attach(kind, Path::new(path), options)?;
    }
    for (link, target) in [
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
    ] {
        symlink(target, link).with_context(|| format!("cannot create {link}"))?;
    }
    mount_bind(modules, "/lib/modules")
        .with_context(|| format!("cannot show {} as /lib/modules", modules.display()))
}

fn attach(kind: &str, path: &Path, options: &str) -> anyhow::Result<()> {
    let failed = || format!("cannot mount {kind} on {}", path.display());
    // Where the kernel has made no directory of its own, as in /dev.
    fs::create_dir_all(path).with_context(failed)?;
    let options = CString::new(options).with_context(failed)?;
    mount(
        kind,
        PathBuf::from(path),
        kind,
        MountFlags::empty(),
        options.as_c_str(),
    )
    .with_context(failed)
}
