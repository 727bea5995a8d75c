//! `nkview doctor`: what this kernel and this user can do, and how to fix what
//! they cannot.

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::path::Path;

use probe_common::{Attachment, verdict};
use rustix::thread::{MembarrierQuery, membarrier_query};
use serde::Serialize;

use super::devices::Devices;
use super::object::{Object, Sizes};
use super::preflight;
use super::privileges::{self, Held};
use super::refusal::Limits;
use super::trace::Tracer;
use crate::sys::HookPoint;

/// How a thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Missing, and nkview does without it.
    Without,
    /// Missing, and nothing works without it.
    Fatal,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub what: &'static str,
    /// How it stands.
    pub state: State,
    /// What was found, as text.
    pub found: String,
    /// What to do about it, unless it is as it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<Cow<'static, str>>,
}

impl Finding {
    /// Whether nothing works because of it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.state == State::Fatal
    }

    fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Self {
            what,
            state: State::Ok,
            found: found.into(),
            cure: None,
        }
    }

    fn missing(
        what: &'static str,
        state: State,
        found: impl Into<String>,
        cure: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            what,
            state,
            found: found.into(),
            cure: Some(cure.into()),
        }
    }
}

impl fmt::Display for Finding {
    /// A line, and a second one for the cure.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.state {
            State::Ok => "ok  ",
            State::Without => "--  ",
            State::Fatal => "FAIL",
        };
        writeln!(f, "{mark} {:<14} {}", self.what, self.found)?;
        match &self.cure {
            Some(cure) => writeln!(f, "     {:<14} → {cure}", ""),
            None => Ok(()),
        }
    }
}

/// Looks at everything. Nothing is attached or changed.
pub async fn examine() -> Vec<Finding> {
    let mut findings = vec![
        kernel(),
        capabilities(),
        procfs(),
        sysfs(),
        inventory(),
        programs(),
    ];
    findings.push(netkit());
    findings.push(tcx());
    findings.push(grace());
    findings.push(tracing());
    findings.push(devices().await);
    findings
}

fn kernel() -> Finding {
    let uname = rustix::system::uname();
    let (release, machine) = (uname.release(), uname.machine());
    Finding::ok(
        "kernel",
        format!(
            "Linux {} on {}",
            release.to_string_lossy(),
            machine.to_string_lossy()
        ),
    )
}

fn capabilities() -> Finding {
    let limits = Limits::now();
    if limits.missing().is_empty() {
        let held = Held::now().map_or_else(|error| error.to_string(), |held| held.to_string());
        return Finding::ok("capabilities", format!("all that is needed; held: {held}"));
    }
    Finding::missing(
        "capabilities",
        State::Fatal,
        format!("missing: {}", limits.missing().join(", ")),
        limits.cure_for_missing(),
    )
}

fn sysfs() -> Finding {
    const WHAT: &str = "sysfs";
    match preflight::check_sysfs() {
        Ok(()) => Finding::ok(WHAT, "mounted on /sys"),
        Err(error) => Finding::missing(
            WHAT,
            State::Fatal,
            format!("{error:#}"),
            "mount it: mount -t sysfs sysfs /sys",
        ),
    }
}

/// Processes tell what is behind devices.
fn procfs() -> Finding {
    const WHAT: &str = "procfs";
    match fs::read("/proc/self/stat") {
        Ok(_) => Finding::ok(WHAT, "mounted on /proc"),
        Err(error) => Finding::missing(
            WHAT,
            State::Without,
            format!(
                "cannot read /proc/self/stat: {error}; containers, other namespaces, processes \
                 and what devices have counted are not known"
            ),
            "mount it: mount -t proc proc /proc; counting does not need it",
        ),
    }
}

/// What is not known for want of capabilities.
fn inventory() -> Finding {
    const WHAT: &str = "inventory";
    if !Path::new("/proc/self").exists() {
        return Finding::missing(
            WHAT,
            State::Without,
            "containers and other programs cannot be named without /proc",
            "see above",
        );
    }
    let missing: Vec<_> = privileges::missing(&privileges::HELPFUL)
        .iter()
        .map(|(_, name, purpose)| format!("{purpose} ({name})"))
        .collect();
    if missing.is_empty() {
        return Finding::ok(WHAT, "containers and other programs can be named");
    }
    Finding::missing(
        WHAT,
        State::Without,
        format!("not known here: {}", missing.join("; ")),
        "start it with sudo to know them; counting does not need it",
    )
}

/// Tries what will be needed, with the least sizes.
fn programs() -> Finding {
    const WHAT: &str = "eBPF program";
    let sizes = Sizes {
        flows: 1,
        ring: 4096,
    };
    let nobody = Attachment {
        device: 0,
        direction: 0,
        verdict: verdict::NEXT,
        link_layer: 0,
    };
    // The maps must live while the program is loaded.
    let loaded = Object::new(sizes).and_then(|(object, _maps, _ring)| object.load(nobody));
    match loaded {
        Ok(_) => Finding::ok(WHAT, "the program and its maps load"),
        Err(error) => Finding::missing(
            WHAT,
            State::Fatal,
            format!("{:#}", preflight::explain(error)),
            "nothing can be counted without it",
        ),
    }
}

fn netkit() -> Finding {
    hook(
        "netkit",
        HookPoint::NetkitPrimary,
        "the kernel has it: both ends of a pair can be watched",
        "the kernel does not have it; other devices can be watched",
        "it came with Linux 6.7, as CONFIG_NETKIT",
    )
}

fn tcx() -> Finding {
    hook(
        "tcx",
        HookPoint::TcxIngress,
        "the kernel has it: any device can be watched",
        "the kernel does not have it; clsact filters are used instead",
        "it came with Linux 6.6; filters outlive a kill -9 until the next start of nkview",
    )
}

fn hook(
    what: &'static str,
    hook: HookPoint,
    there: &str,
    not_there: &str,
    cure: &'static str,
) -> Finding {
    match preflight::has(hook) {
        Some(true) => Finding::ok(what, there),
        Some(false) => Finding::missing(what, State::Without, not_there, cure),
        None => Finding::missing(
            what,
            State::Without,
            "unknown: the kernel was not to be asked",
            "see above for what is in the way",
        ),
    }
}

fn grace() -> Finding {
    if membarrier_query().contains(MembarrierQuery::GLOBAL) {
        Finding::ok("membarrier", "counters are read right behind the programs")
    } else {
        Finding::missing(
            "membarrier",
            State::Without,
            "not available; each reading waits 200 ms instead",
            "kernels with nohz_full do not offer it, and a sandbox (seccomp) may deny it; counting \
             stays exact",
        )
    }
}

/// Tries the tracing programs, which are detached at once.
fn tracing() -> Finding {
    const WHAT: &str = "tracing";
    const CURE: &str = "counting does not need it; --no-trace leaves it out";
    match Tracer::start(0) {
        Ok(tracer) if tracer.missing().is_empty() => Finding::ok(
            WHAT,
            "drops, errors, resets and the owners of sockets are seen",
        ),
        Ok(tracer) => Finding::missing(WHAT, State::Without, tracer.missing().join("; "), CURE),
        Err(reason) => Finding::missing(WHAT, State::Without, reason, CURE),
    }
}

async fn devices() -> Finding {
    const WHAT: &str = "devices";
    let list = async { Ok::<_, anyhow::Error>(Devices::open()?.list().await?) };
    match list.await {
        Ok(links) => {
            let pairs = links.iter().filter(|link| link.netkit().is_some()).count();
            Finding::ok(
                WHAT,
                format!(
                    "{} in this network namespace, {pairs} netkit pairs",
                    links.len()
                ),
            )
        }
        Err(error) => Finding::missing(
            WHAT,
            State::Fatal,
            format!("{error:#}"),
            "a netlink socket is needed; look at the sandbox that this runs in",
        ),
    }
}
