//! A reader that does not read: what protects traffic goes on, and what is
//! counted meanwhile is not lost.

use std::fs;
use std::net::UdpSocket;

use nkview::sys::{HookPoint, chain};
use rustix::process::{Signal, kill_process};
use serde_json::Value;

use crate::lab::{self, End, Family, Kind, Lab, Layout, NEAR};
use crate::program::{self, NEXT};
use crate::stream::Stream;
use crate::{Test, traffic, wait};

/// Without MAC addresses: nothing is sent that a test has not sent.
const NETKIT: Layout = Layout::apart(Kind::NetkitL3);
const VETH: Layout = Layout::apart(Kind::Veth);

/// Flows whose lines of some intervals fill a narrow pipe.
const FLOWS: usize = 40;

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for layout in [VETH, NETKIT] {
        let mut add = |name: &str, run: fn(Layout)| {
            let name = format!("stalled::{name}::{layout}");
            tests.push(Test::new(name, [layout.chained()], move || run(layout)));
        };
        add("all_counts_arrive", all_counts_arrive);
        add("devices_and_hooks_are_followed", devices_and_hooks);
    }
    tests.push(Test::new(
        "stalled::a_second_ctrl_c",
        [VETH.chained()],
        second_interrupt,
    ));
    tests.push(Test::new(
        "stalled::a_closed_hook_opens_and_closes",
        NETKIT.needs(),
        closed_hook,
    ));
    tests
}

/// Datagrams from the near end to the far one.
struct Sender {
    receiver: UdpSocket,
    senders: Vec<UdpSocket>,
}

impl Sender {
    fn new(lab: &Lab) -> Self {
        let senders = (0..FLOWS).map(|_| traffic::udp(lab, End::Near, Family::V4));
        Self {
            receiver: traffic::udp(lab, End::Far, Family::V4),
            senders: senders.collect(),
        }
    }

    /// Sends one datagram of each flow.
    fn send(&self, lab: &Lab) {
        let to = traffic::towards(lab, End::Far, &self.receiver);
        for sender in &self.senders {
            sender.send_to(b"stalled", to).unwrap();
        }
    }

    fn is_ours(&self, flow: &Value) -> bool {
        let port = self.receiver.local_addr().unwrap().port();
        let ends = [&flow["local"], &flow["remote"]];
        flow["protocol"] == "udp" && ends.iter().any(|end| end["port"] == port)
    }
}

fn watch(lab: &Lab) -> Stream {
    let near = lab.namespace(End::Near);
    Stream::narrow(near, &["--interval", "0.1", NEAR, "new*"])
}

/// Sends until one of the process's threads waits for the reader. Returns how
/// often each flow had a datagram.
fn fill(lab: &Lab, sender: &Sender, stream: &Stream) -> u64 {
    let tasks = format!("/proc/{}/task", stream.pid().as_raw_nonzero());
    let mut sent = 0;
    wait::until_true("the output blocks", || {
        sender.send(lab);
        sent += 1;
        let mut tasks = fs::read_dir(&tasks).unwrap().flatten();
        tasks.any(|task| {
            let place = fs::read_to_string(task.path().join("wchan"));
            place.is_ok_and(|place| place.contains("pipe_write"))
        })
    });
    sent
}

fn all_counts_arrive(layout: Layout) {
    let lab = Lab::up(layout);
    traffic::ping(&lab, End::Near, Family::V4, 1);
    let sender = Sender::new(&lab);
    let mut stream = watch(&lab);
    let stall = stream.stall();
    let mut sent = fill(&lab, &sender, &stream);
    for _ in 0..200 {
        sender.send(&lab);
        sent += 1;
    }
    drop(stall);
    // What comes last is read last.
    let last = Sender::new(&lab);
    last.send(&lab);
    stream.wait_for("the last flow", |line| last.is_ours(line));
    let report = stream.end(Signal::INT);
    let direction = lab.direction(End::Near);
    let counted = report.sum(direction, |flow| sender.is_ours(flow));
    let untracked = report.untracked(NEAR);
    assert_eq!(untracked.packets, 0);
    assert_eq!(counted.packets, sent * FLOWS as u64);
    let flows = report.sum(direction, |_| true);
    assert_eq!(report.total(NEAR, direction), flows);
}

fn devices_and_hooks(layout: Layout) {
    let lab = Lab::up(layout);
    let near = lab.namespace(End::Near);
    traffic::ping(&lab, End::Near, Family::V4, 1);
    let sender = Sender::new(&lab);
    let mut stream = watch(&lab);
    let stall = stream.stall();
    fill(&lab, &sender, &stream);
    near.ip("link add new0 type veth peer name other0");
    let index = lab::index(near, "new0");
    wait::until_true("the new device is attached to", || {
        let programs = near.enter(|| chain(index, HookPoint::TcxIngress).unwrap().programs);
        programs.len() == 1
    });
    let hook = lab.hook(End::Near);
    let other = program::attach(near, lab.index(End::Near), hook, NEXT);
    drop(stall);
    // Its look at the chain may come before or after the reader goes on.
    let is_noticed = |line: &Value| {
        line["type"] == "notice" && line["text"].as_str().unwrap().contains("constant")
    };
    stream.wait_for("the other program", is_noticed);
    drop(other);
    let report = stream.end(Signal::INT);
    let mut devices = report.of_type("device");
    let is_watched = |line: &&Value| line["name"] == "new0" && line["hooks"] == "tcx";
    assert!(devices.any(|line| is_watched(&line)));
}

/// Whoever does not want to wait for the reader presses Ctrl-C again.
fn second_interrupt() {
    let lab = Lab::up(VETH);
    traffic::ping(&lab, End::Near, Family::V4, 1);
    let sender = Sender::new(&lab);
    let mut stream = watch(&lab);
    let stall = stream.stall();
    fill(&lab, &sender, &stream);
    for _ in 0..2 {
        kill_process(stream.pid(), Signal::INT).unwrap();
    }
    // Both may be one signal, if the first was not taken yet.
    wait::until_true("nothing is left", || lab.program_counts() == [0, 0]);
    let path = format!("/proc/{}/stat", stream.pid().as_raw_nonzero());
    wait::until_true("its end", || {
        fs::read_to_string(&path).unwrap().contains(") Z ")
    });
    drop(stall);
    let status = stream.ended();
    assert!([Some(130), Some(1)].contains(&status.code()), "{status}");
}

/// What decides over a packet's fate waits for no reader.
fn closed_hook() {
    let lab = Lab::with_policies(NETKIT, "blackhole", "blackhole");
    lab.bring_up();
    let is_open = || End::BOTH.map(|end| traffic::passes(&lab, end));
    let sender = Sender::new(&lab);
    let stream = watch(&lab);
    let stall = stream.stall();
    fill(&lab, &sender, &stream);
    for _ in 0..2 {
        let guards = End::BOTH.map(|end| {
            let near = lab.namespace(End::Near);
            program::attach(near, lab.index(End::Near), lab.hook(end), NEXT)
        });
        wait::until_true("both ways are open", || is_open() == [true, true]);
        drop(guards);
        wait::until_true("both ways are closed", || is_open() == [false, false]);
    }
    drop(stall);
    stream.end(Signal::INT);
    assert_eq!(is_open(), [false, false], "after nkview");
}
