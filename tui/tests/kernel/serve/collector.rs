//! Flow records over UDP, as nfcapd collects them.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::Server;
use crate::lab::{End, Family, Lab, Layout};
use crate::namespace::Namespace;
use crate::{traffic, wait};

const PORT: u16 = 4739;
/// What the client and the server of a flow send: datagrams and bytes of each.
const SENT: [(u64, u64); 2] = [(37, 100), (11, 300)];
/// The server's port: lower than that of any client, which nkview tells them by.
const SERVER: u16 = 7001;
/// Bytes of the header of UDP.
const HEADER: u64 = 8;

/// A flow as its records have it in sum.
#[derive(Debug, PartialEq, Eq)]
struct Flow {
    ends: [SocketAddr; 2],
    /// Packets and bytes of the first end, and of the second.
    sent: [(u64, u64); 2],
}

pub fn over_udp(layout: Layout) {
    let lab = Lab::up(layout);
    let near = lab.namespace(End::Near);
    near.ip("link set lo up");
    let collector = Collector::start(near);
    let to = format!("127.0.0.1:{PORT}");
    let server = Server::start(&lab, &["--ipfix", &to]);
    let mut expected = Vec::new();
    for (family, header) in [(Family::V4, 20), (Family::V6, 40)] {
        expected.push(converse(&lab, family, header));
    }
    wait::until_ok("all is collected", || {
        expected.iter().try_for_each(|expected| {
            let flow = collector.flow(expected.ends)?;
            let is_same = flow == *expected;
            is_same
                .then_some(())
                .ok_or_else(|| format!("{flow:?} and not {expected:?}"))
        })
    });
    server.end();
    let directory = collector.end();
    // Nothing is counted twice at the end.
    for flow in expected {
        assert_eq!(read(&flows(&directory), flow.ends), Ok(flow));
    }
}

/// Sends exactly [`SENT`] between a client at the near end and a server at the far one.
fn converse(lab: &Lab, family: Family, header: u64) -> Flow {
    let client = traffic::udp(lab, End::Near, family);
    let address = lab.address(End::Far, End::Far, family, SERVER);
    let bind = || UdpSocket::bind(address).unwrap();
    let server = lab.namespace(End::Far).enter(bind);
    server.set_read_timeout(Some(wait::PATIENCE)).unwrap();
    let ends = [&client, &server].map(|it| it.local_addr().unwrap());
    for (((from, to), address), (count, bytes)) in [(&client, &server), (&server, &client)]
        .into_iter()
        .zip([ends[1], ends[0]])
        .zip(SENT)
    {
        let mut datagram = vec![0; bytes as usize];
        for _ in 0..count {
            from.send_to(&datagram, address).unwrap();
            traffic::uninterrupted(|| to.recv(&mut datagram)).unwrap();
        }
    }
    let sent = SENT.map(|(count, bytes)| (count, count * (HEADER + header + bytes)));
    Flow { ends, sent }
}

/// A running nfcapd. Dropping it kills it.
struct Collector {
    child: Child,
    directory: Option<TempDir>,
}

impl Collector {
    /// Starts it, and waits until it listens.
    fn start(namespace: &Namespace) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut nfcapd = Command::new("nfcapd");
        // A new file as often as it can be: those before it are complete.
        nfcapd.args(["-b", "127.0.0.1", "-p", &PORT.to_string(), "-t", "2", "-w"]);
        let log = fs::File::create(directory.path().join("log")).unwrap();
        fs::create_dir(flows(&directory)).unwrap();
        nfcapd.arg(flows(&directory)).stdin(Stdio::null());
        nfcapd.stdout(log.try_clone().unwrap()).stderr(log);
        let child = namespace.enter(|| nfcapd.spawn().unwrap());
        let collector = Self {
            child,
            directory: Some(directory),
        };
        let port = format!(":{PORT:04X} ");
        wait::until_true("nfcapd listens", || {
            let sockets = namespace.enter(|| fs::read_to_string("/proc/thread-self/net/udp"));
            sockets.unwrap().contains(&port)
        });
        collector
    }

    /// What it has collected so far of a flow.
    fn flow(&self, ends: [SocketAddr; 2]) -> Result<Flow, String> {
        read(&flows(self.directory.as_ref().unwrap()), ends)
    }

    /// Ends it, and leaves what it has collected.
    fn end(mut self) -> TempDir {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        wait::until("the end of nfcapd", || self.child.try_wait().unwrap());
        self.directory.take().unwrap()
    }
}

/// Where a collector writes.
fn flows(directory: &TempDir) -> PathBuf {
    directory.path().join("flows")
}

impl Drop for Collector {
    fn drop(&mut self) {
        // It has ended already, but for a test that failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The sum of all records of a flow from the first end to the second, unless nfdump
/// cannot read them, as a file is just given its name.
fn read(directory: &Path, ends: [SocketAddr; 2]) -> Result<Flow, String> {
    let mut nfdump = Command::new("nfdump");
    nfdump
        .arg("-R")
        .arg(directory)
        .args(["-q", "-N", "-6", "-o"]);
    // Plain numbers, in each line those of a record.
    let [client, server] = ends;
    let filter = format!(
        "proto udp and src ip {} and src port {} and dst ip {} and dst port {}",
        client.ip(),
        client.port(),
        server.ip(),
        server.port()
    );
    let output = nfdump
        .args(["fmt:%ipkt %ibyt %opkt %obyt", &filter])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8(output.stdout).unwrap();
    let mut sent = [(0, 0); 2];
    for line in text.lines().filter(|line| *line != "No matching flows") {
        let numbers = line.split_whitespace().map(|it| it.parse::<u64>().ok());
        let numbers: Option<Vec<_>> = numbers.collect();
        let Some([a, b, c, d]) = numbers.as_deref() else {
            return Err(format!("{line}\n{errors}"));
        };
        for (sum, (packets, bytes)) in sent.iter_mut().zip([(a, b), (c, d)]) {
            sum.0 += packets;
            sum.1 += bytes;
        }
    }
    Ok(Flow { ends, sent })
}
