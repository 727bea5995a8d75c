//! Copies of the program that are given packets without any device, and what
//! they must have counted.

use std::collections::HashMap;
use std::fs;
use std::os::fd::AsFd;
use std::path::Path;

use aya::maps::{MapData, RingBuf};
use nkview::model::FlowCounts;
use nkview::probe::object::{Maps, Object, Program, Sizes};
use nkview::sys;
use probe_common::parse::number::tcp;
use probe_common::parse::parse;
use probe_common::{
    Attachment, Counters, Direction, FlowKey, FlowValue, LinkLayer, Settings, TotalsValue, limits,
    verdict,
};

/// The shortest and about the longest packet that the kernel makes of the bytes
/// for a test: it has to have an Ethernet header and to fit a page.
pub const LENGTHS: std::ops::RangeInclusive<usize> = 14..=3500;
const EPOCH: u32 = 1;

/// A copy of the program for each direction and link layer, as if each were
/// attached to a device of its own.
pub struct Bench {
    pub copies: Vec<(Attachment, Program)>,
    maps: Maps,
    _ring: RingBuf<MapData>,
    /// How much of a packet is linear, if not all of it.
    pub linear: Option<u32>,
    expected: HashMap<FlowKey, FlowValue>,
    pub packets: u64,
    bytes: u64,
}

impl Bench {
    /// With an event for every packet: that path is walked too.
    pub fn new(sizes: Sizes) -> Self {
        let (object, mut maps, ring) = Object::new(sizes).unwrap();
        let settings = Settings {
            epoch: EPOCH,
            events: 0,
            samples: 0,
            every_packet: 1,
            moved: 0,
            push_down: 0,
        };
        maps.set_settings(settings).unwrap();
        let mut copies = Vec::new();
        for (device, link) in (0..).zip([LinkLayer::Ethernet, LinkLayer::None]) {
            for direction in Direction::BOTH {
                let attachment = Attachment {
                    device,
                    direction: direction as u32,
                    verdict: verdict::NEXT,
                    link_layer: link as u32,
                };
                copies.push((attachment, object.load(attachment).unwrap()));
            }
        }
        Self {
            copies,
            maps,
            _ring: ring,
            linear: None,
            expected: HashMap::new(),
            packets: 0,
            bytes: 0,
        }
    }

    /// Gives all copies a packet, and parses it here.
    pub fn give(&mut self, packet: &[u8]) {
        for (attachment, program) in &self.copies {
            let run = match self.linear {
                None => sys::test_run(program.as_fd(), packet, 1),
                Some(linear) => sys::test_run_paged(program.as_fd(), packet, linear),
            };
            let run = match run {
                Ok(run) => run,
                // Some kernels want a whole and linear IP header behind its ethertype.
                Err(_) if lacks_ip_header(packet, self.linear) => return,
                Err(error) => panic!("{error} for {}", start(packet)),
            };
            assert_eq!(run.verdict, verdict::NEXT, "{}", start(packet));
            self.packets += 1;
            self.bytes += packet.len() as u64;
            let link = match attachment.link_layer {
                0 => LinkLayer::Ethernet,
                _ => LinkLayer::None,
            };
            let direction = Direction::from_number(attachment.direction).unwrap();
            let headers = parse(packet, link, attachment.device, direction);
            let flow = self.expected.entry(headers.key).or_default();
            let counters = &mut flow.directions[direction as usize];
            *counters = Counters {
                packets: counters.packets + 1,
                bytes: counters.bytes + packet.len() as u64,
                tcp_flags: counters.tcp_flags | headers.tcp_flags,
                largest: counters.largest.max(u32::try_from(packet.len()).unwrap()),
                hop_limit: headers.hop_limit,
                // RST has none that matters.
                window: match headers.tcp_flags {
                    flags if flags == 0 || flags & tcp::RST != 0 => counters.window,
                    _ => headers.window,
                },
                ..*counters
            };
        }
    }

    /// What was counted since this was asked last.
    fn flows(&mut self) -> HashMap<FlowKey, FlowValue> {
        let mut flows = HashMap::new();
        for FlowCounts { key, value, .. } in self.maps.table.collect(EPOCH, &[]).unwrap() {
            assert!(flows.insert(key, value).is_none(), "{key:?} twice");
        }
        flows
    }

    /// All copies', as one.
    pub fn totals(&self) -> TotalsValue {
        let mut sum = TotalsValue::default();
        for (attachment, _) in &self.copies {
            let index = limits::totals_index(EPOCH, attachment.device, attachment.direction);
            let totals = self.maps.totals(index).unwrap();
            sum.packets += totals.packets;
            sum.bytes += totals.bytes;
            sum.untracked_packets += totals.untracked_packets;
            sum.untracked_bytes += totals.untracked_bytes;
            sum.events += totals.events;
            sum.lost += totals.lost;
        }
        sum
    }

    /// Everything was seen, and has its flow, or no room for one.
    pub fn check_totals(&mut self) -> HashMap<FlowKey, FlowValue> {
        let totals = self.totals();
        assert_eq!((totals.packets, totals.bytes), (self.packets, self.bytes));
        assert_eq!(totals.events + totals.lost, self.packets);
        let flows = self.flows();
        let counters = || flows.values().flat_map(|flow| flow.directions);
        let packets: u64 = counters().map(|counters| counters.packets).sum();
        let bytes: u64 = counters().map(|counters| counters.bytes).sum();
        assert_eq!(packets + totals.untracked_packets, self.packets);
        assert_eq!(bytes + totals.untracked_bytes, self.bytes);
        flows
    }

    /// The kernel has found the very flows that the parser finds here.
    pub fn check(&mut self) {
        let flows = self.check_totals();
        assert_eq!(self.totals().untracked_packets, 0);
        for (key, expected) in &self.expected {
            assert_eq!(flows.get(key), Some(expected), "{key:?}");
        }
        assert_eq!(flows.len(), self.expected.len());
    }
}

/// What can be printed of a packet that may be large.
fn start(packet: &[u8]) -> String {
    let start = &packet[..packet.len().min(128)];
    format!("{} bytes: {start:02x?}", packet.len())
}

pub fn lacks_ip_header(packet: &[u8], linear: Option<u32>) -> bool {
    let length = linear.map_or(packet.len(), |linear| linear as usize);
    match packet[12..14] {
        [0x08, 0x00] => length < 14 + 20,
        [0x86, 0xdd] => length < 14 + 40,
        _ => false,
    }
}

/// What the fuzzer starts from: the first byte is not the packet's.
pub fn seeds() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/parser");
    let mut paths: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let seeds: Vec<_> = paths
        .iter()
        .map(|path| fs::read(path).unwrap()[1..].to_vec())
        .collect();
    assert!(seeds.len() >= 10, "{paths:?}");
    seeds
}

pub fn fit(mut packet: Vec<u8>) -> Vec<u8> {
    let length = packet.len().clamp(*LENGTHS.start(), *LENGTHS.end());
    packet.resize(length, 0);
    packet
}
