//! Stopping, as by Ctrl-Z, and continuing: a process that is stopped looks after
//! nothing, so it must decide over nothing either.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::lab::{End, Family, Kind, Lab, Layout, NEAR};
use crate::program::{self, NEXT};
use crate::stream::{NKVIEW, Stream};
use crate::{Test, traffic, wait};

const VETH: Layout = Layout::apart(Kind::Veth);
const NETKIT: Layout = Layout::apart(Kind::NetkitL3);

pub fn tests() -> Vec<Test> {
    vec![
        Test::new("stopped::open_hooks_count_on", [VETH.chained()], open_hooks),
        Test::new(
            "stopped::closed_hooks_are_released",
            NETKIT.needs(),
            closed_hooks,
        ),
    ]
}

/// A job of its own: without one, nothing could continue it, and it would not stop.
fn job() -> Command {
    let mut command = Command::new(NKVIEW);
    command.process_group(0);
    command
}

fn watch(lab: &Lab) -> Stream {
    let args = ["--interval", "0.1", NEAR];
    Stream::run(lab.namespace(End::Near), job(), &args)
}

fn state(pid: Pid) -> char {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.chars().next().unwrap()
}

fn stop(pid: Pid) {
    kill_process(pid, Signal::TSTP).unwrap();
    wait::until_true("it is stopped", || state(pid) == 'T');
}

fn go_on(pid: Pid) {
    kill_process(pid, Signal::CONT).unwrap();
}

/// Nothing depends on who looks after an open hook, so nothing is missed.
fn open_hooks() {
    const PINGS: u64 = 20;
    let lab = Lab::up(VETH);
    let stream = watch(&lab);
    for _ in 0..2 {
        stop(stream.pid());
        assert_eq!(lab.program_counts(), [1, 1]);
        traffic::ping(&lab, End::Near, Family::V4, PINGS);
        // Stopped again before it has noticed that it goes on: the kernel then drops
        // the signal that told it so.
        for _ in 0..10 {
            go_on(stream.pid());
            stop(stream.pid());
        }
        go_on(stream.pid());
        wait::until_true("it goes on", || state(stream.pid()) != 'T');
    }
    let report = stream.end(Signal::INT);
    let pings = report.sum("out", |flow| flow["protocol"] == "icmp");
    assert_eq!(pings.packets, 2 * PINGS);
}

/// At a closed hook the policy and other programs decide while it is stopped.
fn closed_hooks() {
    let lab = Lab::with_policies(NETKIT, "blackhole", "blackhole");
    lab.bring_up();
    let is_open = || End::BOTH.map(|end| traffic::passes(&lab, end));
    let mut stream = watch(&lab);
    assert_eq!(lab.program_counts(), [1, 1]);
    for _ in 0..2 {
        stop(stream.pid());
        assert_eq!(lab.program_counts(), [0, 0]);
        assert_eq!(is_open(), [false, false], "as the policy says");
        let others = End::BOTH.map(|end| {
            let near = lab.namespace(End::Near);
            program::attach(near, lab.index(End::Near), lab.hook(end), NEXT)
        });
        assert_eq!(is_open(), [true, true], "as the other programs say");
        go_on(stream.pid());
        wait::until_true("it is back", || lab.program_counts() == [2, 2]);
        assert_eq!(is_open(), [true, true], "with nkview in front of them");
        drop(others);
        wait::until_true("both ways are closed", || is_open() == [false, false]);
        stream.wait_for("the notice", |line| {
            line["type"] == "notice" && line["text"].as_str().unwrap().contains("was stopped")
        });
    }
    stream.end(Signal::INT);
    assert_eq!(lab.program_counts(), [0, 0]);
    assert_eq!(is_open(), [false, false], "after nkview");
}
