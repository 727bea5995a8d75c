//! What a running nkview may do: no more than it needs, in any of its threads,
//! and still all that it has to undo.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::lab::{End, Family, Kind, Lab, Layout, NEAR};
use crate::need::Need;
use crate::stream::{NKVIEW, Stream};
use crate::tty::{self, Tty};
use crate::{Test, traffic};

const WATCHED: [Layout; 2] = [Layout::apart(Kind::Veth), Layout::apart(Kind::NetkitL3)];

/// Bits of capabilities(7) that may be kept: CAP_NET_ADMIN, CAP_SYS_PTRACE,
/// CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF.
const KEPT: u64 = 1 << 12 | 1 << 19 | 1 << 21 | 1 << 38 | 1 << 39;
/// Those that nothing works without.
const NEEDED: u64 = 1 << 12 | 1 << 38 | 1 << 39;

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for layout in WATCHED {
        let mut add = |name: &str, run: fn(Layout)| {
            let name = format!("privileges::{name}::{layout}");
            tests.push(Test::new(name, layout.needs(), move || run(layout)));
        };
        add("no_thread_keeps_more_than_it_needs", keeps_what_it_needs);
        add("a_user_with_three_capabilities", not_root);
    }
    tests.push(Test::new(
        "privileges::shown_on_the_screen",
        Vec::<Need>::new(),
        shown,
    ));
    tests
}

/// The lines of /proc/PID/task/TID/status (proc_pid_status(5)) of each thread.
fn statuses(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let status = |task: std::io::Result<fs::DirEntry>| {
        fs::read_to_string(task.unwrap().path().join("status")).ok()
    };
    tasks.filter_map(status).collect()
}

fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let mut lines = status.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value
        .unwrap_or_else(|| panic!("no {name} in {status}"))
        .trim()
}

fn keeps_what_it_needs(layout: Layout) {
    let lab = Lab::up(layout);
    let near = lab.namespace(End::Near);
    let mut stream = Stream::start(near, &["lab*"]);
    let statuses = statuses(stream.pid().as_raw_nonzero().get().unsigned_abs());
    assert!(statuses.len() >= 2, "the runtime has a thread of its own");
    for status in statuses {
        let set = |name| u64::from_str_radix(field(&status, name), 16).unwrap();
        assert_eq!(set("CapPrm") & !KEPT, 0, "{status}");
        assert_eq!(set("CapPrm") & NEEDED, NEEDED, "{status}");
        assert_eq!(set("CapEff"), set("CapPrm"), "{status}");
        for empty in ["CapInh", "CapBnd", "CapAmb"] {
            assert_eq!(set(empty), 0, "{empty} of {status}");
        }
        assert_eq!(field(&status, "NoNewPrivs"), "1", "{status}");
    }
    // It still can attach, and let go of all that it has attached to.
    near.ip("link add lab1 type veth peer name other1");
    stream.wait_for("a device that came later", |line| {
        line["type"] == "device" && line["name"] == "lab1" && line["hooks"].is_string()
    });
    stream.end(Signal::TERM);
    assert_eq!(lab.program_counts(), [0, 0]);
}

/// Whoever may do nothing else can count, and leaves nothing behind.
fn not_root(layout: Layout) {
    const NOBODY: &str = "65534";
    const PINGS: u64 = 5;
    let lab = Lab::up(layout);
    // Where the binary is may be for root alone.
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let binary = directory.path().join("nkview");
    fs::copy(NKVIEW, &binary).unwrap();
    let sets = "-all,+bpf,+perfmon,+net_admin";
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
    command.args(["--inh-caps", sets, "--ambient-caps", sets]);
    command.arg(binary);
    let mut stream = Stream::run(lab.namespace(End::Near), command, &[NEAR]);
    for status in statuses(stream.pid().as_raw_nonzero().get().unsigned_abs()) {
        assert_eq!(field(&status, "Uid").split('\t').next(), Some(NOBODY));
        let set = |name| u64::from_str_radix(field(&status, name), 16).unwrap();
        assert_eq!([set("CapEff"), set("CapAmb")], [NEEDED, 0], "{status}");
    }
    assert_eq!(lab.program_counts(), [1, 1]);
    traffic::ping(&lab, End::Near, Family::V4, PINGS);
    let is_echo = |flow: &Value| flow["protocol"] == "icmp";
    stream.wait_for("a flow", |line| line["type"] == "flow" && is_echo(line));
    let report = stream.end(Signal::INT);
    for direction in ["in", "out"] {
        assert_eq!(report.sum(direction, is_echo).packets, PINGS, "{direction}");
    }
    assert_eq!(lab.program_counts(), [0, 0]);
}

fn shown() {
    let lab = Lab::up(Layout::apart(Kind::Veth));
    let mut tty = Tty::start(lab.namespace(End::Near), tty::LARGE, &[NEAR]);
    tty.until_shown("Flows");
    tty.press_until("6", "what it may do", |picture| {
        picture.contains("CAP_NET_ADMIN") && picture.contains("no_new_privs")
    });
    tty.press(b"q");
    let (status, said) = tty.ended();
    assert!(status.success(), "{said}");
}
