//! Network namespaces that are thrown away.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

/// A network namespace. Dropping it removes it, and all devices in it.
pub struct Namespace {
    name: String,
    file: File,
}

impl Namespace {
    /// A namespace in which IPv6 says nothing on its own: addresses are those
    /// that are given, and good at once.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("nkview-{}-{number}", std::process::id());
        run(Command::new("ip").args(["netns", "add", &name]), "")
            .unwrap_or_else(|said| panic!("ip netns add: root and iproute2? {said}"));
        let file = File::open(format!("/run/netns/{name}")).unwrap();
        let namespace = Self { name, file };
        namespace.enter(|| {
            for (setting, value) in [
                ("addr_gen_mode", "1"),
                ("accept_dad", "0"),
                ("router_solicitations", "0"),
                // What is said of multicast groups is said at once, in milliseconds.
                ("mldv1_unsolicited_report_interval", "1"),
                ("mldv2_unsolicited_report_interval", "1"),
            ] {
                let path = format!("/proc/sys/net/ipv6/conf/default/{setting}");
                fs::write(path, value).unwrap();
            }
        });
        namespace
    }

    /// As `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Carries out `work` in the namespace. Processes that it starts are in it.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            // Of this thread only, which ends here.
            move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        };
        std::thread::scope(|scope| match scope.spawn(inside).join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    /// Lines of commands of `ip`.
    pub fn ip(&self, commands: &str) {
        self.try_ip(commands)
            .unwrap_or_else(|said| panic!("ip: {said}\n{commands}"));
    }

    /// What `ip` shows of an object, such as `link`.
    pub fn show(&self, object: &str) -> Vec<Value> {
        let mut command = Command::new("ip");
        command.args(["-n", &self.name, "-json", "-details", object, "show"]);
        let output = command.output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// As [`Self::ip`]; an error is what it said.
    pub fn try_ip(&self, commands: &str) -> Result<(), String> {
        let mut command = Command::new("ip");
        run(command.args(["-n", &self.name, "-batch", "-"]), commands)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The name is unique: nobody else will trip over one that stays.
        let _ = run(Command::new("ip").args(["netns", "delete", &self.name]), "");
    }
}

/// Runs a command to its end; an error is what it said.
pub fn run(command: &mut Command, input: &str) -> Result<(), String> {
    let command = command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let written = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    if output.status.success() && written.is_ok() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}
