//! What is reported when something is wrong, end to end: the right cause first,
//! with its addresses, and nothing of healthy traffic.

mod network;
mod table;

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::Test;
use crate::lab::{End, Family, Kind, Lab, Layout, NEAR};
use crate::layout::Ends;
use crate::namespace;
use crate::need::Need;
use crate::stream::Stream;
use crate::traffic;

const VETH: Layout = Layout {
    kind: Kind::Veth,
    ends: Ends::Apart,
};
/// A port of the far end that the faults are about.
const PORT: u16 = 5432;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, needs: &[Need], run: fn()| {
        let needs = [&[Need::Tcx], needs].concat();
        Test::new(format!("faults::{name}"), needs, run)
    };
    let mut tests = vec![
        test("a_closed_port", &[], a_closed_port),
        test("a_host_that_is_not_there", &[], nobody),
        test(
            "a_firewall_of_the_server",
            &[Need::Nftables, Need::Tracing],
            a_firewall,
        ),
        test("healthy_traffic", &[], healthy),
    ];
    tests.extend(table::tests());
    tests
}

/// Tries to connect from the near end again and again until a problem of this kind
/// is reported, beside traffic that is well.
fn problem(lab: &Lab, to: SocketAddr, kind: &str) -> Value {
    let mut stream = Stream::start(lab.namespace(End::Near), &[NEAR]);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            lab.namespace(End::Near).enter(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let _ = TcpStream::connect_timeout(&to, Duration::from_secs(2));
                    thread::sleep(Duration::from_millis(100));
                }
            });
        });
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                traffic::converse(lab, End::Near, Family::V4, 1, 100, 3000);
                thread::sleep(Duration::from_millis(100));
            }
        });
        // A thread that fails must not leave the others waiting.
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            stream.wait_for(kind, |line| {
                line["type"] == "problem" && line["kind"] == kind
            })
        }));
        is_over.store(true, Ordering::Relaxed);
        found.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn assert_names(problem: &Value, who: &[&str]) {
    let sentence = problem["sentence"].as_str().unwrap();
    for who in who {
        assert!(sentence.contains(who), "{who} is not in: {sentence}");
    }
}

fn a_closed_port() {
    let lab = Lab::up(VETH);
    let server = lab.address(End::Far, End::Near, Family::V4, PORT);
    let client = lab.ip(End::Near, Family::V4).to_string();
    let problem = problem(&lab, server, "tcp-refused");
    assert_names(&problem, &[&client, &server.to_string()]);
}

fn nobody() {
    let lab = Lab::up(VETH);
    let client = lab.ip(End::Near, Family::V4).to_string();
    let problem = problem(&lab, ([10, 9, 0, 77], PORT).into(), "neighbor-unreachable");
    assert_names(&problem, &[&client, "10.9.0.77"]);
}

fn a_firewall() {
    let lab = Lab::up(VETH);
    let rules = format!(
        "table inet t {{ chain c {{ type filter hook input priority 0; tcp dport {PORT} drop; }}; }}"
    );
    let nft = || namespace::run(Command::new("nft").args(["-f", "-"]), &rules);
    lab.namespace(End::Far).enter(nft).unwrap();
    let server = lab.address(End::Far, End::Near, Family::V4, PORT);
    let client = lab.ip(End::Near, Family::V4).to_string();
    let problem = problem(&lab, server, "firewall-drop");
    assert_names(&problem, &[&client, &server.to_string()]);
}

fn healthy() {
    let lab = Lab::up(VETH);
    let mut stream = Stream::start(lab.namespace(End::Near), &[NEAR]);
    for family in [Family::V4, Family::V6] {
        traffic::ping(&lab, End::Near, family, 10);
        traffic::converse(&lab, End::Near, family, 20, 100, 100_000);
        traffic::converse(&lab, End::Far, family, 20, 100_000, 100);
    }
    // One refusal is no problem.
    let closed = lab.address(End::Far, End::Near, Family::V4, PORT);
    let connect = || TcpStream::connect(closed);
    assert!(lab.namespace(End::Near).enter(connect).is_err());
    let reset = |line: &Value| line["remote"]["port"] == PORT || line["local"]["port"] == PORT;
    stream.wait_for("the refused connection", |line| {
        line["type"] == "flow" && reset(line)
    });
    let report = stream.end(Signal::INT);
    let problems: Vec<_> = report.of_type("problem").collect();
    assert!(problems.is_empty(), "{problems:?}");
}
