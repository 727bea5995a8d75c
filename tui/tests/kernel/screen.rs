//! The screen, on real traffic: keys are typed and the picture is read.

use std::cell::Cell;
use std::io::{Read, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::Test;
use crate::lab::{End, Family, Kind, Lab, Layout, NEAR};
use crate::traffic;
use crate::tty::{self, Tty};

/// Half of the time for which an idle flow is remembered.
const AGAIN: Duration = Duration::from_secs(30);
const VETH: Layout = Layout::apart(Kind::Veth);
const NETKIT: Layout = Layout::apart(Kind::NetkitL2);

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for layout in [VETH, NETKIT] {
        for (name, size) in [("usual", tty::USUAL), ("large", tty::LARGE)] {
            tests.push(Test::new(
                format!("screen::every_key::{name}::{layout}"),
                layout.needs(),
                move || keys(layout, size),
            ));
        }
    }
    tests.push(Test::new("screen::garbage", [], garbage));
    tests.push(Test::new("screen::late_answers", [], late_answers));
    tests.push(Test::new("screen::no_job_control", [], no_job_control));
    for (name, signal) in [
        ("TERM", Signal::TERM),
        ("INT", Signal::INT),
        ("HUP", Signal::HUP),
    ] {
        tests.push(Test::new(
            format!("screen::nobody_reads::{name}"),
            [],
            move || nobody_reads(signal),
        ));
    }
    tests
}

/// A row of a table without the mark at its left edge: it is selected, or a
/// problem concerns it.
fn unmarked(row: &str) -> &str {
    row.trim_start_matches(['▌', '✗', '▲'])
}

/// What the flow table shows of flows: the lines that start with a protocol.
fn flows(picture: &str) -> Vec<String> {
    let is_flow = |line: &&str| {
        let mut words = unmarked(line).split_whitespace();
        let is_protocol = |word| matches!(word, "tcp" | "udp" | "icmp" | "icmp6" | "arp");
        // A wide screen has the device first.
        let mut protocol = words.next();
        if protocol == Some(NEAR) {
            protocol = words.next();
        }
        protocol.is_some_and(is_protocol)
    };
    picture.lines().filter(is_flow).map(str::to_owned).collect()
}

/// The protocol and the ends of each flow, in the order shown.
fn names(picture: &str) -> Vec<String> {
    let name = |line: String| {
        let words = unmarked(&line)
            .split_whitespace()
            .filter(|word| *word != NEAR);
        words.take(3).collect::<Vec<_>>().join(" ")
    };
    flows(picture).into_iter().map(name).collect()
}

fn all_contain(picture: &str, text: &str) -> bool {
    let flows = flows(picture);
    !flows.is_empty() && flows.iter().all(|flow| flow.contains(text))
}

/// Traffic of several kinds that goes on until this is dropped, so that no flow
/// is ever idle for long.
struct Chatter {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Chatter {
    /// UDP that the near end sends and nobody answers, and a conversation over
    /// TCP.
    fn start(lab: &Lab) -> Self {
        let silent = traffic::udp(lab, End::Far, Family::V4);
        let to = traffic::towards(lab, End::Far, &silent);
        let sender = traffic::udp(lab, End::Near, Family::V4);
        let listener = traffic::listen(lab, End::Far, Family::V6);
        let port = listener.local_addr().unwrap().port();
        let mut asks = traffic::connect(lab, End::Far, Family::V6, port);
        let (mut answers, _) = listener.accept().unwrap();
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            // Bound for as long as it is sent to.
            let _silent = silent;
            while stopped.recv_timeout(Duration::from_millis(200)) == Err(RecvTimeoutError::Timeout)
            {
                sender.send_to(&[0; 500], to).unwrap();
                let mut word = [0; 1000];
                asks.write_all(&word).unwrap();
                answers.read_exact(&mut word).unwrap();
            }
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Chatter {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Sends a ping and waits until the screen shows a text. Another one follows every
/// half minute, since its flow may expire before a slow machine shows it; each is a
/// flow of its own.
pub fn ping_until_shown(tty: &mut Tty, lab: &Lab, text: &str) {
    let last = Cell::new(None::<Instant>);
    tty.until(&format!("it shows {text:?}"), |picture| {
        if last.get().is_none_or(|last| last.elapsed() > AGAIN) {
            traffic::ping(lab, End::Near, Family::V4, 1);
            last.set(Some(Instant::now()));
        }
        picture.contains(text)
    });
}

fn keys(layout: Layout, size: (u16, u16)) {
    let lab = Lab::up(layout);
    let mut tty = Tty::start(lab.namespace(End::Near), size, &[NEAR]);
    tty.until_shown("Flows");
    ping_until_shown(&mut tty, &lab, "icmp ");
    let _chatter = Chatter::start(&lab);
    for what in ["tcp", "udp", "fd09::2", "10.9.0.2"] {
        tty.until_shown(what);
    }
    let all = flows(&tty.picture()).len();

    // A filter narrows while it is typed; Esc brings the last one back.
    tty.press_until("/10.9.0.0/16", "the prefix narrows", |picture| {
        all_contain(picture, "10.9.0.") && flows(picture).len() < all
    });
    tty.press_until("\x1b", "all are back", |picture| {
        flows(picture).iter().any(|flow| flow.contains("fd09::"))
    });
    tty.press_until("/fd09::/64\r", "IPv6 only", |picture| {
        all_contain(picture, "fd09::") && picture.contains("fd09::/64")
    });
    // A mistake is said, and changes nothing.
    tty.press_until("/\x15fd09::/129", "a mistake is said", |picture| {
        picture.contains("/129") && picture.contains("128") && all_contain(picture, "fd09::")
    });
    tty.press_until("\x1b", "typing is over", |picture| {
        !picture.contains("/129")
    });
    tty.press_until("X", "no filter", |picture| {
        flows(picture).iter().any(|flow| flow.contains("10.9.0."))
    });

    // Directions. UDP goes one way only.
    let way = lab.direction(End::Near);
    let shows_udp = |picture: &str| flows(picture).iter().any(|flow| flow.contains("udp"));
    for direction in ["in", "out"] {
        tty.press_until("d", direction, |picture| {
            picture.contains(&format!(" {direction} ×")) && shows_udp(picture) == (way == direction)
        });
    }
    tty.press_until("d", "both directions", |picture| {
        shows_udp(picture) && !picture.contains(" ×")
    });

    // Pausing makes the picture stand still, so that its order can be compared.
    tty.press_until(" ", "it is paused", |picture| picture.contains("PAUSED"));
    let order = |picture: &str| {
        let mut sorted = names(picture);
        sorted.sort();
        (names(picture), sorted)
    };
    tty.until_still("the rows", names);
    let (before, members) = order(&tty.picture());
    tty.press_until("S", "the order is turned around", |picture| {
        let (now, same) = order(picture);
        now != before && same == members
    });
    let header = |picture: &str| {
        let mut lines = picture.lines();
        let titles = lines.find(|line| line.contains("PROTO")).map(str::to_owned);
        let aside = picture.lines().nth(1).map(str::to_owned);
        (titles, aside)
    };
    tty.until_still("the titles", header);
    let sorted_by = header(&tty.picture());
    tty.press_until("s", "another column sorts", |picture| {
        header(picture) != sorted_by
    });
    tty.press_until(" ", "it goes on", |picture| !picture.contains("PAUSED"));

    // The detail of a flow, and the filter made of it.
    tty.press_until("/tcp\r", "TCP only", |picture| all_contain(picture, "tcp"));
    tty.press_until("g\r", "the detail", |picture| {
        picture.contains("Hop limit") || picture.contains("hop limit")
    });
    tty.press_until("\r", "no detail", |picture| {
        !picture.contains("Hop limit") && !picture.contains("hop limit")
    });
    let remote = lab.ip(lab.local().other(), Family::V6).to_string();
    tty.press_until("a", "the flow's address filters", |picture| {
        picture.contains(&format!("{remote} ×")) && all_contain(picture, &remote)
    });
    tty.press_until("\x7f1", "its protocol filters no more", |picture| {
        !picture.contains("tcp ×") && all_contain(picture, &remote)
    });
    tty.press_until("t", "its protocol filters again", |picture| {
        picture.contains("tcp ×") && all_contain(picture, "tcp")
    });
    tty.press_until("X", "no filter", |picture| shows_udp(picture));

    // The columns, and the graph of all.
    tty.press_until("Cjj ", "a column less", |picture| {
        picture.contains("[ ] local") && !picture.contains("LOCAL")
    });
    tty.press_until(" \x1b", "all columns", |picture| {
        picture.contains("LOCAL") && !picture.contains("[x]")
    });
    tty.press_until("v-", "the graph of all", |picture| {
        picture.contains("all traffic of 1 device") && picture.contains("10 min ago")
    });
    tty.press_until("v", "no graph", |picture| !picture.contains("10 min ago"));

    tty.press_until("?", "the help", |picture| picture.contains("── help"));
    tty.press_until("?", "no help", |picture| !picture.contains("── help"));
    for (key, shown) in [
        ("2", "INFO"),
        ("3", "fd09::"),
        ("4", NEAR),
        ("5", "roblems"),
        ("6", "seen"),
        ("", "ns a packet"),
        ("", "to the terminal"),
        ("1", "PROTO"),
    ] {
        tty.press(key.as_bytes());
        tty.until_shown(shown);
    }
    tty.press(b"q");
    let (status, said) = tty.ended();
    assert!(status.success(), "{said}");
    tty.assert_restored();
    assert_eq!(lab.program_counts(), [0, 0]);
}

/// Bytes that no key sends, keys that do nothing, and text that is pasted where
/// none is asked for.
fn garbage() {
    let lab = Lab::up(VETH);
    let mut tty = Tty::start(lab.namespace(End::Near), tty::USUAL, &[NEAR]);
    tty.until_shown("Flows");
    let _chatter = Chatter::start(&lab);
    tty.until_shown("10.9.0.2");
    let garbage: [&[u8]; 12] = [
        b"\x1b[999;999~",
        b"\x1b[;;;;;;;;m",
        b"\x1bOZ\x1b[Z\x1b[1;7P",
        b"\xff\xfe\x80\xc3\x28",
        "\u{202e}\u{0}ß漢\u{1f980}".as_bytes(),
        b"\x1b]52;c;cXEK\x07",
        b"\x1b[<0;70000;70000M\x1b[<64;1;1M\x1b[<0;1;1m",
        b"\x1b[M !!",
        b"\x1b[I\x1b[O",
        b"%&=!\"(){}",
        // q and Ctrl-C, as text.
        b"\x1b[200~qqq\x03\x1b[201~",
        b"\x1b[24;80R\x1b[?62;22c",
    ];
    for bytes in garbage {
        tty.press(bytes);
        tty.press_until("\x1b?", "the help", |picture| picture.contains("── help"));
        tty.press_until("?", "no help", |picture| !picture.contains("── help"));
    }
    // What could not be read as one key can be read as several.
    tty.press_until("1X", "all flows", |picture| {
        flows(picture).iter().any(|flow| flow.contains("fd09::"))
    });
    // Pasted where text is asked for, it is text.
    tty.press_until(
        "/\x1b[200~10.9.0.0/24\n\x07\x1b[201~",
        "the paste",
        |picture| picture.contains("10.9.0.0/24") && all_contain(picture, "10.9.0."),
    );
    tty.press_until("\x0c", "all is drawn anew", |picture| {
        picture.contains("Flows") && picture.contains("seen")
    });
    // Ctrl-C also while typing.
    tty.press(b"\x03");
    let (status, said) = tty.ended();
    assert!(status.success(), "{said}");
    tty.assert_restored();
}

/// What the terminal answers is no key, also late and in pieces; its background
/// is taken over then.
fn late_answers() {
    let lab = Lab::up(VETH);
    let mut tty = Tty::start(lab.namespace(End::Near), tty::USUAL, &[NEAR]);
    tty.until_shown("Flows");
    let pieces: [&[u8]; 5] = [
        b"\x1b]11;rgb:1e1e/1e",
        b"1e/2e2e",
        b"\x1b",
        b"\\\x1b[?62;2",
        b"2c\x1bP>|qqq(1)\x1b\\",
    ];
    for piece in pieces {
        tty.press(piece);
    }
    // Had a q been read, it would have ended; had a slash, ? would be text.
    tty.press_until("?", "the help", |picture| picture.contains("── help"));
    tty.press(b"?q");
    let (status, output) = tty.ended();
    assert!(status.success(), "{output}");
    tty.assert_restored();
}

/// Where no shell could continue it, Ctrl-Z does not stop it.
fn no_job_control() {
    let lab = Lab::up(VETH);
    let mut tty = Tty::start(lab.namespace(End::Near), tty::USUAL, &[NEAR]);
    tty.until_shown("Flows");
    tty.press_until("\x1a", "the reason", |picture| {
        picture.contains("Cannot suspend")
    });
    tty.signal(Signal::TSTP);
    tty.press_until("?", "the help", |picture| picture.contains("── help"));
    tty.press(b"?q");
    assert!(tty.ended().0.success());
    tty.assert_restored();
}

/// A terminal that takes no more bytes keeps nothing from ending.
fn nobody_reads(signal: Signal) {
    let lab = Lab::up(VETH);
    let mut tty = Tty::start(lab.namespace(End::Near), tty::LARGE, &[NEAR]);
    tty.until_shown("Flows");
    tty.until("it is watched", |_| lab.program_counts() == [1, 1]);
    // As with Ctrl-S: the next frame is not taken. More keys would only put it off,
    // as it is drawn when no key waits any more.
    tty.stop_output();
    tty.press(b"\x0c");
    crate::wait::until_true("a write that blocks", || tty.is_write_blocked());
    tty.signal(signal);
    assert!(tty.ended_unread().success());
    tty.assert_modes_restored();
    assert_eq!(lab.program_counts(), [0, 0]);
}
