//! What the source of a host reports under a load, interval by interval.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use nkview::model::{
    Device, DeviceKind, DeviceTotals, Event, FlowCounts, FlowFacts, Hooks, Interval, LocalEnd,
    Moment, Packet, Socket, TcpCounts, TcpSocket, Totals, Watch,
};
use probe_common::parse::number::{ether, ip, tcp};
use probe_common::{Counters, Direction, FlowKey, FlowValue, LinkLayer, Reason, SNAPSHOT};

use super::frames::{self, Segment};

/// Packets that are captured in an interval: what the budget lets two CPUs capture.
const CAPTURED: u64 = 2_000;
/// The server at the local end of the only device.
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);
const SECOND: Duration = Duration::from_secs(1);

/// What the source reports in a second.
pub type Source = Box<dyn FnMut(u64) -> Vec<Event>>;

/// A load.
pub struct Load {
    pub name: &'static str,
    pub seconds: u64,
    pub source: fn() -> Source,
}

pub const LOADS: &[Load] = &[
    Load {
        name: "100 kpps, 20,000 flows",
        seconds: 60,
        source: || Box::new(|second| events(second, steady)),
    },
    Load {
        name: "SYN flood, a million addresses",
        seconds: 10,
        source: || Box::new(|second| events(second, flood)),
    },
    Load {
        name: "the same, answered",
        seconds: 10,
        source: || Box::new(|second| events(second, answered_flood)),
    },
    Load {
        name: "scan of 65,535 ports",
        seconds: 10,
        source: || Box::new(|second| events(second, scan)),
    },
    Load {
        name: "scan without answers",
        seconds: 10,
        source: || Box::new(|second| events(second, silent_scan)),
    },
];

/// What is counted and captured in a second.
#[derive(Default)]
struct Second {
    number: u64,
    flows: Vec<FlowCounts>,
    packets: Vec<Packet>,
}

fn events(number: u64, load: fn(&mut Second)) -> Vec<Event> {
    let mut second = Second {
        number,
        ..Second::default()
    };
    load(&mut second);
    let mut directions = [Totals::default(); 2];
    for flow in &second.flows {
        for (sum, counters) in directions.iter_mut().zip(&flow.value.directions) {
            sum.packets += counters.packets;
            sum.bytes += counters.bytes;
        }
    }
    let devices = (number == 0).then(|| Event::Devices(vec![device()]));
    let interval = Interval {
        at: SECOND * (number as u32 + 1),
        length: SECOND,
        devices: vec![DeviceTotals {
            directions,
            ..DeviceTotals::default()
        }],
        flows: second.flows,
        ..Interval::default()
    };
    let mut events: Vec<Event> = devices.into_iter().collect();
    events.push(Event::Packets(second.packets));
    events.push(Event::Interval(interval));
    events
}

fn device() -> Device {
    Device {
        name: "pod0".to_owned(),
        index: 2,
        kind: DeviceKind::Other("veth".to_owned()),
        up: true,
        carrier: true,
        mtu: 1500,
        watch: Watch::Yes {
            slot: 0,
            hooks: Hooks::Tcx,
            local: LocalEnd::Peer,
        },
        ..Device::default()
    }
}

impl Second {
    fn at(&self, number: u64) -> Moment {
        SECOND * self.number as u32 + Duration::from_micros(number % 1_000_000)
    }

    fn count(
        &mut self,
        ends: [SocketAddr; 2],
        protocol: u8,
        value: FlowValue,
        facts: Option<FlowFacts>,
    ) {
        self.flows.push(FlowCounts {
            key: key(ends, protocol),
            value,
            facts: facts.map(Box::new),
        });
    }

    fn capture(
        &mut self,
        number: u64,
        key: FlowKey,
        direction: Direction,
        reason: Reason,
        frame: &[u8],
    ) {
        if self.packets.len() as u64 >= CAPTURED {
            return;
        }
        self.packets.push(Packet {
            at: self.at(number),
            key,
            direction,
            reason,
            len: frame.len() as u32,
            segments: 1,
            mark: 0,
            vlan_tci: 0,
            cookie: None,
            cgroup: None,
            link_layer: LinkLayer::Ethernet,
            data: frame[..frame.len().min(SNAPSHOT)].into(),
        });
    }

    /// A client's SYN, and what the server answers it with.
    fn attempt(&mut self, number: u64, from: SocketAddr, to: SocketAddr, answer: Option<u8>) {
        let key = key([to, from], ip::TCP);
        let syn = Segment::syn(from, to, number as u32);
        let mut directions = [side(1, 60, tcp::SYN), Counters::default()];
        if self.packets.len() as u64 >= CAPTURED {
            // Not even written.
        } else {
            self.capture(number, key, Direction::In, Reason::TcpFlags, &syn.written());
        }
        if let Some(flags) = answer {
            directions[1] = side(1, 60, flags);
            if (self.packets.len() as u64) < CAPTURED {
                let answer = syn.answer(flags & tcp::RST != 0).written();
                self.capture(number, key, Direction::Out, Reason::TcpFlags, &answer);
            }
        }
        let counts = directions.map(|it| TcpCounts {
            syn: u8::from(it.tcp_flags & (tcp::SYN | tcp::ACK) == tcp::SYN),
            syn_ack: u8::from(it.tcp_flags & (tcp::SYN | tcp::ACK) == tcp::SYN | tcp::ACK),
            rst: u8::from(it.tcp_flags & tcp::RST != 0),
            ..TcpCounts::default()
        });
        let facts = FlowFacts {
            tcp: counts,
            ..FlowFacts::default()
        };
        self.count([to, from], ip::TCP, FlowValue { directions }, Some(facts));
    }
}

/// Clients of a service whose connections last, two of five over UDP; each fiftieth
/// flow is a DNS query of the pod.
fn steady(second: &mut Second) {
    const FLOWS: u64 = 20_000;
    for number in 0..FLOWS {
        let client = address(number, 40_000 + (number % 20_000) as u16);
        match number % 50 {
            0 => {
                let id = (number / 50 + second.number * (FLOWS / 50)) as u16;
                let [pod, server] = [
                    SocketAddr::from((SERVER, 32_768 + id % 28_000)),
                    SocketAddr::from(([10, 96, 0, 10], 53)),
                ];
                let ends = [pod, server];
                let key = key(ends, ip::UDP);
                let query = frames::dns(pod, server, id, false);
                second.capture(number, key, Direction::Out, Reason::Dns, &query);
                let answer = frames::dns(server, pod, id, true);
                second.capture(number + 1, key, Direction::In, Reason::Dns, &answer);
                let directions = [side(1, 80, 0), side(1, 80, 0)];
                second.count(ends, ip::UDP, FlowValue { directions }, None);
            }
            1..20 => {
                let server = SocketAddr::from((SERVER, 4433));
                let directions = [side(2, 200, 0), side(3, 3_000, 0)];
                second.count([server, client], ip::UDP, FlowValue { directions }, None);
            }
            place => {
                let server = SocketAddr::from((SERVER, 8080));
                let flags = tcp::ACK | tcp::PSH;
                let directions = [side(2, 200, flags), side(3, 3_000, flags)];
                let state = TcpSocket {
                    srtt: 400,
                    min_rtt: Some(300),
                    cwnd: 10,
                    mss: 1448,
                    total_retrans: 0,
                    packets_out: 1,
                };
                let socket = Socket {
                    cookie: number + 1,
                    cgroup: 1,
                    tcp: Some(state),
                };
                let mut facts = FlowFacts {
                    sockets: [None, Some(socket)],
                    ..FlowFacts::default()
                };
                // One of a thousand segments is sent again.
                if place == 20 && (number + second.number).is_multiple_of(7) {
                    facts.tcp[1].retransmitted = 1;
                    facts.tcp[1].retransmitted_bytes = 1_000;
                }
                second.count(
                    [server, client],
                    ip::TCP,
                    FlowValue { directions },
                    Some(facts),
                );
            }
        }
    }
}

/// SYNs of addresses that nobody has.
fn flood(second: &mut Second) {
    spoofed(second, None);
}

/// The same, and the server answers each.
fn answered_flood(second: &mut Second) {
    spoofed(second, Some(tcp::SYN | tcp::ACK));
}

fn spoofed(second: &mut Second, answer: Option<u8>) {
    const A_SECOND: u64 = 100_000;
    let server = SocketAddr::from((SERVER, 443));
    for number in 0..A_SECOND {
        let number = second.number * A_SECOND + number;
        let client = address(number, 1024 + (number % 60_000) as u16);
        second.attempt(number, client, server, answer);
    }
}

/// One host that tries all ports, which are closed.
fn scan(second: &mut Second) {
    scanned(second, Some(tcp::RST | tcp::ACK));
}

/// The same, and nothing answers.
fn silent_scan(second: &mut Second) {
    scanned(second, None);
}

fn scanned(second: &mut Second, answer: Option<u8>) {
    const A_SECOND: u64 = 6_554;
    let client = address(1, 50_000);
    let first = 1 + second.number * A_SECOND;
    for port in first..(first + A_SECOND).min(65_536) {
        let server = SocketAddr::from((SERVER, port as u16));
        second.attempt(port, client, server, answer);
    }
}

/// One of 2²⁴ addresses.
fn address(number: u64, port: u16) -> SocketAddr {
    let [.., a, b, c] = number.to_be_bytes();
    SocketAddr::from(([100, a, b, c], port))
}

const fn side(packets: u64, bytes: u64, tcp_flags: u8) -> Counters {
    Counters {
        packets,
        extra_segments: 0,
        bytes,
        largest: bytes as u32,
        window: 501,
        tcp_flags,
        hop_limit: 64,
    }
}

/// The flow between the local and the remote end.
fn key([local, remote]: [SocketAddr; 2], protocol: u8) -> FlowKey {
    let mapped = |end: SocketAddr| match end {
        SocketAddr::V4(end) => end.ip().to_ipv6_mapped().octets(),
        SocketAddr::V6(end) => end.ip().octets(),
    };
    FlowKey {
        local: mapped(local),
        remote: mapped(remote),
        ether_type: ether::IPV4,
        local_port: local.port(),
        remote_port: remote.port(),
        protocol,
        ..FlowKey::default()
    }
}
