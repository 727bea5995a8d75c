//! Devices that come and go while nkview watches.

use rustix::process::Signal;
use serde_json::Value;

use crate::lab::{End, Family, Kind, Lab, Layout, NEAR};
use crate::namespace::Namespace;
use crate::need::Need;
use crate::report::Report;
use crate::stream::{self, Stream};
use crate::tty::{self, Tty};
use crate::{Test, screen, traffic, wait};

const LAYOUTS: [Layout; 2] = [Layout::apart(Kind::Veth), Layout::apart(Kind::NetkitL3)];

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for layout in LAYOUTS {
        let mut add = |name: &str, run: fn(Layout)| {
            let name = format!("following::{name}::{layout}");
            tests.push(Test::new(name, layout.needs(), move || run(layout)));
        };
        add("a_device_that_goes", goes);
        add("a_device_that_goes_on_the_screen", goes_on_the_screen);
        add("a_device_that_matches_comes", matches_comes);
        add("a_namespace_that_goes", namespace_goes);
        add("a_peer_that_moves", peer_moves);
    }
    tests.push(Test::new(
        "following::netkit_pairs_come_and_go",
        [Need::Netkit],
        netkit_pairs,
    ));
    let veth = Layout::apart(Kind::Veth);
    tests.push(Test::new(
        "following::moved_into_a_container",
        veth.needs(),
        moved_into_a_container,
    ));
    tests.push(Test::new(
        "following::the_host_is_local_on_request",
        veth.needs(),
        the_host_is_local_on_request,
    ));
    tests.push(Test::new(
        "following::time_runs_when_all_are_watched",
        veth.needs(),
        time_runs_when_all_are_watched,
    ));
    tests
}

fn has_local(line: &Value, lab: &Lab, end: End, family: Family) -> bool {
    let address = lab.ip(end, family).to_string();
    line["type"] == "flow" && line["icmp"]["id"].is_u64() && line["local"]["address"] == address
}

/// A pair whose other end is moved into another namespace while it is watched has its
/// local end there from then on.
fn moved_into_a_container() {
    let mut lab = Lab::up(Layout::together(Kind::Veth));
    let mut stream = Stream::start(lab.namespace(End::Near), &["--interval", "0.1", NEAR]);
    traffic::ping(&lab, End::Near, Family::V6, 1);
    stream.wait_for("a flow of this side", |line| {
        has_local(line, &lab, End::Near, Family::V6)
    });
    lab.move_far();
    wait::until_true("the other end is local", || {
        traffic::ping(&lab, End::Near, Family::V6, 1);
        let turned = stream.poll(|line| has_local(line, &lab, End::Far, Family::V6));
        turned.is_some()
    });
    assert_eq!(lab.program_counts(), [1, 1]);
    stream.end(Signal::INT);
}

fn the_host_is_local_on_request() {
    let lab = Lab::up(Layout::apart(Kind::Veth));
    for (end, args) in [
        (End::Near, &["--local", "host", NEAR][..]),
        (End::Far, &["--local", "container", NEAR]),
    ] {
        let mut stream = Stream::start(lab.namespace(End::Near), args);
        traffic::ping(&lab, End::Near, Family::V4, 1);
        stream.wait_for("its flow", |line| has_local(line, &lab, end, Family::V4));
        stream.end(Signal::INT);
    }
}

/// Attaching to so many takes far longer than they are to be watched for.
fn time_runs_when_all_are_watched() {
    const PAIRS: usize = 20;
    let namespace = Namespace::new();
    let pairs = (0..PAIRS).map(|n| format!("link add v{n} type veth peer name w{n}\n"));
    namespace.ip(&pairs.collect::<String>());
    let args = ["stream", "--json", "--duration", "0.1", "v*"];
    let output = stream::run(&namespace, &args);
    assert!(output.status.success(), "{output:?}");
    let lines = str::from_utf8(&output.stdout).unwrap().lines();
    let report = Report::new(
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    );
    assert_eq!(report.of_type("totals").count(), PAIRS);
}

fn is_watched(line: &Value, name: &str, hooks: &str) -> bool {
    line["type"] == "device" && line["name"] == name && line["hooks"] == hooks
}

fn is_gone(line: &Value, name: &str) -> bool {
    line["type"] == "device" && line["name"] == name && line["gone"] == true
}

fn is_echo(flow: &Value) -> bool {
    flow["protocol"] == "icmp" && flow["icmp"]["id"].is_u64()
}

/// It is said, what it counted stays, and another device is not disturbed.
fn goes(layout: Layout) {
    const BEFORE: u64 = 10;
    let lab = Lab::up(layout);
    let near = lab.namespace(End::Near);
    near.ip("link set lo up");
    let mut stream = Stream::start(near, &["--interval", "0.2", NEAR, "lo"]);
    traffic::ping(&lab, End::Near, Family::V4, BEFORE);
    near.ip(&format!("link delete {NEAR}"));
    stream.wait_for("that it is gone", |line| is_gone(line, NEAR));
    traffic::ping_to(&lab, End::Near, "127.0.0.1", BEFORE);
    let report = stream.end(Signal::INT);
    let echoes =
        |device: &'static str| move |flow: &Value| flow["device"] == device && is_echo(flow);
    for direction in ["in", "out"] {
        let counted = report.sum(direction, echoes(NEAR)).packets;
        assert_eq!(counted, BEFORE, "{direction}");
        assert!(report.total(NEAR, direction).packets >= BEFORE);
    }
    // A request and its reply are each counted once there.
    let counted = ["in", "out"].map(|it| report.sum(it, echoes("lo")).packets);
    assert_eq!(counted.iter().sum::<u64>(), 2 * BEFORE);
}

/// As when a container ends: its namespace takes the pair with it.
fn namespace_goes(layout: Layout) {
    const BEFORE: u64 = 10;
    let mut lab = Lab::up(layout);
    let arguments = ["--interval", "0.2", NEAR];
    let mut stream = Stream::start(lab.namespace(End::Near), &arguments);
    traffic::ping(&lab, End::Near, Family::V4, BEFORE);
    lab.remove_far();
    stream.wait_for("that it is gone", |line| is_gone(line, NEAR));
    let report = stream.end(Signal::INT);
    for direction in ["in", "out"] {
        assert_eq!(
            report.sum(direction, is_echo).packets,
            BEFORE,
            "{direction}"
        );
    }
}

/// As when a container gets its device: the programs stay, and go on counting.
fn peer_moves(layout: Layout) {
    const EACH: u64 = 10;
    let mut lab = Lab::up(layout);
    let stream = Stream::start(lab.namespace(End::Near), &["--interval", "0.2", NEAR]);
    traffic::ping(&lab, End::Near, Family::V4, EACH);
    lab.move_far();
    for from in End::BOTH {
        traffic::ping(&lab, from, Family::V4, EACH);
    }
    assert_eq!(lab.program_counts(), [1, 1]);
    let report = stream.end(Signal::INT);
    for direction in ["in", "out"] {
        let counted = report.sum(direction, is_echo).packets;
        assert_eq!(counted, 3 * EACH, "{direction}");
    }
    assert_eq!(lab.program_counts(), [0, 0]);
}

/// It is shown as gone, its flows stay, and nkview goes on.
fn goes_on_the_screen(layout: Layout) {
    let lab = Lab::up(layout);
    let near = lab.namespace(End::Near);
    let mut tty = Tty::start(near, tty::LARGE, &[NEAR]);
    tty.until_shown("Flows");
    screen::ping_until_shown(&mut tty, &lab, "10.9.0.2");
    near.ip(&format!("link delete {NEAR}"));
    tty.press_until("4", "it is shown as gone", |picture| {
        let mut lines = picture.lines();
        lines.any(|line| line.contains("gone") && line.contains(NEAR))
    });
    // Its flow is still there, unless it has expired by now.
    tty.press_until("1", "the flows", |picture| {
        picture.contains("10.9.0.2") || !picture.contains("expired 0")
    });
    tty.press(b"q");
    let (status, said) = tty.ended();
    assert!(status.success(), "{said}");
    tty.assert_restored();
}

/// A glob is of devices that are, and of those that come.
fn matches_comes(layout: Layout) {
    const AFTER: u64 = 10;
    let lab = Lab::new(layout);
    let near = lab.namespace(End::Near);
    near.ip(&format!("link set {NEAR} name other0"));
    let mut stream = Stream::start(near, &["lab*"]);
    near.ip(&format!("link set other0 name {NEAR}"));
    stream.wait_for("that it is watched", |line| {
        is_watched(line, NEAR, layout.hooks())
    });
    assert_eq!(lab.program_counts(), [1, 1]);
    lab.bring_up();
    traffic::ping(&lab, End::Near, Family::V4, AFTER);
    let report = stream.end(Signal::INT);
    for direction in ["in", "out"] {
        assert_eq!(report.sum(direction, is_echo).packets, AFTER, "{direction}");
    }
}

/// Without a name all pairs are watched, each as it comes.
fn netkit_pairs() {
    const PAIRS: usize = 5;
    let namespace = Namespace::new();
    namespace.ip("link add pri0 type netkit peer name sec0");
    let mut stream = Stream::start(&namespace, &[]);
    let names: Vec<String> = (1..PAIRS).map(|number| format!("pri{number}")).collect();
    for (number, name) in (1..).zip(&names) {
        namespace.ip(&format!(
            "link add {name} type netkit peer name sec{number}"
        ));
    }
    // They can come in one line or in many, but not twice.
    let mut waiting = names.clone();
    while let Some(name) = waiting.first().cloned() {
        stream.wait_for(&name, |line| is_watched(line, &name, "netkit"));
        waiting.remove(0);
    }
    namespace.ip("link delete pri2");
    stream.wait_for("that it is gone", |line| is_gone(line, "pri2"));
    for name in ["pri0", "pri1", "pri3", "pri4"] {
        for hook in [
            nkview::sys::HookPoint::NetkitPrimary,
            nkview::sys::HookPoint::NetkitPeer,
        ] {
            wait::until_true(name, || {
                crate::lab::programs(&namespace, name, hook).len() == 1
            });
        }
    }
    stream.end(Signal::INT);
}
