//! The real binary on real packets, in namespaces that are thrown away. It
//! needs root and iproute2 and ping, and fails where they are missing.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails"
)]

#[path = "kernel/demo.rs"]
mod demo;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, Command, Stdio};

use nkview::probe::sys::{HookPoint, chain};
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, socket};
use rustix::thread::move_into_link_name_space;
use serde_json::Value;

/// Two namespaces with a veth pair between: `lab0` (10.9.0.1) here, the other
/// end (10.9.0.2) there. Dropping it removes them, and the pair with them.
struct Lab {
    here: String,
    there: String,
}

impl Lab {
    fn new(name: &str) -> Self {
        let unique = format!("nkview-{}-{name}", std::process::id());
        let lab = Self {
            here: format!("{unique}-a"),
            there: format!("{unique}-b"),
        };
        let Self { here, there } = &lab;
        for command in [
            format!("netns add {here}"),
            format!("netns add {there}"),
            format!("-n {here} link add lab0 type veth peer name eth0 netns {there}"),
            format!("-n {here} address add 10.9.0.1/24 dev lab0"),
            format!("-n {there} address add 10.9.0.2/24 dev eth0"),
            format!("-n {here} link set lab0 up"),
            format!("-n {there} link set eth0 up"),
        ] {
            assert!(ip(&command), "ip {command} failed: root and iproute2?");
        }
        lab
    }

    /// A command in the namespace of `lab0`.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.here, program]);
        command
    }

    /// Starts `nkview stream` and waits until it counts.
    fn stream(&self, args: &[&str]) -> Stream {
        let mut child = self
            .command(env!("CARGO_BIN_EXE_nkview"))
            .args(["stream", "--json"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        output.read_line(&mut first).unwrap();
        if !first.contains(r#""type":"start""#) {
            let mut error = String::new();
            child.stderr.unwrap().read_to_string(&mut error).unwrap();
            panic!("it did not start: {first}{error}");
        }
        Stream { child, output }
    }

    fn ping(&self, count: u64) {
        let status = self
            .command("ping")
            .args(["-q", "-i", "0.01", "-c", &count.to_string(), "10.9.0.2"])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "ping failed");
    }

    /// How many programs are on the ingress and on the egress hook of `lab0`.
    fn programs(&self) -> [usize; 2] {
        let count = || {
            let namespace = File::open(format!("/run/netns/{}", self.here)).unwrap();
            // Of this thread only, which ends here.
            move_into_link_name_space(namespace.as_fd(), None).unwrap();
            let socket = socket(AddressFamily::INET, SocketType::DGRAM, None).unwrap();
            let index = name_to_index(&socket, "lab0").unwrap();
            [HookPoint::TcxIngress, HookPoint::TcxEgress]
                .map(|hook| chain(index, hook).unwrap().programs.len())
        };
        std::thread::scope(|scope| scope.spawn(count).join().unwrap())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        ip(&format!("netns delete {}", self.here));
        ip(&format!("netns delete {}", self.there));
    }
}

struct Stream {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Stream {
    /// Sends a signal, and returns the lines until the end.
    fn end(mut self, signal: &str) -> Vec<Value> {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(status.success());
        let lines = self
            .output
            .lines()
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect();
        assert!(self.child.wait().unwrap().success());
        lines
    }
}

fn ip(command: &str) -> bool {
    Command::new("ip")
        .args(command.split(' '))
        .status()
        .is_ok_and(|status| status.success())
}

fn sum(lines: &[Value], direction: &str, what: &str) -> u64 {
    lines
        .iter()
        .filter(|line| line["type"] == "flow")
        .map(|line| line[direction][what].as_u64().unwrap())
        .sum()
}

/// Echo requests go out of `lab0` and replies come in; each is counted once, in
/// its flow, and the flows add up to the totals.
#[test]
fn every_ping_is_counted_in_both_directions() {
    let lab = Lab::new("ping");
    let stream = lab.stream(&["--interval", "0.1", "lab0"]);
    lab.ping(50);
    let lines = stream.end("-INT");
    let echoes: Vec<Value> = lines
        .iter()
        .filter(|line| line["protocol"] == "icmp")
        .cloned()
        .collect();
    for direction in ["in", "out"] {
        assert_eq!(sum(&echoes, direction, "packets"), 50, "{direction}");
        // 56 bytes of data after Ethernet, IPv4 and ICMP headers.
        assert_eq!(sum(&echoes, direction, "bytes"), 50 * 98, "{direction}");
    }
    let totals = lines.last().unwrap();
    assert_eq!(totals["type"], "totals");
    assert_eq!(totals["device"], "lab0");
    assert_eq!(totals["untracked"]["packets"], 0);
    for direction in ["in", "out"] {
        for what in ["packets", "segments", "bytes"] {
            assert_eq!(totals[direction][what], sum(&lines, direction, what));
        }
    }
}

/// With room for one flow the rest is untracked, and the sum still adds up.
#[test]
fn what_finds_no_room_is_counted_as_untracked() {
    let lab = Lab::new("full");
    let stream = lab.stream(&["--interval", "60", "--max-flows", "1", "lab0"]);
    lab.ping(20);
    let lines = stream.end("-TERM");
    let totals = lines.last().unwrap();
    let seen =
        totals["in"]["packets"].as_u64().unwrap() + totals["out"]["packets"].as_u64().unwrap();
    let untracked = totals["untracked"]["packets"].as_u64().unwrap();
    let tracked = sum(&lines, "in", "packets") + sum(&lines, "out", "packets");
    assert!(untracked > 0, "{totals}");
    assert_eq!(seen, tracked + untracked);
}

#[test]
fn nothing_stays_on_the_hooks_however_it_ends() {
    let lab = Lab::new("end");
    for signal in ["-INT", "-TERM", "-HUP"] {
        let stream = lab.stream(&["lab0"]);
        assert_eq!(lab.programs(), [1, 1]);
        stream.end(signal);
        assert_eq!(lab.programs(), [0, 0], "after {signal}");
    }
    let mut stream = lab.stream(&["lab0"]);
    stream.child.kill().unwrap();
    stream.child.wait().unwrap();
    assert_eq!(lab.programs(), [0, 0], "after a kill");
}

#[test]
fn a_device_that_does_not_exist_is_named() {
    let lab = Lab::new("none");
    let output = lab
        .command(env!("CARGO_BIN_EXE_nkview"))
        .args(["stream", "--json", "lab7"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("there is no device lab7"), "{error}");
}
