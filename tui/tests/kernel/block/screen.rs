//! Dropping packets from the screen.

use std::cell::Cell;
use std::net::UdpSocket;

use crate::lab::{End, Family, Kind, Lab, Layout, NEAR};
use crate::need::Need;
use crate::tty::{self, Tty};
use crate::{Test, traffic, wait};

const VETH: Layout = Layout::apart(Kind::Veth);
/// Datagrams that are dropped.
const PACKETS: u64 = 25;
const PORT: u16 = 7000;

pub fn tests() -> Vec<Test> {
    let needs = [VETH.needs(), vec![Need::FullSpeed]].concat();
    vec![
        Test::new("block::from_the_screen::counts", needs.clone(), counts),
        Test::new(
            "block::from_the_screen::needs_consent",
            needs,
            needs_consent,
        ),
    ]
}

/// Datagrams from the near end to the far one.
struct Flow {
    sender: UdpSocket,
    receiver: UdpSocket,
    to: std::net::SocketAddr,
}

impl Flow {
    fn new(lab: &Lab) -> Self {
        traffic::ping(lab, End::Near, Family::V4, 1);
        let address = lab.address(End::Far, End::Far, Family::V4, PORT);
        let far = lab.namespace(End::Far);
        let receiver = far.enter(|| UdpSocket::bind(address).unwrap());
        receiver.set_nonblocking(true).unwrap();
        Self {
            sender: traffic::udp(lab, End::Near, Family::V4),
            to: traffic::towards(lab, End::Far, &receiver),
            receiver,
        }
    }

    fn send(&self) {
        // A drop is an error for some kernels.
        let _ = self.sender.send_to(b"?", self.to);
    }

    fn has_arrived(&self) -> bool {
        traffic::uninterrupted(|| self.receiver.recv_from(&mut [0; 8])).is_ok()
    }
}

/// A screen with the flow selected.
fn select(lab: &Lab, flow: &Flow, args: &[&str]) -> Tty {
    let mut tty = Tty::start(lab.namespace(End::Near), tty::LARGE, args);
    tty.until_shown("Flows");
    tty.press_until("/port 7000\r", "the filter", |picture| {
        picture.contains("port 7000 ×")
    });
    let sent = Cell::new(0);
    tty.until("the flow is there", |picture| {
        flow.send();
        sent.set(sent.get() + 1);
        picture.lines().any(|line| line.contains(":7000 "))
    });
    // What was sent before has arrived: nothing of it is on the way.
    let mut arrived = 0;
    wait::until_true("all datagrams have arrived", || {
        arrived += u64::from(flow.has_arrived());
        arrived == sent.get()
    });
    tty.press_until("j", "it is selected", |picture| {
        let mut lines = picture.lines();
        lines.any(|line| line.starts_with('▌') && line.contains(":7000 "))
    });
    tty
}

fn counts() {
    let lab = Lab::up(VETH);
    let flow = Flow::new(&lab);
    let mut tty = select(&lab, &flow, &["--allow-block", NEAR]);
    tty.press_until("B", "it asks", |picture| {
        picture.contains("type block") && picture.contains("1 flow of the last minute")
    });
    tty.press_until("\r", "the word is asked for", |picture| {
        picture.contains("Confirm")
    });
    tty.press_until("block\r", "it is blocked", |picture| {
        picture.contains(" BLOCKING ") && !picture.contains("Confirm")
    });
    for _ in 0..PACKETS {
        flow.send();
    }
    let direction = lab.direction(End::Near);
    let dropped = format!("{direction} {PACKETS} (");
    tty.until("all are counted", |picture| {
        let mut lines = picture.lines();
        lines.any(|line| line.contains(" BLOCKING ") && line.contains(&dropped))
    });
    assert!(!flow.has_arrived(), "one that is to be dropped has arrived");
    tty.press_until("B", "it asks whether to lift it", |picture| {
        picture.contains("pass again")
    });
    tty.press_until("\r", "it is lifted", |picture| {
        !picture.contains(" BLOCKING ") && !picture.contains("pass again")
    });
    wait::until_true("nothing is dropped any more", || {
        flow.send();
        flow.has_arrived()
    });
    tty.press(b"q");
    assert!(tty.ended().0.success());
    assert_eq!(lab.program_counts(), [0, 0]);
}

fn needs_consent() {
    let lab = Lab::up(VETH);
    let flow = Flow::new(&lab);
    let mut tty = select(&lab, &flow, &[NEAR]);
    tty.press_until("B", "it says what allows it", |picture| {
        picture.contains("--allow-block") && !picture.contains("Confirm")
    });
    tty.press(b"q");
    assert!(tty.ended().0.success());
}
