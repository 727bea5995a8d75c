//! What hooks refuse, with which error, and what nkview makes of it.

use std::fs::{self, DirEntry};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::libc;
use nkview::sys::{self, HookPoint};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, Signal, pidfd_getfd, pidfd_open};

use crate::Test;
use crate::lab::{self, End, Kind, Lab, Layout, NEAR};
use crate::namespace::Namespace;
use crate::need::Need;
use crate::program::{self, NEXT};
use crate::stream::{Stream, refusal};

const VETH: Layout = Layout::apart(Kind::Veth);
const NETKIT: Layout = Layout::apart(Kind::NetkitL3);
/// Whatever the revision of the chain is.
const ANY: u64 = 0;
/// The most programs on a hook (`BPF_MPROG_MAX`).
const MOST: usize = 64;

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for layout in [VETH, NETKIT] {
        let mut add = |name: &str, run: fn(Layout)| {
            let name = format!("hooks::{name}::{layout}");
            tests.push(Test::new(name, [layout.chained()], move || run(layout)));
        };
        add("a_chain_that_has_changed", stale);
        add("a_program_that_is_there", twice);
        add("a_full_hook", full);
        add("a_link_that_somebody_holds", held);
    }
    tests.push(Test::new("hooks::no_netkit_device", [Need::Netkit], others));
    tests.push(Test::new(
        "hooks::neither_kind_in_the_kernel",
        [Need::NoNetkit, Need::NoTcx],
        none,
    ));
    tests
}

fn attach(
    namespace: &Namespace,
    device: u32,
    hook: HookPoint,
    revision: u64,
) -> Result<OwnedFd, Option<i32>> {
    let program = program::load(NEXT);
    let attach = || sys::attach_at_head(program.as_fd(), device, hook, revision);
    namespace
        .enter(attach)
        .map_err(|error| error.raw_os_error())
}

/// A program is attached to the chain as it was looked at, or not at all.
fn stale(layout: Layout) {
    let lab = Lab::up(layout);
    let (near, index) = (lab.namespace(End::Near), lab.index(End::Near));
    let hook = lab.hook(End::Near);
    let _first = attach(near, index, hook, ANY).unwrap();
    let seen = near.enter(|| sys::chain(index, hook)).unwrap().revision;
    let _second = attach(near, index, hook, seen).unwrap();
    assert_eq!(
        attach(near, index, hook, seen).err(),
        Some(Some(libc::ESTALE))
    );
    assert_eq!(lab.programs(hook).len(), 2);
}

/// The same program is on a hook once; a copy of it is another program.
fn twice(layout: Layout) {
    let lab = Lab::up(layout);
    let (near, index) = (lab.namespace(End::Near), lab.index(End::Near));
    let hook = lab.hook(End::Near);
    let program = program::load(NEXT);
    let attach = || near.enter(|| sys::attach_at_head(program.as_fd(), index, hook, ANY));
    let _link = attach().unwrap();
    let error = attach().err().and_then(|error| error.raw_os_error());
    assert_eq!(error, Some(libc::EEXIST));
}

/// It is said of which hook, and the other gives back what it has got.
fn full(layout: Layout) {
    let lab = Lab::up(layout);
    let (near, index) = (lab.namespace(End::Near), lab.index(End::Near));
    for hook in lab.hooks() {
        let attach = |_| attach(near, index, hook, ANY);
        let programs: Vec<OwnedFd> = (0..MOST).map_while(|number| attach(number).ok()).collect();
        assert_eq!(attach(0).err(), Some(Some(libc::ERANGE)), "{hook}");
        let before = lab.program_counts();
        let said = refusal(near, &["stream", "--json", NEAR]);
        assert!(said.contains(&format!("cannot watch {NEAR}")), "{said}");
        assert!(said.contains(&format!("cannot attach to {hook}")), "{said}");
        assert!(said.contains("as many programs as it can hold"), "{said}");
        assert_eq!(lab.program_counts(), before, "{hook}");
        drop(programs);
    }
}

/// A program leaves with whoever put it there, whoever else holds its link.
fn held(layout: Layout) {
    let lab = Lab::up(layout);
    let hook = lab.hook(End::Near);
    let other = program::attach(lab.namespace(End::Near), lab.index(End::Near), hook, NEXT);
    let _held = other.link().try_clone().unwrap();
    drop(other);
    assert!(lab.programs(hook).is_empty());

    let stream = Stream::start(lab.namespace(End::Near), &[NEAR]);
    assert_eq!(lab.program_counts(), [1, 1]);
    let held = links_of(stream.pid());
    assert_eq!(held.len(), 2);
    stream.end(Signal::INT);
    assert_eq!(lab.program_counts(), [0, 0]);
}

/// The links that a process holds, held here, too.
fn links_of(pid: Pid) -> Vec<OwnedFd> {
    let process = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    let folder = format!("/proc/{}/fdinfo", pid.as_raw_nonzero());
    let is_link = |entry: &DirEntry| {
        // One that has just been closed is none.
        fs::read_to_string(entry.path()).is_ok_and(|info| info.contains("link_id:"))
    };
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let numbers = entries
        .filter(is_link)
        .map(|entry| entry.file_name().to_str().unwrap().parse().unwrap());
    numbers
        .map(|number| pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).unwrap())
        .collect()
}

/// Netkit's hooks are those of a primary, by its index.
fn others() {
    let lab = Lab::up(NETKIT);
    let near = lab.namespace(End::Near);
    near.ip("link add other0 type veth peer name other1");
    let other = lab::index(near, "other0");
    for hook in lab.hooks() {
        let refused = |namespace, index| attach(namespace, index, hook, ANY).err();
        let peer = refused(lab.namespace(End::Far), lab.index(End::Far));
        assert_eq!(peer, Some(Some(libc::EACCES)), "{hook}: a peer");
        assert_eq!(
            refused(near, other),
            Some(Some(libc::ENXIO)),
            "{hook}: veth"
        );
        assert_eq!(
            refused(near, 7777),
            Some(Some(libc::ENODEV)),
            "{hook}: none"
        );
    }
    assert_eq!(lab.program_counts(), [0, 0]);
}

/// A kernel without these hooks understands neither request nor question.
fn none() {
    let namespace = Namespace::new();
    for hook in [
        HookPoint::NetkitPrimary,
        HookPoint::NetkitPeer,
        HookPoint::TcxIngress,
        HookPoint::TcxEgress,
    ] {
        assert_eq!(
            attach(&namespace, 1, hook, ANY).err(),
            Some(Some(libc::EINVAL))
        );
        let asked: io::Result<_> = namespace.enter(|| sys::chain(1, hook));
        let error = asked.err().and_then(|error| error.raw_os_error());
        assert_eq!(error, Some(libc::EINVAL), "{hook}");
    }
}
