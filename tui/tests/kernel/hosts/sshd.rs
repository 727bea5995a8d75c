//! A server of SSH for a test: on the loopback device of a namespace, with keys and
//! configuration of its own.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::foreign;
use crate::namespace::{Namespace, run};
use crate::wait;

/// What the host is called.
pub const HOST: &str = "lab";
const PORT: u16 = 2222;

/// A running server. Dropping it ends it and its connections.
pub struct Sshd {
    child: Child,
    directory: TempDir,
}

impl Sshd {
    pub fn start(namespace: &Namespace) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["host", "user"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
            run(keygen.arg(path(name)), "").unwrap();
        }
        let temporary = path("tmp");
        fs::create_dir(&temporary).unwrap();
        let [host, user, temporary] =
            [path("host"), path("user"), temporary].map(|path| path.display().to_string());
        let server = format!(
            "ListenAddress 127.0.0.1:{PORT}\nHostKey {host}\nAuthorizedKeysFile {user}.pub\n\
             PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n\
             PasswordAuthentication no\nSetEnv TMPDIR={temporary}\n"
        );
        fs::write(path("sshd_config"), server).unwrap();
        let client = format!(
            "Host {HOST}\nHostName 127.0.0.1\nPort {PORT}\nUser root\nIdentityFile {user}\n\
             IdentitiesOnly yes\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n\
             LogLevel ERROR\n"
        );
        fs::write(path("ssh_config"), client).unwrap();
        // A user has this in a configuration, whose place cannot be changed.
        let ssh = path("bin/ssh");
        fs::create_dir(path("bin")).unwrap();
        let config = path("ssh_config").display().to_string();
        let program = foreign::find("ssh").unwrap();
        let program = program.display();
        let script = format!("#!/bin/sh\nexec '{program}' -F '{config}' \"$@\"\n");
        fs::write(&ssh, script).unwrap();
        fs::set_permissions(&ssh, Permissions::from_mode(0o755)).unwrap();

        namespace.ip("link set lo up");
        // It wants a directory in /run and a user of its own, and that root may log in.
        // What it sees of these files is private to it, so that none is changed.
        fs::write(
            path("passwd"),
            "root:x:0:0:root:/root:/bin/sh\nsshd:x:65534:65534::/run/sshd:/usr/sbin/nologin\n",
        )
        .unwrap();
        fs::write(path("shadow"), "root:*:20000::::::\nsshd:*:20000::::::\n").unwrap();
        let script = "mount -t tmpfs tmpfs /run && mkdir /run/sshd && \
             mount --bind passwd /etc/passwd && mount --bind shadow /etc/shadow && \
             exec \"$0\" -D -e -f \"$PWD/sshd_config\"";
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", script])
            // It starts itself again by this path.
            .arg(foreign::find("sshd").unwrap())
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stderr(fs::File::create(path("log")).unwrap());
        let child = namespace.enter(|| command.spawn().unwrap());
        let server = Self { child, directory };
        wait::until_ok("the server of SSH answers", || {
            let mut ssh = Command::new(&ssh);
            namespace.enter(|| run(ssh.args([HOST, "true"]), ""))
        });
        server
    }

    /// A path on which `ssh` reaches it.
    pub fn path(&self) -> OsString {
        let mut path = self.directory.path().join("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        path
    }

    /// What there is in the directory for temporary files of those who log in.
    pub fn temporary(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.directory.path().join("tmp")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Breaks all connections: what serves them is killed.
    pub fn break_connections(&self) {
        for child in children(self.child.id()) {
            for child in children(child).into_iter().chain([child]) {
                if is_sshd(child) {
                    // It may be on its way out.
                    let _ = kill_process(pid(child), Signal::KILL);
                }
            }
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.break_connections();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(id.cast_signed()).unwrap()
}

fn children(id: u32) -> Vec<u32> {
    let path = format!("/proc/{id}/task/{id}/children");
    let list = fs::read_to_string(path).unwrap_or_default();
    list.split_whitespace()
        .map(|id| id.parse().unwrap())
        .collect()
}

fn is_sshd(id: u32) -> bool {
    // An unpacked one is started by a loader, whose name it has.
    let path = Path::new("/proc").join(id.to_string()).join("cmdline");
    fs::read(path).is_ok_and(|line| line.windows(4).any(|part| part == b"sshd"))
}
