//! Packets with more than the usual headers, or with less: each is counted, and
//! in the flow that it belongs to.

use std::net::{IpAddr, Ipv6Addr};

use rustix::process::Signal;
use serde_json::Value;

use crate::counting::{count, has_port, introduce, is_between_ends, packets};
use crate::lab::{End, Family, Kind, Lab, Layout, NEAR};
use crate::need::Need;
use crate::stream::Stream;
use crate::{Test, traffic};

/// The ports of a packet that no socket has sent.
const FROM: u16 = 4321;
const TO: u16 = 1234;

/// A device that is watched where it receives.
const VETH: [Layout; 1] = [Layout::apart(Kind::Veth)];

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    let mut add = |name: &str, layouts: &[Layout], needs: &[Need], run: fn(Layout)| {
        for &layout in layouts {
            let name = format!("headers::{name}::{layout}");
            let needs = [layout.needs(), needs.to_vec()].concat();
            tests.push(Test::new(name, needs, move || run(layout)));
        }
    };
    add("fragments", &Layout::APART, &[], fragments);
    add("extension_headers", &Layout::APART, &[], extension_headers);
    add("vlan", &Layout::ETHERNET, &[Need::Vlan], vlan);
    add("arp_where_there_are_addresses", &Layout::APART, &[], arp);
    add("malformed", &Layout::APART, &[], malformed);
    add("multicast_looped_back", &VETH, &[], looped_back);
    tests
}

/// The kernel's own copies of multicast packets come to ingress without an
/// Ethernet header.
fn looped_back(layout: Layout) {
    const REQUESTS: u64 = 3;
    let lab = Lab::up(layout);
    let stream = Stream::start(lab.namespace(End::Near), &["--packets", NEAR]);
    traffic::ping_to(&lab, End::Near, &format!("ff02::1%{NEAR}"), REQUESTS);
    let report = stream.end(Signal::INT);
    let is_ours = |line: &Value| {
        line["protocol"] == "icmp6"
            && line["remote"]["address"] == "ff02::1"
            && line["icmp"]["id"].is_u64()
    };
    assert_eq!(
        report.sum("out", is_ours),
        packets(REQUESTS, 40 + 8 + 56),
        "without a header"
    );
    let is_copy = |line: &&Value| line["direction"] == "out" && line["bytes"] == 40 + 8 + 56;
    let copies: Vec<_> = report.of_type("packet").filter(is_copy).collect();
    assert!(!copies.is_empty());
    for copy in copies {
        let summary = copy["summary"].as_str().unwrap();
        assert!(summary.starts_with("ICMP6 echo"), "{copy}");
    }
}

/// The first fragment has the ports; the others have a flow of their own.
fn fragments(layout: Layout) {
    const NUMBER: u64 = 20;
    const SIZE: u64 = 4000;
    let mut ports = Vec::new();
    let (lab, report) = count(layout, &[], |lab| {
        for &family in lab.families() {
            introduce(lab, family);
            let sockets = End::BOTH.map(|end| traffic::udp(lab, end, family));
            let to = traffic::towards(lab, End::Far, &sockets[1]);
            for _ in 0..NUMBER {
                sockets[0].send_to(&[0; SIZE as usize], to).unwrap();
            }
            ports.push((family, sockets[0].local_addr().unwrap().port()));
        }
    });
    let direction = lab.direction(End::Near);
    for (family, port) in ports {
        // A fragment's data is a multiple of 8 bytes long, behind IP's headers
        // (IPv6 has one for fragments).
        let (headers, data) = match family {
            Family::V4 => (14 + 20, 1480),
            Family::V6 => (14 + 40 + 8, 1448),
        };
        let is_first = |flow: &Value| {
            flow["protocol"] == "udp" && has_port(flow, port) && is_between_ends(flow, &lab, family)
        };
        let is_other = |flow: &Value| {
            flow["protocol"] == "udp"
                && flow["fragments"] == true
                && is_between_ends(flow, &lab, family)
        };
        let first = report.sum(direction, is_first);
        assert_eq!(first, packets(NUMBER, headers + data), "{family:?}");
        let others = report.sum(direction, is_other);
        assert_eq!(others.packets, 2 * NUMBER, "{family:?}");
        assert_eq!(
            others.bytes,
            NUMBER * (2 * headers + SIZE + 8 - data),
            "{family:?}"
        );
    }
}

/// A UDP packet of the near end behind a chain of extension headers, and where
/// it goes.
fn chained(lab: &Lab) -> (Vec<u8>, Ipv6Addr) {
    // The checksum is wrong, which ends the packet at the receiver.
    let [IpAddr::V6(source), IpAddr::V6(destination)] =
        End::BOTH.map(|end| lab.ip(end, Family::V6))
    else {
        panic!("an IPv6 address");
    };
    let udp = [FROM.to_be_bytes(), TO.to_be_bytes(), [0, 24], [1, 1]].concat();
    let payload = [
        // Hop-by-hop options, an atomic fragment, destination options: each
        // names the next, and has only padding.
        &[44, 0, 1, 4, 0, 0, 0, 0][..],
        &[60, 0, 0, 0, 0, 0, 0, 7],
        &[17, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &udp,
        &[0; 16],
    ]
    .concat();
    let header = [
        &[0x60, 0, 0, 0][..],
        &u16::try_from(payload.len()).unwrap().to_be_bytes(),
        &[0, 64],
        &source.octets(),
        &destination.octets(),
    ]
    .concat();
    let packet = [header, payload].concat();
    (packet, destination)
}

/// A datagram behind a chain of extension headers has its ports.
fn extension_headers(layout: Layout) {
    const NUMBER: u64 = 20;
    let mut size = 0;
    let (lab, report) = count(layout, &[], |lab| {
        introduce(lab, Family::V6);
        let (packet, destination) = chained(lab);
        size = packet.len() as u64;
        for _ in 0..NUMBER {
            traffic::send_raw_ipv6(lab, &packet, destination);
        }
    });
    let is_ours = |flow: &Value| {
        flow["protocol"] == "udp"
            && has_port(flow, FROM)
            && has_port(flow, TO)
            && is_between_ends(flow, &lab, Family::V6)
            && flow["malformed"] != true
    };
    let counted = report.sum(lab.direction(End::Near), is_ours);
    assert_eq!(counted, packets(NUMBER, 14 + size));
}

/// Pings between VLAN devices on top of the pair.
fn vlan(layout: Layout) {
    const REQUESTS: u64 = 20;
    let (lab, report) = count(layout, &[], |lab| {
        for end in End::BOTH {
            let device = end.device();
            let number = if end == End::Near { 1 } else { 2 };
            lab.namespace(end).ip(&format!(
                "link add link {device} name vlan7 type vlan id 7\n\
                 link set vlan7 up\n\
                 address add 10.7.0.{number}/24 dev vlan7\n"
            ));
        }
        traffic::ping_to(lab, End::Near, "10.7.0.2", REQUESTS);
    });
    let is_echo = |flow: &Value| flow["protocol"] == "icmp" && flow["icmp"]["id"].is_u64();
    // A tag is in the packet or beside it: 4 bytes or none.
    for direction in ["in", "out"] {
        let counted = report.sum(direction, is_echo);
        assert_eq!(counted.packets, REQUESTS, "{direction}");
        let tag = counted.bytes / REQUESTS - 98;
        assert!(tag == 0 || tag == 4, "{counted:?}");
    }
    assert!(!report.flows(|flow| flow["protocol"] == "arp").is_empty());
    drop(lab);
}

/// Ends with MAC addresses ask for each other's; others never do.
fn arp(layout: Layout) {
    let (lab, report) = count(layout, &[], |lab| introduce(lab, Family::V4));
    let is_arp = |flow: &Value| flow["protocol"] == "arp";
    for end in End::BOTH {
        let counted = report.sum(lab.direction(end), is_arp);
        if layout.kind == Kind::NetkitL3 {
            assert_eq!(counted, packets(0, 0));
        } else {
            // 28 bytes behind the Ethernet header (RFC 826): nothing pads them.
            assert!(counted.packets >= 1, "{end:?}: {counted:?}");
            assert_eq!(counted, packets(counted.packets, 14 + 28), "{end:?}");
        }
    }
    let flows = report.flows(is_arp);
    assert!(
        flows
            .iter()
            .all(|flow| is_between_ends(flow, &lab, Family::V4))
    );
}

/// Cut off at every byte behind the IPv6 header, without which nothing can be
/// sent: the device counts what there is, and so does nkview.
fn malformed(layout: Layout) {
    let (mut cut, mut number) = (0, 0);
    let (lab, report) = count(layout, &[], |lab| {
        introduce(lab, Family::V6);
        let (packet, to) = chained(lab);
        // 40 bytes of IPv6, 32 of extensions; then the ports are the first 4.
        for length in 40..40 + 32 + 4 {
            traffic::send_raw_ipv6(lab, &packet[..length], to);
            number += 1;
            cut += 14 + length as u64;
        }
    });
    let is_ours =
        |flow: &Value| flow["malformed"] == true && is_between_ends(flow, &lab, Family::V6);
    let counted = report.sum(lab.direction(End::Near), is_ours);
    assert_eq!((counted.packets, counted.bytes), (number, cut));
}
