//! Bad input, and too few rights: a clear message, and nothing is changed.

use std::process::{Command, Output};

use rustix::process::Signal;

use crate::Test;
use crate::lab::{End, FAR, Kind, Lab, Layout, NEAR};
use crate::namespace::Namespace;
use crate::need::Need;
use crate::stream::{NKVIEW, refusal, run};
use crate::tty::{self, Tty};

pub fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = [
        ("missing_capabilities", missing_capabilities as fn()),
        ("three_capabilities_are_enough", enough_capabilities),
        ("nobody_in_a_user_namespace", user_namespace),
        ("unknown_device", unknown_device),
        ("arguments", arguments),
        ("closed_stdout", closed_stdout),
        ("no_terminal", no_terminal),
        ("tiny_terminal", tiny_terminal),
    ]
    .into_iter()
    .map(|(name, run)| Test::new(format!("input::{name}"), [], run))
    .collect();
    tests.push(Test::new(
        "input::no_netkit_in_the_kernel",
        [Need::NoNetkit],
        no_netkit,
    ));
    for kind in [Kind::NetkitL2, Kind::NetkitL3] {
        let layout = Layout::apart(kind);
        tests.push(Test::new(
            format!("input::netkit_peer::{layout}"),
            layout.needs(),
            move || netkit_peer(layout),
        ));
    }
    tests
}

/// A closed stdout is no /dev/null: nobody would ever read what is found.
fn closed_stdout() {
    let lab = veth();
    for (command, status) in [("stream --json", 1), ("diagnose", 2), ("devices", 1)] {
        let refused = shell(&lab, &format!("{command} {NEAR} >&-"));
        let stderr = String::from_utf8_lossy(&refused.stderr);
        assert!(stderr.contains("stdout is closed"), "{command}: {stderr}");
        assert_eq!(refused.status.code(), Some(status), "{command}");
    }
    let null = "</dev/null >/dev/null";
    let reported = shell(&lab, &format!("stream --json --duration 0.1 {NEAR} {null}"));
    assert!(reported.status.success(), "{reported:?}");
}

/// Runs nkview with these arguments and redirections.
fn shell(lab: &Lab, arguments: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec {NKVIEW} {arguments}")]);
    lab.namespace(End::Near).enter(|| command.output().unwrap())
}

fn veth() -> Lab {
    Lab::up(Layout::apart(Kind::Veth))
}

/// Runs `nkview stream` for a moment as a root that has only these capabilities.
fn with_capabilities(namespace: &Namespace, capabilities: &str) -> Output {
    let mut command = Command::new("setpriv");
    let sets = format!("-all{capabilities}");
    command.args(["--bounding-set", &sets, "--inh-caps", &sets, NKVIEW]);
    command.args(["stream", "--json", "--duration", "0.1", NEAR]);
    namespace.enter(|| command.output().unwrap())
}

fn missing_capabilities() {
    let lab = veth();
    for (capabilities, missing, present) in [
        ("", "CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN missing", ""),
        (
            ",+net_admin",
            "CAP_BPF, CAP_PERFMON missing",
            "CAP_NET_ADMIN",
        ),
        (",+bpf,+perfmon", "CAP_NET_ADMIN", "CAP_BPF missing"),
    ] {
        let output = with_capabilities(lab.namespace(End::Near), capabilities);
        let said = String::from_utf8(output.stderr).unwrap();
        let [first, ..] = said.split(';').collect::<Vec<_>>()[..] else {
            panic!("nothing said with {capabilities:?}");
        };
        assert!(!output.status.success(), "with {capabilities:?}: {said}");
        assert!(said.contains(missing), "with {capabilities:?}: {said}");
        assert!(
            present.is_empty() || !first.contains(present),
            "with {capabilities:?}: {said}"
        );
        assert_eq!(lab.program_counts(), [0, 0]);
    }
}

fn enough_capabilities() {
    let lab = veth();
    let output = with_capabilities(lab.namespace(End::Near), ",+bpf,+perfmon,+net_admin");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// All capabilities, but over nothing that the programs need.
fn user_namespace() {
    let lab = veth();
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-root-user",
        NKVIEW,
        "stream",
        "--json",
        NEAR,
    ]);
    let output = lab.namespace(End::Near).enter(|| command.output().unwrap());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("user namespace"), "{said}");
    assert_eq!(lab.program_counts(), [0, 0]);
}

fn unknown_device() {
    let lab = veth();
    for command in [
        &["stream", "--json", "lab7"][..],
        &["stream", "--json", NEAR, "lab7"],
    ] {
        let said = refusal(lab.namespace(End::Near), command);
        assert!(said.contains("there is no device lab7"), "{said}");
        assert!(said.contains("ip link"), "{said}");
        assert_eq!(lab.program_counts(), [0, 0]);
    }
}

fn arguments() {
    let lab = veth();
    for (arguments, complaint) in [
        (&["--filter", "10.0.0.0/33", NEAR][..], "33"),
        (&["--filter", "porrt 22", NEAR], "porrt"),
        (&["stream", "--json", "lab[", NEAR], "lab["),
        (&["stream", "--text", "--pcapng", NEAR], "--pcapng"),
        (&["stream", "--top", "0", NEAR], "--top"),
        (&["stream", "--json", "--duration", "soon", NEAR], "soon"),
        (
            &["stream", "--json", "--max-flows", "0", NEAR],
            "--max-flows",
        ),
        (&["--interval", "0.01", NEAR], "0.01"),
    ] {
        let said = refusal(lab.namespace(End::Near), arguments);
        assert!(said.contains(complaint), "{arguments:?}: {said}");
        assert_eq!(lab.program_counts(), [0, 0]);
    }
}

/// To draw on a pipe is of no use to anybody.
fn no_terminal() {
    let lab = veth();
    let output = run(lab.namespace(End::Near), &[NEAR]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("not a terminal"), "{said}");
    assert!(said.contains("nkview stream"), "{said}");
    assert!(output.stdout.is_empty());
    assert_eq!(lab.program_counts(), [0, 0]);
}

/// It says what it needs, and goes on when it gets it.
fn tiny_terminal() {
    let lab = veth();
    let mut tty = Tty::start(lab.namespace(End::Near), (20, 5), &[NEAR]);
    tty.until_shown("20x5");
    for size in [
        tty::LARGE,
        (1, 1),
        tty::USUAL,
        (20, 5),
        (300, 2),
        tty::LARGE,
    ] {
        tty.resize(size);
        let (columns, rows) = size;
        if columns < 40 || rows < 10 {
            let says = columns > 10;
            tty.until(&format!("{columns}x{rows}"), |picture| {
                !picture.contains("Flows") && (!says || picture.contains("needs"))
            });
        } else {
            tty.until_shown("Flows");
            tty.until("the last line is there", |picture| {
                picture.lines().count() == usize::from(rows)
            });
        }
    }
    tty.resize((20, 5));
    tty.until_shown("20x5");
    tty.press(b"q");
    let (status, said) = tty.ended();
    assert!(status.success(), "{said}");
    tty.assert_restored();
    assert_eq!(lab.program_counts(), [0, 0]);
}

/// It says why there is none, and offers what can be watched.
fn no_netkit() {
    let lab = veth();
    let mut tty = Tty::start(lab.namespace(End::Near), tty::LARGE, &[]);
    tty.until_shown("this kernel has no netkit");
    tty.until_shown(NEAR);
    let is_selected = |device: &'static str| {
        move |picture: &str| {
            let mut lines = picture.lines();
            lines.any(|line| line.starts_with('▌') && line.contains(device))
        }
    };
    // They are in the order of their names.
    tty.press_until("G", "the last device is selected", is_selected(" lo "));
    tty.press_until("k", "the one before is selected", is_selected(NEAR));
    assert_eq!(lab.program_counts(), [0, 0]);
    let watched = format!("● {}", lab.layout().hooks());
    tty.press_until("\r", "the device is watched", |picture| {
        picture.contains(&watched)
    });
    assert_eq!(lab.program_counts(), [1, 1]);
    tty.signal(Signal::TERM);
    assert!(tty.ended().0.success());
    assert_eq!(lab.program_counts(), [0, 0]);
}

/// Both hooks are reached through the primary, and only so.
fn netkit_peer(layout: Layout) {
    let apart = Lab::up(layout);
    let said = refusal(apart.namespace(End::Far), &["stream", "--json", FAR]);
    assert!(said.contains("is the peer of a netkit pair"), "{said}");
    assert_eq!(apart.program_counts(), [0, 0]);

    let together = Namespace::new();
    together.ip("link add pri0 type netkit peer name sec0");
    let said = refusal(&together, &["stream", "--json", "sec0"]);
    assert!(said.contains("name its primary, pri0"), "{said}");
}
