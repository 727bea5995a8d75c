//! What is lost between two hosts is what was lost there, to the packet.

use std::cell::Cell;
use std::fs;
use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::are_connected;
use crate::namespace::{Namespace, run};
use crate::stream::NKVIEW;
use crate::tty::Tty;
use crate::wait::{self, PATIENCE};

/// Bytes of a datagram that the router drops, and of one that it forwards.
const DROPPED: usize = 10;
const FORWARDED: usize = 20;
/// The port of the flow that is counted, and of one that shows that the hosts are
/// compared already.
const COUNTED: u16 = 4000;
const TRIED: u16 = 4001;
/// A screen on which the whole detail is shown.
const HIGH: (u16, u16) = (140, 100);
/// How often the flow that is tried is sent to.
const AGAIN: Duration = Duration::from_secs(1);

/// Two hosts, and a router between them that drops some datagrams and counts them.
struct Hosts {
    left: Namespace,
    right: Namespace,
    router: Namespace,
}

impl Hosts {
    fn new() -> Self {
        let [left, right, router] = [(); 3].map(|()| Namespace::new());
        for (host, number, end) in [(&left, 1, "left"), (&right, 2, "right")] {
            let name = router.name();
            host.ip(&format!(
                "link add up0 type veth peer name {end} netns {name}\n\
                 link set up0 up\n\
                 address add 10.9.{number}.2/24 dev up0\n"
            ));
            router.ip(&format!(
                "link set {end} up\naddress add 10.9.{number}.1/24 dev {end}\n"
            ));
            host.ip(&format!("route add default via 10.9.{number}.1\n"));
        }
        // Bytes of UDP's header and what it carries.
        let length = 8 + DROPPED;
        let rules = format!(
            "table ip loss {{ chain forward {{\n\
             type filter hook forward priority 0;\n\
             udp dport {COUNTED} udp length {length} counter drop\n\
             udp dport {TRIED} udp length {length} drop\n\
             }}\n}}\n"
        );
        router.enter(|| {
            fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
            run(Command::new("nft").args(["-f", "-"]), &rules).unwrap();
        });
        Self {
            left,
            right,
            router,
        }
    }

    /// The packets that the router has dropped of the flow that is counted.
    fn dropped(&self) -> u64 {
        let mut nft = Command::new("nft");
        nft.args(["--json", "list", "chain", "ip", "loss", "forward"]);
        let output = self.router.enter(|| nft.output().unwrap());
        let rules: Value = serde_json::from_slice(&output.stdout).unwrap();
        let rules = rules["nftables"].as_array().unwrap();
        let parts = rules.iter().flat_map(|it| it["rule"]["expr"].as_array());
        let mut counters = parts.flatten().map(|it| &it["counter"]["packets"]);
        counters.find_map(Value::as_u64).unwrap()
    }
}

/// A flow of datagrams from the left to the right host.
struct Sender {
    from: UdpSocket,
    to: UdpSocket,
}

impl Sender {
    fn new(hosts: &Hosts, port: u16) -> Self {
        let bind = |host: &Namespace, address: &str, port: u16| {
            let socket = host.enter(|| UdpSocket::bind((address, port)).unwrap());
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        };
        let to = bind(&hosts.right, "10.9.2.2", port);
        let from = bind(&hosts.left, "10.9.1.2", 0);
        from.connect(to.local_addr().unwrap()).unwrap();
        Self { from, to }
    }

    /// Sends one that is dropped and two that arrive, each after the other has, so that
    /// no queue is ever full.
    fn send(&self) {
        self.from.send(&[0; DROPPED]).unwrap();
        for _ in 0..2 {
            self.from.send(&[0; FORWARDED]).unwrap();
            let mut buffer = [0; FORWARDED];
            assert_eq!(self.to.recv(&mut buffer).unwrap(), FORWARDED);
        }
    }
}

/// What the detail of the flow shows as lost, in both directions: which of them it is
/// depends on whose row was shown first. A graph may be right of it.
fn lost(picture: &str) -> Option<u64> {
    let mut lines = picture.lines();
    let (_, rest) = lines.find_map(|line| line.split_once("lost between"))?;
    let mut numbers = rest.split_whitespace().map(str::parse);
    let directions: [u64; 2] = [numbers.next()?.ok()?, numbers.next()?.ok()?];
    Some(directions.iter().sum())
}

pub fn between_two() {
    const ROUNDS: u64 = 40;
    let hosts = Hosts::new();
    let [left, right] = [&hosts.left, &hosts.right].map(Namespace::name);
    let args = [
        "ssh",
        "--via",
        "ip netns exec {}",
        "--nkview",
        NKVIEW,
        left,
        right,
        "--",
        "up0",
    ];
    let mut tty = Tty::start(&hosts.router, HIGH, &args);
    tty.until("there is a screen", |picture| picture.contains("Probe"));
    tty.press_until("6", "both are connected", |picture| {
        are_connected(picture, &[left, right])
    });
    // Until both have counted for a while, a loss may be older than what is compared.
    let tried = Sender::new(&hosts, TRIED);
    let last = Cell::new(Instant::now());
    tried.send();
    tty.press(format!("1/port {TRIED}\r").as_bytes());
    tty.until("the flow is there", |picture| {
        picture.contains(&format!("10.9.2.2:{TRIED}"))
    });
    tty.press(b"g\r");
    tty.until("losses are found", |picture| {
        if last.get().elapsed() > AGAIN {
            tried.send();
            last.set(Instant::now());
        }
        lost(picture).is_some_and(|lost| lost > 0)
    });
    let counted = Sender::new(&hosts, COUNTED);
    for _ in 0..ROUNDS {
        counted.send();
    }
    wait::until_true("the rule has counted", || hosts.dropped() == ROUNDS);
    tty.press(format!("\r/\x15port {COUNTED}\r").as_bytes());
    tty.until("the flow is there", |picture| {
        picture.contains(&format!("10.9.2.2:{COUNTED}"))
    });
    tty.press(b"g\r");
    tty.until("what was dropped is lost", |picture| {
        lost(picture) == Some(hosts.dropped())
    });
    let sent = (3 * ROUNDS).to_string();
    assert!(tty.picture().contains(&sent));
    tty.press(b"q");
    let (status, output) = tty.ended();
    assert!(status.success(), "{output}");
}
