//! A recording holds what was counted, to the packet, and is read without any
//! privileges.

mod rotation;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::Test;
use crate::counting::{check_sums, settled};
use crate::lab::{End, Family, Lab, Layout, NEAR};
use crate::need::Need;
use crate::report::{Count, Report};
use crate::screen::ping_until_shown;
use crate::stream::{NKVIEW, Stream};
use crate::traffic;
use crate::tty::{LARGE, Tty};
use crate::wait::until_true;

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for layout in Layout::APART {
        let name = format!("recording::replays_what_was_counted::{layout}");
        tests.push(Test::new(name, layout.needs(), move || replays(layout)));
    }
    let layout = Layout::APART[0];
    tests.push(Test::new(
        "recording::a_full_disk_ends_it_with_an_error",
        layout.needs(),
        move || full_disk(layout),
    ));
    let full_speed = [layout.needs(), vec![Need::FullSpeed]].concat();
    tests.push(Test::new(
        "recording::several_files_have_every_packet",
        full_speed.clone(),
        move || rotation::rotates(layout),
    ));
    tests.push(Test::new(
        "recording::a_full_disk_ends_it_on_the_screen_only",
        full_speed,
        move || full_disk_on_screen(layout),
    ));
    tests
}

/// A running `nkview record`. Dropping it kills it.
struct Recorder {
    child: Child,
    file: PathBuf,
}

impl Recorder {
    fn start(lab: &Lab, file: &Path) -> Self {
        Self::start_with(lab, &[], file)
    }

    fn start_with(lab: &Lab, args: &[&str], file: &Path) -> Self {
        let mut command = Command::new(NKVIEW);
        command
            .args(["record", "--interval", "0.1"])
            .args(args)
            .args([file.as_os_str(), NEAR.as_ref()])
            .env("SUDO_UID", "65534")
            .env("SUDO_GID", "65533")
            .stderr(Stdio::piped());
        let child = lab.namespace(End::Near).enter(|| command.spawn().unwrap());
        Self {
            child,
            file: file.to_owned(),
        }
    }

    /// Waits until the file tells that the device is watched.
    fn wait(&self) {
        self.wait_for(&self.file);
    }

    /// The same, by the file that comes first.
    fn wait_for(&self, file: &Path) {
        until_true("the recording begins", || {
            let lines = lines(&read(&["stream", "--from"], &[file]));
            let is_watched = |line: &Value| line["devices"][0]["hooks"].is_string();
            lines.iter().any(is_watched)
        });
    }

    fn end(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // It has ended already, but for a test that failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command says of a recording, as a user without any privileges.
fn read<P: AsRef<OsStr>>(args: &[&str], files: &[P]) -> Output {
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "65534", "--regid", "65533", "--clear-groups"])
        .arg(NKVIEW)
        .args(args)
        .args(files);
    command.output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What each flow had in a direction, in all intervals.
fn flows(report: &Report, direction: &str) -> BTreeMap<String, Count> {
    let mut flows = BTreeMap::new();
    for line in report.flows(|_| true) {
        let name = format!("{} {} {}", line["protocol"], line["local"], line["remote"]);
        let sum: &mut Count = flows.entry(name).or_default();
        *sum = *sum + Count::of(&line[direction]);
    }
    flows
}

/// A directory that everybody may look into.
fn directory() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

fn replays(layout: Layout) {
    let directory = directory();
    let file = directory.path().join("recording");
    let lab = Lab::new(layout);
    let recorder = Recorder::start(&lab, &file);
    recorder.wait();
    let live = Stream::start(lab.namespace(End::Near), &["--interval", "0.1", NEAR]);
    lab.bring_up();
    for &family in lab.families() {
        traffic::ping(&lab, End::Near, family, 20);
        traffic::ping(&lab, End::Far, family, 30);
    }
    let before = settled(&lab);
    let live = live.end(Signal::INT);
    recorder.end();

    let metadata = fs::metadata(&file).unwrap();
    assert_eq!(metadata.mode() & 0o777, 0o600);
    assert_eq!((metadata.uid(), metadata.gid()), (65534, 65533));
    let output = read(&["stream", "--from"], &[&file]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    let replayed = Report::new(lines(&output));
    check_sums(&lab, &replayed, before);
    for direction in ["in", "out"] {
        assert_eq!(flows(&replayed, direction), flows(&live, direction));
        assert_eq!(replayed.total(NEAR, direction), live.total(NEAR, direction));
    }

    // The same again is the same, to the byte.
    assert_eq!(read(&["stream", "--from"], &[&file]).stdout, output.stdout);
    let diagnosis = read(&["diagnose", "--json", "--from"], &[&file]);
    let summary = lines(&diagnosis).pop().unwrap();
    assert_eq!(summary["devices"][0], NEAR, "{summary}");
}

/// A small file system, until it is dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: &Path) -> Self {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=8k", "tmpfs"]);
        assert!(command.arg(path).status().unwrap().success());
        Self(path.to_owned())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Also while the recorder has its file open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// /dev/full is no file, so that a small file system has to be full.
fn full_disk(layout: Layout) {
    let directory = directory();
    let lab = Lab::new(layout);
    let _disk = Disk::mount(directory.path());
    let mut recorder = Recorder::start(&lab, &directory.path().join("recording"));
    lab.bring_up();
    let mut output = None;
    until_true("the disk is full", || {
        output = recorder.child.try_wait().unwrap();
        output.is_some()
    });
    let mut errors = String::new();
    let mut stderr = recorder.child.stderr.take().unwrap();
    std::io::Read::read_to_string(&mut stderr, &mut errors).unwrap();
    assert_eq!(output.and_then(|status| status.code()), Some(1));
    assert!(errors.contains("No space left on device"), "{errors}");
}

/// The screen says so and goes on, and what was written can be read.
fn full_disk_on_screen(layout: Layout) {
    let directory = directory();
    let lab = Lab::up(layout);
    let _disk = Disk::mount(directory.path());
    let near = lab.namespace(End::Near);
    let in_directory = |command: &mut Command| {
        command.current_dir(directory.path());
    };
    let args = ["--interval", "0.1", NEAR];
    let mut tty = Tty::start_with(in_directory, near, LARGE, &args);
    tty.until_shown("Flows");
    ping_until_shown(&mut tty, &lab, "icmp ");
    // The probe view keeps notices.
    tty.press_until("6R", "the disk is full", |picture| {
        traffic::ping(&lab, End::Far, Family::V4, 1);
        picture.contains("Recording to ")
            && picture.contains("Recording stopped: No space left on device")
    });
    let file = fs::read_dir(directory.path()).unwrap().next().unwrap();
    let file = file.unwrap().path();
    // What comes later is counted.
    let [sender, receiver] = End::BOTH.map(|end| traffic::udp(&lab, end, Family::V4));
    let to = traffic::towards(&lab, End::Far, &receiver);
    tty.press_until("1", "it goes on", |picture| {
        sender.send_to(b"recording", to).unwrap();
        picture.contains(&to.to_string())
    });
    tty.press(b"q");
    let (status, output) = tty.ended();
    assert!(status.success(), "{output}");
    tty.assert_restored();
    assert_eq!(lab.program_counts(), [0, 0]);

    let mut command = Command::new(NKVIEW);
    let output = command.args(["stream", "--from"]).arg(file).output();
    let output = output.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    let report = Report::new(lines(&output));
    let is_ping = |flow: &Value| flow["protocol"] == "icmp";
    assert!(!report.flows(is_ping).is_empty(), "{errors}");
}
