//! Rules on real devices: what is dropped, what is not, and what is counted.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{process, thread};

use nkview::model::{BlockRule, Command, Event, LocalEnd, Request, RequestId};
use nkview::probe::Sizes;
use nkview::probe::live::{self, Events, Options};
use probe_common::Direction;
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use rustix::process::Signal;
use tokio::runtime::{Builder, Runtime};

use super::blocking::Blocking;
use crate::lab::{End, Family, Kind, Lab, Layout, NEAR};
use crate::need::Need;
use crate::program::{self, DROP};
use crate::stream::{NKVIEW, refusal, run};
use crate::{Test, traffic, wait};

/// Datagrams of a kind, each time.
const PACKETS: u64 = 20;

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for layout in Layout::APART {
        let chained = Some(layout.chained());
        for (name, needs, run) in [
            ("drops_what_the_rule_says", None, drops as fn(Layout)),
            (
                "leaves_the_rest_to_the_programs_behind",
                chained,
                guard_behind,
            ),
            ("changes_under_load", chained, changes_under_load),
            ("is_counted_as_blocked", None, is_counted),
        ] {
            let needs: Vec<Need> = layout.needs().into_iter().chain(needs).collect();
            let name = format!("block::{name}::{layout}");
            tests.push(Test::new(name, needs, move || run(layout)));
        }
    }
    tests.push(Test::new("block::refuses", [], refuses));
    tests
}

/// Where datagrams go that are dropped, and where others do, of one family.
struct Pairs {
    sender: UdpSocket,
    blocked: UdpSocket,
    open: UdpSocket,
    to_blocked: SocketAddr,
    to_open: SocketAddr,
}

impl Pairs {
    fn new(lab: &Lab, from: End, family: Family, port: u16) -> Self {
        let to = from.other();
        let bind = |port| {
            let address = lab.address(to, to, family, port);
            let socket = lab
                .namespace(to)
                .enter(|| UdpSocket::bind(address).unwrap());
            socket.set_read_timeout(Some(wait::PATIENCE)).unwrap();
            socket
        };
        let (blocked, open) = (bind(port), bind(port + 1));
        Self {
            sender: traffic::udp(lab, from, family),
            to_blocked: traffic::towards(lab, to, &blocked),
            to_open: traffic::towards(lab, to, &open),
            blocked,
            open,
        }
    }

    /// Sends some of each. The others always arrive, and these unless they are dropped.
    fn send(&self, is_dropped: bool) {
        for _ in 0..PACKETS {
            // A drop is an error for some kernels.
            let _ = self.sender.send_to(b"blocked", self.to_blocked);
        }
        for _ in 0..PACKETS {
            self.sender.send_to(b"open", self.to_open).unwrap();
        }
        let mut buffer = [0; 16];
        for _ in 0..PACKETS {
            traffic::uninterrupted(|| self.open.recv_from(&mut buffer)).unwrap();
        }
        if is_dropped {
            self.blocked.set_nonblocking(true).unwrap();
            let arrived = traffic::uninterrupted(|| self.blocked.recv_from(&mut buffer));
            assert!(arrived.is_err(), "one that is to be dropped has arrived");
        } else {
            // They may come a moment later, if another CPU has received them.
            for _ in 0..PACKETS {
                traffic::uninterrupted(|| self.blocked.recv_from(&mut buffer)).unwrap();
            }
        }
    }
}

/// The neighbors are known, so that a datagram is not sent later.
fn acquaint(lab: &Lab) {
    for family in [Family::V4, Family::V6] {
        traffic::ping(lab, End::Near, family, 1);
        traffic::ping(lab, End::Far, family, 1);
    }
}

fn both(lab: &Lab, end: End) -> String {
    let [v4, v6]: [IpAddr; 2] = [Family::V4, Family::V6].map(|family| lab.ip(end, family));
    format!("{v4}, {v6}")
}

/// Rules of each kind, on both directions and both versions of IP, to the packet.
fn drops(layout: Layout) {
    let lab = Lab::up(layout);
    acquaint(&lab);
    let near = lab.namespace(End::Near);
    let far_ends = both(&lab, End::Far);
    let rules: [(String, [bool; 2]); 5] = [
        ("udp dst port 7000".to_owned(), [true, true]),
        (
            format!("host {far_ends} dst portrange 7000-7000 in"),
            [true, false],
        ),
        (format!("src {far_ends} udp port 6999, 7000"), {
            let sent_by_far = if lab.direction(End::Far) == "in" {
                0
            } else {
                1
            };
            [sent_by_far == 0, sent_by_far == 1]
        }),
        (
            "10.9.0.0/24, fd09::/64 proto udp, sctp and port 7000 and out".to_owned(),
            [false, true],
        ),
        (
            "local port 7000 net 10.8.0.0/15, fd09::/16".to_owned(),
            [true, false],
        ),
    ];
    for (rule, directions) in rules {
        let blocking = Blocking::start(near, &format!("{NEAR}: {rule}"), "30m");
        let mut expected = [0; 2];
        for from in End::BOTH {
            let side = usize::from(lab.direction(from) == "out");
            for family in [Family::V4, Family::V6] {
                let pairs = Pairs::new(&lab, from, family, 7000);
                let is_dropped = directions[side];
                pairs.send(is_dropped);
                expected[side] += u64::from(is_dropped) * PACKETS;
            }
        }
        let dropped = blocking.dropped().map(|it| it.packets);
        assert_eq!(dropped, expected, "{rule}");
        blocking.signal(Signal::INT);
        let (status, _, said) = blocking.ended();
        assert!(status.success(), "{said:?}");
        assert_eq!(lab.program_counts(), [0, 0], "{rule}");
    }
    let pairs = Pairs::new(&lab, End::Near, Family::V4, 7000);
    // Nothing is left.
    pairs.send(false);
}

/// A program that was there before still judges what the rule does not match.
fn guard_behind(layout: Layout) {
    let lab = Lab::up(layout);
    acquaint(&lab);
    let near = lab.namespace(End::Near);
    let blocking = Blocking::start(near, &format!("{NEAR}: udp port 7000"), "30m");
    let guard = program::load(DROP);
    let passes = || traffic::passes(&lab, End::Near);
    assert!(passes());
    let hook = lab.hook(End::Near);
    let attached = near.enter(|| {
        let index = lab.index(End::Near);
        program::attach_at_tail(&guard, index, hook)
    });
    assert_eq!(lab.programs(hook).len(), 3);
    wait::until_true("the program behind drops the rest", || !passes());
    let before = blocking.dropped();
    let pairs = Pairs::new(&lab, End::Near, Family::V4, 7000);
    let _ = pairs.sender.send_to(b"blocked", pairs.to_blocked);
    let sum = |dropped: [nkview::model::Dropped; 2]| dropped[0].packets + dropped[1].packets;
    assert_eq!(sum(blocking.dropped()), sum(before) + 1);
    drop(attached);
    wait::until_true("the rest passes again", passes);
    pairs.send(true);
}

/// While one rule takes the place of another, no packet that both match gets through;
/// and each that was sent has arrived or was dropped by one of them.
fn changes_under_load(layout: Layout) {
    const PAUSE: Duration = Duration::from_millis(5);
    const ROOM: usize = 32 << 20;
    let lab = Lab::up(layout);
    acquaint(&lab);
    let near = lab.namespace(End::Near);
    let pairs = Pairs::new(&lab, End::Near, Family::V4, 7000);
    set_socket_recv_buffer_size_force(&pairs.blocked, ROOM).unwrap();
    let next = AtomicU64::new(0);
    let is_over = AtomicBool::new(false);
    let (window, dropped) = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let number = next.load(Ordering::Relaxed);
                let _ = pairs
                    .sender
                    .send_to(&number.to_be_bytes(), pairs.to_blocked);
                next.store(number + 1, Ordering::Relaxed);
                thread::sleep(PAUSE);
            }
        });
        // Whatever goes wrong: the thread ends.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let first = Blocking::start(near, &format!("{NEAR}: udp port 7000"), "30m");
            // The one that is just being sent may have passed.
            let start = next.load(Ordering::Relaxed) + 1;
            let rule = format!("{NEAR}: host {} udp", lab.ip(End::Far, Family::V4));
            let second = Blocking::start(near, &rule, "30m");
            let number = first.found().unwrap().number.to_string();
            assert!(run(near, &["block", "--lift", &number]).status.success());
            let (status, by_first, said) = first.ended();
            assert!(status.success(), "{said:?}");
            let more = next.load(Ordering::Relaxed) + 20;
            wait::until_true("more are sent", || next.load(Ordering::Relaxed) > more);
            let end = next.load(Ordering::Relaxed);
            let number = second.found().unwrap().number.to_string();
            assert!(run(near, &["block", "--lift", &number]).status.success());
            let (status, by_second, said) = second.ended();
            assert!(status.success(), "{said:?}");
            let more = next.load(Ordering::Relaxed) + 20;
            wait::until_true("more are sent", || next.load(Ordering::Relaxed) > more);
            (start..end, by_first.unwrap() + by_second.unwrap())
        }));
        is_over.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let sent = next.load(Ordering::Relaxed);
    let mut arrived = HashSet::new();
    let mut buffer = [0; 8];
    while arrived.len() as u64 + dropped < sent {
        traffic::uninterrupted(|| pairs.blocked.recv_from(&mut buffer)).unwrap();
        assert!(arrived.insert(u64::from_be_bytes(buffer)));
    }
    pairs.blocked.set_nonblocking(true).unwrap();
    assert!(
        traffic::uninterrupted(|| pairs.blocked.recv_from(&mut buffer)).is_err(),
        "too many"
    );
    let through: Vec<_> = arrived.iter().filter(|it| window.contains(it)).collect();
    assert!(through.is_empty(), "{through:?} of {window:?}");
    assert!(
        arrived.contains(&(sent - 1)),
        "nothing is dropped at the end"
    );
}

/// What a rule drops has been seen, is reported as blocked, and is not taken for
/// dropped behind the hook.
fn is_counted(layout: Layout) {
    let lab = Lab::up(layout);
    acquaint(&lab);
    let sums = lab
        .namespace(End::Near)
        .enter(|| runtime().block_on(count(&lab)));
    let [inward, outward] = sums;
    assert_eq!([inward.blocked, outward.blocked], [PACKETS; 2]);
    for side in sums {
        assert!(side.seen >= side.blocked, "{side:?}");
        assert_eq!(side.diverted, 0, "{side:?}");
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    seen: u64,
    blocked: u64,
    diverted: u64,
}

/// What the source needs of a runtime.
pub(super) fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// A source that reports often.
pub(super) fn options() -> Options {
    Options {
        devices: vec![NEAR.to_owned()],
        attach_first: true,
        create: None,
        interval: Duration::from_millis(200),
        cover_redirect: false,
        local: LocalEnd::Peer,
        uplink: false,
        trace: false,
        events: Events::PerSecond(0),
        sizes: Sizes {
            flows: 1024,
            ring: 1 << 16,
        },
        remark: None,
    }
}

async fn count(lab: &Lab) -> [Sums; 2] {
    let mut source = live::start(options()).await.unwrap();
    let rule: BlockRule = nkview::filter::parse_rule("udp dst port 7000").unwrap();
    let command = Command::Block {
        rule: Box::new(rule),
        time: Duration::from_secs(3600),
    };
    let id = RequestId(7);
    source.requests.send(Request { id, command }).await.unwrap();
    let mut sums = [Sums::default(); 2];
    let mut has_begun = false;
    let mut has_fate = lab.layout().kind == Kind::Veth;
    let mut has_sent = false;
    // Intervals of before may still be waiting when all has been sent; two more show
    // that nothing is counted twice.
    let mut intervals = 0;
    let deadline = Instant::now() + wait::PATIENCE;
    while intervals < 2 && Instant::now() < deadline {
        let envelope = source.events.recv().await.unwrap();
        match envelope.event {
            Event::Reply(reply) if reply.id == id => {
                reply.result.unwrap();
                has_begun = true;
            }
            Event::Interval(interval) => {
                for device in &interval.devices {
                    for direction in Direction::BOTH {
                        let totals = &device.directions[direction as usize];
                        let sums = &mut sums[direction as usize];
                        sums.seen += totals.packets;
                        sums.blocked += totals.blocked_packets;
                        if let Some(fate) = totals.fate {
                            has_fate = true;
                            sums.diverted += fate.diverted.unwrap_or(0);
                        }
                    }
                }
                if has_begun && has_fate && !has_sent {
                    has_sent = true;
                    tokio::task::block_in_place(|| {
                        for from in End::BOTH {
                            let pairs = Pairs::new(lab, from, Family::V4, 7000);
                            pairs.send(true);
                        }
                    });
                } else if sums.iter().all(|side| side.blocked >= PACKETS) {
                    intervals += 1;
                }
            }
            Event::Ended(reason) => panic!("{reason}"),
            _ => {}
        }
    }
    source.stop.ask().wait().await.unwrap();
    sums
}

/// What must not be dropped is refused, and said why; nothing is attached then.
fn refuses() {
    let lab = Lab::up(Layout::apart(Kind::Veth));
    let near = lab.namespace(End::Near);
    let device = |rule: &str| format!("{NEAR}: {rule}");
    for (args, reason) in [
        (vec![device("10.9.0.2 not udp")], "spared"),
        (vec![device("10.9.0.2 or udp")], "one by one"),
        (vec![device("10.9.0.2 state open")], "single packets"),
        (vec![device("")], "--all"),
        (vec![device("tcp")], "--all"),
        (vec![device("0.0.0.0/0")], "--all"),
        (vec![device("arp")], "--all"),
        (vec!["lo: 10.9.0.2".to_owned()], "loopback"),
        (vec!["none0: 10.9.0.2".to_owned()], "no device none0"),
        (
            vec![
                "*: 10.9.0.2".to_owned(),
                "--all".to_owned(),
                "-x".to_owned(),
            ],
            "-x",
        ),
    ] {
        let mut all: Vec<&str> = vec!["block", "--for", "10m", "--yes"];
        all.extend(args.iter().map(String::as_str));
        let said = refusal(near, &all);
        assert!(said.contains(reason), "{args:?}: {said}");
    }
    for (time, reason) in [
        ("0s", "1s to 24h"),
        ("25h", "1s to 24h"),
        ("2h", "twice"),
        ("5", "1s"),
    ] {
        let rule = device("10.9.0.2");
        let said = refusal(near, &["block", &rule, "--for", time, "--yes"]);
        assert!(said.contains(reason), "{time}: {said}");
    }
    // The session through which it is asked, also with --yes.
    let session = format!(
        "{} 50000 {} 22",
        lab.ip(End::Far, Family::V4),
        lab.ip(End::Near, Family::V4)
    );
    let mut command = process::Command::new(NKVIEW);
    command.env("SSH_CONNECTION", session);
    command.args(["block", &device("10.9.0.0/24 tcp"), "--for", "10m", "--yes"]);
    let output = near.enter(|| command.output().unwrap());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("the SSH session that you use"),
        "{said}"
    );
    // Nobody can be asked.
    let said = refusal(near, &["block", &device("10.9.0.2"), "--for", "10m"]);
    assert!(said.contains("stdin is no terminal"), "{said}");
    assert_eq!(lab.program_counts(), [0, 0]);
}
