//! Loopback devices, on which both ends of a connection are this host.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};

use rustix::process::Signal;

use crate::Test;
use crate::device;
use crate::namespace::Namespace;
use crate::need::Need;
use crate::stream::Stream;

pub fn tests() -> Vec<Test> {
    vec![Test::new(
        "loopback::a_packet_is_counted_once",
        [Need::Tcx],
        connection,
    )]
}

/// A connection is one flow, and the device counts the same packets and bytes.
fn connection() {
    const THERE: usize = 500;
    const BACK: usize = 90_000;
    let namespace = Namespace::new();
    namespace.ip("link set lo up");
    let stream = Stream::start(&namespace, &["lo"]);
    let port = namespace.enter(|| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 1234)).unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(&[b'x'; THERE]).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut received = Vec::new();
        server.read_to_end(&mut received).unwrap();
        assert_eq!(received.len(), THERE);
        server.write_all(&[b'y'; BACK]).unwrap();
        drop(server);
        received.clear();
        client.read_to_end(&mut received).unwrap();
        assert_eq!(received.len(), BACK);
        address.port()
    });
    let report = stream.end(Signal::TERM);
    let counters = device::counters(&namespace, "lo");

    let flows = report.flows(|flow| flow["protocol"] == "tcp");
    let ends: BTreeSet<_> = flows
        .iter()
        .map(|flow| ["local", "remote"].map(|end| flow[end]["port"].as_u64().unwrap()))
        .collect();
    assert_eq!(ends.len(), 1, "{ends:?}");
    assert_eq!(ends.first().unwrap()[0], u64::from(port));
    let [r#in, out] = ["in", "out"].map(|direction| report.total("lo", direction));
    let sums = ["in", "out"].map(|direction| report.sum(direction, |_| true));
    assert_eq!([r#in, out], sums);
    assert_eq!((r#in + out).side(), counters.received);
    assert!(r#in.bytes > THERE as u64 && r#in.bytes < BACK as u64);
    assert!(out.bytes > BACK as u64);
}
