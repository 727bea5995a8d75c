//! Network namespaces without a name.

use std::fs::File;
use std::io;
use std::net::{Ipv6Addr, UdpSocket};
use std::thread;

use anyhow::{Context, anyhow};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

/// Moves the calling thread into a new network namespace; threads that it
/// starts from now on begin there.
///
/// # Errors
/// The kernel's, with what to do about it.
pub fn leave() -> anyhow::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(|error| {
        anyhow!(io::Error::from(error)).context(format!(
            "cannot make a network namespace for the demo; {}",
            cure(error)
        ))
    })
}

/// Makes a network namespace. It lives as long as the file, a thread in it or a
/// socket of it.
///
/// # Errors
/// As for [`leave`].
pub fn make() -> anyhow::Result<File> {
    let make = || {
        leave()?;
        File::open("/proc/thread-self/ns/net").context(
            "cannot open the demo's network namespace in /proc; mount it: mount -t proc proc /proc",
        )
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .spawn_scoped(scope, make)
            .context("cannot start a thread for the demo's network namespace")?;
        thread
            .join()
            .unwrap_or_else(|_| Err(anyhow!("cannot make a network namespace: its thread ended")))
    })
}

/// Whether IPv6 works here: a kernel started with `ipv6.disable=1` has none, and
/// one with `ipv6.disable_ipv6=1` none on new devices. Loopback must be up.
pub fn has_ipv6() -> bool {
    UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

/// What the user can do about an error of `unshare()` (man unshare(2)).
fn cure(error: Errno) -> &'static str {
    match error {
        Errno::EPERM => {
            "run it as root (sudo nkview demo); in a container give it CAP_SYS_ADMIN, \
             CAP_NET_ADMIN and CAP_NET_RAW and a seccomp profile that allows unshare"
        }
        Errno::ENOSPC => "there are too many: raise the sysctl user.max_net_namespaces",
        Errno::EINVAL => "this kernel was built without CONFIG_NET_NS",
        _ => "see the kernel's answer",
    }
}
