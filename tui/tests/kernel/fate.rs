//! What becomes of packets behind a hook, and of those that come past it.

use nkview::sys::HookPoint;
use rustix::process::Signal;
use serde_json::Value;

use crate::lab::{End, FAR, Family, Kind, Lab, Layout, NEAR};
use crate::namespace::Namespace;
use crate::program::{self, DROP};
use crate::report::Report;
use crate::stream::Stream;
use crate::{Test, traffic, wait};

/// Without MAC addresses: nothing is sent that a test has not sent.
const NETKIT: Layout = Layout::apart(Kind::NetkitL3);
const VETH: Layout = Layout::apart(Kind::Veth);
/// Packets that are sent once it is known what is counted.
const PACKETS: u64 = 25;

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    let mut add = |name: &str, run: fn()| {
        tests.push(Test::new(format!("fate::{name}"), NETKIT.needs(), run));
    };
    add("dropped_behind_the_hook", || dropped(End::Near));
    add("dropped_on_the_way_out", || dropped(End::Far));
    add("nothing_is_missing", nothing_is_missing);
    add("past_the_hook", past_the_hook);
    add("covered", covered);
    add("covered_and_killed", covered_and_killed);
    for (name, run) in [
        ("past_the_hook_of_veth", past_veth as fn()),
        ("nothing_past_the_hook_of_veth", nothing_past_veth),
        ("covered_veth", covered_veth),
    ] {
        let needs = [VETH.needs(), vec![VETH.chained()]].concat();
        tests.push(Test::new(format!("fate::{name}"), needs, run));
    }
    tests
}

fn watch(lab: &Lab, more: &[&str]) -> Stream {
    let args = [&["--interval", "0.1", NEAR], more].concat();
    Stream::start(lab.namespace(End::Near), &args)
}

/// Sends a datagram that need not arrive.
fn send(lab: &Lab, from: End) {
    let socket = traffic::udp(lab, from, Family::V4);
    let to = lab.address(from.other(), from, Family::V4, 9);
    // A drop is an error for some kernels and some protocols.
    let _ = socket.send_to(b"?", to);
}

/// What was told of a kind of fate.
fn sum(report: &Report, kind: &str, direction: &str) -> u64 {
    let lines = report.of_type("fate");
    let values = lines.map(|line| line[kind][direction].as_u64().unwrap_or(0));
    values.sum()
}

/// Does something until nkview tells of it: it has to know the far end first.
/// Returns how often it was done after nkview had begun to tell.
fn until_told(stream: &mut Stream, kind: &str, direction: &str, mut act: impl FnMut()) {
    wait::until_true("the far end is known", || {
        act();
        let told = stream.poll(|line: &Value| line[kind][direction].as_u64() > Some(0));
        told.is_some()
    });
}

fn dropped(sender: End) {
    let lab = Lab::up(NETKIT);
    let index = lab.index(End::Near);
    let hook = lab.hook(sender);
    let direction = lab.direction(sender);
    let guard = program::attach(lab.namespace(End::Near), index, hook, DROP);
    let mut stream = watch(&lab, &[]);
    until_told(&mut stream, "dropped_or_redirected", direction, || {
        send(&lab, sender);
    });
    let sent = || lab.counters(sender).sent.packets;
    let before = sent();
    for _ in 0..PACKETS {
        send(&lab, sender);
    }
    assert_eq!(sent(), before, "they are dropped");
    drop(guard);
    for _ in 0..PACKETS {
        send(&lab, sender);
    }
    assert_eq!(sent() - before, PACKETS, "they are delivered");
    let report = stream.end(Signal::INT);
    let seen = report.total(NEAR, direction).packets;
    let told = sum(&report, "dropped_or_redirected", direction);
    let total = report.totals(NEAR)["dropped_or_redirected"][direction].as_u64();
    assert_eq!(total, Some(told), "the lines add up");
    // Those before the far end was known are nobody's.
    assert!(told > PACKETS, "{told}");
    assert!(told <= seen - PACKETS, "{told} of {seen}");
    assert_eq!(sum(&report, "past_the_hook", direction), 0);
}

/// However much there is, nothing is claimed to be missing that is not.
fn nothing_is_missing() {
    let lab = Lab::up(NETKIT);
    let stream = watch(&lab, &[]);
    for from in End::BOTH {
        traffic::converse(&lab, from, Family::V4, 20, 300_000, 300_000);
    }
    let report = stream.end(Signal::INT);
    assert_eq!(report.of_type("fate").count(), 0);
    let totals = report.totals(NEAR);
    for kind in ["dropped_or_redirected", "past_the_hook"] {
        for direction in ["in", "out"] {
            assert_eq!(totals[kind][direction], 0, "{kind} {direction}");
        }
    }
}

/// A network that reaches the container as through a NIC whose program calls
/// `bpf_redirect_peer()`.
struct Redirecting {
    outside: Namespace,
    _program: program::Attached,
}

impl Redirecting {
    fn new(lab: &Lab) -> Self {
        let outside = Namespace::new();
        let near = lab.namespace(End::Near);
        near.ip(&format!(
            "link add nic0 type veth peer name out0 netns {}\nlink set nic0 up\n",
            outside.name()
        ));
        outside.ip("link set out0 up\naddress add 10.8.0.1/24 dev out0\n");
        let nic = crate::lab::index(near, "nic0");
        let program = program::redirect_to_peer(near, nic, lab.index(End::Near));
        Self {
            outside,
            _program: program,
        }
    }

    /// Sends datagrams to all; the container gets them, whatever it does with them.
    fn send(&self, count: u64) {
        self.outside.enter(|| {
            let socket = std::net::UdpSocket::bind("10.8.0.1:0").unwrap();
            socket.set_broadcast(true).unwrap();
            for _ in 0..count {
                socket.send_to(b"?", "10.8.0.255:9").unwrap();
            }
        });
    }
}

fn past_the_hook() {
    let lab = Lab::up(NETKIT);
    let nic = Redirecting::new(&lab);
    let mut stream = watch(&lab, &[]);
    until_told(&mut stream, "past_the_hook", "in", || nic.send(1));
    let received = || lab.counters(End::Far).received.packets;
    let before = received();
    nic.send(PACKETS);
    assert!(received() - before >= PACKETS, "they arrive");
    let report = stream.end(Signal::INT);
    let notices: Vec<_> = report.of_type("notice").collect();
    let is_meant = |notice: &&Value| {
        let text = notice["text"].as_str().unwrap();
        notice["level"] == "warning" && text.contains("without passing the hook")
    };
    assert_eq!(
        notices.iter().copied().filter(is_meant).count(),
        1,
        "{notices:?}"
    );
    let told = sum(&report, "past_the_hook", "in");
    assert!(told > PACKETS, "{told}");
    assert!(told <= received(), "{told}");
    assert_eq!(sum(&report, "dropped_or_redirected", "in"), 0);
    assert_eq!(report.total(NEAR, "in").packets, 0);
}

/// The programs where the far end receives.
fn far_programs(lab: &Lab) -> usize {
    crate::lab::programs(lab.namespace(End::Far), FAR, HookPoint::TcxIngress).len()
}

/// Redirected or not, each packet that arrives is counted once.
fn covered() {
    let lab = Lab::up(NETKIT);
    let nic = Redirecting::new(&lab);
    let stream = watch(&lab, &["--cover-redirect"]);
    assert_eq!(lab.program_counts(), [0, 1], "not at the primary's hook");
    assert_eq!(far_programs(&lab), 1);
    let received = || lab.counters(End::Far).received;
    let before = received();
    nic.send(PACKETS);
    traffic::ping(&lab, End::Near, Family::V4, 7);
    traffic::converse(&lab, End::Near, Family::V4, 1, 100_000, 100_000);
    let after = received();
    let report = stream.end(Signal::INT);
    let seen = report.total(NEAR, "in");
    assert_eq!(seen.packets, after.packets - before.packets);
    assert_eq!(seen.bytes, after.bytes - before.bytes);
    let is_redirected = |flow: &Value| flow["protocol"] == "udp" && flow["local"]["port"] == 9;
    assert_eq!(report.sum("in", is_redirected).packets, PACKETS);
    let is_ping = |flow: &Value| flow["protocol"] == "icmp";
    assert_eq!(report.sum("in", is_ping).packets, 7);
    assert_eq!(report.sum("out", is_ping).packets, 7);
    assert_eq!(far_programs(&lab), 0, "nothing is left");
    assert_eq!(lab.program_counts(), [0, 0]);
}

fn covered_and_killed() {
    let lab = Lab::up(NETKIT);
    let stream = watch(&lab, &["--cover-redirect"]);
    assert_eq!(far_programs(&lab), 1);
    stream.kill();
    wait::until_true("the program has gone", || far_programs(&lab) == 0);
    assert_eq!(lab.program_counts(), [0, 0]);
}

/// What comes past the hook of a veth device is certain, what is dropped is not.
fn past_veth() {
    let lab = Lab::up(VETH);
    let nic = Redirecting::new(&lab);
    let mut stream = watch(&lab, &[]);
    until_told(&mut stream, "past_the_hook", "in", || nic.send(1));
    nic.send(PACKETS);
    let report = stream.end(Signal::INT);
    let told = sum(&report, "past_the_hook", "in");
    let received = lab.counters(End::Far).received.packets;
    assert!(told > PACKETS && told <= received, "{told} of {received}");
    let totals = report.totals(NEAR);
    assert_eq!(totals["past_the_hook"]["in"], told);
    assert!(totals["dropped_or_redirected"].is_null(), "{totals}");
}

/// Packets of many segments are not taken for others.
fn nothing_past_veth() {
    let lab = Lab::up(VETH);
    // It has to know the far end first, which it looks up beside the counting.
    let past = wait::until("the far end is known", || {
        let stream = watch(&lab, &[]);
        for from in End::BOTH {
            traffic::converse(&lab, from, Family::V4, 20, 300_000, 300_000);
        }
        let report = stream.end(Signal::INT);
        assert_eq!(report.of_type("fate").count(), 0);
        report.totals(NEAR)["past_the_hook"]["in"].as_u64()
    });
    assert_eq!(past, 0);
}

fn covered_veth() {
    let lab = Lab::up(VETH);
    let nic = Redirecting::new(&lab);
    let stream = watch(&lab, &["--cover-redirect"]);
    assert_eq!(lab.program_counts(), [0, 1], "not at the device's egress");
    assert_eq!(far_programs(&lab), 1);
    nic.send(PACKETS);
    traffic::ping(&lab, End::Near, Family::V4, 7);
    let report = stream.end(Signal::INT);
    let is_redirected = |flow: &Value| flow["protocol"] == "udp" && flow["local"]["port"] == 9;
    assert_eq!(report.sum("in", is_redirected).packets, PACKETS);
    let is_ping = |flow: &Value| flow["protocol"] == "icmp";
    assert_eq!(report.sum("out", is_ping).packets, 7);
    assert_eq!(report.sum("in", is_ping).packets, 7);
    assert_eq!(far_programs(&lab), 0, "nothing is left");
}
