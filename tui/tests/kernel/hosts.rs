//! Two hosts, which are namespaces, on one screen.

mod loss;
mod push;
mod sshd;

use rustix::process::Signal;

use crate::Test;
use crate::lab::{End, Family, Kind, Lab, Layout};
use crate::need::Need;
use crate::stream::NKVIEW;
use crate::traffic;
use crate::tty::{LARGE, Tty};
use crate::wait;
use push::Ending;

const VETH: Layout = Layout::apart(Kind::Veth);

pub fn tests() -> Vec<Test> {
    let needs = [VETH.needs(), vec![Need::FullSpeed]].concat();
    let filtering = [needs.clone(), vec![Need::Nftables]].concat();
    let mut tests = vec![
        Test::new("hosts::two", needs.clone(), two),
        Test::new("hosts::loss_between_two", filtering, loss::between_two),
    ];
    let over_ssh = [needs, vec![Need::Sshd]].concat();
    for (name, ending) in [
        ("quit", Ending::Quit),
        ("TERM", Ending::Signal(Signal::TERM)),
        ("KILL", Ending::Signal(Signal::KILL)),
        ("break", Ending::Break),
    ] {
        let run = move || push::leaves_nothing(ending);
        tests.push(Test::new(
            format!("hosts::push_leaves_nothing::{name}"),
            over_ssh.clone(),
            run,
        ));
    }
    tests
}

/// Both report what they see of the same packets, to the packet, and nothing is left
/// of nkview on either. A flow that goes from one to the other has one row.
fn two() {
    const REQUESTS: u64 = 20;
    let lab = Lab::up(VETH);
    let [near, far] = End::BOTH.map(|end| lab.namespace(end).name());
    let args = [
        "ssh",
        "--via",
        "ip netns exec {}",
        "--nkview",
        NKVIEW,
        near,
        far,
        "--",
        "lab*",
        "eth*",
    ];
    let mut tty = Tty::start(lab.namespace(End::Near), LARGE, &args);
    tty.until("there is a screen", |picture| picture.contains("Probe"));
    tty.press_until("6", "both are connected", |picture| {
        are_connected(picture, &[near, far])
    });
    traffic::ping(&lab, End::Near, Family::V4, REQUESTS);
    // Requests and replies.
    let packets = (2 * REQUESTS).to_string();
    let has = |line: &str, text: &str| line.split_whitespace().any(|word| word == text);
    let rows = |picture: &str| -> Vec<String> {
        let is_row = |line: &&str| has(line, "icmp") && has(line, "echo");
        let rows = picture.lines().filter(is_row);
        rows.map(str::to_owned).collect()
    };
    tty.press_until("1", "it is one row", |picture| {
        let rows = rows(picture);
        rows.len() == 1 && rows[0].contains('→') && has(&rows[0], &packets)
    });
    for host in [near, far] {
        let filter = format!("/\x15node {host}\r");
        tty.press_until(&filter, "each has counted them", |picture| {
            let rows = rows(picture);
            picture.contains(&format!("node {host}")) && rows.len() == 1 && has(&rows[0], &packets)
        });
    }
    tty.press(b"q");
    let (status, output) = tty.ended();
    assert!(status.success(), "{output}");
    tty.assert_restored();
    wait::until_true("nothing is attached", || lab.program_counts() == [0, 0]);
}

/// Whether the probe view lists these hosts as connected.
fn are_connected(picture: &str, names: &[&str]) -> bool {
    names.iter().all(|name| {
        let is_connected = |line: &str| line.contains(name) && line.contains("connected");
        picture.lines().any(is_connected)
    })
}
