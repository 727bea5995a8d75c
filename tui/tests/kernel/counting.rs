//! Every packet is counted once, in its flow and in the right direction; the
//! flows add up to the totals, and the totals are what the device has counted.

use std::net::IpAddr;

use rustix::process::Signal;
use serde_json::Value;

use crate::device::{self, Counters};
use crate::lab::{End, Ends, Family, Lab, Layout, NEAR};
use crate::report::{Count, Report};
use crate::stream::Stream;
use crate::{Test, traffic, wait};

/// Bytes of the headers before the payload of UDP, and of an echo.
const UDP_V4: u64 = 14 + 20 + 8;
const UDP_V6: u64 = 14 + 40 + 8;

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    let mut add = |name: &str, layouts: &[Layout], run: fn(Layout)| {
        for &layout in layouts {
            let name = format!("counting::{name}::{layout}");
            tests.push(Test::new(name, layout.needs(), move || run(layout)));
        }
    };
    add("pings", &Layout::ALL, pings);
    add("udp_both_ways", &Layout::ALL, udp_both_ways);
    add("bulk_tcp_in_segments", &Layout::ALL, bulk_tcp);
    add("short_connections", &Layout::APART, short_connections);
    add("more_flows_than_fit", &Layout::APART, overflow);
    tests
}

/// Counts the traffic through a pair from its first packet to its last, and
/// proves that the sums are right.
pub fn count(layout: Layout, args: &[&str], traffic: impl FnOnce(&Lab)) -> (Lab, Report) {
    let lab = Lab::new(layout);
    let stream = Stream::start(lab.namespace(End::Near), &[args, &[NEAR]].concat());
    lab.bring_up();
    traffic(&lab);
    let before = settled(&lab);
    let report = stream.end(Signal::INT);
    check_sums(&lab, &report, before);
    (lab, report)
}

/// The near device's counters once its connections are over and all that was sent
/// has met the hooks. The kernel may still send a packet of its own after that.
pub fn settled(lab: &Lab) -> Counters {
    for end in End::BOTH {
        wait::until_true("the connections are over", || {
            device::is_tcp_silent(lab.namespace(end))
        });
    }
    let counters = lab.counters(End::Near);
    device::until_delivered();
    counters
}

/// Holds the sums of a report against each other and the device's own counters,
/// which were `before` when the counting had not ended yet.
pub fn check_sums(lab: &Lab, report: &Report, before: Counters) {
    let after = lab.counters(End::Near);
    for (what, sender, before, after) in [
        ("sent", End::Near, before.sent, after.sent),
        ("received", End::Far, before.received, after.received),
    ] {
        let counted = report.total(NEAR, lab.direction(sender));
        // Mostly the same twice, so that this is an equation.
        let packets = before.packets..=after.packets;
        let bytes = before.bytes..=after.bytes;
        assert!(
            packets.contains(&counted.packets) && bytes.contains(&counted.bytes),
            "{what}: {counted:?}, and the device has counted {before:?} to {after:?}"
        );
    }
    let flows = ["in", "out"].map(|direction| report.sum(direction, |_| true));
    let untracked = report.untracked(NEAR);
    let seen = report.total(NEAR, "in") + report.total(NEAR, "out");
    let tracked = flows[0] + flows[1];
    assert_eq!(seen.packets, tracked.packets + untracked.packets);
    assert_eq!(seen.bytes, tracked.bytes + untracked.bytes);
    if untracked.packets == 0 {
        assert_eq!(flows[0], report.total(NEAR, "in"));
        assert_eq!(flows[1], report.total(NEAR, "out"));
    }
}

/// A count of packets that are all of one length.
pub const fn packets(number: u64, bytes: u64) -> Count {
    Count {
        packets: number,
        segments: number,
        bytes: number * bytes,
    }
}

/// Makes the ends know each other's MAC addresses, so that what is sent next is
/// sent at once.
pub fn introduce(lab: &Lab, family: Family) {
    traffic::ping(lab, End::Near, family, 1);
}

pub fn has_port(flow: &Value, port: u16) -> bool {
    flow["local"]["port"] == port || flow["remote"]["port"] == port
}

/// Whether the flow's addresses are those of the lab's ends, the right way round.
pub fn is_between_ends(flow: &Value, lab: &Lab, family: Family) -> bool {
    let local = lab.local();
    let is = |end: &Value, ip: IpAddr| end["address"] == ip.to_string();
    is(&flow["local"], lab.ip(local, family)) && is(&flow["remote"], lab.ip(local.other(), family))
}

/// Echo requests both ways, of both versions of IP: one flow each.
fn pings(layout: Layout) {
    const REQUESTS: [(End, u64); 2] = [(End::Near, 20), (End::Far, 30)];
    let (lab, report) = count(layout, &["--interval", "0.1"], |lab| {
        for &family in lab.families() {
            for (from, requests) in REQUESTS {
                traffic::ping(lab, from, family, requests);
            }
        }
    });
    for &family in lab.families() {
        // 56 bytes of data behind the echo's header.
        let (protocol, bytes) = match family {
            Family::V4 => ("icmp", 14 + 20 + 8 + 56),
            Family::V6 => ("icmp6", 14 + 40 + 8 + 56),
        };
        let is_echo = |flow: &Value| {
            flow["protocol"] == protocol
                && flow["icmp"]["id"].is_u64()
                && is_between_ends(flow, &lab, family)
        };
        let expected = packets(REQUESTS.iter().map(|(_, requests)| requests).sum(), bytes);
        // A request one way is a reply the other.
        assert_eq!(report.sum("in", is_echo), expected, "{protocol}");
        assert_eq!(report.sum("out", is_echo), expected, "{protocol}");
        let ids = report.flows(is_echo);
        let ids: std::collections::HashSet<_> = ids
            .iter()
            .map(|flow| flow["icmp"]["id"].to_string())
            .collect();
        assert_eq!(ids.len(), REQUESTS.len(), "{protocol}: a flow a ping");
    }
}

/// Datagrams both ways, more one way than the other.
fn udp_both_ways(layout: Layout) {
    const SENT: [(End, u64, usize); 2] = [(End::Near, 300, 100), (End::Far, 200, 900)];
    let mut ports = Vec::new();
    let (lab, report) = count(layout, &["--interval", "0.1"], |lab| {
        for &family in lab.families() {
            introduce(lab, family);
            let sockets = End::BOTH.map(|end| traffic::udp(lab, end, family));
            for (from, number, size) in SENT {
                let [sender, receiver] = match from {
                    End::Near => [&sockets[0], &sockets[1]],
                    End::Far => [&sockets[1], &sockets[0]],
                };
                let to = traffic::towards(lab, from.other(), receiver);
                for _ in 0..number {
                    sender.send_to(&vec![0; size], to).unwrap();
                }
            }
            ports.push((family, sockets[0].local_addr().unwrap().port()));
        }
    });
    for (family, port) in ports {
        let is_ours = |flow: &Value| {
            flow["protocol"] == "udp" && has_port(flow, port) && is_between_ends(flow, &lab, family)
        };
        let headers = match family {
            Family::V4 => UDP_V4,
            Family::V6 => UDP_V6,
        };
        for (from, number, size) in SENT {
            let counted = report.sum(lab.direction(from), is_ours);
            assert_eq!(counted, packets(number, headers + size as u64), "{from:?}");
        }
    }
}

/// A bulk transfer is cut up by nobody on the way: few packets, but as many
/// segments as TCP itself has counted.
fn bulk_tcp(layout: Layout) {
    const BYTES: u64 = 4 << 20;
    let (lab, report) = count(layout, &["--interval", "0.1"], |lab| {
        for &family in lab.families() {
            traffic::converse(lab, End::Near, family, 1, BYTES as usize, 1 << 20);
        }
    });
    let is_tcp = |flow: &Value| flow["protocol"] == "tcp";
    let [near, far] = End::BOTH.map(|end| report.sum(lab.direction(end), is_tcp));
    let transfers = lab.families().len() as u64;
    assert!(near.bytes > transfers * BYTES, "{near:?}");
    assert!(near.segments > 2 * near.packets, "GSO? {near:?}");
    check_tcp_segments(&lab, near, far);
}

/// TCP's own count of what each end has sent.
fn check_tcp_segments(lab: &Lab, near: Count, far: Count) {
    let [from_near, from_far] = End::BOTH.map(|end| device::tcp_segments_sent(lab.namespace(end)));
    match lab.layout().ends {
        Ends::Apart => {
            assert_eq!(near.segments, from_near);
            assert_eq!(far.segments, from_far);
        }
        // One namespace, and one count for both ends.
        Ends::Together => assert_eq!(near.segments + far.segments, from_near),
    }
}

/// Each connection is a flow, from its SYN to its end.
fn short_connections(layout: Layout) {
    const CONNECTIONS: usize = 40;
    let mut ports = Vec::new();
    let (lab, report) = count(layout, &["--interval", "0.1"], |lab| {
        for &family in lab.families() {
            ports.push(traffic::converse(
                lab,
                End::Far,
                family,
                CONNECTIONS,
                100,
                1000,
            ));
        }
    });
    let mut reset = 0;
    for port in ports {
        let flows = report.flows(|flow| flow["protocol"] == "tcp" && has_port(flow, port));
        let mut last = std::collections::HashMap::new();
        for flow in flows {
            last.insert(
                [&flow["local"], &flow["remote"]].map(Value::to_string),
                flow,
            );
        }
        assert_eq!(last.len(), CONNECTIONS);
        for flow in last.values() {
            match flow["state"].as_str() {
                Some("closed") => {}
                Some("reset") => reset += 1,
                _ => panic!("{flow}"),
            }
            // At least SYN, ACK, data, FIN one way, and the same with an answer
            // the other. On a slow machine TCP sends some of it again.
            for direction in ["total_in", "total_out"] {
                let number = flow[direction]["packets"].as_u64().unwrap();
                assert!(number >= 4, "{flow}");
            }
        }
    }
    // On a slow machine a segment that is sent again finds its connection gone, and
    // the kernel answers with a reset. It counts those.
    let [near, far] = End::BOTH.map(|end| device::tcp_resets_sent(lab.namespace(end)));
    assert!(reset <= near + far, "{reset} reset of {near} + {far}");
    let is_tcp = |flow: &Value| flow["protocol"] == "tcp";
    let [near, far] = End::BOTH.map(|end| report.sum(lab.direction(end), is_tcp));
    check_tcp_segments(&lab, near, far);
}

/// The table for 100 flows has 224 slots, so that most of 1,000 are untracked, and
/// the sum holds.
fn overflow(layout: Layout) {
    const FLOWS: u64 = 1000;
    // One interval, however slow the machine is: a second one has slots of its own.
    let args = ["--interval", "3600", "--max-flows", "100"];
    let (lab, report) = count(layout, &args, |lab| {
        introduce(lab, Family::V4);
        let receiver = traffic::udp(lab, End::Far, Family::V4);
        let to = traffic::towards(lab, End::Far, &receiver);
        for _ in 0..FLOWS {
            // Another port each time.
            let sender = traffic::udp(lab, End::Near, Family::V4);
            sender.send_to(&[0; 10], to).unwrap();
        }
    });
    let is_udp = |flow: &Value| flow["protocol"] == "udp";
    let flows = report.flows(is_udp).len();
    assert!((100..=224).contains(&flows), "{flows}");
    let tracked = report.sum(lab.direction(End::Near), is_udp).packets;
    let untracked = report.untracked(NEAR).packets;
    assert!(tracked + untracked >= FLOWS, "{tracked} + {untracked}");
}
