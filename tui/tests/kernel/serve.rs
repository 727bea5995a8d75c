//! `nkview serve`: what a scraper gets is what the device has counted.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::Test;
use crate::counting::settled;
use crate::device::{Counters, Side};
use crate::lab::{End, Lab, Layout, NEAR};
use crate::need::Need;
use crate::stream::NKVIEW;
use crate::traffic;
use crate::wait::{self, PATIENCE};

mod collector;
mod ipfix;
mod promtool;

/// In a namespace of its own nobody else has it.
const PORT: u16 = 9911;

pub fn tests() -> Vec<Test> {
    let layout = Layout::APART[0];
    let needs = [layout.needs(), vec![Need::FullSpeed]].concat();
    let with = |need| [needs.clone(), vec![need]].concat();
    let (dissected, collected) = (with(Need::Tshark), with(Need::Nfdump));
    let linted = with(Need::Promtool);
    vec![
        Test::new("serve::counts_what_the_device_counts", needs, move || {
            serves(layout)
        }),
        Test::new("serve::tshark_reads_ipfix_over_tcp", dissected, move || {
            ipfix::over_tcp(layout);
        }),
        Test::new(
            "serve::nfcapd_collects_ipfix_over_udp",
            collected,
            move || {
                collector::over_udp(layout);
            },
        ),
        Test::new("serve::promtool_accepts_it", linted, move || {
            promtool::accepts_it(layout);
        }),
    ]
}

/// A running `nkview serve`. Dropping it kills it.
struct Server<'a> {
    child: Child,
    lab: &'a Lab,
}

impl<'a> Server<'a> {
    /// Starts it at the near end, and waits until it answers and watches the device.
    fn start(lab: &'a Lab, args: &[&str]) -> Self {
        let near = lab.namespace(End::Near);
        near.ip("link set lo up");
        let mut command = Command::new(NKVIEW);
        let address = format!("127.0.0.1:{PORT}");
        command
            .args(["serve", "--interval", "0.1", "--listen", &address])
            .args(args)
            .arg(NEAR);
        let command = command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = near.enter(|| command.spawn().unwrap());
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        assert!(line.contains("http://127.0.0.1:9911/metrics"), "{line}");
        // What it says later must not fill the pipe.
        thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        let server = Self { child, lab };
        wait::until_true("the device is served", || {
            let (status, body) = server.get("/metrics");
            status == 200 && value(&body, "nkview_device_packets_total", "in").is_some()
        });
        server
    }

    /// Sends a request and returns the status and body of the answer.
    fn ask(&self, request: &[u8]) -> (u16, String) {
        let near = self.lab.namespace(End::Near);
        let mut stream = near.enter(|| TcpStream::connect((Ipv4Addr::LOCALHOST, PORT)).unwrap());
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // It may have answered before all of it was sent.
        let _ = stream.write_all(request);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        // Bytes that it has not read reset the connection, behind the answer.
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.split(' ').nth(1).unwrap_or_default();
        (status.parse().unwrap_or_default(), body.to_owned())
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: nkview\r\n\r\n").as_bytes())
    }

    /// What it says a direction of the device has had.
    fn side(&self, direction: &str) -> Option<Side> {
        let (_, body) = self.get("/metrics");
        Some(Side {
            packets: value(&body, "nkview_device_packets_total", direction)?,
            bytes: value(&body, "nkview_device_traffic_bytes_total", direction)?,
        })
    }

    /// Waits until it serves what the device has counted, and returns that.
    fn wait_for_counters(&self) -> Counters {
        wait::until_ok("the metrics are the device's counters", || {
            let counters = self.lab.counters(End::Near);
            let served = [End::Near, End::Far].map(|end| self.side(self.lab.direction(end)));
            let counted = [counters.sent, counters.received].map(Some);
            let is_same = served == counted;
            let difference = || format!("{served:?} is served, and {counted:?} counted");
            is_same.then_some(counters).ok_or_else(difference)
        })
    }

    fn end(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let status = wait::until("the end of nkview", || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}");
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        // It has ended already, but for a test that failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A series of the near device and a direction.
fn value(metrics: &str, name: &str, direction: &str) -> Option<u64> {
    let series = format!("{name}{{device=\"{NEAR}\",direction=\"{direction}\"}} ");
    let mut values = metrics.lines().filter_map(|it| it.strip_prefix(&series));
    values.next()?.parse().ok()
}

fn serves(layout: Layout) {
    let lab = Lab::new(layout);
    let server = Server::start(&lab, &[]);
    assert_eq!(lab.program_counts(), [1, 1]);
    lab.bring_up();
    for &family in lab.families() {
        traffic::ping(&lab, End::Near, family, 20);
        traffic::converse(&lab, End::Far, family, 3, 100_000, 1000);
    }
    // The kernel may send a packet of its own at any time, which both count.
    settled(&lab);
    server.wait_for_counters();
    let requests = 20 * lab.families().len() as u64;
    let way = lab.direction(End::Near);
    assert!(server.side(way).is_some_and(|side| side.packets > requests));

    assert_eq!(server.get("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(server.get("/").0, 404);
    assert_eq!(server.ask(b"POST /metrics HTTP/1.1\r\n\r\n").0, 405);
    let header = "x".repeat(1 << 20);
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {header}\r\n\r\n");
    let (status, body) = server.ask(request.as_bytes());
    assert!(!body.contains("nkview_"), "{body}");
    // The rest of the request may have reset the connection before the answer is read.
    assert!([0, 400].contains(&status), "{status}");
    assert_eq!(server.get("/healthz").0, 200);

    server.end();
    assert_eq!(lab.program_counts(), [0, 0]);
}
