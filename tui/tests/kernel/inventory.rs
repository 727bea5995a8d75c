//! What there is to know of a device and of the container that it leads to.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::lab::{End, FAR, Kind, Lab, Layout, NEAR};
use crate::need::Need;
use crate::program::{self, PASS};
use crate::stream::{self, Stream};
use crate::{Test, wait};

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for layout in Layout::ALL {
        let mut add = |name: &str, needs: Vec<Need>, run: fn(Layout)| {
            let name = format!("inventory::{name}::{layout}");
            tests.push(Test::new(name, needs, move || run(layout)));
        };
        let chained = vec![layout.chained()];
        add(
            "both_ends_and_where_the_far_one_is",
            layout.needs(),
            both_ends,
        );
        add("programs_in_their_order", chained, programs);
    }
    for layout in Layout::APART {
        let name = format!("inventory::the_container_behind_it::{layout}");
        tests.push(Test::new(name, layout.needs(), move || container(layout)));
    }
    tests.push(Test::new(
        "inventory::what_may_not_be_known_is_said",
        [],
        not_allowed,
    ));
    tests.push(Test::new(
        "inventory::a_filter_without_a_match_is_said",
        [Need::FullSpeed],
        no_match,
    ));
    tests
}

/// The device of the near end, as `nkview devices` tells it.
fn near(lab: &Lab) -> Value {
    near_as(lab, |_| {})
}

fn near_as(lab: &Lab, change: impl FnOnce(&mut Command) + Send) -> Value {
    let mut command = Command::new(stream::NKVIEW);
    change(&mut command);
    command.args(["devices", "--json"]);
    let output = lab.namespace(End::Near).enter(|| command.output().unwrap());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut devices = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let near = devices.find(|device: &Value| device["name"] == NEAR);
    near.unwrap_or_else(|| panic!("no {NEAR} in\n{text}"))
}

fn both_ends(layout: Layout) {
    let lab = Lab::up(layout);
    // Ends say something of their own accord now and then.
    let received = || End::BOTH.map(|end| lab.counters(end).received.packets);
    let before = received();
    let near = near(&lab);
    let after = received();
    for (place, counters) in [&near["counters"], &near["peer"]["counters"]]
        .into_iter()
        .enumerate()
    {
        let told = counters["rx"]["packets"].as_u64().unwrap();
        let range = before[place]..=after[place];
        assert!(range.contains(&told), "{told} is not in {range:?}");
    }
    let is_netkit = layout.kind != Kind::Veth;
    assert_eq!(near["kind"], if is_netkit { "netkit" } else { "veth" });
    assert_eq!(near["up"], true);
    assert_eq!(near["netkit"].is_object(), is_netkit);
    let peer = &near["peer"];
    assert_eq!(peer["name"], FAR);
    assert_eq!(peer["index"], lab.index(End::Far));
    assert_eq!(peer["up"], true);
    assert_eq!(peer["mtu"], 1500);
    let is_here = lab.namespace(End::Far).name() == lab.namespace(End::Near).name();
    if is_here {
        assert_eq!(peer.get("namespace"), None);
    } else {
        assert_eq!(peer["namespace"]["name"], lab.namespace(End::Far).name());
        assert_eq!(peer["namespace"].get("unknown"), None);
    }
    assert_eq!(lab.program_counts(), [0, 0], "looking attaches nothing");
}

/// The chain, also while nkview is at its head.
fn programs(layout: Layout) {
    let lab = Lab::up(layout);
    let hook = lab.hook(End::Near);
    let index = lab.index(End::Near);
    let _guard = program::attach(lab.namespace(End::Near), index, hook, PASS);
    let told = |near: &Value| -> Vec<(u64, String)> {
        let hooks = near["hooks"].as_array().unwrap().iter();
        let mut hooks = hooks.filter(|it| it["hook"] == hook.name() && it["of_peer"] == false);
        let programs = hooks.next().map_or(&Value::Null, |hook| &hook["programs"]);
        let programs = programs.as_array().into_iter().flatten();
        programs
            .map(|it| {
                assert!(it["link"].is_u64(), "{it}");
                assert_eq!(it["tag"].as_str().map(str::len), Some(16), "{it}");
                let name = it["name"].as_str().unwrap();
                (it["id"].as_u64().unwrap(), name.to_owned())
            })
            .collect()
    };
    let guard = u64::from(lab.programs(hook)[0]);
    assert_eq!(told(&near(&lab)), [(guard, "constant".to_owned())]);
    let stream = Stream::start(lab.namespace(End::Near), &[NEAR]);
    let chain = told(&near(&lab));
    assert_eq!(chain.len(), 2);
    assert_eq!(chain[0].1, "nkview");
    assert_eq!(chain[1].0, guard);
    stream.end(Signal::INT);
}

/// A process with a host name of its own, in the cgroup of a container.
struct Process {
    child: Child,
    id: String,
    cgroup: PathBuf,
    mount: TempDir,
}

impl Process {
    fn start(lab: &Lab, host_name: &str) -> Self {
        let script = format!("hostname {host_name} && exec sleep 600");
        let mut command = Command::new("unshare");
        command.args(["--uts", "sh", "-c", &script]);
        let child = lab
            .namespace(End::Far)
            .enter(|| command.stdin(Stdio::null()).spawn().unwrap());
        let id = format!("{:064x}", child.id());
        let mount = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "cgroup2", "none"])
            .arg(mount.path())
            .status();
        assert!(mounted.unwrap().success(), "mount of cgroup2");
        let cgroup = mount.path().join(format!("docker-{id}.scope"));
        fs::create_dir(&cgroup).unwrap();
        fs::write(cgroup.join("cgroup.procs"), child.id().to_string()).unwrap();
        Self {
            child,
            id,
            cgroup,
            mount,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Its cgroup can go when it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir(&self.cgroup);
        let _ = Command::new("umount").arg(self.mount.path()).status();
    }
}

fn container(layout: Layout) {
    let lab = Lab::up(layout);
    let process = Process::start(&lab, "web-7d9f");
    let namespace = wait::until("the container has its name", || {
        let namespace = near(&lab)["peer"]["namespace"].clone();
        (namespace["container"]["host_name"] == "web-7d9f").then_some(namespace)
    });
    assert_eq!(namespace["pid"], process.child.id());
    assert_eq!(namespace["container"]["id"], process.id);
    assert_eq!(namespace["container"]["runtime"], "docker");
}

/// Without capabilities the devices are listed all the same.
fn not_allowed() {
    let lab = Lab::up(Layout::apart(Kind::Veth));
    let near = near_as(&lab, |command| {
        let nkview = std::mem::replace(command, Command::new("setpriv"));
        command.args(["--bounding-set", "-all", "--inh-caps", "-all"]);
        command.arg(nkview.get_program());
    });
    assert_eq!(near["kind"], "veth");
    assert_eq!(near["peer"]["index"], lab.index(End::Far));
    assert_eq!(near.get("hooks"), None);
    let unknown = near["hooks_unknown"].as_str().unwrap();
    assert!(unknown.contains("CAP_NET_ADMIN"), "{unknown}");
    let unknown = near["peer"]["namespace"]["unknown"].as_str().unwrap();
    assert!(unknown.contains("CAP_SYS_ADMIN"), "{unknown}");
}

/// A table of titles alone would look like a mistake.
fn no_match() {
    for format in [&[][..], &["--json"]] {
        let mut command = Command::new(stream::NKVIEW);
        command.args(["devices", "--filter", "dev nosuch0"]);
        let output = command.args(format).output().unwrap();
        assert!(
            output.status.success() && output.stdout.is_empty(),
            "{output:?}"
        );
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, "nkview: no device matches \"dev nosuch0\"\n");
    }
}
