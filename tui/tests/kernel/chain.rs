//! Each packet's fate is what it would be without nkview, whatever other
//! programs and whatever policy there are.

use rustix::process::Signal;

use crate::lab::{self, End, Family, Kind, Lab, Layout, NEAR};
use crate::program::{self, Attached, DROP, NEXT, PASS};
use crate::stream::Stream;
use crate::{Test, device, traffic, wait};

/// Without MAC addresses: nothing is sent that a test has not sent.
const NETKIT: Layout = Layout::apart(Kind::NetkitL3);
const VETH: Layout = Layout::apart(Kind::Veth);

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for layout in [VETH, NETKIT] {
        let mut add = |name: &str, run: fn(Layout)| {
            let name = format!("chain::{name}::{layout}");
            tests.push(Test::new(name, [layout.chained()], move || run(layout)));
        };
        add("it_runs_first_and_others_decide", runs_first);
        add("one_that_comes_before_it_is_told", comes_before);
        add("one_that_redirects_redirects", redirects);
    }
    let mut add = |name: &str, run: fn()| {
        tests.push(Test::new(format!("chain::{name}"), NETKIT.needs(), run));
    };
    add("closed_alone", closed_alone);
    add("closed_with_a_guard", closed_with_a_guard);
    add("closed_and_a_guard_comes_and_goes", guard_comes_and_goes);
    add("closed_one_way", closed_one_way);
    add("closed_and_another_nkview_comes_and_goes", another_nkview);
    add("the_policy_changes", policy_changes);
    tests
}

impl Lab {
    /// Attaches a program of a constant verdict where this sender's packets go.
    fn attach(&self, sender: End, verdict: i32) -> Attached {
        let near = self.namespace(End::Near);
        program::attach(near, self.index(End::Near), self.hook(sender), verdict)
    }

    fn watch(&self) -> Stream {
        Stream::start(self.namespace(End::Near), &["--interval", "0.1", NEAR])
    }

    /// Whether packets pass, from the near end and from the far.
    fn open(&self) -> [bool; 2] {
        End::BOTH.map(|end| traffic::passes(self, end))
    }
}

/// A netkit pair that lets through only what a program lets through.
fn closed() -> Lab {
    let lab = Lab::with_policies(NETKIT, "blackhole", "blackhole");
    lab.bring_up();
    lab
}

/// A program that was there before stays behind it, and keeps its say. (The near
/// end sends through tcx egress, whose drops the sender's device does not count
/// as sent.)
fn runs_first(layout: Layout) {
    let sender = End::Near;
    for (verdict, passes) in [(DROP, false), (PASS, true), (NEXT, true)] {
        let lab = Lab::up(layout);
        traffic::ping(&lab, sender, Family::V4, 1);
        let guard = lab.attach(sender, verdict);
        let alone = lab.programs(lab.hook(sender));
        assert_eq!(traffic::passes(&lab, sender), passes, "without nkview");

        let stream = lab.watch();
        let both = lab.programs(lab.hook(sender));
        assert_eq!(both.len(), 2);
        assert_eq!(both[1..], alone, "it is not at the head");
        assert_eq!(traffic::passes(&lab, sender), passes, "verdict {verdict}");
        drop(guard);
        assert_eq!(lab.programs(lab.hook(sender)), both[..1]);
        assert!(traffic::passes(&lab, sender), "when the other has gone");

        let _guard = lab.attach(sender, verdict);
        assert_eq!(traffic::passes(&lab, sender), passes, "when it is back");
        stream.end(Signal::INT);
        assert_eq!(traffic::passes(&lab, sender), passes, "after nkview");
    }
}

/// What another program sends elsewhere goes there, and is counted. (What the
/// far end sends: netkit looks for the other device where the packet goes to.)
fn redirects(layout: Layout) {
    let sender = End::Far;
    let lab = Lab::up(layout);
    let near = lab.namespace(End::Near);
    // The receiver first: then the sender has somebody to send to at once.
    // Without addresses they say nothing of their own.
    near.ip("link add other0 type veth peer name other1\n\
         link set other0 addrgenmode none\nlink set other1 addrgenmode none\n\
         link set other1 up\nlink set other0 up");
    traffic::ping(&lab, sender, Family::V4, 1);
    let target = lab::index(near, "other0");
    let hook = lab.hook(sender);
    let _redirect = program::redirect_to(near, lab.index(End::Near), hook, target);
    let arrived = || {
        let count = || device::counters(near, "other1").received.packets;
        let before = count();
        traffic::passes(&lab, sender);
        count() - before
    };
    // Sends until nothing arrives beside the packet, such as a report of multicast
    // groups, and returns how many it has sent.
    let send = |when: &str| {
        let mut sent = 0;
        wait::until(when, || {
            sent += 1;
            (arrived() == 1).then_some(sent)
        })
    };
    send("without nkview");
    let stream = lab.watch();
    let sent = send("while it is watched");
    let report = stream.end(Signal::INT);
    let is_ours = |flow: &serde_json::Value| flow["protocol"] == "udp";
    let counted = report.sum(lab.direction(sender), is_ours);
    assert_eq!(counted.packets, sent);
    send("after nkview");
}

/// Another that goes to the head later can keep packets from it: the user must
/// know.
fn comes_before(layout: Layout) {
    let lab = Lab::up(layout);
    let mut stream = lab.watch();
    let other = lab.attach(End::Near, PASS);
    let notice = stream.wait_for("a warning", |line| line["level"] == "warning");
    let text = notice["text"].as_str().unwrap();
    assert!(text.contains("before nkview"), "{text}");
    assert!(text.contains("constant"), "it has no name: {text}");
    assert!(text.contains(NEAR), "{text}");
    drop(other);
    stream.wait_for("the end of it", |line| {
        let text = line["text"].as_str().unwrap_or_default();
        text.contains("nkview is alone on")
    });
    stream.end(Signal::INT);
}

/// A hook that no program guards stays closed: while it is watched and after.
/// What is dropped there is counted all the same.
fn closed_alone() {
    let lab = closed();
    assert_eq!(lab.open(), [false, false], "without nkview");
    let stream = lab.watch();
    assert_eq!(lab.open(), [false, false], "while it is watched");
    assert_eq!(lab.program_counts(), [1, 1]);
    let report = stream.end(Signal::INT);
    for direction in ["in", "out"] {
        let is_ours = |flow: &serde_json::Value| {
            flow["protocol"] == "udp"
                && [&flow["local"], &flow["remote"]]
                    .iter()
                    .any(|end| end["port"] == 9)
        };
        assert_eq!(report.sum(direction, is_ours).packets, 1, "{direction}");
    }
    assert_eq!(lab.open(), [false, false], "after nkview");
}

/// With a program that leaves packets alone, a closed hook is open. So it stays.
fn closed_with_a_guard() {
    for verdict in [NEXT, PASS] {
        let lab = closed();
        let _guards = End::BOTH.map(|end| lab.attach(end, verdict));
        assert_eq!(lab.open(), [true, true], "without nkview");
        let stream = lab.watch();
        assert_eq!(lab.open(), [true, true], "while it is watched");
        stream.end(Signal::INT);
        assert_eq!(lab.open(), [true, true], "after nkview");
    }
}

/// The verdict follows the chain.
fn guard_comes_and_goes() {
    let lab = closed();
    let stream = lab.watch();
    for _ in 0..2 {
        let guards = End::BOTH.map(|end| lab.attach(end, NEXT));
        wait::until_true("both ways are open", || lab.open() == [true, true]);
        drop(guards);
        wait::until_true("both ways are closed", || lab.open() == [false, false]);
    }
    let _guards = End::BOTH.map(|end| lab.attach(end, NEXT));
    stream.end(Signal::INT);
    assert_eq!(lab.open(), [true, true], "after nkview");
}

/// As containers have it: what they send is guarded, what they get is not.
fn closed_one_way() {
    let lab = Lab::with_policies(NETKIT, "", "blackhole");
    lab.bring_up();
    assert_eq!(lab.open(), [true, false], "without nkview");
    let stream = lab.watch();
    assert_eq!(lab.open(), [true, false], "while it is watched");
    stream.end(Signal::INT);
    assert_eq!(lab.open(), [true, false], "after nkview");
}

/// Two that watch are as none: neither leaves a packet to the other to pass. Both
/// count it.
fn another_nkview() {
    let lab = closed();
    let mut first = lab.watch();
    let second = lab.watch();
    // The first one looks at the chains four times a second.
    first.wait_for("the second to be noticed", |line| {
        let text = line["text"].as_str().unwrap_or_default();
        text.contains("before this nkview on the netkit peer")
    });
    assert_eq!(lab.open(), [false, false], "while both watch");
    let reports = [first.end(Signal::INT), second.end(Signal::INT)];
    for report in reports {
        let is_ours = |flow: &serde_json::Value| flow["protocol"] == "udp";
        let seen = ["in", "out"].map(|direction| report.sum(direction, is_ours).packets);
        assert_eq!(seen, [1, 1]);
    }
    assert_eq!(lab.open(), [false, false], "after both");
}

/// A hook that is closed, or opened, while it is watched is so without delay.
fn policy_changes() {
    let lab = closed();
    let stream = lab.watch();
    let set = |near, far| {
        let near_end = lab.namespace(End::Near);
        near_end.ip(&format!("link set {NEAR} type netkit {near} peer {far}"));
    };
    for _ in 0..2 {
        set("forward", "forward");
        wait::until_true("both ways are open", || lab.open() == [true, true]);
        set("forward", "blackhole");
        wait::until_true("one way is closed", || lab.open() == [true, false]);
        set("blackhole", "blackhole");
        wait::until_true("both ways are closed", || lab.open() == [false, false]);
    }
    stream.end(Signal::INT);
    assert_eq!(lab.open(), [false, false], "after nkview");
}
