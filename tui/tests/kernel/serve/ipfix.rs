//! Flow records over TCP, as a foreign program reads them.

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::thread;

use etherparse::PacketBuilder;

use super::Server;
use crate::device::Counters;
use crate::lab::{End, Family, Lab, Layout};
use crate::traffic;

/// The collector's port, by which tshark knows IPFIX.
const PORT: u16 = 4739;
/// Bytes of a segment: messages do not end with them.
const SEGMENT: usize = 700;

pub fn over_tcp(layout: Layout) {
    let lab = Lab::new(layout);
    let near = lab.namespace(End::Near);
    near.ip("link set lo up");
    let collector = near.enter(|| TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).unwrap());
    let collected = thread::spawn(move || {
        let mut bytes = Vec::new();
        let (mut stream, _) = collector.accept().unwrap();
        stream.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let to = format!("127.0.0.1:{PORT}");
    let server = Server::start(&lab, &["--ipfix", &to, "--ipfix-tcp"]);
    lab.bring_up();
    // Of IPv6 alone: of ARP there is no record.
    traffic::ping(&lab, End::Near, Family::V6, 20);
    traffic::ping(&lab, End::Far, Family::V6, 30);
    // What is served was handed to the collector before.
    let before = totals(server.wait_for_counters());
    server.end();
    let after = totals(lab.counters(End::Near));

    let directory = tempfile::tempdir().unwrap();
    let capture = directory.path().join("capture");
    fs::write(&capture, pcap(&collected.join().unwrap())).unwrap();
    assert_eq!(tshark(&capture, &["-Y", "_ws.malformed || _ws.expert"]), "");
    let dissected = tshark(&capture, &["-Y", "cflow", "-V"]);
    assert!(!dissected.contains("No template"), "{dissected}");
    // Both directions have a line each.
    let sum = |what: &str| -> u64 {
        let lines = dissected.lines().filter_map(|line| {
            let rest = line.trim_start().strip_prefix(what)?;
            rest.split(' ').next()?.parse::<u64>().ok()
        });
        lines.sum()
    };
    let sums = [sum("Packets: "), sum("Octets: ")];
    // Mostly the same twice: the kernel may have sent a packet of its own meanwhile.
    for ((sum, before), after) in sums.into_iter().zip(before).zip(after) {
        assert!(
            (before..=after).contains(&sum),
            "{before} to {after}: {sums:?}"
        );
    }
}

/// Packets of both directions, and their bytes without the header of Ethernet.
fn totals(Counters { received, sent }: Counters) -> [u64; 2] {
    let packets = received.packets + sent.packets;
    [packets, received.bytes + sent.bytes - 14 * packets]
}

fn tshark(capture: &Path, args: &[&str]) -> String {
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(capture);
    let decode = format!("tcp.port=={PORT},cflow");
    let output = tshark.args(["-d", &decode]).args(args).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A capture of a connection on which this was sent.
fn pcap(bytes: &[u8]) -> Vec<u8> {
    const ETHERNET: u32 = 1; // LINKTYPE_ETHERNET
    let mut file = Vec::new();
    // Magic number, version 2.4, time zone and accuracy, length, link type.
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0xffff, ETHERNET] {
        file.extend(u32::to_le_bytes(word));
    }
    let host = Ipv4Addr::LOCALHOST.octets();
    let mut sequence = 1_u32;
    for (number, segment) in (0_u32..).zip(bytes.chunks(SEGMENT)) {
        let mut packet = Vec::new();
        PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4(host, host, 64)
            .tcp(40_000, PORT, sequence, 1000)
            .ack(1)
            .write(&mut packet, segment)
            .unwrap();
        sequence += segment.len() as u32;
        let length = packet.len() as u32;
        for word in [0, number, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}
