//! However nkview ends: the terminal is as it was, and nothing is left on the
//! hooks, no pair, no namespace.

use std::process::{Command, Stdio};

use nkview::sys::HookPoint;
use rustix::process::{Pid, Signal, kill_process};

use crate::lab::{self, End, Kind, Lab, Layout, NEAR};
use crate::namespace::Namespace;
use crate::need::Need;
use crate::program::{self, NEXT};
use crate::stream::{NKVIEW, Stream, refusal};
use crate::tty::{self, Tty};
use crate::{Test, device, filter, wait};

/// How a session can end.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Keys(&'static str),
    Signal(Signal),
    /// The window of the terminal is closed.
    Close,
}

const ENDINGS: [(&str, Ending); 6] = [
    ("q", Ending::Keys("q")),
    ("ctrl_c", Ending::Keys("\x03")),
    ("sigint", Ending::Signal(Signal::INT)),
    ("sigterm", Ending::Signal(Signal::TERM)),
    ("sighup", Ending::Signal(Signal::HUP)),
    ("closed_terminal", Ending::Close),
];

const WATCHED: [Layout; 2] = [Layout::apart(Kind::Veth), Layout::apart(Kind::NetkitL3)];

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for (name, ending) in ENDINGS {
        for layout in WATCHED {
            tests.push(Test::new(
                format!("cleanup::{name}::{layout}"),
                layout.needs(),
                move || leaves_the_hooks(layout, ending),
            ));
        }
    }
    for (name, ending) in [ENDINGS[0], ENDINGS[3], ENDINGS[5]] {
        let name = format!("cleanup::{name}::own_pair");
        tests.push(Test::new(name, [Need::Netkit], move || {
            removes_its_pair(ending);
        }));
    }
    for layout in WATCHED {
        tests.push(Test::new(
            format!("cleanup::stream::{layout}"),
            layout.needs(),
            move || stream_leaves_the_hooks(layout),
        ));
        tests.push(Test::new(
            format!("cleanup::a_second_device_that_refuses::{layout}"),
            layout.needs(),
            move || second_device_refuses(layout),
        ));
    }
    for (name, signal) in [
        ("INT", Signal::INT),
        ("TERM", Signal::TERM),
        ("HUP", Signal::HUP),
    ] {
        tests.push(Test::new(
            format!("cleanup::while_it_attaches::{name}"),
            [Need::Tcx],
            move || while_it_attaches(signal),
        ));
    }
    let mut on_netkit = |name: &str, run: fn()| {
        tests.push(Test::new(format!("cleanup::{name}"), [Need::Netkit], run));
    };
    on_netkit("a_peer_in_another_namespace", peer_elsewhere);
    on_netkit("a_pair_that_cannot_be_made", impossible_pairs);
    on_netkit("a_pair_beside_another", pair_beside_another);
    on_netkit("the_pair_of_a_killed_run", killed_run);
    on_netkit("the_pair_of_a_living_run", living_run);
    tests
}

/// Ends a session in its way and proves that the terminal is restored.
fn end(mut tty: Tty, ending: Ending) {
    assert!(tty.is_set_up());
    match ending {
        Ending::Keys(keys) => tty.press(keys.as_bytes()),
        Ending::Signal(signal) => tty.signal(signal),
        Ending::Close => {
            tty.close().ended();
            return;
        }
    }
    let (status, said) = tty.ended();
    assert!(status.success(), "{status} after {ending:?}: {said}");
    tty.assert_restored();
}

fn leaves_the_hooks(layout: Layout, ending: Ending) {
    let lab = Lab::up(layout);
    let mut tty = Tty::start(lab.namespace(End::Near), tty::USUAL, &[NEAR]);
    tty.until_shown("Flows");
    assert_eq!(lab.program_counts(), [1, 1]);
    end(tty, ending);
    assert_eq!(lab.program_counts(), [0, 0], "after {ending:?}");
}

fn removes_its_pair(ending: Ending) {
    let namespace = Namespace::new();
    let mut tty = Tty::start(&namespace, tty::USUAL, &[]);
    tty.until_shown("nk0");
    assert!(device::exists(&namespace, "nk0") && device::exists(&namespace, "nk0p"));
    end(tty, ending);
    assert_no_pair(&namespace);
}

fn assert_no_pair(namespace: &Namespace) {
    for name in ["nk0", "nk0p"] {
        assert!(!device::exists(namespace, name), "{name} is left");
    }
}

/// Also as a stream, and also when nothing can be prepared for.
fn stream_leaves_the_hooks(layout: Layout) {
    let lab = Lab::up(layout);
    let near = lab.namespace(End::Near);
    let stream = Stream::start(near, &[NEAR]);
    assert_eq!(lab.program_counts(), [1, 1]);
    stream.end(Signal::HUP);
    assert_eq!(lab.program_counts(), [0, 0], "after SIGHUP");
    let stream = Stream::start(near, &[NEAR]);
    assert_eq!(lab.program_counts(), [1, 1]);
    stream.kill();
    if layout.hooks() == "clsact" {
        // Filters stay. The next run removes them.
        return;
    }
    // The kernel closes what a killed process had open, in its own time.
    wait::until_true("empty hooks after a kill", || {
        lab.program_counts() == [0, 0]
    });
}

/// A signal that comes while devices are attached to, one after the other.
fn while_it_attaches(signal: Signal) {
    const DEVICES: usize = 24;
    let namespace = Namespace::new();
    let names: Vec<String> = (0..DEVICES).map(|number| format!("up{number}")).collect();
    let pairs = names
        .iter()
        .enumerate()
        .map(|(number, name)| format!("link add {name} type veth peer name other{number}\n"));
    namespace.ip(&pairs.collect::<String>());
    let attached = || {
        let programs = |name: &String| {
            let hooks = [HookPoint::TcxIngress, HookPoint::TcxEgress];
            hooks
                .map(|hook| lab::programs(&namespace, name, hook).len())
                .iter()
                .sum::<usize>()
        };
        names.iter().map(programs).sum::<usize>()
    };
    let mut command = Command::new(NKVIEW);
    command.args(["stream", "--json"]).args(&names);
    let command = command.stdout(Stdio::null());
    let mut child = namespace.enter(|| command.spawn().unwrap());
    wait::until_true("the first programs are there", || attached() > 0);
    kill_process(Pid::from_child(&child), signal).unwrap();
    let status = wait::until("its end", || child.try_wait().unwrap());
    assert!(status.success(), "{status}");
    assert_eq!(attached(), 0);
}

/// A device that cannot be watched, after one that can: because it is not there,
/// or because its hook is full.
fn second_device_refuses(layout: Layout) {
    let lab = Lab::up(layout);
    let near = lab.namespace(End::Near);
    near.ip("link add full0 type veth peer name full1");
    let full = Full::new(near, "full0");
    for (second, complaint) in [
        ("none0", "no device none0"),
        ("full0", "cannot watch full0"),
    ] {
        let mut tty = Tty::start(near, tty::USUAL, &[NEAR, second]);
        let (status, said) = tty.ended();
        // The terminal breaks lines.
        let said = said.replace('\n', "");
        assert!(!status.success() && said.contains(complaint), "{said}");
        tty.assert_restored();
        assert_eq!(lab.program_counts(), [0, 0], "{second}");
        let names = [NEAR, second].map(|name| ["stream", "--json", name]);
        let said = refusal(near, &[&names[0][..], &names[1][2..]].concat());
        assert!(said.contains(complaint), "{said}");
        assert_eq!(lab.program_counts(), [0, 0], "{second}");
    }
    full.assert_unchanged(near, "full0");
}

/// What takes the room that nkview needs on a device.
enum Full {
    /// As many programs as a hook takes. The other hook has room, and must not
    /// keep what was put there.
    Programs(Vec<program::Attached>),
    /// Where filters stand instead: another queueing discipline.
    Ingress,
}

impl Full {
    const HOOK: HookPoint = HookPoint::TcxEgress;

    fn new(namespace: &Namespace, device: &str) -> Self {
        if Need::Tcx.missing().is_some() {
            filter::tc(namespace, &format!("qdisc add dev {device} ingress"));
            return Self::Ingress;
        }
        let index = lab::index(namespace, device);
        // The most that a hook takes (BPF_MPROG_MAX) is 64 with ours.
        let attach = |_| program::try_attach(namespace, index, Self::HOOK, NEXT).ok();
        Self::Programs((0..64).map_while(attach).collect())
    }

    fn assert_unchanged(&self, namespace: &Namespace, device: &str) {
        match self {
            Self::Programs(programs) => {
                let left = lab::programs(namespace, device, Self::HOOK);
                assert_eq!(left.len(), programs.len());
                let other = lab::programs(namespace, device, HookPoint::TcxIngress);
                assert!(other.is_empty(), "{other:?}");
            }
            Self::Ingress => assert_eq!(filter::qdiscs(namespace, device), ["ingress"]),
        }
    }
}

fn peer_elsewhere() {
    let here = Namespace::new();
    let there = Namespace::new();
    let arguments = [
        "--create",
        "my0",
        "--mode",
        "l2",
        "--peer-netns",
        there.name(),
    ];
    let stream = Stream::start(&here, &arguments);
    assert!(device::exists(&here, "my0") && device::exists(&there, "my0p"));
    stream.end(Signal::TERM);
    assert!(!device::exists(&here, "my0") && !device::exists(&there, "my0p"));
}

/// One that is asked for is made also where there is one.
fn pair_beside_another() {
    let namespace = Namespace::new();
    namespace.ip("link add web0 type netkit peer name web1");
    let stream = Stream::start(&namespace, &["--create", "my0"]);
    assert!(device::exists(&namespace, "my0"));
    let report = stream.end(Signal::TERM);
    // Both are watched: they have totals.
    report.totals("web0");
    report.totals("my0");
    assert!(device::exists(&namespace, "web0") && !device::exists(&namespace, "my0"));
}

/// Nothing is made, changed or removed then.
fn impossible_pairs() {
    let namespace = Namespace::new();
    let stream = ["stream", "--json"];
    let refused = |arguments: &[&str], complaint: &str| {
        let said = refusal(&namespace, &[&stream, arguments].concat());
        assert!(said.contains(complaint), "{arguments:?}: {said}");
    };
    let long = "a-name-as-long1";
    refused(&["--peer-netns", "nkview-none"], "nkview-none");
    refused(&["--peer-netns", "../etc"], "no slash");
    refused(&["--create", long], "too long");
    refused(&["--create", "a/b"], "cannot be the name of a device");
    refused(&["--create", "my0", "lo"], "cannot be used with");
    assert_no_pair(&namespace);
    namespace.ip("link add nk0 type veth peer name other0");
    refused(&[], "there is a device nk0 that is not nkview's");
    assert!(device::exists(&namespace, "nk0"));
    // The peer's name is taken: neither end is made.
    namespace.ip("link set other0 name otherp");
    refused(&["--create", "other"], "there is a device otherp");
    assert!(!device::exists(&namespace, "other"));
    assert!(device::exists(&namespace, "otherp"));
}

/// What a killed run has left is removed by the next: that and nothing else.
fn killed_run() {
    let namespace = Namespace::new();
    Stream::start(&namespace, &[]).kill();
    assert!(
        device::exists(&namespace, "nk0"),
        "a killed run removes nothing"
    );
    let (alias, group) = mark(&namespace, "nk0");
    assert!(alias.starts_with("nkview "), "{alias}");

    // Its mark is two things. Who has only one is not nkview's.
    for (pair, alias, group) in [
        ("web0 type netkit peer name web1", alias.as_str(), "default"),
        (
            "web2 type netkit peer name web3",
            "the web's",
            group.as_str(),
        ),
    ] {
        let name = &pair[..4];
        namespace.ip(&format!(
            "link add {pair}\nlink set {name} alias \"{alias}\"\nlink set {name} group {group}\n"
        ));
    }
    let mut stream = Stream::start(&namespace, &[]);
    stream.wait_for("a word about it", |line| {
        let text = line["text"].as_str().unwrap_or_default();
        text.contains("removed the pair nk0")
    });
    // There are pairs to watch: none is made.
    assert_no_pair(&namespace);
    let report = stream.end(Signal::TERM);
    // Both are watched: they have totals.
    report.totals("web0");
    report.totals("web2");
    for name in ["web0", "web1", "web2", "web3"] {
        assert!(device::exists(&namespace, name), "{name} is gone");
    }
}

/// A second nkview watches the pair of the first, and leaves it alone.
fn living_run() {
    let namespace = Namespace::new();
    let first = Stream::start(&namespace, &[]);
    let second = Stream::start(&namespace, &[]);
    let report = second.end(Signal::TERM);
    let start = report.of_type("start").next().unwrap().to_string();
    assert!(start.contains("nk0"), "{start}");
    assert!(
        device::exists(&namespace, "nk0"),
        "the second has removed it"
    );
    first.end(Signal::TERM);
    assert_no_pair(&namespace);
}

/// A device's alias and group.
fn mark(namespace: &Namespace, name: &str) -> (String, String) {
    let devices = namespace.show("link");
    let device = devices.iter().find(|device| device["ifname"] == name);
    let device = device.unwrap_or_else(|| panic!("no {name}: {devices:?}"));
    let text = |what: &str| device[what].as_str().unwrap_or_default().to_owned();
    (text("ifalias"), text("group"))
}
