//! Stdout whose reader is slow, stuck or gone, and formats that other programs
//! read.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, pipe};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

use crate::lab::{End, Family, Kind, Lab, Layout, NEAR};
use crate::need::Need;
use crate::stream::NKVIEW;
use crate::{Test, traffic, wait};

const VETH: Layout = Layout::apart(Kind::Veth);

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    let mut add = |name: &str, needs: &[Need], run: fn()| {
        let needs = [VETH.needs(), needs.to_vec()].concat();
        tests.push(Test::new(format!("output::{name}"), needs, run));
    };
    add("a_stuck_reader_and_sigterm", &[], || stuck(Signal::TERM));
    add("a_stuck_reader_and_sigint", &[], || stuck(Signal::INT));
    add("a_stuck_reader_and_sighup", &[], || stuck(Signal::HUP));
    add("a_reader_that_goes_while_nothing_happens", &[], reader_goes);
    add("a_signal_that_is_ignored", &[], ignored);
    add("a_full_disk", &[], full_disk);
    add("text_and_a_count", &[], text);
    add("pcapng", &[Need::Tshark], pcapng);
    tests
}

/// A running stream with a pipe as its stdout. Dropping it kills it.
struct Piped {
    child: Child,
    reader: Option<BufReader<PipeReader>>,
    /// Another handle of the end that it writes to.
    writer: PipeWriter,
}

impl Piped {
    fn start(lab: &Lab, mut command: Command, args: &[&str]) -> Self {
        let (reader, writer) = pipe().unwrap();
        command.arg("stream").args(args);
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        command.stdout(writer.try_clone().unwrap());
        let child = lab.namespace(End::Near).enter(|| command.spawn().unwrap());
        let mut piped = Self {
            child,
            reader: Some(BufReader::new(reader)),
            writer,
        };
        assert!(piped.line().contains(r#""type":"start""#));
        piped
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let reader = self.reader.as_mut().unwrap();
        reader.read_line(&mut line).unwrap();
        line
    }

    /// Whether the pipe takes no more.
    fn is_full(&self) -> bool {
        let mut fds = [PollFd::new(&self.writer, PollFlags::OUT)];
        poll(&mut fds, Some(&Timespec::default())).unwrap() == 0
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// How it has ended, and what it complains of: that detaching takes a moment, on
    /// a slow machine, is no complaint.
    fn ended(&mut self) -> (ExitStatus, String) {
        let status = wait::until("its end", || self.child.try_wait().unwrap());
        let mut errors = String::new();
        let stderr = self.child.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut errors).unwrap();
        let complaints = errors
            .lines()
            .filter(|line| !line.starts_with("nkview: detaching programs;"))
            .collect();
        (status, complaints)
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nobody reads: a signal ends it all the same, with nothing left on the hooks.
fn stuck(signal: Signal) {
    let lab = Lab::up(VETH);
    let args = ["--packets", "--every-packet", NEAR];
    let mut piped = Piped::start(&lab, Command::new(NKVIEW), &args);
    wait::until_true("a full pipe", || {
        traffic::ping(&lab, End::Near, Family::V4, 50);
        piped.is_full()
    });
    assert_eq!(lab.program_counts(), [1, 1]);
    piped.signal(signal);
    let (status, errors) = piped.ended();
    assert!(!status.success(), "lines are missing");
    assert!(errors.contains("the last lines are missing"), "{errors}");
    assert_eq!(lab.program_counts(), [0, 0], "after {signal:?}");
}

fn reader_goes() {
    let lab = Lab::new(VETH);
    let mut piped = Piped::start(&lab, Command::new(NKVIEW), &[NEAR]);
    // Of the pipe only the end that is written to stays.
    piped.reader = None;
    let (status, errors) = piped.ended();
    assert!(status.success(), "{status}");
    assert_eq!(errors, "");
    assert_eq!(lab.program_counts(), [0, 0]);
}

fn ignored() {
    let lab = Lab::up(VETH);
    for (name, signal) in [("HUP", Signal::HUP), ("INT", Signal::INT)] {
        let mut command = Command::new("sh");
        let script = format!(r#"trap '' {name}; exec "$0" "$@""#);
        command.args(["-c", &script, NKVIEW]);
        let mut piped = Piped::start(&lab, command, &[NEAR]);
        let status = fs::read_to_string(format!("/proc/{}/status", piped.child.id())).unwrap();
        let mask = |field: &str| {
            let mask = status.lines().find_map(|line| line.strip_prefix(field));
            u64::from_str_radix(mask.unwrap().trim(), 16).unwrap()
        };
        let bit = 1 << (signal.as_raw() - 1);
        assert_ne!(mask("SigIgn:") & bit, 0, "{name} is no longer ignored");
        assert_eq!(mask("SigCgt:") & bit, 0, "{name} is handled");
        piped.signal(signal);
        // It still counts.
        traffic::ping(&lab, End::Near, Family::V4, 1);
        while !piped.line().contains(r#""protocol":"icmp""#) {}
        piped.signal(Signal::TERM);
        let (status, errors) = piped.ended();
        assert!(status.success(), "{errors}");
    }
}

fn run(lab: &Lab, args: &[&str], stdout: Stdio, meanwhile: impl FnOnce()) -> Output {
    let mut command = Command::new(NKVIEW);
    command.arg("stream").args(args).stdin(Stdio::null());
    let command = command.stdout(stdout).stderr(Stdio::piped());
    let child = lab.namespace(End::Near).enter(|| command.spawn().unwrap());
    wait::until_true("its programs", || lab.program_counts() == [1, 1]);
    meanwhile();
    end(child)
}

/// Waits for the end of a process that says little.
fn end(mut child: Child) -> Output {
    wait::until("its end", || child.try_wait().unwrap());
    child.wait_with_output().unwrap()
}

fn full_disk() {
    let lab = Lab::new(VETH);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(NKVIEW);
    command.args(["stream", NEAR]).stdin(Stdio::null());
    let command = command.stdout(full).stderr(Stdio::piped());
    let child = lab.namespace(End::Near).enter(|| command.spawn().unwrap());
    let output = end(child);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(errors.contains("cannot write to stdout"), "{errors}");
    assert_eq!(lab.program_counts(), [0, 0]);
}

fn text() {
    let lab = Lab::up(VETH);
    let ours = "icmp and ip";
    let args = ["--text", "--filter", ours, "--count", "3", NEAR];
    let output = run(&lab, &args, Stdio::piped(), || {
        traffic::ping(&lab, End::Near, Family::V4, 5);
    });
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let packets = text.lines().filter(|line| !line.starts_with("--"));
    let packets: Vec<_> = packets.collect();
    assert_eq!(packets.len(), 3, "{text}");
    let ends = [End::Near, End::Far].map(|end| lab.ip(end, Family::V4));
    let [request, reply] = [
        format!(
            " {NEAR} In  IP {} > {}: ICMP echo request, ",
            ends[0], ends[1]
        ),
        format!(
            " {NEAR} Out IP {} > {}: ICMP echo reply, ",
            ends[1], ends[0]
        ),
    ];
    for (line, start) in packets.iter().zip([&request, &reply, &request]) {
        assert!(line.contains(start.as_str()), "{line}");
    }
    assert_eq!(lab.program_counts(), [0, 0]);
}

/// Wireshark's own tools find every packet, none of them malformed.
fn pcapng() {
    const REQUESTS: u64 = 20;
    let lab = Lab::up(VETH);
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let count = (2 * REQUESTS).to_string();
    let args = [
        "--pcapng",
        "--every-packet",
        "--filter",
        "icmp",
        "--count",
        &count,
        NEAR,
    ];
    let output = run(&lab, &args, file.reopen().unwrap().into(), || {
        traffic::ping(&lab, End::Near, Family::V4, REQUESTS);
    });
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    let read = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{program}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    };
    let fields = [
        "-n",
        "-r",
        &path,
        "-T",
        "fields",
        "-E",
        "separator=|",
        "-e",
        "frame.interface_name",
        "-e",
        "frame.packet_flags_direction",
        "-e",
        "frame.comment",
        "-e",
        "_ws.malformed",
        "-e",
        "frame.len",
    ];
    let lines = read("tshark", &fields);
    let lines: Vec<Vec<&str>> = lines
        .lines()
        .map(|line| line.split('|').collect())
        .collect();
    assert_eq!(lines.len() as u64, 2 * REQUESTS);
    for direction in ["0x00000001", "0x00000002"] {
        let number = lines.iter().filter(|line| line[1] == direction).count();
        assert_eq!(number as u64, REQUESTS, "{direction}");
    }
    for line in &lines {
        assert_eq!((line[0], line[3]), (NEAR, ""), "{line:?}");
        assert!(!line[2].is_empty(), "{line:?}");
        assert_eq!(line[4], "98", "{line:?}");
    }
    let facts = read("capinfos", &[&path]);
    assert!(facts.contains("nanoseconds (9)"), "{facts}");
    assert!(facts.contains("Number of stat entries = 1"), "{facts}");
}
