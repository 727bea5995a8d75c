//! A source that is made up, for tests of what shows it. The same seed tells
//! the same story.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use probe_common::parse::number::{ether, ip, tcp};
use probe_common::{Counters, Direction, FlowKey, FlowValue, LinkLayer, Reason};

use crate::source::{
    Container, Cost, Device, DeviceKind, DeviceTotals, Event, Fate, FlowCounts, HookChain,
    HookPoint, HookProgram, Hooks, Interval, LinkCounters, LinkSide, Moment, Namespace, Netkit,
    Packet, Peer, PeerEnd, ProbeCounts, Session, Totals, Watch,
};

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
        started: "2026-03-04T05:06:07Z".parse().unwrap(),
        remark: None,
        privileges: Some("CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN; no more can be gained".to_owned()),
    }
}

/// The devices: three watched, some not.
pub fn devices() -> Vec<Device> {
    let netkit = |policy: &str, peer_policy: &str| {
        DeviceKind::Netkit(Netkit {
            mode: "l3".to_owned(),
            policy: policy.to_owned(),
            peer_policy: peer_policy.to_owned(),
            scrub: Some("none".to_owned()),
            peer_scrub: Some("default".to_owned()),
        })
    };
    let yes = |slot, hooks| Watch::Yes { slot, hooks };
    let device = |name: &str, index, kind, watch, mac: &[u8]| Device {
        name: name.to_owned(),
        index,
        kind,
        up: index != 6,
        mtu: if index == 1 { 65_536 } else { 1_500 },
        mac: mac.to_vec(),
        link_layer: if mac.is_empty() {
            LinkLayer::None
        } else {
            LinkLayer::Ethernet
        },
        counters: LinkCounters::default(),
        peer: None,
        chains: Ok(Vec::new()),
        watch,
    };
    let mut devices = vec![
        device(
            "lo",
            1,
            DeviceKind::Other("loopback".to_owned()),
            Watch::No,
            &[0; 6],
        ),
        device(
            "eth0",
            2,
            DeviceKind::Other("physical".to_owned()),
            yes(2, Hooks::Tcx),
            &[2, 0x42, 0xac, 0x11, 0, 2],
        ),
        device(
            NAMES[0],
            3,
            netkit("forward", "blackhole"),
            yes(0, Hooks::Netkit),
            &[0; 6],
        ),
        device(
            NAMES[1],
            4,
            netkit("forward", "forward"),
            yes(1, Hooks::Netkit),
            &[0; 6],
        ),
        device(
            "br0",
            5,
            DeviceKind::Other("bridge".to_owned()),
            Watch::No,
            &[2, 0x42, 1, 2, 3, 4],
        ),
        device(
            "wg0",
            6,
            DeviceKind::Other("wireguard".to_owned()),
            Watch::Failed("attaching to tcx ingress: permission denied; run as root".to_owned()),
            &[],
        ),
    ];
    for (device, pod) in devices[2..4].iter_mut().zip(["web-7d9f", "db-0"]) {
        device.counters = counters([120_431, 98_200_113, 0], [98_310, 71_020_555, 3]);
        device.peer = Some(peer(pod));
        device.chains = Ok(chains());
    }
    devices
}

fn counters(rx: [u64; 3], tx: [u64; 3]) -> LinkCounters {
    let [rx, tx] = [rx, tx].map(|[packets, bytes, dropped]| LinkSide {
        packets,
        bytes,
        dropped,
    });
    LinkCounters { rx, tx }
}

fn peer(pod: &str) -> Peer {
    Peer {
        index: 2,
        namespace: Some(Namespace {
            id: 1,
            name: Some("cni-5f3a".to_owned()),
            pid: Some(4711),
            container: Some(Container {
                runtime: Some("containerd".to_owned()),
                id: "3f4d1c8a9b0e".repeat(6)[..64].to_owned(),
                pod: Some("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9".to_owned()),
                host_name: Some(pod.to_owned()),
            }),
            unknown: None,
        }),
        end: Some(PeerEnd {
            name: "eth0".to_owned(),
            mac: vec![0; 6],
            mtu: 1500,
            up: true,
            counters: counters([98_307, 71_019_002, 0], [120_431, 98_200_113, 0]),
        }),
    }
}

fn chains() -> Vec<HookChain> {
    let chain = |hook, name: &str| HookChain {
        hook,
        of_peer: false,
        programs: vec![program(31, "nkview"), program(17, name)],
    };
    vec![
        chain(HookPoint::NetkitPrimary, "cil_to_container"),
        chain(HookPoint::NetkitPeer, "cil_from_container"),
    ]
}

fn program(id: u32, name: &str) -> HookProgram {
    let ours = name == "nkview";
    HookProgram {
        id,
        name: Some(name.to_owned()),
        tag: Some("a04f5eef06a7f555".to_owned()),
        link: Some(id + 1),
        pinned: (!ours).then(|| format!("/sys/fs/bpf/cilium/{name}")),
        ours,
    }
}

fn mapped(text: &str) -> [u8; 16] {
    match text.parse().unwrap() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

impl Synthetic {
    /// A source with so many flows.
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
            });
        }
        for pair in &mut totals[..2] {
            pair.directions[0].fate = Some(Fate::default());
            pair.directions[1].fate = Some(Fate {
                diverted: 2,
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
            length: SECOND,
            devices: totals.to_vec(),
            flows,
            probe: ProbeCounts {
                map_entries,
                map_capacity: 262_144,
                ring_bytes: 24_576,
                ring_capacity: 1 << 20,
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
        let reasons = [
            Reason::First,
            Reason::TcpFlags,
            Reason::Control,
            Reason::Dns,
            Reason::Sample,
        ];
        (0..20)
            .filter_map(|number| {
                let flows = interval.flows.len() as u64;
                let place = self.random.below(flows.max(1));
                let flow = interval.flows.get(place as usize)?;
                let data: Vec<u8> = (0..96).map(|byte| (byte * 7 + number) as u8).collect();
                Some(Packet {
                    at: interval.at - SECOND + Duration::from_millis(u64::from(number) * 45),
                    key: flow.key,
                    direction: Direction::BOTH[number as usize % 2],
                    reason: reasons[number as usize % 5],
                    len: 66 + 100 * number,
                    segments: 1 + number / 10,
                    mark: 0,
                    vlan_tci: 0,
                    data: data.into(),
                })
            })
            .collect()
    }

    /// So many seconds as events, the devices first.
    pub fn story(&mut self, seconds: usize) -> Vec<Event> {
        let mut events = vec![Event::Devices(devices())];
        for _ in 0..seconds {
            let interval = self.interval();
            let packets = self.packets(&interval);
            events.push(Event::Interval(interval));
            events.push(Event::Packets(packets));
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
                    self.flags(second, direction).into()
                } else {
                    0
                },
                largest: (size + 40) as u32,
                hop_limit: [64, 57][side],
                reserved: [0; 3],
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
