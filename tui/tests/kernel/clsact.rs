//! Kernels before tcx: the filters that nkview uses there are the first of a
//! device, leave what others have put there as it is, and are removed by the
//! next run when a killed one has left them.

use rustix::process::Signal;

use crate::filter::{self, PARENTS, qdiscs, tc};
use crate::lab::{End, Family, Kind, Lab, Layout, NEAR};
use crate::namespace::Namespace;
use crate::need::Need;
use crate::stream::{Stream, refusal};
use crate::{Test, traffic};

pub fn tests() -> Vec<Test> {
    [
        ("it_runs_first_and_others_decide", runs_first as fn()),
        ("what_was_there_stays", others_stay),
        ("a_killed_run", killed_run),
        ("another_run_s_filters_stay", living_run),
        ("an_ingress_qdisc", ingress_qdisc),
        ("no_netkit_is_said", no_netkit),
    ]
    .into_iter()
    .map(|(name, run)| Test::new(format!("clsact::{name}"), [Need::NoTcx], run))
    .collect()
}

fn lab() -> Lab {
    Lab::up(Layout::apart(Kind::Veth))
}

fn watch(lab: &Lab) -> Stream {
    Stream::start(lab.namespace(End::Near), &["--interval", "0.1", NEAR])
}

/// A filter of somebody else's that decides about what the near end sends.
fn decide(lab: &Lab, action: &str) {
    let near = lab.namespace(End::Near);
    tc(
        near,
        &format!("filter add dev {NEAR} egress pref 7 protocol all matchall action {action}"),
    );
}

/// Packets that another filter drops are counted, and dropped.
fn runs_first() {
    for (action, passes) in [("drop", false), ("pass", true)] {
        let lab = lab();
        let near = lab.namespace(End::Near);
        traffic::ping(&lab, End::Near, Family::V4, 1);
        tc(near, &format!("qdisc add dev {NEAR} clsact"));
        decide(&lab, action);
        assert_eq!(traffic::passes(&lab, End::Near), passes, "without nkview");
        let stream = watch(&lab);
        assert_eq!(traffic::passes(&lab, End::Near), passes, "{action}");
        let report = stream.end(Signal::INT);
        let is_ours = |flow: &serde_json::Value| flow["local"]["port"] == 9;
        assert_eq!(report.sum("in", is_ours).packets, 1, "{action}");
        assert_eq!(traffic::passes(&lab, End::Near), passes, "after nkview");
        assert_eq!(lab.program_counts(), [0, 0]);
    }
}

/// The queueing discipline is removed if nkview has made it and nobody has used
/// it since, and only then.
fn others_stay() {
    let lab = lab();
    let near = lab.namespace(End::Near);
    let stream = watch(&lab);
    assert_eq!(qdiscs(near, NEAR), ["clsact"]);
    stream.end(Signal::TERM);
    assert!(qdiscs(near, NEAR).is_empty(), "made by nkview, and left");

    tc(near, &format!("qdisc add dev {NEAR} clsact"));
    watch(&lab).end(Signal::TERM);
    assert_eq!(qdiscs(near, NEAR), ["clsact"], "it was there before");
    tc(near, &format!("qdisc delete dev {NEAR} clsact"));

    let stream = watch(&lab);
    decide(&lab, "drop");
    stream.end(Signal::TERM);
    assert_eq!(qdiscs(near, NEAR), ["clsact"], "another's filter needs it");
    assert!(!traffic::passes(&lab, End::Near), "the other's filter");
    assert_eq!(lab.program_counts(), [0, 0]);
}

fn killed_run() {
    let lab = lab();
    watch(&lab).kill();
    assert_eq!(lab.program_counts(), [1, 1], "nobody has removed them yet");
    traffic::ping(&lab, End::Near, Family::V4, 1);
    let mut stream = watch(&lab);
    stream.wait_for("a word about it", |line| {
        let text = line["text"].as_str().unwrap_or_default();
        text.contains(&format!("removed the filters of {NEAR}"))
    });
    assert_eq!(lab.program_counts(), [1, 1]);
    stream.end(Signal::TERM);
    assert_eq!(lab.program_counts(), [0, 0]);
    assert!(qdiscs(lab.namespace(End::Near), NEAR).is_empty());
}

/// Two at a time count the same, and each removes its own.
fn living_run() {
    const REQUESTS: u64 = 10;
    let lab = lab();
    let streams = [watch(&lab), watch(&lab)];
    assert_eq!(lab.program_counts(), [2, 2]);
    traffic::ping(&lab, End::Near, Family::V4, REQUESTS);
    for (stream, left) in streams.into_iter().zip([1, 0]) {
        let report = stream.end(Signal::TERM);
        let is_echo = |flow: &serde_json::Value| flow["icmp"]["id"].is_u64();
        assert_eq!(report.sum("out", is_echo).packets, REQUESTS);
        assert_eq!(lab.program_counts(), [left, left]);
    }
    assert!(qdiscs(lab.namespace(End::Near), NEAR).is_empty());
}

/// The older queueing discipline stands in the same place, and has filters for
/// one direction only: it is said, and nothing is changed.
fn ingress_qdisc() {
    let lab = lab();
    let near = lab.namespace(End::Near);
    tc(near, &format!("qdisc add dev {NEAR} ingress"));
    let said = refusal(near, &["stream", "--json", NEAR]);
    assert!(said.contains(&format!("cannot watch {NEAR}")), "{said}");
    assert!(said.contains("an ingress queueing discipline"), "{said}");
    assert_eq!(qdiscs(near, NEAR), ["ingress"]);
    for parent in PARENTS {
        assert!(filter::programs(near, NEAR, parent).is_empty(), "{parent}");
    }
}

/// What this kernel cannot do is refused with the reason.
fn no_netkit() {
    let namespace = Namespace::new();
    for arguments in [
        &["stream", "--json"][..],
        &["stream", "--json", "--create", "my0"],
    ] {
        let said = refusal(&namespace, arguments);
        assert!(said.contains("this kernel has no netkit"), "{said}");
        assert!(said.contains("6.7"), "{said}");
    }
}
