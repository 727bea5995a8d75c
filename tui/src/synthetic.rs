//! A made-up source, for tests of what shows it. The same seed gives
//! the same story.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use probe_common::parse::number::{ether, ip, tcp};
use probe_common::{Counters, Direction, FlowKey, FlowValue};

use crate::model::{
    Cost, DeviceTotals, Envelope, Event, Fate, FlowCounts, Interval, Moment, Packet, ProbeCounts,
    Session, Totals,
};

pub use devices::devices;

// With paths, since the benchmark takes this file by its path, too.
#[path = "synthetic/devices.rs"]
mod devices;
#[path = "synthetic/packets.rs"]
mod packets;

/// The devices that are watched, by slot.
pub const NAMES: [&str; 3] = ["web-7d9f", "db-0", "eth0"];

/// The length of an interval.
const SECOND: Duration = Duration::from_secs(1);

/// Flows over several devices, with rates that vary.
#[derive(Debug)]
pub struct Synthetic {
    random: Random,
    flows: Vec<Traffic>,
    now: Moment,
    /// Packets of each interval that found no room in the kernel.
    pub untracked: u64,
}

/// A generator of numbers that look random (SplitMix64).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that starts here.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below the bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

#[derive(Debug)]
struct Traffic {
    key: FlowKey,
    /// Packets per second, in and out.
    packets: [u64; 2],
    size: [u64; 2],
    segments: u64,
    born: u64,
    /// The second in which it ends, and whether by a reset.
    ends: u64,
    reset: bool,
}

/// What a session over the synthetic source is.
pub fn session() -> Session {
    Session {
        host: "node-3".to_owned(),
        hosts: Vec::new(),
        started: "2026-03-04T05:06:07Z".parse().unwrap(),
        remark: None,
        privileges: Some("CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN; no more can be gained".to_owned()),
    }
}

fn mapped(text: &str) -> [u8; 16] {
    match text.parse().unwrap() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

impl Synthetic {
    /// A source with this many flows.
    pub fn new(seed: u64, flows: usize) -> Self {
        let mut random = Random::new(seed);
        let flows = (0..flows as u64)
            .map(|number| Traffic::random(&mut random, number))
            .collect();
        Self {
            random,
            flows,
            now: Moment::ZERO,
            untracked: 0,
        }
    }

    /// The next second.
    pub fn interval(&mut self) -> Interval {
        let second = self.now.as_secs();
        self.now += SECOND;
        let mut totals = [0, 1, 2].map(|slot| DeviceTotals {
            slot,
            ..DeviceTotals::default()
        });
        let mut flows = Vec::new();
        for traffic in &self.flows {
            let Some(value) = traffic.second(second, &mut self.random) else {
                continue;
            };
            let device = &mut totals[traffic.key.device as usize];
            for (sum, counters) in device.directions.iter_mut().zip(value.directions) {
                sum.packets += counters.packets;
                sum.segments += counters.packets + counters.extra_segments;
                sum.bytes += counters.bytes;
                sum.events += counters.packets.min(2);
            }
            flows.push(FlowCounts {
                key: traffic.key,
                value,
                facts: None,
            });
        }
        for pair in &mut totals[..2] {
            pair.directions[0].fate = Some(Fate {
                diverted: Some(0),
                bypassed: 0,
            });
            pair.directions[1].fate = Some(Fate {
                diverted: Some(2),
                bypassed: 0,
            });
        }
        let eth0 = &mut totals[2].directions[0];
        *eth0 = Totals {
            packets: eth0.packets + self.untracked,
            segments: eth0.segments + self.untracked,
            bytes: eth0.bytes + 64 * self.untracked,
            untracked_packets: self.untracked,
            untracked_bytes: 64 * self.untracked,
            ..*eth0
        };
        let map_entries = flows.len() as u64;
        Interval {
            at: self.now,
            wall: session().wall_clock().at(self.now),
            length: SECOND,
            devices: totals.to_vec(),
            flows,
            probe: ProbeCounts {
                map_entries,
                map_capacity: 262_144,
                ring_bytes: 24_576,
                ring_capacity: 1 << 20,
                lost: Vec::new(),
                late: 0,
                read: Duration::from_micros(1_300),
                cost: Some(Cost {
                    runs: 4_000,
                    time: Duration::from_nanos(4_000 * 187),
                }),
            },
        }
    }

    /// Some packets of an interval.
    pub fn packets(&mut self, interval: &Interval) -> Vec<Packet> {
        (0..20)
            .filter_map(|number| {
                let flows = interval.flows.len() as u64;
                let place = self.random.below(flows.max(1));
                let flow = interval.flows.get(place as usize)?;
                let at = interval.at - SECOND + Duration::from_millis(u64::from(number) * 45);
                Some(packets::packet(at, flow.key, number))
            })
            .collect()
    }

    /// The events of this many seconds, the devices first.
    pub fn story(&mut self, seconds: usize) -> Vec<Envelope> {
        let mut events = vec![Event::Devices(devices()).into()];
        for _ in 0..seconds {
            let interval = self.interval();
            let packets = self.packets(&interval);
            events.push(Event::Interval(interval).into());
            events.push(Event::Packets(packets).into());
        }
        events
    }
}

impl Traffic {
    fn random(random: &mut Random, number: u64) -> Self {
        let device = random.below(3) as u32;
        let (ether_type, local, remote) = match random.below(10) {
            0..7 => {
                let local = [
                    format!("10.0.1.{}", 5 + random.below(4)),
                    format!("10.0.2.{}", 10 + random.below(3)),
                    "192.168.178.40".to_owned(),
                ];
                let high = [9, 9, 7, 200][random.below(4) as usize];
                let remote = match random.below(3) {
                    0 => format!("203.0.113.{}", random.below(250)),
                    _ => format!("10.{}.{}.{}", random.below(3), high, random.below(250)),
                };
                (
                    ether::IPV4,
                    mapped(&local[device as usize]),
                    mapped(&remote),
                )
            }
            7..9 => {
                let local = format!("fd00::{:x}:{}", device + 1, random.below(5));
                let remote =
                    Ipv6Addr::from((0x2001_0db8 << 96) | u128::from(random.below(1 << 40)) << 30);
                (ether::IPV6, mapped(&local), remote.octets())
            }
            _ => (ether::ARP, mapped("10.0.1.7"), mapped("10.0.1.1")),
        };
        let (protocol, local_port, remote_port) = match (ether_type, random.below(10)) {
            (ether::ARP, _) => (0, 0, 0),
            (ether::IPV6, 0) => (ip::ICMPV6, random.below(60_000) as u16, 128),
            (_, 0) => (ip::ICMP, random.below(60_000) as u16, 8),
            (_, 1..4) => (ip::UDP, 53, 1024 + random.below(60_000) as u16),
            _ => {
                let port = [443, 80, 5432, 22][random.below(4) as usize];
                (ip::TCP, port, 1024 + random.below(60_000) as u16)
            }
        };
        // Few flows are fast.
        let fast = 1 << (random.below(8) * random.below(8) / 6);
        Self {
            key: FlowKey {
                local,
                remote,
                device,
                ether_type,
                local_port,
                remote_port,
                protocol,
                flags: 0,
                ..FlowKey::default()
            },
            packets: [1 + fast * random.below(12), fast * random.below(9)],
            size: [60 + random.below(1400), 60 + random.below(1400)],
            segments: 1 + random.below(8),
            born: if number.is_multiple_of(3) {
                0
            } else {
                random.below(40)
            },
            ends: if number.is_multiple_of(5) {
                45 + random.below(15)
            } else {
                u64::MAX
            },
            reset: number.is_multiple_of(10),
        }
    }

    fn second(&self, second: u64, random: &mut Random) -> Option<FlowValue> {
        if second < self.born || second > self.ends {
            return None;
        }
        let wave = 1 + (second / 7 + u64::from(self.key.remote_port)) % 5;
        if random.below(6) == 0 {
            return None;
        }
        let mut value = FlowValue::default();
        for direction in Direction::BOTH {
            let side = direction as usize;
            let packets = self.packets[side] * wave / 3 + random.below(1 + self.packets[side] / 4);
            if packets == 0 {
                continue;
            }
            let is_tcp = self.key.protocol == ip::TCP;
            let segments = if is_tcp { self.segments } else { 1 };
            let size = self.size[side] * segments;
            value.directions[side] = Counters {
                packets,
                extra_segments: packets * (segments - 1),
                bytes: packets * size,
                tcp_flags: if is_tcp {
                    self.flags(second, direction)
                } else {
                    0
                },
                largest: (size + 40) as u32,
                hop_limit: [64, 57][side],
                window: if is_tcp { 501 } else { 0 },
            };
        }
        Some(value)
    }

    fn flags(&self, second: u64, direction: Direction) -> u8 {
        let mut flags = tcp::ACK | tcp::PSH;
        if second == self.born && second > 0 {
            flags |= tcp::SYN;
        }
        if second == self.ends {
            flags |= if self.reset { tcp::RST } else { tcp::FIN };
        }
        if second + 4 == self.ends && direction == Direction::Out {
            flags |= tcp::FIN;
        }
        flags
    }
}
