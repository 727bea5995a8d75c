//! A rule ends: by the time, by any end of nkview, by anybody, with its device.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nkview::filter::parse_rule;
use nkview::model::{Command, Envelope, Event, Request, RequestId};
use nkview::probe::live;
use rustix::process::Signal;
use tokio::sync::mpsc::{Receiver, Sender};

use super::blocking::Blocking;
use crate::lab::{End, Family, Kind, Lab, Layout, NEAR};
use crate::need::Need;
use crate::stream::run;
use crate::{Test, traffic, wait};

pub(super) const WATCHED: [Layout; 2] = [Layout::apart(Kind::Veth), Layout::apart(Kind::NetkitL3)];

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for layout in WATCHED {
        for (name, run) in [
            ("with_its_time", time as fn(Layout)),
            ("while_nkview_is_stopped", stopped),
            ("when_nkview_is_killed", killed),
            ("when_nkview_aborts", aborted),
            ("when_nkview_panics", panicked),
            ("when_anybody_lifts_it", lifted),
            ("with_its_device", device_removed),
        ] {
            let name = format!("block::ends::{name}::{layout}");
            tests.push(Test::new(name, layout.needs(), move || run(layout)));
        }
    }
    for policy in ["near", "far"] {
        let name = format!("block::opens_no_closed_hook::{policy}");
        tests.push(Test::new(name, [Need::Netkit], move || closed(policy)));
    }
    tests
}

/// Datagrams that a rule matches.
pub(super) struct Probe {
    sender: UdpSocket,
    receiver: UdpSocket,
    to: std::net::SocketAddr,
}

impl Probe {
    pub(super) fn new(lab: &Lab) -> Self {
        traffic::ping(lab, End::Near, Family::V4, 1);
        let address = lab.address(End::Far, End::Far, Family::V4, 7000);
        let receiver = lab
            .namespace(End::Far)
            .enter(|| UdpSocket::bind(address).unwrap());
        receiver.set_nonblocking(true).unwrap();
        Self {
            sender: traffic::udp(lab, End::Near, Family::V4),
            to: traffic::towards(lab, End::Far, &receiver),
            receiver,
        }
    }

    pub(super) fn send(&self) {
        // A drop is an error for some kernels.
        let _ = self.sender.send_to(b"?", self.to);
    }

    fn has_arrived(&self) -> bool {
        traffic::uninterrupted(|| self.receiver.recv_from(&mut [0; 8])).is_ok()
    }

    /// Sends until one arrives.
    fn until_through(&self, what: &str) {
        wait::until_true(what, || {
            self.send();
            self.has_arrived()
        });
    }

    /// Nothing gets through: of what is sent the kernel drops each.
    fn assert_blocked(&self, blocking: &Blocking) {
        let sum = || -> u64 { blocking.dropped().iter().map(|it| it.packets).sum() };
        let before = sum();
        for _ in 0..10 {
            self.send();
        }
        assert_eq!(sum() - before, 10);
        assert!(!self.has_arrived());
    }
}

fn start(lab: &Lab, time: &str) -> Blocking {
    let rule = format!("{NEAR}: 10.9.0.2 udp port 7000");
    Blocking::start(lab.namespace(End::Near), &rule, time)
}

fn assert_gone(lab: &Lab) {
    wait::until_true("empty hooks", || lab.program_counts() == [0, 0]);
}

fn time(layout: Layout) {
    let lab = Lab::up(layout);
    let probe = Probe::new(&lab);
    let blocking = start(&lab, "5s");
    probe.until_through("the time is over");
    let (status, _, said) = blocking.ended();
    assert!(status.success(), "{said:?}");
    assert!(
        said.iter().any(|line| line.contains("Block expired")),
        "{said:?}"
    );
    assert_eq!(lab.program_counts(), [0, 0]);
}

/// The kernel's clock judges: nothing of nkview runs meanwhile.
fn stopped(layout: Layout) {
    let lab = Lab::up(layout);
    let probe = Probe::new(&lab);
    let blocking = start(&lab, "10s");
    blocking.signal(Signal::STOP);
    probe.until_through("the time is over");
    blocking.signal(Signal::CONT);
    let (status, _, said) = blocking.ended();
    assert!(status.success(), "{said:?}");
    assert_eq!(lab.program_counts(), [0, 0]);
}

fn killed(layout: Layout) {
    ends_by(layout, Signal::KILL);
}

/// As a crash that nothing can catch.
fn aborted(layout: Layout) {
    ends_by(layout, Signal::ABORT);
}

fn ends_by(layout: Layout, signal: Signal) {
    let lab = Lab::up(layout);
    let probe = Probe::new(&lab);
    let blocking = start(&lab, "30m");
    if layout.hooks() != "clsact" {
        probe.assert_blocked(&blocking);
    }
    blocking.end_by(signal);
    probe.until_through("nothing is dropped after a kill");
    // Filters stay, and drop nothing; the next run removes them.
    if layout.hooks() == "clsact" {
        let output = run(
            lab.namespace(End::Near),
            &["stream", "--duration", "0.1", NEAR],
        );
        assert!(output.status.success());
    }
    assert_gone(&lab);
}

/// Whatever panics takes the source with it, which ends its rules: a screen in the middle
/// of drawing, say.
fn panicked(layout: Layout) {
    const PANIC: &str = "on purpose, to see a rule end";
    let lab = Lab::up(layout);
    let probe = Probe::new(&lab);
    let outcome = lab.namespace(End::Near).enter(|| {
        let runtime = super::traffic::runtime();
        let watched = std::panic::AssertUnwindSafe(|| {
            runtime.block_on(async {
                let source = live::start(super::traffic::options()).await.unwrap();
                let (mut events, requests) = (source.events, source.requests);
                begin(&mut events, &requests, "10.9.0.2 udp port 7000").await;
                tokio::task::block_in_place(|| (0..5).for_each(|_| probe.send()));
                while blocked(&mut events).await < 5 {}
                panic!("{PANIC}");
            })
        });
        let outcome: Result<(), _> = std::panic::catch_unwind(watched);
        drop(runtime);
        outcome
    });
    let panic = outcome.unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().unwrap(), PANIC);
    probe.until_through("nothing is dropped after a panic");
    assert_gone(&lab);
}

/// Begins to drop what a rule matches.
async fn begin(events: &mut Receiver<Envelope>, requests: &Sender<Request>, rule: &str) {
    let command = Command::Block {
        rule: Box::new(parse_rule(rule).unwrap()),
        time: Duration::from_secs(3600),
    };
    let id = RequestId(7);
    requests.send(Request { id, command }).await.unwrap();
    loop {
        match events.recv().await.unwrap().event {
            Event::Reply(reply) => return reply.result.unwrap(),
            Event::Ended(reason) => panic!("{reason}"),
            _ => {}
        }
    }
}

/// What the rule has dropped when that is reported next.
async fn blocked(events: &mut Receiver<Envelope>) -> u64 {
    loop {
        match events.recv().await.unwrap().event {
            Event::Blocks(blocks) => {
                return blocks[0].dropped.iter().map(|it| it.packets).sum();
            }
            Event::Ended(reason) => panic!("{reason}"),
            _ => {}
        }
    }
}

fn lifted(layout: Layout) {
    let lab = Lab::up(layout);
    let near = lab.namespace(End::Near);
    let probe = Probe::new(&lab);
    let blocking = start(&lab, "30m");
    probe.assert_blocked(&blocking);
    let found = blocking.found().unwrap();
    assert_eq!(found.rule, format!("{NEAR}: 10.9.0.2 udp port 7000"));
    assert_eq!(found.hooks, 2);
    let list = run(near, &["block", "--list"]);
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.contains(&found.rule), "{list}");
    let lifted = run(near, &["block", "--lift", &found.number.to_string()]);
    assert!(lifted.status.success());
    probe.send();
    probe.until_through("at once");
    let (status, _, said) = blocking.ended();
    assert!(status.success(), "{said:?}");
    assert!(
        said.iter()
            .any(|line| line.contains("lifted by another process")),
        "{said:?}"
    );
    assert_gone(&lab);
    let again = run(near, &["block", "--lift", &found.number.to_string()]);
    assert!(!again.status.success());
}

fn device_removed(layout: Layout) {
    let lab = Lab::up(layout);
    let probe = Probe::new(&lab);
    let blocking = start(&lab, "30m");
    probe.assert_blocked(&blocking);
    lab.namespace(End::Near).ip(&format!("link delete {NEAR}"));
    // Another device of that name would be another container's.
    let (status, dropped, said) = blocking.ended();
    assert!(status.success(), "{said:?}");
    let text = "Block ended with its device";
    assert!(said.iter().any(|line| line.contains(text)), "{said:?}");
    assert_eq!(dropped, Some(10));
}

/// A hook whose policy drops everything stays closed: while a rule comes, is there,
/// and goes with a nkview that is killed.
fn closed(end: &str) {
    let (near, far) = match end {
        "near" => ("blackhole", ""),
        _ => ("", "blackhole"),
    };
    let lab = Lab::with_policies(Layout::apart(Kind::NetkitL3), near, far);
    lab.bring_up();
    let from = if end == "near" { End::Near } else { End::Far };
    assert!(!traffic::passes(&lab, from));
    let is_over = AtomicBool::new(false);
    let opened = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut tried = 0_u64;
            while !is_over.load(Ordering::Relaxed) {
                if traffic::passes(&lab, from) {
                    return Err(tried);
                }
                tried += 1;
            }
            Ok(tried)
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..2 {
                start(&lab, "30m").end_by(Signal::KILL);
                assert_gone(&lab);
            }
            let blocking = start(&lab, "30m");
            blocking.signal(Signal::INT);
            let (status, _, said) = blocking.ended();
            assert!(status.success(), "{said:?}");
        }));
        is_over.store(true, Ordering::Relaxed);
        let opened = watcher.join();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        opened.unwrap()
    });
    assert!(matches!(opened, Ok(tried) if tried > 0), "{opened:?}");
}
