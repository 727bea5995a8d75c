//! Why this process may not do what it needs, and what to do about it. Each
//! cause is looked up only after something was refused.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{StatVfsMountFlags, getxattr, statvfs};
use rustix::io::Errno;
use rustix::process::geteuid;
use rustix::thread::{SecureComputingMode, secure_computing_mode};

use super::privileges;

#[cfg(test)]
mod tests;

/// Where the capabilities of a binary are (capabilities(7)).
const FILE_CAPABILITIES: &str = "security.capability";

/// What of a process and its surroundings limits what it may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The names of the capabilities that are needed and missing.
    missing: Vec<&'static str>,
    is_root: bool,
    /// It is in a user namespace that is not the first; nothing where that is not
    /// known.
    in_user_namespace: Option<bool>,
    /// It was started with `no_new_privs`.
    no_new_privs: bool,
    has_seccomp_filter: bool,
    /// The binary has capabilities of its own.
    has_file_capabilities: bool,
    /// The binary's file system is mounted with `nosuid`.
    is_nosuid: bool,
    /// The kernel's lockdown (kernel_lockdown(7)), unless it is off.
    lockdown: Option<String>,
}

impl Limits {
    /// Those of this process.
    #[must_use]
    pub fn now() -> Self {
        let binary = std::env::current_exe().ok();
        let binary = binary.as_deref();
        Self {
            missing: privileges::missing(&privileges::NEEDED)
                .iter()
                .map(|(_, name, _)| *name)
                .collect(),
            is_root: geteuid().is_root(),
            in_user_namespace: in_user_namespace(),
            no_new_privs: privileges::had_no_new_privs(),
            has_seccomp_filter: secure_computing_mode()
                .is_ok_and(|mode| mode == SecureComputingMode::Filter),
            has_file_capabilities: binary.is_some_and(has_capabilities),
            is_nosuid: binary.is_some_and(is_nosuid),
            lockdown: lockdown(),
        }
    }

    /// The capabilities that are needed and missing, by name.
    #[must_use]
    pub fn missing(&self) -> &[&'static str] {
        &self.missing
    }

    /// What to do about missing capabilities: not what has no effect here.
    #[must_use]
    pub const fn cure_for_missing(&self) -> &'static str {
        if matches!(self.in_user_namespace, Some(true)) {
            "this is a user namespace, such as a rootless container's, where they cannot be had: \
             start nkview outside of it, as root"
        } else if self.is_root {
            "they were taken from this root user, as containers do; allow them (docker run \
             --cap-add BPF --cap-add PERFMON --cap-add NET_ADMIN, or --privileged), or start \
             nkview on the host"
        } else if self.no_new_privs {
            "no_new_privs is set for this process (by a container, systemd's NoNewPrivileges= or \
             setpriv), so that neither sudo nor setcap has an effect: start nkview without it, as \
             root"
        } else if self.has_file_capabilities && self.is_nosuid {
            "the binary has capabilities, but its file system is mounted with nosuid, where they \
             have no effect: copy it to another one and repeat setcap, or start it with sudo"
        } else if self.is_nosuid {
            "start it with sudo; setcap has no effect here, since the binary's file system is \
             mounted with nosuid"
        } else if self.has_file_capabilities {
            "the binary has capabilities, but not these, or this session's bounding set forbids \
             them: start it with sudo, or: setcap cap_bpf,cap_perfmon,cap_net_admin+ep nkview"
        } else {
            "start it with sudo, or: setcap cap_bpf,cap_perfmon,cap_net_admin+ep nkview"
        }
    }

    /// Why bpf(2) has failed, if that is not about the program or the kernel's age.
    #[must_use]
    pub fn of_bpf(&self, error: &io::Error) -> Option<String> {
        let text = match Errno::from_io_error(error)? {
            Errno::PERM | Errno::ACCESS if !self.missing.is_empty() => format!(
                "{} missing; {}",
                self.missing.join(", "),
                self.cure_for_missing()
            ),
            Errno::PERM if self.in_user_namespace == Some(true) => {
                "in a user namespace, such as a rootless container's, capabilities do not count \
                 for them; start nkview outside of it"
                    .to_owned()
            }
            Errno::PERM if self.has_seccomp_filter => {
                "bpf() is not permitted, although the capabilities are there: most likely the \
                 seccomp filter of the sandbox that this runs in denies it; allow bpf() in its \
                 profile (docker run --security-opt seccomp=unconfined)"
                    .to_owned()
            }
            Errno::PERM if self.in_user_namespace.is_none() => {
                "bpf() is not permitted, although the capabilities are there. In a user namespace \
                 they do not count for it, but without /proc it cannot be known whether this is \
                 one: mount it (mount -t proc proc /proc), or start nkview on the host"
                    .to_owned()
            }
            Errno::PERM => match &self.lockdown {
                Some(mode) => format!(
                    "bpf() is not permitted, although the capabilities are there: the kernel is \
                     locked down ({mode}), or a security module (SELinux, AppArmor) denies it; the \
                     kernel log says which"
                ),
                None => "bpf() is not permitted, although the capabilities are there: a security \
                         module (SELinux, AppArmor) may deny it; the kernel log or the audit log \
                         says so"
                    .to_owned(),
            },
            Errno::NOSYS if self.has_seccomp_filter => {
                "bpf() is answered with \"not implemented\": most likely by the seccomp filter of \
                 the sandbox that this runs in; allow bpf() in its profile"
                    .to_owned()
            }
            Errno::NOSYS => {
                "this kernel has no bpf() system call: it takes one that is built with \
                             CONFIG_BPF_SYSCALL"
                    .to_owned()
            }
            Errno::MFILE | Errno::NFILE => {
                "too many open files; allow more: ulimit -n, or LimitNOFILE= of systemd".to_owned()
            }
            _ => return None,
        };
        Some(text)
    }
}

/// Whether this is a user namespace other than the first, in which users are
/// themselves (user_namespaces(7)).
fn in_user_namespace() -> Option<bool> {
    const EVERYBODY: [&str; 3] = ["0", "0", "4294967295"];
    let map = fs::read_to_string("/proc/self/uid_map").ok()?;
    Some(!map.split_whitespace().eq(EVERYBODY))
}

fn has_capabilities(binary: &Path) -> bool {
    // A revision of them, and two sets of 64 bits.
    let mut value = [0_u8; 64];
    getxattr(binary, FILE_CAPABILITIES, &mut value).is_ok_and(|length| length > 0)
}

fn is_nosuid(binary: &Path) -> bool {
    statvfs(binary).is_ok_and(|stat| stat.f_flag.contains(StatVfsMountFlags::NOSUID))
}

fn lockdown() -> Option<String> {
    let modes = fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    mode(&modes).map(str::to_owned)
}

/// The mode in force: `none [integrity] confidentiality`.
fn mode(modes: &str) -> Option<&str> {
    let mut modes = modes.split_whitespace();
    let mode = modes.find_map(|mode| mode.strip_prefix('[')?.strip_suffix(']'))?;
    (mode != "none").then_some(mode)
}
